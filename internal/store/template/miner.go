package template

import (
	"cmp"
	"math"
	"slices"

	"journalist/internal/store/texts"
)

// Miner takes vectors of texts apart, one after the other, and keeps its memory in
// between. The zero Miner is ready. It is used by one goroutine.
type Miner struct {
	data   []byte
	off    []uint32
	token  *alphabet
	punct  bool
	o      Options
	rows   []uint32 // exact template of each text
	starts []uint32 // of each text's slots in slots, and the end
	slots  []span   // of all texts

	exact []exact
	found index
	sizes []uint32 // of the values of each slot of each exact template
	finals
	merger merger

	keys keys
	columns

	prober *Miner // for samples
	sample texts.Vector
}

const (
	// saidPercent is how much of the texts' bytes must say something for a Set to
	// pay. It is above 90 for logs, about 20 for prose.
	saidPercent = 30
	// valueWeight is by how much more a value says than a word: texts that begin with
	// a time and go on as they like are still taken apart.
	valueWeight = 4
	// probeRows is the size of a sample, taken of probeFrom texts and more.
	probeRows    = 2048
	probeFrom    = 8 * probeRows
	probeMinRows = 4
	probePercent = 20
)

// exact is a template as the texts' tokens make it, before anything is merged.
type exact struct {
	row     uint32 // the first text
	rows    uint32
	sizes   uint32 // where its slots' sizes begin
	final   uint32
	sources []source // of the final template's slots; nil: its own slots, in order
}

// source says where the value of a final template's slot is in the texts of an
// exact template.
type source struct {
	kind sourceKind
	slot uint32 // fromSlot: the number of the text's slot; fromRest: one more, or 0
	span        // fromWord: the bytes; fromRest: from is relative to the end of slot-1, or to the text's start
}

type sourceKind uint8

const (
	fromSlot sourceKind = iota
	fromWord            // static text of the exact template
	fromRest            // everything up to the text's end
)

// Mine takes the texts apart. It returns nil where that does not pay: too many
// templates, or nearly everything is in slots that reach over whole texts. The Set
// shares memory with the texts, but not with the Miner.
func (m *Miner) Mine(v texts.Vector, o Options) *Set {
	n := v.Len()
	if n < 2 || v.Size() == 0 {
		return nil
	}
	m.o = o.withDefaults()
	m.punct, m.token = m.o.Punct, tokens
	if m.punct {
		m.token = words
	}
	m.data, m.off = v.Data, v.Offsets
	defer m.release()
	m.tokenize(n)
	if n >= probeFrom && len(m.exact) > n/8 && !m.probe(v) {
		return nil
	}
	m.generalise()
	if !m.pays(n, saidPercent) {
		return nil
	}
	m.rank()
	m.findCopies()
	return m.build(n)
}

// generalise makes the final templates of the exact ones.
func (m *Miner) generalise() {
	m.final = m.final[:0]
	m.merge()
	m.unify()
	m.limit()
}

// probe tells by some of very different texts whether it may pay to go on with all:
// to merge very many templates takes long, and with free text it is in vain.
func (m *Miner) probe(v texts.Vector) bool {
	if m.prober == nil {
		m.prober = new(Miner)
	}
	p := m.prober
	m.sample.Reset()
	for i := range probeRows {
		m.sample.Add(v.At(int(int64(i) * int64(v.Len()) / probeRows)))
	}
	p.o, p.punct, p.token = m.o, m.punct, m.token
	p.o.MinRows, p.o.Percent = probeMinRows, 100
	p.data, p.off = m.sample.Data, m.sample.Offsets
	defer p.release()
	p.tokenize(probeRows)
	p.generalise()
	return p.pays(probeRows, probePercent)
}

// release lets go of the texts.
func (m *Miner) release() {
	m.data, m.off = nil, nil
	clear(m.exact)
}

// tokenize finds each text's slots and its exact template.
func (m *Miner) tokenize(n int) {
	m.found.reset(min(n, m.found.n))
	m.exact, m.sizes = m.exact[:0], m.sizes[:0]
	m.slots = m.slots[:0]
	m.starts = append(m.starts[:0], 0)
	m.rows = slices.Grow(m.rows[:0], n)[:n]
	lastHash, last := uint64(0), -1
	for row := range n {
		if row == n/16 { // rather than to be copied again and again
			m.slots = slices.Grow(m.slots, 17*len(m.slots))
		}
		hash := m.scan(m.data, int(m.off[row]), int(m.off[row+1]))
		m.starts = append(m.starts, uint32(len(m.slots)))
		if last < 0 || hash != lastHash || !m.same(row, last) {
			lastHash, last = hash, m.intern(row, hash)
		}
		x := &m.exact[last]
		x.rows++
		m.rows[row] = uint32(last)
		slots := m.slots[m.starts[row]:]
		sizes := m.sizes[x.sizes:][:len(slots)]
		for k, s := range slots {
			sizes[k] += s.len()
		}
	}
}

// intern returns the exact template of a text.
func (m *Miner) intern(row int, hash uint64) int {
	at, mask := m.found.first(hash)
	for ; m.found.entries[at].id != 0; at = (at + 1) & mask {
		e := m.found.entries[at]
		if e.hash == hash && m.same(row, int(e.id-1)) {
			return int(e.id - 1)
		}
	}
	m.exact = append(m.exact, exact{row: uint32(row), sizes: uint32(len(m.sizes))})
	slots := len(m.slots) - int(m.starts[row])
	m.sizes = slices.Grow(m.sizes, slots)[:len(m.sizes)+slots]
	clear(m.sizes[len(m.sizes)-slots:])
	return m.found.put(at, hash)
}

// same tells whether a text has the static text of an exact template.
func (m *Miner) same(row, id int) bool {
	other := int(m.exact[id].row)
	a, b := m.rowSlots(row), m.rowSlots(other)
	if len(a) != len(b) {
		return false
	}
	data, p, q := m.data, m.off[row], m.off[other]
	for k, s := range a {
		t := b[k]
		if s.from-p != t.from-q || string(data[p:s.from]) != string(data[q:t.from]) {
			return false
		}
		p, q = s.to, t.to
	}
	return string(data[p:m.off[row+1]]) == string(data[q:m.off[other+1]])
}

func (m *Miner) rowSlots(row int) []span { return m.slots[m.starts[row]:m.starts[row+1]] }

// finals are the templates as the Set will have them, before and after merging.
type finals struct {
	final []final
	order []uint32 // their numbers by descending number of texts
	ranks []uint32 // the place of each in order
}

type final struct {
	exact uint32 // its first exact template: the first text of that shows the pieces
	slots uint32 // their number
	rows  uint32
	at    uint32 // where its slots begin among all, in order
	rest  bool   // its last slot reaches to the end of the texts
}

// keep makes an exact template final as it is.
func (m *Miner) keep(id uint32) {
	x := &m.exact[id]
	x.final = uint32(len(m.final))
	x.sources = nil
	m.final = append(m.final, final{exact: id, slots: uint32(len(m.rowSlots(int(x.row)))), rows: x.rows})
}

// limit makes one template of the rarest, so that there are at most MaxTemplates.
func (m *Miner) limit() {
	if len(m.final) <= m.o.MaxTemplates {
		return
	}
	m.rank()
	whole := final{exact: math.MaxUint32, slots: 1, rest: true}
	kept := make([]final, 0, m.o.MaxTemplates)
	for i := range m.final {
		if int(m.ranks[i]) < m.o.MaxTemplates-1 {
			m.ranks[i] = uint32(len(kept))
			kept = append(kept, m.final[i])
			continue
		}
		m.ranks[i] = math.MaxUint32
	}
	sources := []source{{kind: fromRest}}
	for id := range m.exact {
		x := &m.exact[id]
		if to := m.ranks[x.final]; to != math.MaxUint32 {
			x.final = to
			continue
		}
		x.final, x.sources = uint32(len(kept)), sources
		whole.exact = min(whole.exact, uint32(id))
		whole.rows += x.rows
	}
	m.final = append(m.final[:0], append(kept, whole)...)
}

// rank orders the final templates by descending number of texts.
func (m *Miner) rank() {
	n := len(m.final)
	m.order = slices.Grow(m.order[:0], n)[:n]
	m.ranks = slices.Grow(m.ranks[:0], n)[:n]
	for i := range n {
		m.order[i] = uint32(i)
	}
	slices.SortStableFunc(m.order, func(a, b uint32) int { return cmp.Compare(m.final[b].rows, m.final[a].rows) })
	for rank, i := range m.order {
		m.ranks[i] = uint32(rank)
	}
}

// pays tells whether the Set would say something about n texts. What says something
// are values that look like values, and static words; a template of one text, words
// that became slots and slots that reach to the end say nothing.
func (m *Miner) pays(n, percent int) bool {
	if len(m.final) > 1 && len(m.final)*100 > n*m.o.Percent {
		return false
	}
	said, unsaid := 0, 0
	for i := range m.final {
		f := &m.final[i]
		x := &m.exact[f.exact]
		if f.rows == 1 {
			unsaid += int(m.off[x.row+1] - m.off[x.row])
		} else {
			said += m.staticTokens(f) * int(f.rows)
		}
	}
	for id := range m.exact {
		x := &m.exact[id]
		f := &m.final[x.final]
		for k := range int(f.slots) {
			switch size := m.valueSize(x, k); {
			case f.rows == 1:
			case x.sources != nil && x.sources[k].kind != fromSlot,
				f.slots == 1 && m.staticTokens(f) == 0: // the whole text
				unsaid += size
			default:
				said += size * valueWeight
			}
		}
	}
	return said*(100-percent) >= unsaid*percent
}

// staticTokens returns the bytes of tokens in a template's static text.
func (m *Miner) staticTokens(f *final) int {
	x := &m.exact[f.exact]
	row := int(x.row)
	size, from := 0, m.off[row]
	for k := range int(f.slots) + 1 {
		next := span{m.off[row+1], m.off[row+1]}
		if k < int(f.slots) {
			next = m.value(row, x, k)
		}
		for _, c := range m.data[from:next.from] {
			if m.token[c] {
				size++
			}
		}
		from = next.to
	}
	return size
}

// value returns where the value of a slot of its final template is in a text.
func (m *Miner) value(row int, x *exact, k int) span {
	if x.sources == nil {
		return m.slots[int(m.starts[row])+k]
	}
	s := &x.sources[k]
	switch s.kind {
	case fromSlot:
		return m.slots[m.starts[row]+s.slot]
	case fromWord:
		return s.span
	}
	from := m.off[row]
	if s.slot > 0 {
		from = m.slots[m.starts[row]+s.slot-1].to
	}
	return span{from + s.from, m.off[row+1]}
}

// valueSize returns the bytes of all values of a slot of its final template in the
// texts of an exact one.
func (m *Miner) valueSize(x *exact, k int) int {
	if x.sources == nil {
		return int(m.sizes[int(x.sizes)+k])
	}
	s := &x.sources[k]
	switch s.kind {
	case fromSlot:
		return int(m.sizes[x.sizes+s.slot])
	case fromWord:
		return int(s.len()) * int(x.rows)
	}
	static := m.staticSize(x, int(s.slot)) - int(s.from)
	size := static * int(x.rows)
	for _, n := range m.sizes[x.sizes+s.slot:][:len(m.rowSlots(int(x.row)))-int(s.slot)] {
		size += int(n)
	}
	return size
}

// staticSize returns the bytes of an exact template's static text behind its first
// so many slots.
func (m *Miner) staticSize(x *exact, behind int) int {
	slots := m.rowSlots(int(x.row))
	from := m.off[x.row]
	if behind > 0 {
		from = slots[behind-1].to
	}
	size := int(m.off[x.row+1] - from)
	for _, s := range slots[behind:] {
		size -= int(s.len())
	}
	return size
}
