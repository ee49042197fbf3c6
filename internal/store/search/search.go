// Package search tells which texts of an encoded column match a pattern, looking at
// as little of them as it can: templates tell most of it before anything is decoded,
// and of those that leave it open only the values of the slots that decide are read.
//
// Up the way internal/store/filter asks it for the rows of a group; down the way lie
// the tree of nodes of internal/store/text, the filter of internal/store/words and
// the automaton of internal/match.
//
// # How it works
//
// A pattern is an automaton, a template a sequence of static pieces with slots
// between them. The planner runs the automaton over the pieces; over a slot it goes
// to all states that values of the slot's classes of bytes can lead to. Where every
// way matches the template does, where none does it does not, and else the planner
// notes ranges of slots: from which state to begin, and which slots' values tell.
// The evaluator runs the automaton over those values only, row by row, and once for
// each distinct value of a dictionary. A single word, or a part of one, needs no
// automaton: it lies in one piece or in one value (within.go).
//
// Before that, only those templates are chosen whose static text, or the values of one
// of whose slots, may have each part of a word that the pattern has; of values that is
// told by their lengths, classes of bytes and letters. And a filter says which words and parts of tokens of the pattern no value
// has: such a one must stand in the static text.
package search

import (
	"fmt"
	"math/bits"

	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/words"
)

// Filter answers whether a key of package words may be among the values that the
// column's templates do not say. A *words.Filter is one.
type Filter interface{ May(k words.Key) bool }

// Truth is what is known of many texts.
type Truth uint8

// What may be known.
const (
	Some Truth = iota // some texts may match and others not
	None              // no text matches
	All               // every text matches
)

// String names a Truth.
func (t Truth) String() string {
	switch t {
	case None:
		return "none"
	case All:
		return "all"
	}
	return "some"
}

// Search looks for one pattern. One goroutine uses it, for any number of columns;
// what it allocates and learns it keeps for the next.
type Search struct {
	pattern *match.Pattern
	auto    *match.Automaton // nil: there is none, or its states were too many
	keys    []words.Key
	parts   []part
	sets    sets

	absent  []bool           // of keys: the filter says no value has it
	finders []*match.Pattern // of keys: for its text; nil: not made yet

	plan planner
	eval evaluator
	got  []uint64 // scratch

	simple bool
	frames []*frame // by depth
}

// New makes a search for a pattern.
func New(p *match.Pattern) *Search {
	s := &Search{pattern: p, auto: p.Automaton(), keys: words.KeysOf(p)}
	s.parts = partsOf(s.keys)
	s.simple = simple(p, s.parts)
	s.absent = make([]bool, len(s.keys))
	s.finders = make([]*match.Pattern, len(s.keys))
	s.sets.auto = s.auto
	return s
}

// ask notes which keys the filter says are in no value and tells whether there are
// any.
func (s *Search) ask(f Filter) bool {
	found := false
	for i, k := range s.keys {
		s.absent[i] = f != nil && !f.May(k)
		found = found || s.absent[i]
	}
	return found
}

// Decide tells from the structure of a column and its filter alone, if there is one,
// what can be said of all its texts. It reads no stream.
func (s *Search) Decide(n *text.Node, f Filter) Truth {
	if n.Len() == 0 {
		return None
	}
	switch n.Kind() {
	case text.Const:
		if s.pattern.Match(n.Text()) {
			return All
		}
		return None
	case text.Dict:
		return s.Decide(n.Entries(), f)
	case text.Template:
		if s.simple {
			return s.survey(n, s.ask(f), 0).truth
		}
		if p, ok := s.planned(n, f); ok {
			return p.truth()
		}
		return Some
	}
	if s.ask(f) || !s.mayHold(n) {
		return None
	}
	return s.byClasses(n)
}

// byClasses tells what follows from the classes of bytes of the texts.
func (s *Search) byClasses(n *text.Node) Truth {
	if s.auto == nil {
		return Some
	}
	start := s.auto.Start()
	s.sets.reset()
	s.sets.add(start)
	if !s.sets.cross(n) {
		return Some
	}
	yes, no := false, false
	for _, state := range s.sets.now {
		if s.ends(state) {
			yes = true
		} else {
			no = true
		}
	}
	switch {
	case s.overflow():
		return Some
	case !yes && no:
		return None
	case yes && !no:
		return All
	}
	return Some
}

func (s *Search) ends(state match.State) bool {
	return state == match.Matched || state != match.Dead && s.auto.Ends(state)
}

// overflow tells whether what the automaton said since it was last asked is worth
// nothing. The search goes on without one then.
func (s *Search) overflow() bool {
	if s.auto != nil && s.auto.Overflow() {
		s.auto = nil
		s.plan.node = nil
	}
	return s.auto == nil
}

// Count tells how many texts match. An error wraps stream.ErrCorrupt or is the
// source's.
func (s *Search) Count(n *text.Node, src stream.Source, f Filter) (int, error) {
	var found result
	err := s.rows(n, src, f, nil, &found)
	return found.count, err
}

// Rows adds to hit the numbers of those texts in want that match; a nil want is all
// texts. Both hold a bit for each text, those of the first 64 in the first word. An
// error wraps stream.ErrCorrupt or is the source's; then hit is as it was.
func (s *Search) Rows(n *text.Node, src stream.Source, f Filter, want, hit []uint64) error {
	if size := (n.Len() + 63) / 64; len(hit) < size || want != nil && len(want) < size {
		return fmt.Errorf("search: sets of %d and %d words for %d texts", len(want), len(hit), n.Len())
	}
	return s.rows(n, src, f, want, &result{hit: hit})
}

// result takes the texts that match, once: as a set or, where that is nil, as their
// number only.
type result struct {
	hit   []uint64
	count int
}

// add adds texts.
func (r *result) add(set []uint64) {
	if r.hit == nil {
		r.count = ones(set)
		return
	}
	for i, w := range set {
		r.hit[i] |= w
	}
}

// addAll adds the texts of want, or all n.
func (r *result) addAll(n int, want []uint64) {
	switch {
	case r.hit != nil:
		addAll(n, want, r.hit)
	case want == nil:
		r.count = n
	default:
		r.count = ones(want[:(n+63)/64])
	}
}

func (s *Search) rows(n *text.Node, src stream.Source, f Filter, want []uint64, found *result) error {
	switch s.Decide(n, f) {
	case None:
		return nil
	case All:
		found.addAll(n.Len(), want)
		return nil
	}
	switch kind := n.Kind(); {
	case s.simple:
		return s.simpleRows(n, src, f, want, found)
	case kind == text.Dict:
		return s.dict(n, src, f, want, found)
	case kind == text.Template:
		if p, ok := s.planned(n, f); ok {
			done, err := s.templates(n, p, src, want, found)
			if done || err != nil {
				return err
			}
		}
	}
	return s.each(n, src, want, found)
}

// dict asks about each distinct text once.
func (s *Search) dict(n *text.Node, src stream.Source, f Filter, want []uint64, found *result) error {
	entries := n.Entries()
	matching := make([]uint64, (entries.Len()+63)/64)
	if err := s.Rows(entries, src, f, nil, matching); err != nil {
		return err
	}
	switch ones(matching) {
	case 0:
		return nil
	case entries.Len():
		found.addAll(n.Len(), want)
		return nil
	}
	codes, err := n.Codes(src, s.eval.ids[:0])
	if err != nil {
		return err
	}
	s.eval.ids = codes
	if len(codes) != n.Len() {
		return stream.Corrupt("%d codes for %d texts", len(codes), n.Len())
	}
	if want == nil && found.hit == nil {
		sum := uint64(0)
		for _, c := range codes {
			sum += matching[c>>6] >> (c & 63) & 1
		}
		found.count = int(sum)
		return nil
	}
	// Decide whole words of 64 texts, and then which of them were asked for.
	s.got = append(s.got[:0], make([]uint64, (len(codes)+63)/64)...)
	for w := range s.got {
		some := codes[64*w : min(len(codes), 64*w+64)]
		var got uint64
		for i, c := range some {
			got |= matching[c>>6] >> (c & 63) & 1 << i
		}
		if want != nil {
			got &= want[w]
		}
		s.got[w] = got
	}
	found.add(s.got)
	return nil
}

func ones(set []uint64) (n int) {
	for _, w := range set {
		n += bits.OnesCount64(w)
	}
	return n
}

// addAll adds the texts of want, or all n, to hit.
func addAll(n int, want, hit []uint64) {
	for i := range (n + 63) / 64 {
		w := ^uint64(0)
		if n < 64*i+64 {
			w = 1<<(n&63) - 1
		}
		if want != nil {
			w &= want[i]
		}
		hit[i] |= w
	}
}
