package text

import (
	"bytes"

	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/texts"
)

// templates appends a template node for v, if templates pay.
func (e *encoder) templates(l *level, v texts.Vector, depth int, what say) bool {
	if v.Len() < minTemplated {
		return false
	}
	words := sentences(v)
	set := e.mine(l, v, depth, words)
	if set == nil && words {
		words = false
		set = e.mine(l, v, depth, words)
	}
	if set == nil {
		return false
	}
	e.slots += slots(set)
	e.nodes += 2 * len(set.Columns) // a column may become a dictionary and its entries
	children := sayNothing
	switch {
	case what == sayVariable && words:
		children = sayAll
		e.giveStatic(set)
	case what != sayNothing:
		e.give(v)
	}
	e.dst = append(e.dst, formTemplate)
	e.number(len(set.Templates))
	e.static(set)
	columns := e.slotColumns(set)
	e.number(set.Templates[0].Rows)
	for t := 1; t < len(set.Templates); t++ {
		e.number(set.Templates[t-1].Rows - set.Templates[t].Rows)
	}
	if len(set.Templates) > 1 {
		e.dst = ints.AppendCodes(e.dst, e.w, set.IDs)
	}
	for _, c := range columns {
		e.node(set.Columns[c].Vector, depth+1, children, false)
	}
	return true
}

func (e *encoder) giveStatic(set *template.Set) {
	if e.o.Static == nil {
		return
	}
	for t := range set.Templates {
		for _, p := range set.Templates[t].Pieces {
			e.o.Static(p)
		}
	}
}

// mine takes v apart, as lines with words or as names; nil if that does not pay or
// would be more than a tree may have.
func (e *encoder) mine(l *level, v texts.Vector, depth int, words bool) *template.Set {
	o := template.Options{Punct: !words}
	if depth > 0 || !words {
		o.Percent = 25
	}
	set := l.miner.Mine(v, o)
	if set == nil {
		return nil
	}
	static, stored := 0, 0
	for t := range set.Templates {
		for _, p := range set.Templates[t].Pieces {
			static += len(p) * set.Templates[t].Rows
			stored += 2*len(p) + 1 // at most
		}
	}
	for c := range set.Columns {
		if n := set.Columns[c].Len(); n > maxValues || n+set.Columns[c].Size() > MaxSize {
			return nil
		}
	}
	if static*16 < v.Size() || stored > stream.MaxBlock || e.slots+slots(set) > maxSlots || e.nodes+2*len(set.Columns) > maxNodes {
		return nil
	}
	return set
}

func slots(set *template.Set) int {
	n := 0
	for t := range set.Templates {
		n += len(set.Templates[t].Slots)
	}
	return n
}

// sentences tells whether most of a sample of the texts have two spaces.
func sentences(v texts.Vector) bool {
	n := min(v.Len(), 64)
	spaced := 0
	for i := range n {
		if bytes.Count(v.At(i*v.Len()/n), []byte{' '}) > 1 {
			spaced++
		}
	}
	return spaced > n/2
}

// static puts the templates' pieces.
func (e *encoder) static(set *template.Set) {
	buf := e.buf[:0]
	for t := range set.Templates {
		pieces := set.Templates[t].Pieces
		for k, p := range pieces {
			for _, c := range p {
				if c <= 2 {
					buf = append(buf, 2, c+'0')
				} else {
					buf = append(buf, c)
				}
			}
			if k+1 < len(pieces) {
				buf = append(buf, 1)
			}
		}
		buf = append(buf, 0)
	}
	e.buf = buf
	e.id(e.w.Put(stream.Templates, buf))
}

// slotColumns appends where the slots' values come from and returns the Set's columns
// in the order in which slots name them first.
func (e *encoder) slotColumns(set *template.Set) []int {
	numbers := make([]int, len(set.Columns)) // plus one
	order := make([]int, 0, len(set.Columns))
	for t := range set.Templates {
		for _, s := range set.Templates[t].Slots {
			switch {
			case s.Copy >= 0:
				e.number(2 + 2*s.Copy)
			case numbers[s.Column] > 0:
				e.number(1 + 2*(numbers[s.Column]-1))
			default:
				e.number(0)
				order = append(order, s.Column)
				numbers[s.Column] = len(order)
			}
		}
	}
	return order
}

// zeros counts the zero bytes.
func zeros(b []byte) int { return bytes.Count(b, []byte{0}) }
