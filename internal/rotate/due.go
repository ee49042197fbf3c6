package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"journalist/internal/rotate/conf"
	"journalist/internal/rotate/state"
)

// target is a log as it was when it was decided upon.
type target struct {
	path   string
	attr   attr
	rotate bool
}

// check decides whether a log is to be rotated.
func (r *Runner) check(s *conf.Set, path string, force bool, now time.Time) (t target, err error) {
	t.path = path
	if s.Su == nil && os.Geteuid() == 0 {
		if err := safeFolder(s, path); err != nil {
			if errors.Is(err, errNothing) {
				err = nil
			}
			return t, err
		}
	}
	fi, err := os.Lstat(path)
	if err != nil {
		if s.MissingOK && errors.Is(err, fs.ErrNotExist) {
			return t, r.remember(path, now)
		}
		return t, errors.Join(fmt.Errorf("%w (see missingok)", err), r.remember(path, now))
	}
	t.attr = attrOf(fi)
	if err := r.remember(path, now); err != nil {
		return t, err
	}
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		return t, nil // whoever may write to the folder could name any file
	case !fi.Mode().IsRegular():
		return t, fmt.Errorf("%s is not a regular file (%s)", path, fi.Mode().Type())
	case !s.AllowHardlink && t.attr.Links > 1:
		return t, nil
	}
	known, _ := r.state.Log(path)
	size := t.attr.Size
	if known.Ino == t.attr.Ino && int64(known.Fill) <= size {
		size -= int64(known.Fill)
	}
	t.rotate = due(s, known, size, time.Unix(0, t.attr.MTime), force, now)
	return t, nil
}

// remember notes a log that is new: the first rotation comes with the next period.
func (r *Runner) remember(path string, now time.Time) error {
	if _, ok := r.state.Log(path); ok {
		return nil
	}
	return r.state.SetLog(path, state.Log{Rotated: now.Truncate(time.Hour)})
}

var errNothing = errors.New("nothing to rotate")

// safeFolder: where others may make names, root could be led to other files.
func safeFolder(s *conf.Set, path string) error {
	dir := filepath.Dir(path)
	fi, err := os.Stat(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && s.MissingOK {
			return errNothing
		}
		return err
	}
	a := attrOf(fi)
	if (a.GID != 0 && a.Mode&0o020 != 0) || a.Mode&0o002 != 0 {
		return fmt.Errorf("%s: others than root may write to its folder: name with su the user and the group that rotate it", path)
	}
	return nil
}

// due decides by period, size and age.
func due(s *conf.Set, known state.Log, size int64, mtime time.Time, force bool, now time.Time) bool {
	last := known.Rotated.In(now.Location())
	rotate := false
	switch {
	case force:
		rotate = true
	case s.MaxSize > 0 && size > s.MaxSize:
		rotate = true
	case s.Period == conf.BySize:
		rotate = size >= s.Threshold
	case last.Sub(now) > 25*time.Hour: // the clock was wrong; an hour for summer time
		rotate = true
	case sameHour(last, now):
	default:
		rotate = newPeriod(s, last, now)
		if s.MinSize > 0 && size < s.MinSize {
			rotate = false
		}
		if s.MinAge > 0 && now.Sub(mtime).Truncate(time.Second) <= time.Duration(s.MinAge)*24*time.Hour {
			rotate = false
		}
	}
	return rotate && (s.IfEmpty || size > 0)
}

func sameHour(a, b time.Time) bool { return sameDay(a, b) && a.Hour() == b.Hour() }

func sameDay(a, b time.Time) bool { return a.YearDay() == b.YearDay() && a.Year() == b.Year() }

func newPeriod(s *conf.Set, last, now time.Time) bool {
	switch s.Period {
	case conf.Hourly:
		return true // another hour
	case conf.Daily:
		return !sameDay(last, now)
	case conf.Weekly:
		days := dayNumber(now) - dayNumber(last)
		return days >= 7 || (days >= 1 && int(now.Weekday()) == s.Weekday)
	case conf.Monthly:
		return last.Month() != now.Month() || last.Year() != now.Year()
	case conf.Yearly:
		return last.Year() != now.Year()
	}
	return false
}

func dayNumber(t time.Time) int {
	return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
