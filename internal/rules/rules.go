// Package rules changes lines between their reading and their sending: it parses
// them, drops, keeps and samples them, masks what must not leave the machine, and
// adds, removes and renames fields.
//
// Up the way internal/tail and the packages of internal/source cut runs of lines;
// down the way internal/ship sends what is left of them. What a rule drops is not
// sent, but the run's position moves over it, so that a line is dropped once and
// for all; every drop is counted. All that a rule decides depends on the line and
// its place alone, so that a run that is read again after a crash comes out the
// same.
package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Format says what the text of the lines is.
type Format uint8

// The formats.
const (
	Text   Format = iota // nothing to parse
	JSON                 // a JSON object becomes the record's fields
	Logfmt               // key=value pairs become fields beside the text
)

// Rule is one step. Exactly one of Drop, Keep, Sample, Mask, Add, Remove and
// Rename is set; If limits a Sample, Mask, Add, Remove or Rename to some rows.
type Rule struct {
	// Drop and Keep leave out the rows that match, or that do not.
	Drop, Keep scan.Expr
	Sample     *Sample
	Mask       []Mask
	Add        []record.Pair
	Remove     []string
	Rename     []Renaming
	If         scan.Expr // nil is always
}

// Sample keeps a share of the rows, chosen by their place in the source. Those that
// are kept get the field sample_rate.
type Sample struct{ Rate float64 } // of 0 to 1

// Renaming gives a field another name. Renaming to message makes it the text.
type Renaming struct{ From, To string }

// Options are what Rules are made of.
type Options struct {
	Format  Format
	Rules   []Rule
	Metrics *metrics.Set // nil is none
}

// Rules is a list of rules. Apply may be called from several goroutines.
type Rules struct {
	format Format
	rules  []Rule
	gone   map[string]bool // fields of whole runs that are removed
	m      counters

	mu     sync.Mutex
	fields map[*record.Pair][]record.Pair // what is left of a run's fields
}

type counters struct{ dropped, sampled, masked, unparsed *metrics.Counter }

// New checks the options. It returns nil when there is nothing to do; a nil Rules
// leaves everything as it is.
func New(o Options) (*Rules, error) {
	for i := range o.Rules {
		if err := o.Rules[i].check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	if len(o.Rules) == 0 && o.Format == Text {
		return nil, nil //nolint:nilnil // documented: nothing to do
	}
	gone := map[string]bool{}
	for _, r := range o.Rules {
		if r.If == nil {
			for _, name := range r.Remove {
				gone[name] = true
			}
		}
	}
	c := o.Metrics.Counter
	return &Rules{gone: gone, format: o.Format, rules: o.Rules, m: counters{
		dropped: c("scribe_rules_dropped_lines_total"), sampled: c("scribe_rules_sampled_out_lines_total"),
		masked: c("scribe_rules_masked_total"), unparsed: c("scribe_rules_unparsed_lines_total"),
	}}, nil
}

func (r *Rule) check() error {
	actions := 0
	for _, set := range [...]bool{
		r.Drop != nil, r.Keep != nil, r.Sample != nil, len(r.Mask) > 0, len(r.Add) > 0, len(r.Remove) > 0, len(r.Rename) > 0,
	} {
		if set {
			actions++
		}
	}
	switch {
	case actions == 0:
		return errors.New("says nothing to do: write one of drop, keep, sample, mask, add, remove, rename")
	case actions > 1:
		return errors.New("says several things: write a rule for each")
	case r.If != nil && (r.Drop != nil || r.Keep != nil):
		return errors.New("drop and keep have their filter already: leave out if")
	case r.Sample != nil && (math.IsNaN(r.Sample.Rate) || r.Sample.Rate < 0 || r.Sample.Rate > 1):
		return fmt.Errorf("a rate of %v: write a number from 0 to 1", r.Sample.Rate)
	}
	for _, p := range r.Add {
		if err := checkName(p.Name); err != nil {
			return err
		}
	}
	for _, n := range r.Remove {
		if err := checkName(n); err != nil {
			return err
		}
		if n == record.FieldMessage {
			return errors.New("message cannot be removed: drop the line, or rename another field to message")
		}
	}
	for _, n := range r.Rename {
		if err := errors.Join(checkName(n.From), checkName(n.To)); err != nil {
			return err
		}
		if n.From == record.FieldMessage {
			return errors.New("message is the text of the line and keeps its name")
		}
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > record.MaxName {
		return fmt.Errorf("the name of a field has %d bytes: write 1 to %d", len(name), record.MaxName)
	}
	return nil
}

// Apply changes the run in place before it is sent. The text of changed rows lies
// in new memory; the run's own bytes are not written to. It keeps nothing of l.
func (r *Rules) Apply(l *record.Lines) {
	if r == nil || len(l.Rows) == 0 {
		return
	}
	w := worker{r: r, l: l}
	w.apply()
	l.Fields = r.left(l.Fields)
}

// left is what removals without a condition leave of a run's fields. Runs share
// their fields, so that the answer is kept.
func (r *Rules) left(fields []record.Pair) []record.Pair {
	named := func(p record.Pair) bool { return r.gone[p.Name] }
	if len(r.gone) == 0 || !slices.ContainsFunc(fields, named) {
		return fields
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if left, ok := r.fields[&fields[0]]; ok {
		return left
	}
	if r.fields == nil || len(r.fields) >= 4096 {
		r.fields = map[*record.Pair][]record.Pair{}
	}
	left := slices.DeleteFunc(slices.Clone(fields), named)
	r.fields[&fields[0]] = left
	return left
}
