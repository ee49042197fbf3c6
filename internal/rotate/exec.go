package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"journalist/internal/rotate/conf"
	"journalist/internal/rotate/state"
	"journalist/internal/vfs"
)

// errPending means that a plan waits for acknowledgements; it is gone on with
// later.
var errPending = errors.New("waits for acknowledgements")

// unit is a plan that is carried out.
type unit struct {
	plan
	u      *state.Unit
	failed []bool // by log
	any    bool
}

// resume goes on with what is under way. It returns the logs that are still.
func (r *Runner) resume(ctx context.Context) (busy map[string]bool, err error) {
	busy = make(map[string]bool)
	for _, u := range r.state.Open() {
		x := &unit{u: u}
		if err := json.Unmarshal(u.Plan, &x.plan); err != nil {
			r.log.Error("a rotation that was under way cannot be read, it is given up", "error", err)
			if err := r.state.End(u); err != nil {
				return nil, err
			}
			continue
		}
		switch err := r.execute(ctx, x, true); {
		case errors.Is(err, errPending):
			for _, path := range x.Logs {
				busy[path] = true
			}
		case err != nil:
			return nil, err
		}
	}
	return busy, nil
}

// set rotates what is due of one block and returns how many things went wrong.
func (r *Runner) set(ctx context.Context, s *conf.Set, force bool, busy map[string]bool) (problems int, err error) {
	now := r.o.Clock()
	if err := prepareOldDir(s); err != nil {
		r.tell(slog.LevelError, fmt.Sprintf("%s:%d: %v", s.File, s.Line, err))
		return 1, nil
	}
	var targets []target
	failed := false
	for _, path := range s.Logs {
		if busy[path] {
			continue // its last rotation is not complete
		}
		var t target
		err := asUser(s.Su, func() (err error) { t, err = r.check(s, path, force, now); return err })
		if err != nil {
			failed = true
			problems++
			r.tell(slog.LevelError, fmt.Sprintf("log is not rotated: %v", err))
		}
		if t.rotate {
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		return problems, nil
	}
	n, err := r.groups(ctx, s, together(s, targets), failed && s.SharedScripts, now)
	return problems + n, err
}

// groups rotates what shares scripts, group after group, between firstaction and
// lastaction.
func (r *Runner) groups(ctx context.Context, s *conf.Set, groups [][]target, failed bool, now time.Time) (problems int, err error) {
	begun := false
	var last *unit
	for _, g := range groups {
		p := makePlan(s, g, failed, now)
		if open, err := r.prepared(ctx, &p, g, now); err != nil || !open {
			if err != nil {
				return problems, err
			}
			continue
		}
		if !begun {
			begun = true
			if s.First != "" {
				r.hook("firstaction")
				if err := r.script(ctx, "firstaction", s.First, s.Pattern); err != nil {
					r.tell(slog.LevelError, fmt.Sprintf("nothing of %s is rotated: %v", strings.TrimSpace(s.Pattern), err))
					return problems + 1, nil
				}
			}
			if s.Last != "" {
				if last, err = r.begin(plan{Pattern: s.Pattern, At: now, Steps: []step{
					{Kind: script, Stage: late, Log: -1, Name: "lastaction", Text: s.Last, Args: []string{s.Pattern}},
				}}); err != nil {
					return problems, err
				}
			}
		}
		x, err := r.begin(p)
		if err != nil {
			return problems, err
		}
		err = r.execute(ctx, x, false)
		if x.any {
			problems++
		}
		if err != nil && !errors.Is(err, errPending) {
			return problems, err
		}
	}
	if last != nil {
		err := r.execute(ctx, last, false)
		if last.any {
			problems++
		}
		return problems, err
	}
	return problems, nil
}

// begin makes a plan durable.
func (r *Runner) begin(p plan) (*unit, error) {
	u, err := r.state.Begin(p, p.At, p.Logs...)
	if err != nil {
		return nil, err
	}
	r.hook("begun")
	return &unit{plan: p, u: u}, nil
}

// execute takes the steps that are left. With resumed the first of them may have
// been begun before. Failures are logged, and end what they concern.
func (r *Runner) execute(ctx context.Context, x *unit, resumed bool) error {
	x.failed = make([]bool, len(x.Logs))
	x.any = x.Failed
	for i := range x.Steps {
		if x.u.Done[i] == state.Failed {
			x.fail(i)
		}
	}
	for i := range x.Steps {
		s := &x.Steps[i]
		if _, done := x.u.Done[i]; done {
			continue
		}
		if x.stopped(s) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.hook(string(s.Kind))
		err := r.step(ctx, x, i, resumed)
		if errors.Is(err, errPending) || (err != nil && ctx.Err() != nil) {
			return err
		}
		resumed = false
		outcome := state.OK
		if err != nil {
			outcome = state.Failed
			x.fail(i)
			r.m.failures.Inc()
			r.tell(slog.LevelError, fmt.Sprintf("rotation of %s failed: %v", x.name(s), err))
		}
		r.hook("done " + string(s.Kind))
		if err := r.state.Done(x.u, i, outcome); err != nil {
			return err
		}
	}
	if err := r.state.End(x.u); err != nil {
		return err
	}
	r.hook("ended")
	n := 0
	for i, path := range x.Logs {
		if !x.failed[i] && (!x.Shared || !x.any) {
			n++
			r.log.Info("rotated", "log", path)
		}
	}
	r.m.rotations.Add(n)
	r.mu.Lock()
	r.rotated += n
	if n > 0 {
		r.last = r.o.Clock()
	}
	r.mu.Unlock()
	return nil
}

func (x *unit) fail(i int) {
	x.any = true
	if l := x.Steps[i].Log; l >= 0 {
		x.failed[l] = true
	}
}

// stopped tells that a step is not to be taken, because of one that failed: of the
// same log, or with shared scripts, which stop all logs before they are moved, of any.
func (x *unit) stopped(s *step) bool {
	switch {
	case s.Stage == late:
		return false
	case x.Shared && s.Stage > prepare:
		return x.any
	}
	return s.Log >= 0 && x.failed[s.Log]
}

func (x *unit) name(s *step) string {
	if s.Log >= 0 {
		return x.Logs[s.Log]
	}
	return strings.TrimSpace(x.Pattern)
}

// step takes one step.
func (r *Runner) step(ctx context.Context, x *unit, i int, again bool) error {
	s := &x.Steps[i]
	switch s.Kind {
	case failing:
		return errors.New(s.Text)
	case script:
		return r.script(ctx, s.Name, s.Text, s.Args...)
	case cut:
		return r.cut(ctx, x, i, again)
	case compress, remove, unlink:
		if err := r.gate(ctx, x, s); err != nil {
			return err
		}
	}
	return asUser(x.Su, func() error {
		switch s.Kind {
		case shift:
			return r.shift(s)
		case rename:
			return r.rename(s, again)
		case backup:
			r.log.Warn("a file is in the way of a rotation", "file", s.From, "moved_to", s.To)
			return moveFile(s.From, s.To, true)
		case compress:
			return r.compress(ctx, x, s, again)
		case remove:
			return r.remove(ctx, &x.plan, s.From)
		case unlink:
			return removeFile(s.From)
		case create:
			return r.create(x, s, again)
		case copying:
			return r.copy(x, s, again)
		}
		return fmt.Errorf("unknown step %q: use the newer scribe that planned it", s.Kind)
	})
}

// shift renames old rotations. After a crash those that were renamed are known by
// their inodes.
func (r *Runner) shift(s *step) error {
	for _, m := range s.Moves {
		if fi, err := os.Lstat(m.From); err == nil && m.Ino != 0 && attrOf(fi).Ino != m.Ino {
			continue
		}
		if err := moveFile(m.From, m.To, true); err != nil {
			return err
		}
		r.hook("shifted")
	}
	return nil
}

// moveFile renames durably. With lenient what is not there is not missed.
func moveFile(from, to string, lenient bool) error {
	err := os.Rename(from, to)
	if lenient && errors.Is(err, os.ErrNotExist) {
		if _, serr := os.Lstat(from); errors.Is(serr, os.ErrNotExist) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return syncDirs(from, to)
}

// rename renames the log itself. After a crash another file may have its name.
func (r *Runner) rename(s *step, again bool) error {
	fi, err := os.Lstat(s.From)
	if again && (errors.Is(err, os.ErrNotExist) || (err == nil && attrOf(fi).Ino != s.Attr.Ino)) {
		return nil
	}
	if err != nil {
		return err
	}
	return moveFile(s.From, s.To, false)
}

func syncDirs(paths ...string) error {
	done := ""
	for _, p := range paths {
		dir := filepath.Dir(p)
		if dir == done {
			continue
		}
		done = dir
		if err := vfs.OS.SyncDir(dir); err != nil && !errors.Is(err, os.ErrPermission) {
			return err // a folder that may be written to but not read cannot be synced
		}
	}
	return nil
}

// create makes the log anew. A file that its writer has made meanwhile stays; an
// empty one after a crash is ours, or as good.
func (r *Runner) create(x *unit, s *step, again bool) error {
	f, err := r.newFile(x, s.To, *s.Attr)
	if errors.Is(err, os.ErrExist) {
		if fi, serr := os.Lstat(s.To); !again || serr != nil || !fi.Mode().IsRegular() || fi.Size() > 0 {
			return nil
		}
		if f, err = os.OpenFile(s.To, os.O_RDWR|openNoFollow, 0); err == nil {
			err = x.adorn(f, *s.Attr)
		}
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDirs(s.To)
}

// newFile makes a file with the mode and the owner of a.
func (r *Runner) newFile(x *unit, name string, a attr) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	r.hook("made")
	if err := x.adorn(f, a); err != nil {
		_ = os.Remove(name) // the first error is the one to tell
		return nil, err
	}
	return f, nil
}

// adorn gives a file its owner and mode, or closes it.
func (x *unit) adorn(f *os.File, a attr) (err error) {
	if x.Su == nil || x.Su.UID == 0 {
		err = chown(f, a)
	}
	if err == nil {
		err = f.Chmod(os.FileMode(a.Mode))
	}
	if err != nil {
		_ = f.Close() // the first error is the one to tell
	}
	return err
}

// copy copies a file that is not to be truncated.
func (r *Runner) copy(x *unit, s *step, again bool) error {
	if again {
		if err := removeFile(s.To); err != nil {
			return err
		}
	}
	in, err := os.OpenFile(s.From, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := r.newFile(x, s.To, *s.Attr)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // what counts is synced
	if _, err = out.ReadFrom(in); err == nil {
		r.hook("copied")
		err = out.Sync()
	}
	if err != nil {
		_ = os.Remove(s.To) // the first error is the one to tell
		return err
	}
	return syncDirs(s.To)
}

// removeFile removes a name; one that is not there is not missed.
func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDirs(name)
}

// prepareOldDir makes sure of the folders of old rotations.
func prepareOldDir(s *conf.Set) error {
	if s.OldDir == "" {
		return nil
	}
	for _, log := range s.Logs {
		parent, err := os.Stat(filepath.Dir(log))
		if err != nil {
			if s.MissingOK {
				continue
			}
			return err
		}
		dir := oldDir(s, log)
		fi, err := os.Stat(dir)
		if errors.Is(err, os.ErrNotExist) && s.CreateOldDir != nil {
			if err = asUser(s.Su, func() error { return makeDir(dir, *s.CreateOldDir) }); err == nil {
				fi, err = os.Stat(dir)
			}
		}
		if err != nil {
			return fmt.Errorf("olddir: %w (see createolddir)", err)
		}
		if attrOf(fi).Dev != attrOf(parent).Dev && !s.CopyTruncate && !s.Copy && !s.RenameCopy {
			return fmt.Errorf("olddir: %s and %s are on different devices (see renamecopy)", dir, log)
		}
	}
	return nil
}

// makeDir makes a folder and those above it that are missing.
func makeDir(dir string, c conf.Create) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent, c); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o755)
	if c.Mode >= 0 {
		mode = os.FileMode(c.Mode) & os.ModePerm
	}
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	if c.UID >= 0 || c.GID >= 0 {
		if err := os.Lchown(dir, c.UID, c.GID); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, mode); err != nil {
		return err
	}
	return syncDirs(dir)
}
