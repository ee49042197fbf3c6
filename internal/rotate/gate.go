package rotate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"journalist/internal/rotate/state"
	"journalist/internal/rotate/truncate"
)

// gatePoll is how often an acknowledgement is asked for that is waited for.
const gatePoll = 100 * time.Millisecond

// behind tells how many bytes of the file at path are not acknowledged, of its
// first upTo bytes; all where upTo is negative. A file that is not there, or not
// forwarded, has none.
func (r *Runner) behind(ctx context.Context, path string, upTo int64) (missing int64, a attr, err error) {
	if r.o.Forwarder == nil {
		return 0, a, nil
	}
	fi, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || (err == nil && !fi.Mode().IsRegular()) {
		return 0, a, nil
	}
	if err != nil {
		return 0, a, err
	}
	a = attrOf(fi)
	if upTo < 0 {
		upTo = a.Size
	}
	p, err := r.o.Forwarder.Acked(ctx, path, a.Dev, a.Ino)
	if err != nil {
		return 0, a, fmt.Errorf("ask how far %s is acknowledged: %w", path, err)
	}
	if !p.Forwarded {
		return 0, a, nil
	}
	return max(0, upTo-int64(min(p.Acked, uint64(upTo)))), a, nil
}

// gate lets a step pass when its file is acknowledged, or past the cap. It waits
// as long as Once may.
func (r *Runner) gate(ctx context.Context, x *unit, s *step) error {
	for {
		missing, a, err := r.behind(ctx, s.From, -1)
		if err != nil {
			r.unasked(err)
			return errPending
		}
		if missing == 0 {
			return nil
		}
		since := time.Unix(0, a.MTime)
		if r.pastCap(missing, since) {
			r.pass(s, missing)
			return nil
		}
		if r.wait(ctx) {
			continue
		}
		r.waits(Waiting{Path: s.From, For: string(s.Kind), Bytes: missing, Since: since})
		return errPending
	}
}

// unasked tells that nobody knows what is acknowledged; it is asked again later.
func (r *Runner) unasked(err error) {
	r.tell(slog.LevelError, fmt.Sprintf("a rotation waits: %v", err))
}

func (r *Runner) pastCap(missing int64, since time.Time) bool {
	return missing > r.o.GateBytes || r.o.Clock().Sub(since) > r.o.GateAge
}

// pass counts what is done to a file before it was acknowledged.
func (r *Runner) pass(s *step, missing int64) {
	if s.Kind == remove {
		r.m.lost.Add(int(missing))
		r.mu.Lock()
		r.lost += missing
		r.mu.Unlock()
		r.log.Error("an old rotation is removed before it was acknowledged: the cap is reached", "file", s.From, "lost_bytes", missing)
		return
	}
	r.m.ungated.Add(int(missing))
	r.log.Warn("the cap is reached, a file is not waited for any longer", "file", s.From, "step", string(s.Kind), "bytes", missing)
}

// wait waits a moment, if there is time left.
func (r *Runner) wait(ctx context.Context) bool {
	if !time.Now().Before(r.patience) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(gatePoll):
		return true
	}
}

func (r *Runner) waits(w Waiting) {
	r.mu.Lock()
	r.waiting[w.Path] = w
	r.mu.Unlock()
}

// prepared tells whether a plan may begin: what it removes, replaces or truncates
// first must be acknowledged. Later steps wait by themselves.
func (r *Runner) prepared(ctx context.Context, p *plan, targets []target, now time.Time) (bool, error) {
	if r.o.Forwarder == nil {
		return true, nil
	}
	for {
		w, err := r.firstBehind(ctx, p, targets, now)
		if err != nil {
			r.unasked(err)
			return false, ctx.Err()
		}
		if w == nil {
			return true, nil
		}
		if !r.wait(ctx) {
			r.waits(*w)
			return false, ctx.Err()
		}
	}
}

func (r *Runner) firstBehind(ctx context.Context, p *plan, targets []target, now time.Time) (*Waiting, error) {
	for _, s := range p.Steps {
		path := s.From
		switch {
		case s.Stage == prepare && (s.Kind == remove || s.Kind == compress):
		case s.Kind == rename:
			path = s.To // replaced
		default:
			continue
		}
		missing, a, err := r.behind(ctx, path, -1)
		if err != nil {
			return nil, err
		}
		if since := time.Unix(0, a.MTime); missing > 0 && !r.pastCap(missing, since) {
			return &Waiting{Path: path, For: string(s.Kind), Bytes: missing, Since: since}, nil
		}
	}
	for _, s := range p.Steps {
		if s.Kind != cut {
			continue
		}
		if w, err := r.logBehind(ctx, targets[s.Log], now); w != nil || err != nil {
			return w, err
		}
	}
	return nil, nil
}

// logBehind waits for what a log had when its rotation became due. The time is
// kept with the state, because each call of scribe rotate looks once.
func (r *Runner) logBehind(ctx context.Context, t target, now time.Time) (*Waiting, error) {
	known, _ := r.state.Log(t.path)
	upTo := t.attr.Size
	if known.Ino == t.attr.Ino && known.Until > 0 {
		upTo = min(upTo, int64(known.Until))
	}
	missing, _, err := r.behind(ctx, t.path, upTo)
	if err != nil || missing == 0 {
		return nil, err
	}
	since := now
	if !known.Since.IsZero() {
		since = known.Since
	}
	if r.pastCap(missing, since) {
		return nil, nil
	}
	if known.Since.IsZero() {
		known.Since, known.Until = now, uint64(upTo)
		if known.Ino != t.attr.Ino {
			known.Ino, known.Fill = t.attr.Ino, 0
		}
		if err := r.state.SetLog(t.path, known); err != nil {
			return nil, err
		}
	}
	return &Waiting{Path: t.path, For: "truncate", Bytes: missing, Since: since}, nil
}

// cut copies a log and takes its lines out, with whoever reads it.
func (r *Runner) cut(ctx context.Context, x *unit, i int, again bool) error {
	s := &x.Steps[i]
	known, _ := r.state.Log(s.From)
	if known.Ino != s.Attr.Ino {
		known.Fill = 0
	}
	j := truncate.Job{
		Path: s.From, Copy: s.To, Dev: s.Attr.Dev, Ino: s.Attr.Ino, Fill: known.Fill, Limit: truncate.NoLimit,
		Create: func(name string) (*os.File, error) { return r.newFile(x, name, *s.Attr) },
		Note:   func(in truncate.Intent) error { return r.state.Note(x.u, i, in) },
		Step:   func(name string) { r.hook("cut " + name) },
	}
	if again {
		done, err := r.recut(ctx, x, i, j)
		if done || err != nil {
			return err
		}
		if s.To != "" {
			if err := removeFile(s.To); err != nil {
				return err
			}
		}
	}
	var res truncate.Result
	run := func() error {
		return asUser(x.Su, func() (err error) { res, err = truncate.Run(j); return err })
	}
	if r.o.Forwarder == nil {
		if err := run(); err != nil {
			return err
		}
		return r.wasCut(s, res)
	}
	err := r.o.Forwarder.Cut(ctx, s.From, s.To, func(acked uint64) (Cutting, error) {
		j.Limit = acked
		if err := run(); err != nil {
			return Cutting{}, err
		}
		r.hook("cut")
		return Cutting{Next: res.Fill, Copy: s.To}, r.wasCut(s, res)
	})
	switch {
	case errors.Is(err, ErrNotFollowed):
		j.Limit = truncate.NoLimit
	case errors.Is(err, ErrNotAcked):
		missing, _, berr := r.behind(ctx, s.From, -1)
		if berr != nil {
			return berr
		}
		if since := x.At; !r.pastCap(missing, since) {
			r.waits(Waiting{Path: s.From, For: "truncate", Bytes: missing, Since: since})
			return errPending
		}
		r.pass(s, missing)
		j.Limit, j.Classic = truncate.NoLimit, true
	case errors.Is(err, truncate.ErrUnsafe), errors.Is(err, ErrNoCut):
		j.Limit, j.Classic = truncate.NoLimit, true // who reads it finds the rest in the copy
	default:
		return err
	}
	if err := run(); err != nil {
		return err
	}
	return r.wasCut(s, res)
}

// wasCut notes what stands at the start of a log now.
func (r *Runner) wasCut(s *step, res truncate.Result) error {
	if res.AtRisk > 0 {
		r.m.unsafe.Add(int(res.AtRisk))
		r.mu.Lock()
		r.risk += int64(res.AtRisk)
		r.mu.Unlock()
		r.log.Warn("a log that is written to was truncated the unsafe way: its file system knows no better", "log", s.From, "bytes_at_risk", res.AtRisk)
	}
	known, _ := r.state.Log(s.From)
	if known.Fill == res.Fill && (known.Ino == s.Attr.Ino || res.Fill == 0) {
		return nil
	}
	return r.state.SetLog(s.From, state.Log{Rotated: known.Rotated, Ino: s.Attr.Ino, Fill: res.Fill})
}
