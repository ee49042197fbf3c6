package rotate

import (
	"fmt"
	"io"

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
	out := &printer{w: w}
	problems := 0
	for _, p := range c.Problems {
		out.line("%s", p.Error())
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
				out.line("%s: %v", path, err)
				problems++
			case t.rotate:
				targets = append(targets, t)
			default:
				out.line("%s: not due", path)
			}
		}
		out.set(s, targets, o)
	}
	if out.err == nil && problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	return out.err
}

// set writes the plans of a block.
func (p *printer) set(s *conf.Set, targets []target, o Options) {
	if len(targets) == 0 {
		return
	}
	groups := [][]target{targets}
	if !s.SharedScripts {
		groups = groups[:0]
		for _, t := range targets {
			groups = append(groups, []target{t})
		}
	}
	if s.First != "" {
		p.line("run the script firstaction")
	}
	for _, g := range groups {
		plan := makePlan(s, g, false, o.Clock())
		for _, path := range plan.Logs {
			p.line("%s: rotate", path)
		}
		for _, step := range plan.Steps {
			p.line("  %s", step)
		}
	}
	if s.Last != "" {
		p.line("run the script lastaction")
	}
}

// printer remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
