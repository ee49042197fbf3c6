package scan

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// Pattern is what rows have in common: the form of their texts, and how many there
// are.
type Pattern struct {
	Form   string // FormText shows it
	Count  int64
	Before int64 // rows of another time that is compared with
	// First and Last are the times of the oldest and the newest row.
	First, Last int64
	// Example is the text of the newest row, as far as it is shown.
	Example string
	// FirstRef and LastRef are for whoever collects patterns: where to find the rows
	// of these times.
	FirstRef, LastRef uint64
	// Trend is when the rows were, where that is asked for.
	Trend Trend
	// Texts are some of the rows', where they are collected for the values of the
	// slots and nobody can look at the rows again.
	Texts [][]byte
	// Values are those of the slots; nil where nobody asked for them.
	Values *SlotValues
}

// PatternDetails say what else than the number of rows is wanted of patterns.
type PatternDetails struct {
	Examples bool
	Trend    bool
	Values   bool
}

// MaxTexts is how many texts of a pattern are collected.
const MaxTexts = 200

// MaxExample is how many bytes of an example are shown.
const MaxExample = 1 << 10

// Add takes the rows of another pattern over. Of equally new examples the larger one
// stays, so that the order of additions does not matter.
func (p *Pattern) Add(o *Pattern) {
	if o.Count+o.Before == 0 {
		return
	}
	empty := p.Count+p.Before == 0
	if c := cmp.Or(cmp.Compare(o.Last, p.Last), strings.Compare(o.Example, p.Example), cmp.Compare(o.LastRef, p.LastRef)); empty || c > 0 {
		p.Last, p.Example, p.LastRef = o.Last, o.Example, o.LastRef
	}
	if c := cmp.Or(cmp.Compare(o.First, p.First), cmp.Compare(o.FirstRef, p.FirstRef)); empty || c < 0 {
		p.First, p.FirstRef = o.First, o.FirstRef
	}
	p.Trend.Merge(&o.Trend)
	p.addTexts(o)
	p.Count += o.Count
	p.Before += o.Before
}

// addTexts takes texts of another pattern over, of both as many as they have rows.
func (p *Pattern) addTexts(o *Pattern) {
	if len(o.Texts) == 0 {
		return
	}
	if len(p.Texts)+len(o.Texts) > MaxTexts {
		share := float64(o.Count) / float64(max(o.Count+p.Count, 1))
		theirs := min(max(int(MaxTexts*share), MaxTexts-len(p.Texts)), len(o.Texts))
		p.Texts = append(p.Texts[:MaxTexts-theirs], o.Texts[:theirs]...)
		return
	}
	p.Texts = append(p.Texts, o.Texts...)
}

const (
	// maxPatterns is how many patterns a set keeps. When there are more, those that
	// differ in a word are put together, and if that does not help the rarest become
	// one.
	maxPatterns = 16 << 10
	// manyWords is how many words at a place make it a slot.
	manyWords = 5
	// maxGeneral is by how many patterns with slots the others of the same skeleton
	// are tried to be covered.
	maxGeneral = 64
	// maxItems is the most words and slots of a form that is put together with others.
	maxItems = 200
	// maxUseless is how often in a row putting together is left out at most.
	maxUseless = 32
	// rounds is how often forms are put together by a word that varies.
	rounds = 4
)

// PatternSet collects patterns, in bounded memory. The zero set is ready. One
// goroutine uses it.
type PatternSet struct {
	forms map[string]*Pattern
	// Folded tells that rare patterns became one.
	Folded bool
	// Putting patterns together takes long where they have little in common, and does
	// no good: after each time in vain it is left out more often, useless times, of which
	// pause are to come.
	useless, pause int
}

// Len is how many patterns there are.
func (s *PatternSet) Len() int { return len(s.forms) }

// Get returns the pattern of a form, to count its rows with; Count is 0 when it is
// new. It is valid until the next call.
func (s *PatternSet) Get(form []byte) *Pattern {
	if p, ok := s.forms[string(form)]; ok {
		return p
	}
	if s.forms == nil {
		s.forms = map[string]*Pattern{}
	}
	if len(s.forms) >= maxPatterns {
		s.shrink()
		if p, ok := s.forms[string(form)]; ok {
			return p
		}
	}
	p := &Pattern{Form: string(form)}
	s.forms[p.Form] = p
	return p
}

// Add adds the rows of a pattern.
func (s *PatternSet) Add(p *Pattern) { s.Get([]byte(p.Form)).Add(p) }

// Top returns the n patterns with the most rows, after putting those together that
// are the same but for a slot: where one has a slot and the other a word, and where
// there are many words in one place.
func (s *PatternSet) Top(n int) []Pattern {
	s.unite()
	list := s.sorted()
	out := make([]Pattern, 0, min(n, len(list)))
	for _, p := range list[:min(n, len(list))] {
		out = append(out, *p)
	}
	return out
}

// Range is that of the trends of all patterns.
func (s *PatternSet) Range() (r TrendRange) {
	for _, p := range s.forms {
		r.Include(&p.Trend)
	}
	return r
}

// TextSize is about what a text that is collected takes.
func TextSize(text []byte) int64 { return int64(len(text)) + 40 }

// Thin leaves so many patterns with the most rows most of their texts and the others
// few, and returns how many rows these have at most and how many bytes are left.
func (s *PatternSet) Thin(common, most, few int) (rows, size int64) {
	for i, p := range s.sorted() {
		keep := most
		if i >= common {
			keep, rows = few, max(rows, p.Count)
		}
		p.Texts = slices.Clone(p.Texts[:min(len(p.Texts), keep)])
		for _, x := range p.Texts {
			size += TextSize(x)
		}
	}
	return rows, size
}

// sorted lists the patterns by their rows, those with equally many by their form.
func (s *PatternSet) sorted() []*Pattern {
	list := make([]*Pattern, 0, len(s.forms))
	for _, p := range s.forms {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Pattern) int {
		return cmp.Or(cmp.Compare(b.Count+b.Before, a.Count+a.Before), cmp.Compare(a.Form, b.Form))
	})
	return list
}

// shrink makes room for more patterns.
func (s *PatternSet) shrink() {
	if s.pause > 0 {
		s.pause--
	} else {
		before := len(s.forms)
		s.unite()
		if len(s.forms) <= maxPatterns/2 {
			s.useless = 0
			return
		}
		if len(s.forms) > before-before/8 {
			s.useless = min(max(1, 2*s.useless), maxUseless)
		} else {
			s.useless = 0
		}
		s.pause = s.useless
	}
	list := s.sorted()
	other := &Pattern{Form: string(AppendSlot(nil, SlotAny))}
	for _, p := range list[maxPatterns/4:] {
		other.Add(p)
		delete(s.forms, p.Form)
	}
	s.Add(other)
	s.Folded = true
}

// parted is a pattern with its words and slots.
type parted struct {
	*Pattern
	items []string // words and slots, in order
	words int
	gone  bool
}

// unite puts patterns together.
func (s *PatternSet) unite() {
	skeletons := map[string][]*parted{}
	var order []string
	var skeleton []byte
	for _, p := range s.sorted() {
		x := &parted{Pattern: p}
		skeleton = x.part(skeleton[:0])
		if len(x.items) > maxItems {
			continue
		}
		if _, ok := skeletons[string(skeleton)]; !ok {
			order = append(order, string(skeleton))
		}
		skeletons[string(skeleton)] = append(skeletons[string(skeleton)], x)
	}
	for _, k := range order {
		list := skeletons[k]
		if len(list) < 2 {
			continue
		}
		list = s.cover(s.classes(k, list))
		for range rounds {
			more, changed := s.mask(k, list)
			if !changed {
				break
			}
			list = s.cover(more)
		}
	}
}

// part finds the words and slots of a form and appends its skeleton: all else.
func (x *parted) part(skeleton []byte) []byte {
	form := x.Form
	for i := 0; i < len(form); {
		from := i
		switch {
		case form[i] == 0 && i+1 < len(form):
			i += 2
		case tokenByte[form[i]]:
			for i < len(form) && tokenByte[form[i]] {
				i++
			}
			x.words++
		default:
			skeleton = append(skeleton, form[i])
			i++
			continue
		}
		skeleton = append(skeleton, 0)
		x.items = append(x.items, form[from:i])
	}
	return skeleton
}

// general is the number of slots without a class.
func (x *parted) general() (n int) {
	for _, item := range x.items {
		if item == anySlot {
			n++
		}
	}
	return n
}

func isSlot(item string) bool { return item[0] == 0 }

// covers tells whether p has a slot wherever it differs from o, and is still
// recognisably the same.
func (x *parted) covers(o *parted) bool {
	same, other := 0, 0
	for i, item := range x.items {
		switch {
		case item == o.items[i]:
			if !isSlot(item) {
				same++
			}
		case item != anySlot:
			return false
		case !isSlot(o.items[i]):
			other++
		}
	}
	return other <= same
}

const (
	anySlot = "\x00" + string(rune(SlotAny))
	numSlot = "\x00" + string(rune(SlotNum))
	hexSlot = "\x00" + string(rune(SlotHex))
)

// cover adds patterns to those that cover them and returns the others.
func (s *PatternSet) cover(list []*parted) []*parted {
	general := 0
	for _, x := range list {
		if x.gone || !slices.Contains(x.items, anySlot) {
			continue
		}
		if general++; general > maxGeneral {
			break
		}
		for _, o := range list {
			if o != x && !o.gone && x.covers(o) {
				x.Add(o.Pattern)
				o.gone = true
				delete(s.forms, o.Form)
			}
		}
	}
	return slices.DeleteFunc(list, func(x *parted) bool { return x.gone })
}

// classes puts patterns together that differ in the classes of their slots only.
func (s *PatternSet) classes(skeleton string, list []*parted) []*parted {
	groups := map[string][]*parted{}
	var keys []string
	items := make([]string, maxItems)
	for _, x := range list {
		for i, item := range x.items {
			if items[i] = item; isSlot(item) {
				items[i] = anySlot
			}
		}
		k := strings.Join(items[:len(x.items)], " ")
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], x)
	}
	out := list[:0]
	for _, k := range keys {
		group := groups[k]
		if len(group) > 1 {
			group[0] = s.oneClass(skeleton, group)
		}
		out = append(out, group[0])
	}
	return out
}

// oneClass makes one pattern of those that differ in classes: numbers are hexadecimal
// ones too, all else has nothing in common.
func (s *PatternSet) oneClass(skeleton string, group []*parted) *parted {
	items := slices.Clone(group[0].items)
	whole := &Pattern{}
	for _, x := range group {
		for i, item := range x.items {
			switch {
			case item == items[i]:
			case item+items[i] == numSlot+hexSlot, item+items[i] == hexSlot+numSlot:
				items[i] = hexSlot
			default:
				items[i] = anySlot
			}
		}
		whole.Add(x.Pattern)
		delete(s.forms, x.Form)
	}
	whole.Form = join(skeleton, items)
	s.forms[whole.Form] = whole
	one := &parted{Pattern: whole}
	one.part(nil)
	return one
}

// place is a form without one of its words.
type place struct {
	at   int
	hash uint64
}

var seed = maphash.MakeSeed()

// mask makes slots of places where many words stand in otherwise equal forms, as long
// as no fewer words are left than there are slots for anything.
func (s *PatternSet) mask(skeleton string, list []*parted) (out []*parted, changed bool) {
	if len(list) < manyWords {
		return list, false
	}
	groups := map[place][]*parted{}
	var keys []place
	hashes := make([]uint64, maxItems)
	for _, x := range list {
		if general := x.general(); x.words < 2 || x.words < general+2 {
			continue // too little would be left to tell what it is about
		}
		var sum uint64
		for i, item := range x.items {
			hashes[i] = maphash.String(seed, item) * (2*uint64(i) + 1)
			sum += hashes[i]
		}
		for i, item := range x.items {
			if isSlot(item) {
				continue
			}
			k := place{i, sum - hashes[i]}
			if groups[k] == nil {
				keys = append(keys, k)
			}
			groups[k] = append(groups[k], x)
		}
	}
	keys = slices.DeleteFunc(keys, func(k place) bool { return len(groups[k]) < manyWords })
	slices.SortFunc(keys, func(a, b place) int {
		ga, gb := groups[a], groups[b]
		return cmp.Or(cmp.Compare(len(gb), len(ga)), cmp.Compare(a.at, b.at), strings.Compare(ga[0].Form, gb[0].Form))
	})
	for _, k := range keys {
		group := slices.DeleteFunc(groups[k], func(x *parted) bool { return x.gone })
		if len(group) < manyWords {
			continue
		}
		items := slices.Clone(group[0].items)
		items[k.at] = anySlot
		whole := Pattern{Form: join(skeleton, items)}
		for _, x := range group {
			whole.Add(x.Pattern)
			x.gone = true
			delete(s.forms, x.Form)
		}
		p, had := s.forms[whole.Form]
		if !had {
			p = &Pattern{Form: whole.Form}
			s.forms[p.Form] = p
			n := &parted{Pattern: p}
			n.part(nil)
			list = append(list, n)
		}
		p.Add(&whole)
		changed = true
	}
	return slices.DeleteFunc(list, func(x *parted) bool { return x.gone }), changed
}

// join makes a form of a skeleton and what stands in it.
func join(skeleton string, items []string) string {
	var b strings.Builder
	for i := range len(skeleton) {
		if skeleton[i] == 0 {
			b.WriteString(items[0])
			items = items[1:]
			continue
		}
		b.WriteByte(skeleton[i])
	}
	return b.String()
}

// Observe counts rows with a text; the example is that of the newest. Of equally new
// ones it is the first that was observed.
func (p *Pattern) Observe(text []byte, count, first, last int64) {
	if p.Count+p.Before == 0 || last > p.Last {
		p.Example, p.Last = ExampleOf(text), last
	}
	if p.Count+p.Before == 0 || first < p.First {
		p.First = first
	}
	p.Count += count
}

// ExampleOf is a text as far as it is shown.
func ExampleOf(text []byte) string {
	if len(text) > MaxExample {
		text = text[:MaxExample]
		return strings.ToValidUTF8(string(text), "") + "…"
	}
	return string(text)
}

// Patterns is an answer.
type Patterns struct {
	List  []Pattern // those with the most rows
	Total int       // how many there are, listed or not
	// Range is that of the trends of all.
	Range TrendRange
	// Folded tells that there were so many that rare ones became one.
	Folded bool
}

// Refine gives slots of no class the class that their values have in both of two
// texts: where the rows themselves were not looked at, such as the oldest and the
// newest of them.
func (p *Pattern) Refine(a, b []byte) {
	if !strings.Contains(p.Form, anySlot) {
		return
	}
	x := &parted{Pattern: p}
	skeleton := string(x.part(nil))
	var of [2]*parted
	for i, text := range [][]byte{a, b} {
		of[i] = &parted{Pattern: &Pattern{Form: string(AppendForm(nil, text))}}
		if string(of[i].part(nil)) != skeleton {
			return
		}
	}
	for i, item := range x.items {
		if item == anySlot && isSlot(of[0].items[i]) && of[0].items[i] == of[1].items[i] {
			x.items[i] = of[0].items[i]
		}
	}
	p.Form = join(skeleton, x.items)
}
