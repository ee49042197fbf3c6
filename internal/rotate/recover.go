package rotate

import (
	"context"
	"encoding/json"

	"journalist/internal/rotate/state"
	"journalist/internal/rotate/truncate"
)

// Recover completes the cuts that were under way when scribe ended, and tells the
// Forwarder, which must not have begun to read. All else can wait for Once or Run.
func (r *Runner) Recover(ctx context.Context) error {
	for _, u := range r.state.Open() {
		x := &unit{u: u}
		if json.Unmarshal(u.Plan, &x.plan) != nil {
			continue // resume says so
		}
		for i := range x.Steps {
			s := &x.Steps[i]
			if u.Notes[i] == nil || s.Kind != cut {
				continue
			}
			j := truncate.Job{Path: s.From, Copy: s.To, Dev: s.Attr.Dev, Ino: s.Attr.Ino}
			done, err := r.recut(ctx, x, i, j)
			if err != nil {
				return err
			}
			if done {
				if err := r.state.Done(u, i, state.OK); err != nil {
					return err
				}
			}
		}
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
	if r.o.Forwarder != nil && res.Fill > 0 {
		if err := r.o.Forwarder.Recut(ctx, j.Path, res.Fill); err != nil {
			return false, err
		}
	}
	return true, nil
}
