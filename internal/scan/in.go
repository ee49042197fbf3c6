package scan

import "journalist/internal/record"

// In holds when the field is equal to one of many values, as Compare's Eq is.
type In struct {
	Field string
	Set   *ValueSet
}

func (In) expr() {}

// Matches tells whether a value is one of the set; an array when one of its Leaves
// is. Null and missing are in no set.
func (e In) Matches(v record.Value) bool { return e.Set.Has(v) }

// ValueSet is a set of values to compare with. Once it is filled it may be shared.
type ValueSet struct {
	texts  map[string]struct{}
	ints   map[int64]struct{}
	floats map[float64]struct{} // of numbers that are no integers
	all    map[float64]struct{} // of all numbers
	bytes  int64
}

// NewValueSet makes an empty set.
func NewValueSet() *ValueSet {
	return &ValueSet{texts: map[string]struct{}{}, ints: map[int64]struct{}{}, floats: map[float64]struct{}{}, all: map[float64]struct{}{}}
}

// Len is the number of values.
func (s *ValueSet) Len() int { return len(s.texts) }

// Bytes is about the memory that the set takes.
func (s *ValueSet) Bytes() int64 { return s.bytes }

// Add adds a value, of an array its Leaves. Null and missing are not added.
func (s *ValueSet) Add(v record.Value) {
	switch v.Kind {
	case record.Missing, record.Null:
		return
	case record.JSON:
		Leaves(v.Bytes, func(leaf record.Value) bool {
			s.Add(leaf)
			return true
		})
		return
	}
	var scratch [24]byte
	text := v.AppendText(scratch[:0])
	if _, ok := s.texts[string(text)]; ok {
		return
	}
	s.texts[string(text)] = struct{}{}
	s.bytes += int64(len(text)) + 64
	if i, ok := integer(v); ok {
		s.ints[i] = struct{}{}
		s.all[float64(i)] = struct{}{}
		s.bytes += 64
	} else if f, ok := v.Float(); ok {
		s.floats[f] = struct{}{}
		s.all[f] = struct{}{}
		s.bytes += 64
	}
}

// Has tells whether a value is equal to one of the set: numbers by value, also those
// that texts spell, everything else by its text.
func (s *ValueSet) Has(v record.Value) bool {
	switch v.Kind {
	case record.Missing, record.Null:
		return false
	case record.JSON:
		found := false
		Leaves(v.Bytes, func(leaf record.Value) bool {
			found = s.Has(leaf)
			return !found
		})
		return found
	}
	if i, ok := integer(v); ok {
		if _, ok := s.ints[i]; ok {
			return true
		}
		_, ok := s.floats[float64(i)]
		return ok
	}
	var scratch [24]byte
	if _, ok := s.texts[string(v.AppendText(scratch[:0]))]; ok {
		return true
	}
	if len(s.all) == 0 {
		return false
	}
	f, ok := v.Float()
	if ok {
		_, ok = s.all[f]
	}
	return ok
}

func integer(v record.Value) (int64, bool) {
	switch v.Kind {
	case record.Int:
		return v.Int, true
	case record.String:
		return record.CanonicalInt(v.Bytes)
	}
	return 0, false
}
