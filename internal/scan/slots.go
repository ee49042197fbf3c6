package scan

import (
	"bytes"
	"strings"
)

// maxTries is how often finding the values in a text begins anew at most.
const maxTries = 64

// slotFinder finds what stands in the slots of a form, in texts of that form.
type slotFinder struct {
	static []string // around the slots: one more than these
	slots  []Slot
	text   []byte
	at     [][]byte // of the text, by slot
	tries  int
}

func newSlotFinder(form string) *slotFinder {
	f := &slotFinder{}
	from := 0
	for i := 0; i+1 < len(form); i++ {
		if form[i] == 0 {
			f.static, f.slots = append(f.static, form[from:i]), append(f.slots, Slot(form[i+1]))
			from, i = i+2, i+1
		}
	}
	f.static = append(f.static, form[from:])
	f.at = make([][]byte, len(f.slots))
	return f
}

// find returns the values of a text by slot, valid until the next call. A text may be
// of a form by its words and yet not be recognised, since what a template knows of
// its values is not known here.
func (f *slotFinder) find(text []byte) ([][]byte, bool) {
	f.text, f.tries = text, 0
	pos, ok := staticAt(text, 0, f.static[0])
	return f.at, ok && f.from(0, pos)
}

// from finds the values from a slot on.
func (f *slotFinder) from(slot, pos int) bool {
	if slot == len(f.slots) {
		return len(bytes.TrimSpace(f.text[pos:])) == 0
	}
	if f.tries++; f.tries > maxTries || pos >= len(f.text) {
		return false
	}
	end := f.natural(slot, pos)
	if end > pos && f.ends(slot, pos, end) {
		return true
	}
	if f.slots[slot] != SlotAny {
		return false
	}
	next := f.static[slot+1]
	if next == "" {
		return slot == len(f.slots)-1 && f.ends(slot, pos, len(bytes.TrimRight(f.text, " \t\r\n")))
	}
	for end = pos + 1; end < len(f.text); end++ {
		i := bytes.IndexByte(f.text[end:], next[0])
		if i < 0 {
			return false
		}
		if end += i; f.ends(slot, pos, end) {
			return true
		}
		if f.tries++; f.tries > maxTries {
			return false
		}
	}
	return false
}

// ends tells whether a slot's value may end there, with all behind it.
func (f *slotFinder) ends(slot, pos, end int) bool {
	next, ok := staticAt(f.text, end, f.static[slot+1])
	if !ok || end <= pos || !f.from(slot+1, next) {
		return false
	}
	f.at[slot] = f.text[pos:end]
	return true
}

// natural is where the value that begins at pos ends by its shape, as AppendForm sees
// it.
func (f *slotFinder) natural(slot, pos int) int {
	b := f.text
	if strings.HasSuffix(f.static[slot], "\n") {
		return len(bytes.TrimRight(b, " \t\r\n"))
	}
	if f.slots[slot] == SlotTime {
		n := 0
		if pos == 0 {
			n = syslogStamp(b)
		}
		if n == 0 {
			n = stamp(b, pos)
		}
		return tokenEnd(b, pos+n)
	}
	if b[pos] == '/' && f.slots[slot] == SlotAny {
		return pathEnd(b, pos)
	}
	return tokenEnd(b, pos)
}

// staticAt tells whether the static part of a form stands at text[pos:], and where it
// ends: one space means several, and before a line's end there may be some.
func staticAt(text []byte, pos int, static string) (end int, ok bool) {
	for i := range len(static) {
		c := static[i]
		if c == '\n' {
			for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t' || text[pos] == '\r') {
				pos++
			}
		}
		if pos >= len(text) || text[pos] != c && (c != ' ' || text[pos] != 0) {
			return pos, false
		}
		for pos++; c == ' ' && pos < len(text) && (text[pos] == ' ' || text[pos] == 0); {
			pos++
		}
	}
	return pos, true
}

// PatternIndex tells to which of some patterns a form belongs: it may have become one
// with others. One goroutine uses it.
type PatternIndex struct {
	exact     map[string]int
	skeletons map[string][]*indexed
	known     map[string]int
}

type indexed struct {
	parted
	at int
}

// maxKnown is how many forms an index remembers.
const maxKnown = 16 << 10

// NewPatternIndex makes an index of patterns, which stay as they are.
func NewPatternIndex(list []Pattern) *PatternIndex {
	x := &PatternIndex{exact: map[string]int{}, skeletons: map[string][]*indexed{}, known: map[string]int{}}
	for i := range list {
		x.exact[list[i].Form] = i
		p := &indexed{parted: parted{Pattern: &list[i]}, at: i}
		skeleton := string(p.part(nil))
		x.skeletons[skeleton] = append(x.skeletons[skeleton], p)
	}
	return x
}

// Of returns which pattern a form belongs to, -1 for none.
func (x *PatternIndex) Of(form []byte) int {
	if i, ok := x.exact[string(form)]; ok {
		return i
	}
	if i, ok := x.known[string(form)]; ok {
		return i
	}
	if len(x.known) >= maxKnown {
		clear(x.known)
	}
	i := x.search(string(form))
	x.known[string(form)] = i
	return i
}

func (x *PatternIndex) search(form string) int {
	o := parted{Pattern: &Pattern{Form: form}}
	list := x.skeletons[string(o.part(nil))]
	for _, p := range list {
		if p.holds(&o) {
			return p.at
		}
	}
	return -1
}

// holds tells whether p has a slot wherever it differs from o, of which class ever.
func (x *parted) holds(o *parted) bool {
	for i, item := range x.items {
		if item != o.items[i] && !isSlot(item) {
			return false
		}
	}
	return true
}
