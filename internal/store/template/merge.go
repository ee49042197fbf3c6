package template

import (
	"math"
	"slices"
)

// Templates that few texts have are merged by walking along their tokens all at
// once. At each token they part: first by the punctuation before it, then by the
// word. What enough texts go along with goes on by itself; words that few texts have,
// and slots, go on together, and what was there becomes a slot. Of those that remain
// alone somewhere on the way, some stay as they are; for the others all the rest of
// the text becomes one slot (leave). So it does where the way has come into sentences
// (inFreeText).

const (
	// maxDepth is the most tokens along which templates are merged.
	maxDepth = 512
	// severalRows and manySlots is from where a template that could not be merged
	// stays as it is: smaller, measured on fifteen kinds of logs.
	severalRows = 4
	manySlots   = 3
	// freeWords is the number of words that become slots before a text is taken for
	// a sentence.
	freeWords = 3
	// minLeft is how many such templates there may be in any case.
	minLeft = 64
)

type merger struct {
	strands []strand
	set     []uint32 // numbers of strands
	group   []uint32 // of each strand, while a set is grouped
	tmp     []uint32
	found   index
	groups  []group  // stack
	left    []uint32 // stack: strands that remained alone
	few     []uint32 // stack: strands that go on together
	free    int      // number of tokens on the way that are slots because words vary
	slot    []bool   // whether each token on the way is a slot
	sources []source // memory of the exact templates' sources
}

// strand is a rare exact template on the way along its tokens.
type strand struct {
	exact uint32
	slot  uint32 // the number of the next slot
	// The token is [word, end), the punctuation before it [gap, word), in the first
	// text of the template.
	gap, word, end uint32
	kind           tokenKind
}

type tokenKind uint8

const (
	aWord tokenKind = iota
	aSlot
	anEnd // of the text: there is punctuation, but no token
)

type group struct {
	from, to int // in the set
	rows     int
	first    uint32
}

// merge makes the final templates of the exact ones.
func (m *Miner) merge() {
	g := &m.merger
	g.strands, g.set, g.sources = g.strands[:0], g.set[:0], g.sources[:0]
	for id := range m.exact {
		x := &m.exact[id]
		if int(x.rows) >= m.o.MinRows {
			m.keep(uint32(id))
			continue
		}
		from := m.off[x.row]
		g.set = append(g.set, uint32(len(g.strands)))
		g.strands = append(g.strands, strand{exact: uint32(id), gap: from, word: from, end: from})
	}
	if len(g.set) == 0 {
		return
	}
	n := len(g.strands)
	g.group = slices.Grow(g.group[:0], n)[:n]
	g.tmp = slices.Grow(g.tmp[:0], n)[:n]
	g.slot = g.slot[:0]
	m.split(g.set)
}

// step moves a strand on to its next token.
func (m *Miner) step(s *strand) {
	row := int(m.exact[s.exact].row)
	slots := m.rowSlots(row)
	if s.kind == aSlot {
		s.slot++
	}
	p, end := s.end, m.off[row+1]
	next := end
	if int(s.slot) < len(slots) {
		next = slots[s.slot].from
	}
	s.gap = p
	for p < next && !m.token[m.data[p]] {
		p++
	}
	s.word = p
	switch {
	case p < next:
		s.kind = aWord
		for p < next && m.token[m.data[p]] {
			p++
		}
		s.end = p
	case int(s.slot) < len(slots):
		s.kind = aSlot
		s.end = slots[s.slot].to
	default:
		s.kind = anEnd
		s.end = p
	}
}

// split parts strands that have the way g.slot behind them.
func (m *Miner) split(set []uint32) {
	g := &m.merger
	if len(g.slot) == maxDepth || g.inFreeText() {
		for _, i := range set {
			m.step(&g.strands[i])
		}
		m.leave(set)
		return
	}
	for _, i := range set {
		m.step(&g.strands[i])
	}
	groups, left := len(g.groups), len(g.left)
	m.part(set, false)
	for n := groups; n < len(g.groups); n++ {
		p := g.groups[n]
		sub := set[p.from:p.to]
		switch {
		case p.rows < m.o.MinRows:
			g.left = append(g.left, sub...)
		case g.strands[p.first].kind == anEnd:
			m.join(sub, false)
		default:
			m.splitWords(sub)
		}
	}
	if len(g.left) > left {
		m.leave(g.left[left:])
	}
	g.groups, g.left = g.groups[:groups], g.left[:left]
}

// splitWords parts strands that have the same punctuation before their token.
func (m *Miner) splitWords(set []uint32) {
	g := &m.merger
	groups, few, rows := len(g.groups), len(g.few), 0
	m.part(set, true)
	for n := groups; n < len(g.groups); n++ {
		p := g.groups[n]
		sub := set[p.from:p.to]
		if p.rows < m.o.MinRows || g.strands[p.first].kind == aSlot {
			g.few = append(g.few, sub...)
			rows += p.rows
			continue
		}
		m.goOn(sub, false)
	}
	switch {
	case rows >= m.o.MinRows:
		m.goOn(g.few[few:], true)
	default:
		g.left = append(g.left, g.few[few:]...)
	}
	g.groups, g.few = g.groups[:groups], g.few[:few]
}

func (m *Miner) goOn(set []uint32, slot bool) {
	g := &m.merger
	free := 0
	if slot && m.mostlyWords(set) {
		free = 1
	}
	g.slot = append(g.slot, slot)
	g.free += free
	m.split(set)
	g.slot = g.slot[:len(g.slot)-1]
	g.free -= free
}

// mostlyWords tells whether the tokens of more than half of a set are words.
func (m *Miner) mostlyWords(set []uint32) bool {
	n := 0
	for _, i := range set {
		if m.merger.strands[i].kind == aWord {
			n++
		}
	}
	return 2*n > len(set)
}

// inFreeText tells whether the way goes through sentences rather than through what
// a program writes: several words have become slots, and most of what is on the way.
// Words of sentences are worth more side by side than in columns.
func (g *merger) inFreeText() bool {
	return g.free >= freeWords && 2*g.free > len(g.slot)
}

// part groups a set by the punctuation or by the word, pushes the groups in order
// of appearance, and orders the set by them.
func (m *Miner) part(set []uint32, word bool) {
	g := &m.merger
	g.found.reset(min(len(set), 512))
	base := len(g.groups)
	for _, i := range set {
		s := &g.strands[i]
		from, to, hash := s.gap, s.word, seedA
		if word {
			from, to = s.word, s.end
		}
		if word == (s.kind == aSlot) && word || !word && s.kind == anEnd {
			hash = seedB
			if word {
				to = from
			}
		}
		hash = hashBytes(hash, m.data, int(from), int(to))
		at, mask := g.found.first(hash)
		n := -1
		for ; g.found.entries[at].id != 0; at = (at + 1) & mask {
			e := g.found.entries[at]
			if e.hash == hash && m.alike(s, &g.strands[g.groups[base+int(e.id-1)].first], word) {
				n = int(e.id - 1)
				break
			}
		}
		if n < 0 {
			n = g.found.put(at, hash)
			g.groups = append(g.groups, group{first: i})
		}
		p := &g.groups[base+n]
		p.to++
		p.rows += int(m.exact[s.exact].rows)
		g.group[i] = uint32(n)
	}
	groups := g.groups[base:]
	if len(groups) == 1 {
		return
	}
	at := 0
	for n := range groups {
		p := &groups[n]
		p.from, p.to, at = at, at, at+p.to
	}
	tmp := g.tmp[:len(set)]
	copy(tmp, set)
	for _, i := range tmp {
		p := &groups[g.group[i]]
		set[p.to] = i
		p.to++
	}
}

// alike tells whether two strands stay together.
func (m *Miner) alike(a, b *strand, word bool) bool {
	if word {
		return a.kind == b.kind && (a.kind == aSlot || string(m.data[a.word:a.end]) == string(m.data[b.word:b.end]))
	}
	return (a.kind == anEnd) == (b.kind == anEnd) && string(m.data[a.gap:a.word]) == string(m.data[b.gap:b.word])
}

// leave makes final what remained alone. Templates that several texts have, and
// those in which many slots would still come, stay as they are, as long as there are
// not very many; of the others, what is left of the texts becomes one slot.
func (m *Miner) leave(set []uint32) {
	g := &m.merger
	others := set[:0]
	for _, i := range set {
		s := &g.strands[i]
		x := &m.exact[s.exact]
		ahead := len(m.rowSlots(int(x.row))) - int(s.slot)
		if (x.rows >= severalRows || ahead >= manySlots) && !g.inFreeText() && len(m.final) < len(m.rows)/4+minLeft {
			m.keep(s.exact)
			continue
		}
		others = append(others, i)
	}
	switch {
	case len(others) == 1 && len(m.final) < len(m.rows)/4+minLeft:
		m.keep(g.strands[others[0]].exact)
	case len(others) > 0:
		m.join(others, true)
	}
}

// join makes one final template of strands that have come the same way, up to their
// present token, and, with rest, a slot of what follows.
func (m *Miner) join(set []uint32, rest bool) {
	g := &m.merger
	f := final{exact: g.strands[set[0]].exact, rest: rest}
	for _, slot := range g.slot {
		if slot {
			f.slots++
		}
	}
	if rest {
		f.slots++
	}
	id := uint32(len(m.final))
	for _, i := range set {
		x := &m.exact[g.strands[i].exact]
		x.final = id
		f.rows += x.rows
		f.exact = min(f.exact, g.strands[i].exact)
		g.sources = slices.Grow(g.sources, int(f.slots))
		first := len(g.sources)
		s := m.walk(g.strands[i].exact)
		if rest {
			from := m.off[x.row]
			if s.slot > 0 {
				from = m.rowSlots(int(x.row))[s.slot-1].to
			}
			g.sources = append(g.sources, source{kind: fromRest, slot: s.slot, span: span{from: s.end - from}})
		}
		x.sources = g.sources[first:len(g.sources):len(g.sources)]
	}
	m.final = append(m.final, f)
}

// walk goes the way g.slot along an exact template and pushes the sources of the
// slots on it. It returns the strand with its last token behind it.
func (m *Miner) walk(id uint32) strand {
	g := &m.merger
	from := m.off[m.exact[id].row]
	s := strand{exact: id, gap: from, word: from, end: from}
	for _, slot := range g.slot {
		m.step(&s)
		switch {
		case slot && s.kind == aSlot:
			g.sources = append(g.sources, source{kind: fromSlot, slot: s.slot})
		case slot:
			g.sources = append(g.sources, source{kind: fromWord, span: span{s.word, s.end}})
		}
	}
	if s.kind == aSlot {
		s.slot++
	}
	return s
}

// unify makes one of final templates with the same static text: merging comes to
// what many texts have as well when their slot stands where words vary.
func (m *Miner) unify() {
	if len(m.merger.set) == 0 {
		return
	}
	m.found.reset(len(m.final))
	m.ranks = slices.Grow(m.ranks[:0], len(m.final))[:len(m.final)]
	kept := 0
	for i, f := range m.final {
		hash := m.staticHash(&f)
		at, mask := m.found.first(hash)
		to := -1
		for ; m.found.entries[at].id != 0; at = (at + 1) & mask {
			e := m.found.entries[at]
			if e.hash == hash && m.sameStatic(&m.final[e.id-1], &f) {
				to = int(e.id - 1)
				break
			}
		}
		if to < 0 {
			to = m.found.put(at, hash)
			m.final[to] = f
			kept++
		} else {
			m.final[to].rows += f.rows
		}
		m.ranks[i] = uint32(to)
	}
	m.final = m.final[:kept]
	for id := range m.exact {
		x := &m.exact[id]
		x.final = m.ranks[x.final]
	}
	for i := range m.final {
		m.final[i].exact = math.MaxUint32
	}
	for id := range m.exact {
		f := &m.final[m.exact[id].final]
		f.exact = min(f.exact, uint32(id))
	}
}

func (m *Miner) staticHash(f *final) uint64 {
	x := &m.exact[f.exact]
	row := int(x.row)
	h, from := seedA, m.off[row]
	if f.rest {
		h = seedB
	}
	for k := range int(f.slots) {
		s := m.value(row, x, k)
		h = hashBytes(h, m.data, int(from), int(s.from))
		from = s.to
	}
	return hashBytes(h, m.data, int(from), int(m.off[row+1]))
}

func (m *Miner) sameStatic(a, b *final) bool {
	if a.slots != b.slots || a.rest != b.rest {
		return false
	}
	x, y := &m.exact[a.exact], &m.exact[b.exact]
	p, q := m.off[x.row], m.off[y.row]
	for k := range int(a.slots) {
		s, t := m.value(int(x.row), x, k), m.value(int(y.row), y, k)
		if string(m.data[p:s.from]) != string(m.data[q:t.from]) {
			return false
		}
		p, q = s.to, t.to
	}
	return string(m.data[p:m.off[x.row+1]]) == string(m.data[q:m.off[y.row+1]])
}
