package scan

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"journalist/internal/record"
)

const (
	// topValues is how many values of a slot are shown, maxSlotValues how many are
	// counted, maxSlots of how many slots of a pattern, and maxSlotText how much of
	// a value.
	topValues     = 5
	maxSlotValues = 1000
	maxSlots      = 40
	maxSlotText   = 100
)

// sampleRows is of about how many rows the values of all patterns of an answer are
// counted together.
const sampleRows = 20_000

// SampleOf is how many rows of each of n patterns are looked at for the values of
// their slots.
func SampleOf(n int) int { return min(max(sampleRows/max(n, 1), 4), 10_000) }

// SlotValues counts what stands in the slots of a pattern. One goroutine uses it.
type SlotValues struct {
	finder *slotFinder
	slots  []slotCount
	rows   int64
}

type slotCount struct {
	counts   map[string]int64
	more     bool // not all are counted
	some     bool
	ordered  bool // min and max mean something
	min, max string
	lo, hi   float64 // of numbers
}

// NewSlotValues makes a count for the rows of a form.
func NewSlotValues(form string) *SlotValues {
	v := &SlotValues{finder: newSlotFinder(form)}
	v.slots = make([]slotCount, min(len(v.finder.slots), maxSlots))
	for i := range v.slots {
		v.slots[i] = slotCount{counts: map[string]int64{}, ordered: true}
	}
	return v
}

// Rows is how many texts were counted.
func (v *SlotValues) Rows() int64 { return v.rows }

// Slots is how many slots there are.
func (v *SlotValues) Slots() int { return len(v.slots) }

// Add counts the values of a text, of so many rows; of a text of another form none.
func (v *SlotValues) Add(text []byte, n int64) {
	if len(v.slots) == 0 {
		v.rows += n
		return
	}
	values, ok := v.finder.find(text)
	if !ok {
		return
	}
	v.rows += n
	for i := range v.slots {
		v.slots[i].add(v.finder.slots[i], values[i], n)
	}
}

func (s *slotCount) add(class Slot, value []byte, n int64) {
	value = value[:min(len(value), maxSlotText)]
	if _, ok := s.counts[string(value)]; !ok && len(s.counts) >= maxSlotValues {
		s.more = true
	} else {
		s.counts[string(value)] += n
	}
	s.bound(class, value)
}

// bound keeps the least and the largest value, of numbers and of times that begin with
// the year or are of the day.
func (s *slotCount) bound(class Slot, value []byte) {
	if !s.ordered {
		return
	}
	n, down, up := 0.0, false, false
	switch {
	case class == SlotNum:
		var err error
		if n, err = strconv.ParseFloat(string(value), 64); err != nil {
			s.ordered = false
			return
		}
		down, up = n < s.lo, n > s.hi
	case class == SlotTime && len(value) >= 8 && (digits(value, 0, 4) || clock(value)):
		down, up = s.some && string(value) < s.min, string(value) > s.max
	default:
		s.ordered = false
		return
	}
	if !s.some || down {
		s.min, s.lo = string(value), n
	}
	if !s.some || up {
		s.max, s.hi = string(value), n
	}
	s.some = true
}

// Merge adds what another count of the same form counted.
func (v *SlotValues) Merge(o *SlotValues) {
	v.rows += o.rows
	for i := range v.slots {
		s, from, class := &v.slots[i], &o.slots[i], v.finder.slots[i]
		for value, n := range from.counts {
			if _, ok := s.counts[value]; !ok && len(s.counts) >= maxSlotValues {
				s.more = true
				continue
			}
			s.counts[value] += n
		}
		s.more = s.more || from.more
		if s.ordered = s.ordered && from.ordered; s.ordered && from.some {
			s.bound(class, []byte(from.min))
			s.bound(class, []byte(from.max))
		}
	}
}

// slotKinds are what the classes are called in answers.
var slotKinds = map[Slot]string{SlotAny: "any", SlotNum: "num", SlotIP: "ip", SlotTime: "time", SlotHex: "hex", SlotUUID: "uuid"}

// AppendJSON appends an array with an object for each slot: its number, its kind, of
// how many rows it is, how many different values there are, whether there are more,
// the least and the largest of numbers and times, and the commonest.
func (v *SlotValues) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range v.slots {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = v.slots[i].appendJSON(dst, i+1, v.finder.slots[i], v.rows)
	}
	return append(dst, ']')
}

func (s *slotCount) appendJSON(dst []byte, slot int, class Slot, rows int64) []byte {
	dst = strconv.AppendInt(append(dst, `{"slot":`...), int64(slot), 10)
	dst = append(append(append(dst, `,"kind":"`...), slotKinds[class]...), '"')
	dst = strconv.AppendInt(append(dst, `,"rows":`...), rows, 10)
	dst = strconv.AppendInt(append(dst, `,"distinct":`...), int64(len(s.counts)), 10)
	if s.more {
		dst = append(dst, `,"more":true`...)
	}
	if s.ordered && s.some {
		dst = appendSlotValue(append(dst, `,"min":`...), class, s.min)
		dst = appendSlotValue(append(dst, `,"max":`...), class, s.max)
	}
	dst = append(dst, `,"top":[`...)
	for i, value := range s.top() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendSlotValue(append(dst, `{"value":`...), class, value)
		dst = append(strconv.AppendInt(append(dst, `,"count":`...), s.counts[value], 10), '}')
	}
	return append(dst, "]}"...)
}

// top lists the commonest values.
func (s *slotCount) top() []string {
	list := make([]string, 0, len(s.counts))
	for value := range s.counts {
		list = append(list, value)
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.counts[b], s.counts[a]), strings.Compare(a, b))
	})
	return list[:min(len(list), topValues)]
}

// appendSlotValue spells a number as one where JSON can.
func appendSlotValue(dst []byte, class Slot, value string) []byte {
	if class == SlotNum && json.Valid([]byte(value)) {
		return append(dst, value...)
	}
	return record.AppendJSONString(dst, strings.ToValidUTF8(value, "\ufffd"))
}
