package search

import (
	"bytes"

	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
)

// Within is how a pattern is looked for whose every match is a run of bytes of words:
// letters, digits, the underscore, and what is not in ASCII. No slot of a template
// begins or ends within such a run, so that a text matches exactly if one of its
// template's pieces does or one of its values, each taken for itself. No automaton is
// needed, and what is asked of a column is again the same question.

// simple tells whether a pattern is of that sort and has letters enough to tell columns
// apart.
func simple(p *match.Pattern, parts []part) bool {
	switch p.Kind() {
	case match.Word, match.Prefix, match.Substring:
	default:
		return false
	}
	if len(parts) == 0 {
		return false
	}
	for i := range len(p.Text()) {
		if c := p.Text()[i]; c < 0x80 && !match.IsWordByte(c) {
			return false
		}
	}
	return true
}

// frame is what is known of one node, and memory.
type frame struct {
	node   *text.Node
	absent bool // no value matches
	truth  Truth

	verdicts []verdict
	live     []bool // of each column: it may have matching values
	any      bool   // some are live
	found    []int

	ids  []uint32
	sets [][]uint64 // of each live column that has matching values: which
	at   []int      // of each column: its next value
	// Of each template, from first[t] to first[t+1], the live columns of its slots.
	first   []int
	columns []int32
	bits    []uint64
}

func (s *Search) frame(depth int) *frame {
	for len(s.frames) <= depth {
		s.frames = append(s.frames, &frame{})
	}
	return s.frames[depth]
}

// survey finds out what the static texts and the structure of a template node tell.
// Absent says that no value matches.
func (s *Search) survey(n *text.Node, absent bool, depth int) *frame {
	f := s.frame(depth)
	if f.node == n && f.absent == absent {
		return f
	}
	forms, nodes := n.Templates(), n.Columns()
	f.node, f.absent, f.any = n, absent, false
	f.verdicts = append(f.verdicts[:0], make([]verdict, len(forms))...)
	f.live = append(f.live[:0], make([]bool, len(nodes))...)
	static, ends := n.Static()
	f.found = narrow(f.found[:0], s.pattern, static, ends, 0, len(ends))
	for _, t := range f.found {
		f.verdicts[t] = yes
	}
	for i, c := range nodes {
		f.live[i] = !absent && c.Len() > 0 && s.mayHold(c)
		f.any = f.any || f.live[i]
	}
	if f.any {
		for t := range forms {
			if f.verdicts[t] == no && hasLive(&forms[t], f.live) {
				f.verdicts[t] = maybe
			}
		}
	}
	f.truth = (&planner{verdicts: f.verdicts}).truth()
	return f
}

// within adds to hit the numbers of the values of a node that match and returns how
// many they are; a nil hit asks for their number only. It is for patterns that are
// simple.
func (s *Search) within(n *text.Node, src stream.Source, absent bool, depth int, hit []uint64) (int, error) {
	switch n.Kind() {
	case text.Const:
		if !s.pattern.Match(n.Text()) {
			return 0, nil
		}
		return all(n, hit), nil
	case text.Dict:
		return s.withinDict(n, src, absent, depth, hit)
	case text.Template:
		return s.withinTemplates(n, src, absent, depth, hit)
	}
	if absent || !s.mayHold(n) {
		return 0, nil
	}
	return s.withinTexts(n, src, hit)
}

func all(n *text.Node, hit []uint64) int {
	if hit != nil {
		addAll(n.Len(), nil, hit)
	}
	return n.Len()
}

// withinTexts looks into the texts themselves.
func (s *Search) withinTexts(n *text.Node, src stream.Source, hit []uint64) (int, error) {
	data, ok, err := n.Ended(src)
	if err != nil {
		return 0, err
	}
	count := 0
	add := func(i int) {
		count++
		if hit != nil {
			hit[i>>6] |= 1 << (i & 63)
		}
	}
	if ok {
		row, counted := 0, 0
		s.pattern.Each(data, func(at int) int {
			row += bytes.Count(data[counted:at], []byte{0})
			end := bytes.IndexByte(data[at:], 0)
			if end < 0 || row >= n.Len() {
				err = stream.Corrupt("more than %d ended texts", n.Len())
				return len(data)
			}
			add(row)
			row, counted = row+1, at+end+1
			return counted
		})
		return count, err
	}
	v, err := n.Texts(src)
	if err != nil {
		return 0, err
	}
	if v.Len() != n.Len() {
		return 0, stream.Corrupt("%d texts, %d expected", v.Len(), n.Len())
	}
	for from := 0; from < v.Len(); from += 64 {
		to := min(v.Len(), from+64)
		if !s.pattern.MayMatchIn(v.Data[v.Offsets[from]:v.Offsets[to]]) {
			continue
		}
		for i := from; i < to; i++ {
			if s.pattern.Match(v.At(i)) {
				add(i)
			}
		}
	}
	return count, nil
}

func (s *Search) withinDict(n *text.Node, src stream.Source, absent bool, depth int, hit []uint64) (int, error) {
	entries := n.Entries()
	matching := make([]uint64, (entries.Len()+63)/64)
	count, err := s.within(entries, src, absent, depth, matching)
	switch {
	case err != nil || count == 0:
		return 0, err
	case count == entries.Len():
		return all(n, hit), nil
	}
	f := s.frame(depth) // what it said of the entries is not needed any more
	codes, err := n.Codes(src, f.ids[:0])
	if err != nil {
		return 0, err
	}
	f.ids = codes
	if len(codes) != n.Len() {
		return 0, stream.Corrupt("%d codes for %d texts", len(codes), n.Len())
	}
	sum := uint64(0)
	if hit == nil {
		for _, c := range codes {
			sum += matching[c>>6] >> (c & 63) & 1
		}
		return int(sum), nil
	}
	for w := 0; 64*w < len(codes); w++ {
		var got uint64
		for i, c := range codes[64*w : min(len(codes), 64*w+64)] {
			got |= matching[c>>6] >> (c & 63) & 1 << i
		}
		hit[w] |= got
	}
	return ones(hit[:(len(codes)+63)/64]), nil
}

func (s *Search) withinTemplates(n *text.Node, src stream.Source, absent bool, depth int, hit []uint64) (int, error) {
	f := s.survey(n, absent, depth)
	switch f.truth {
	case None:
		return 0, nil
	case All:
		return all(n, hit), nil
	}
	any, err := s.withinColumns(f, src, depth)
	if err != nil {
		return 0, err
	}
	forms := n.Templates()
	if !any {
		count := 0
		for t, v := range f.verdicts {
			if v == yes {
				count += forms[t].Rows
			}
		}
		if count == 0 || hit == nil {
			return count, nil
		}
	}
	f.prepare()
	if f.ids, err = n.IDs(src, f.ids[:0]); err != nil {
		return 0, err
	}
	if len(f.ids) != n.Len() {
		return 0, stream.Corrupt("templates of %d rows, %d expected", len(f.ids), n.Len())
	}
	return f.rows(hit)
}

// withinColumns finds the matching values of the live columns and tells whether there
// are any.
func (s *Search) withinColumns(f *frame, src stream.Source, depth int) (bool, error) {
	nodes := f.node.Columns()
	for len(f.sets) < len(nodes) {
		f.sets = append(f.sets, nil)
	}
	any := false
	f.bits = f.bits[:0]
	for i, c := range nodes {
		f.sets[i] = nil
		if !f.live[i] {
			continue
		}
		size := (c.Len() + 63) / 64
		if cap(f.bits)-len(f.bits) < size {
			f.bits = make([]uint64, 0, max(size, 2*cap(f.bits), 1<<10))
		}
		set := f.bits[len(f.bits) : len(f.bits)+size]
		clear(set)
		count, err := s.within(c, src, false, depth+1, set)
		if err != nil {
			return false, err
		}
		if count > 0 {
			f.sets[i] = set
			f.bits = f.bits[:len(f.bits)+size]
			any = true
		}
	}
	return any, nil
}

// prepare says which columns the slots of each template take values from, of those that
// have matching ones.
func (f *frame) prepare() {
	forms := f.node.Templates()
	f.first, f.columns = f.first[:0], f.columns[:0]
	f.at = append(f.at[:0], make([]int, len(f.node.Columns()))...)
	for t := range forms {
		f.first = append(f.first, len(f.columns))
		for _, slot := range forms[t].Slots {
			if slot.Copy < 0 && f.sets[slot.Column] != nil {
				f.columns = append(f.columns, int32(slot.Column))
			}
		}
	}
	f.first = append(f.first, len(f.columns))
}

// rows decides row by row.
func (f *frame) rows(hit []uint64) (int, error) {
	count := 0
	for i, t := range f.ids {
		if int(t) >= len(f.verdicts) {
			return 0, stream.Corrupt("row of template %d of %d", t, len(f.verdicts))
		}
		found := f.verdicts[t] == yes
		for _, c := range f.columns[f.first[t]:f.first[t+1]] {
			at := f.at[c]
			f.at[c]++
			set := f.sets[c]
			if at>>6 >= len(set) {
				return 0, stream.Corrupt("column %d ends before its rows", c)
			}
			found = found || set[at>>6]>>(at&63)&1 != 0
		}
		if found {
			count++
			if hit != nil {
				hit[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return count, nil
}

// simpleRows is rows for patterns that are simple.
func (s *Search) simpleRows(n *text.Node, src stream.Source, f Filter, want []uint64, found *result) error {
	absent := s.ask(f)
	if found.hit == nil && want == nil {
		var err error
		found.count, err = s.within(n, src, absent, 0, nil)
		return err
	}
	s.got = append(s.got[:0], make([]uint64, (n.Len()+63)/64)...)
	if _, err := s.within(n, src, absent, 0, s.got); err != nil {
		return err
	}
	if want != nil {
		for i := range s.got {
			s.got[i] &= want[i]
		}
	}
	found.add(s.got)
	return nil
}
