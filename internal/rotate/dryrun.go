package rotate

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"journalist/internal/rotate/conf"
	"journalist/internal/rotate/state"
	"journalist/internal/vfs"
)

// DryRun writes to w what Once would do. It changes nothing and takes nothing. Its
// error counts the problems, which stand in w, too.
func DryRun(w io.Writer, o Options, force bool) error {
	if err := o.setDefaults(); err != nil {
		return err
	}
	st, err := state.Read(vfs.OS, o.State)
	if err != nil {
		return err
	}
	r := newRunner(o, st)
	now := o.Clock()
	c := conf.Read(o.Configs...)
	out := bufio.NewWriter(w) // which keeps the first error for Flush
	problems := 0
	for _, p := range c.Problems {
		fmt.Fprintln(out, p.Error())
		if !p.Warning {
			problems++
		}
	}
	for _, s := range c.Sets {
		var targets []target
		for _, path := range s.Logs {
			t, err := r.check(s, path, force, now)
			switch {
			case err != nil:
				fmt.Fprintf(out, "%s: %v\n", path, err)
				problems++
			case t.rotate:
				targets = append(targets, t)
			default:
				fmt.Fprintf(out, "%s: not due\n", path)
			}
		}
		writePlans(out, s, targets, now)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	return nil
}

// writePlans writes the plans of a block.
func writePlans(w io.Writer, s *conf.Set, targets []target, now time.Time) {
	if len(targets) == 0 {
		return
	}
	if s.First != "" {
		fmt.Fprintln(w, "run the script firstaction")
	}
	for _, g := range together(s, targets) {
		plan := makePlan(s, g, false, now)
		for _, path := range plan.Logs {
			fmt.Fprintf(w, "%s: rotate\n", path)
		}
		for _, step := range plan.Steps {
			fmt.Fprintf(w, "  %s\n", step)
		}
	}
	if s.Last != "" {
		fmt.Fprintln(w, "run the script lastaction")
	}
}
