package template

import (
	"bytes"
	"encoding/binary"
	"slices"

	"journalist/internal/store/texts"
)

// columns is where the values of the final templates' slots go. All lists have an
// entry for each slot of each final template, at final.at and up.
type columns struct {
	copies []int32 // the earlier slot with the same value, or -1
	column []int32 // -1 for a copy
	pairs  []pair  // slots that may be copies
	tails  []tail
}

const (
	// copyWindow is how far back a slot is looked for that has the same value.
	copyWindow = 64
	// copyTries is for how many of the earlier slots that is tried to hold.
	copyTries = 4
	// copyRows is the number of texts from which copies are looked for.
	copyRows = 4
	// maxColumns is the most columns that are told apart.
	maxColumns = 32 << 10
)

// pair says that slot b of a template has had the value of slot a so far.
type pair struct {
	a, b uint32
}

// candidates are the pairs of a template.
type candidates struct {
	from, n uint32
	seen    bool
}

// findCopies numbers the slots of the final templates and finds out which of them
// always have the value of an earlier one.
func (m *Miner) findCopies() {
	at := uint32(0)
	for _, i := range m.order {
		m.final[i].at = at
		at += m.final[i].slots
	}
	m.copies = slices.Grow(m.copies[:0], int(at))[:at]
	for i := range m.copies {
		m.copies[i] = -1
	}
	m.pairs = m.pairs[:0]
	cands := make([]candidates, len(m.final))
	for row, id := range m.rows {
		x := &m.exact[id]
		f, c := &m.final[x.final], &cands[x.final]
		switch {
		case !c.seen:
			c.seen = true
			c.from = uint32(len(m.pairs))
			if f.rows >= copyRows && f.slots > 1 {
				m.guessCopies(row, x, int(f.slots))
			}
			c.n = uint32(len(m.pairs)) - c.from
		case c.n > 0:
			pairs := m.pairs[c.from:][:c.n]
			for k := 0; k < len(pairs); {
				a, b := m.value(row, x, int(pairs[k].a)), m.value(row, x, int(pairs[k].b))
				if a.len() == b.len() && string(m.data[a.from:a.to]) == string(m.data[b.from:b.to]) {
					k++
					continue
				}
				pairs = slices.Delete(pairs, k, k+1)
			}
			c.n = uint32(len(pairs))
		}
	}
	for i := range cands {
		at := m.final[i].at
		for _, p := range m.pairs[cands[i].from:][:cands[i].n] {
			a, b := at+p.a, at+p.b
			if m.copies[b] >= 0 {
				continue
			}
			m.copies[b] = int32(p.a)
			if first := m.copies[a]; first >= 0 {
				m.copies[b] = first
			}
		}
	}
}

// guessCopies pushes the pairs of slots that have the same value in one text,
// ordered by the later and then by the earlier slot. Values of one byte are not
// worth it.
func (m *Miner) guessCopies(row int, x *exact, slots int) {
	for b := 1; b < slots; b++ {
		value := m.value(row, x, b)
		if value.len() < 2 {
			continue
		}
		tries := 0
		for a := max(0, b-copyWindow); a < b && tries < copyTries; a++ {
			s := m.value(row, x, a)
			if s.len() == value.len() && string(m.data[s.from:s.to]) == string(m.data[value.from:value.to]) {
				m.pairs = append(m.pairs, pair{uint32(a), uint32(b)})
				tries++
			}
		}
	}
}

// keys numbers the keys of columns: the static text from the last word before the
// slot up to the slot, with a mark for each slot in between. A key is a chain: text
// without a word belongs to the key of the slot before it.
type keys struct {
	found index
	list  []key
}

// key is a link of a chain (last is -1) or a column: the chain and the byte that
// follows the slot (256 at the end of the text).
type key struct {
	chain int32 // link: what the text belongs to, -1 where it begins with a word, -2 with the whole text
	next  int32 // column: the byte that follows, link: -1
	text  span
	id    int32
}

// intern returns the number of a key, which is new for a key that was not there.
func (ks *keys) intern(data []byte, k key) (number int32) {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(k.chain))
	binary.LittleEndian.PutUint32(head[4:], uint32(k.next))
	hash := hashBytes(hashBytes(seedA, head[:], 0, 8), data, int(k.text.from), int(k.text.to))
	at, mask := ks.found.first(hash)
	for ; ks.found.entries[at].id != 0; at = (at + 1) & mask {
		e := ks.found.entries[at]
		if e.hash != hash {
			continue
		}
		o := &ks.list[e.id-1]
		if o.chain == k.chain && o.next == k.next &&
			bytes.Equal(data[o.text.from:o.text.to], data[k.text.from:k.text.to]) {
			return int32(e.id - 1)
		}
	}
	k.id = -1
	ks.list = append(ks.list, k)
	return int32(ks.found.put(at, hash))
}

// tail is where a column's next value goes.
type tail struct {
	data, end   int // in the bytes of all columns: the column's first and its next
	values      int // number
	first, next int // in the offsets of all columns
	size        int
}

// slack is the number of bytes that may be written behind a value.
const slack = 32

// build makes the Set.
func (m *Miner) build(n int) *Set {
	set := &Set{Templates: make([]Template, len(m.order)), IDs: make([]uint32, n)}
	m.shape(set)
	m.measure()
	m.fill(set)
	return set
}

// shape makes the templates and gives each slot its column.
func (m *Miner) shape(set *Set) {
	all := len(m.copies)
	pieces := make([][]byte, 0, all+len(m.order))
	slots := make([]Slot, 0, all)
	m.column = slices.Grow(m.column[:0], all)[:all]
	m.tails = m.tails[:0]
	m.keys.list = m.keys.list[:0]
	m.keys.found.reset(256)
	for rank, i := range m.order {
		f := &m.final[i]
		x := &m.exact[f.exact]
		row := int(x.row)
		t := &set.Templates[rank]
		t.Rows = int(f.rows)
		firstPiece, firstSlot := len(pieces), len(slots)
		from, end, chain := m.off[row], m.off[row+1], int32(-2)
		for k := range int(f.slots) {
			value := m.value(row, x, k)
			piece := span{from, value.from}
			pieces = append(pieces, m.data[piece.from:piece.to:piece.to])
			from = value.to
			chain = m.chain(chain, piece)
			slot := Slot{Column: -1, Copy: int(m.copies[int(f.at)+k])}
			if slot.Copy < 0 {
				next := int32(256)
				if f.rest && k == int(f.slots)-1 {
					chain, next = -1, 257 // all rests are one column
				} else if from < end && (k == int(f.slots)-1 || from < m.value(row, x, k+1).from) {
					next = int32(m.data[from])
				}
				slot.Column = m.columnOf(chain, next)
			}
			m.column[int(f.at)+k] = int32(slot.Column)
			if slot.Column < 0 {
				slot.Column = 0
			}
			slots = append(slots, slot)
		}
		pieces = append(pieces, m.data[from:end:end])
		t.Pieces = pieces[firstPiece:len(pieces):len(pieces)]
		t.Slots = slots[firstSlot:len(slots):len(slots)]
	}
}

// chain returns the key of a slot behind a piece of static text, without what
// follows the slot; before is that of the slot before the piece.
func (m *Miner) chain(before int32, piece span) int32 {
	p := piece.to
	for p > piece.from && !m.token[m.data[p-1]] {
		p--
	}
	if p > piece.from {
		for p > piece.from && m.token[m.data[p-1]] {
			p--
		}
		before, piece.from = -1, p
	}
	return m.keys.intern(m.data, key{chain: before, next: -1, text: piece})
}

// columnOf returns the column of a key. When there are very many, the others share
// one.
func (m *Miner) columnOf(chain, next int32) int {
	k := m.keys.intern(m.data, key{chain: chain, next: next})
	id := m.keys.list[k].id
	if id < 0 {
		if len(m.tails) == maxColumns {
			id = maxColumns - 1
		} else {
			id = int32(len(m.tails))
			m.tails = append(m.tails, tail{})
		}
		m.keys.list[k].id = id
	}
	return int(id)
}

// measure finds out how many values and bytes each column has.
func (m *Miner) measure() {
	for id := range m.exact {
		x := &m.exact[id]
		f := &m.final[x.final]
		for k, c := range m.column[f.at:][:f.slots] {
			if c >= 0 {
				m.tails[c].values += int(x.rows)
				m.tails[c].size += m.valueSize(x, k)
			}
		}
	}
}

// fill copies the values into their columns.
func (m *Miner) fill(set *Set) {
	size, values := 0, 0
	for i := range m.tails {
		t := &m.tails[i]
		t.data, t.end = size, size
		t.first, t.next = values, values+1
		size += t.size + slack
		values += t.values + 1
	}
	out, ends := make([]byte, size), make([]uint32, values)
	data, tails := m.data, m.tails
	for row, id := range m.rows {
		x := &m.exact[id]
		set.IDs[row] = m.ranks[x.final]
		f := &m.final[x.final]
		for k, c := range m.column[f.at:][:f.slots] {
			if c < 0 {
				continue
			}
			v := m.value(row, x, k)
			t := &tails[c]
			n := int(v.len())
			switch from := int(v.from); {
			case n <= 16 && from+16 <= len(data):
				*(*[16]byte)(out[t.end:]) = *(*[16]byte)(data[from:])
			case n <= slack && from+slack <= len(data):
				*(*[slack]byte)(out[t.end:]) = *(*[slack]byte)(data[from:])
			default:
				copy(out[t.end:], data[from:v.to])
			}
			t.end += n
			ends[t.next] = uint32(t.end - t.data)
			t.next++
		}
	}
	set.Columns = make([]Column, len(tails))
	for i := range tails {
		t := &tails[i]
		set.Columns[i].Vector = texts.Vector{
			Data:    out[t.data:t.end:t.end],
			Offsets: ends[t.first : t.first+t.values+1 : t.first+t.values+1],
		}
	}
}
