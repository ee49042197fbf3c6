package rotate

import (
	"context"
	"encoding/json"

	"journalist/internal/rotate/state"
	"journalist/internal/rotate/truncate"
)

// Recover completes the cuts that were under way when scribe ended, and tells the
// Forwarder, which must not have begun to read. All else can wait for Once or Run.
// It is called before them, when there is a Forwarder.
func (r *Runner) Recover(ctx context.Context) error {
	for _, u := range r.state.Open() {
		x := &unit{u: u}
		if json.Unmarshal(u.Plan, &x.plan) != nil {
			continue // resume says so
		}
		if err := r.recoverCut(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// recoverCut completes the cut that a plan is at, or takes away what there is of
// its copy, so that nobody reads it for a log of its own.
func (r *Runner) recoverCut(ctx context.Context, x *unit) error {
	for i := range x.Steps {
		s := &x.Steps[i]
		if _, done := x.u.Done[i]; done {
			continue
		}
		if s.Kind != cut || x.u.Done[i-1] == state.Failed {
			return nil
		}
		done, err := r.recut(ctx, x, i, truncate.Job{Path: s.From, Copy: s.To, Dev: s.Attr.Dev, Ino: s.Attr.Ino})
		switch {
		case err != nil:
			return err
		case done:
			return r.state.Done(x.u, i, state.OK)
		case s.To != "":
			return asUser(x.Su, func() error { return removeFile(s.To) })
		}
		return nil
	}
	return nil
}

// recut completes a cut that was cut off; done is false when it must be made anew.
func (r *Runner) recut(ctx context.Context, x *unit, i int, j truncate.Job) (done bool, err error) {
	note := x.u.Notes[i]
	if note == nil {
		return false, nil
	}
	var in truncate.Intent
	if err := json.Unmarshal(note, &in); err != nil {
		return false, err
	}
	var res truncate.Result
	again := false
	err = asUser(x.Su, func() (err error) { res, again, err = truncate.Resume(j, in); return err })
	if err != nil || again {
		return false, err
	}
	if err := r.wasCut(&x.Steps[i], res); err != nil {
		return false, err
	}
	if r.o.Forwarder != nil && in.Way != truncate.Unsafe {
		if err := r.o.Forwarder.Recut(ctx, j.Path, Cutting{Next: res.Fill, Copy: j.Copy}); err != nil {
			return false, err
		}
	}
	return true, nil
}
