package scan

import (
	"bytes"
	"cmp"
	"sync"
	"time"

	"journalist/internal/match"
	"journalist/internal/record"
)

// Eval tells whether a row satisfies e. It is the definition that every source
// must agree with, whatever it skips by headers, filters and templates.
//
// get returns a field by its dotted name and false where the row lacks it; it
// answers "dataset" with a String and "@timestamp" with an Int of nanoseconds
// since the epoch. each calls its argument with every field of the row until that
// returns false; "dataset" and "@timestamp" may be among them or not. A nil e is
// true.
func Eval(e Expr, get func(field string) (record.Value, bool), each func(func(name string, v record.Value) bool)) bool {
	switch e := e.(type) {
	case nil:
		return true
	case Const:
		return bool(e)
	case And:
		for _, x := range e {
			if !Eval(x, get, each) {
				return false
			}
		}
		return true
	case Or:
		for _, x := range e {
			if Eval(x, get, each) {
				return true
			}
		}
		return false
	case Not:
		return !Eval(e.X, get, each)
	case Exists:
		v, ok := get(e.Field)
		return ok && v.Kind != record.Missing
	case Compare:
		v, ok := get(e.Field)
		return ok && e.Matches(v)
	case In:
		v, ok := get(e.Field)
		return ok && e.Matches(v)
	case Text:
		if e.Field != "" {
			v, ok := get(e.Field)
			return ok && e.Matches(v)
		}
		found := false
		each(func(name string, v record.Value) bool {
			found = Searched(name, v.Kind) && e.Matches(v)
			return !found
		})
		return found
	}
	return false
}

// Searched tells whether a Text without a field looks into a field of this name
// and kind: into message of whatever kind, and into every string and array,
// but not into the pseudo fields dataset and @timestamp.
func Searched(name string, k record.Kind) bool {
	switch name {
	case record.FieldMessage:
		return true
	case record.FieldDataset, record.FieldTime:
		return false
	}
	return k == record.String || k == record.JSON
}

// textPool holds buffers for the text of values that are not text.
var textPool = sync.Pool{New: func() any { b := make([]byte, 0, 64); return &b }}

// Matches tells whether the pattern matches the text of a value: a string as it
// is, numbers and booleans as JSON prints them, an array when one of its Leaves
// does, a time as RFC 3339 in UTC. Null and missing have no text.
func (t Text) Matches(v record.Value) bool {
	switch v.Kind {
	case record.String, record.Number:
		return t.Pattern.Match(v.Bytes)
	case record.JSON:
		found := false
		Leaves(v.Bytes, func(leaf record.Value) bool {
			found = t.Matches(leaf)
			return !found
		})
		return found
	case record.Int, record.Bool:
		buf := textPool.Get().(*[]byte)
		defer textPool.Put(buf)
		if t.Field == record.FieldTime {
			*buf = time.Unix(0, v.Int).UTC().AppendFormat((*buf)[:0], time.RFC3339Nano)
		} else {
			*buf = v.AppendText((*buf)[:0])
		}
		return t.Pattern.Match(*buf)
	}
	return false
}

// Matches tells whether a value compares as wanted. Two numbers compare by value
// (integers exactly, others as float64), where a string that spells a number is
// one too; anything else compares as text, byte by byte. An array matches when
// one of its Leaves does. Null and missing match nothing, not even Ne.
func (c Compare) Matches(v record.Value) bool {
	switch v.Kind {
	case record.Missing, record.Null:
		return false
	case record.JSON:
		found := false
		Leaves(v.Bytes, func(leaf record.Value) bool {
			found = c.Matches(leaf)
			return !found
		})
		return found
	}
	if c.IsNumber || c.Value.Kind == record.Int {
		if order, ok := c.orderNumber(v); ok {
			return c.Op.Holds(order)
		}
	}
	return c.Op.Holds(compareText(v, c.Value))
}

func (c Compare) orderNumber(v record.Value) (int, bool) {
	i, isInt := v.Int, v.Kind == record.Int
	if v.Kind == record.String {
		i, isInt = record.CanonicalInt(v.Bytes)
	}
	if isInt && c.Value.Kind == record.Int {
		return cmp.Compare(i, c.Value.Int), true
	}
	want := c.Number
	if !c.IsNumber {
		want = float64(c.Value.Int)
	}
	f, ok := v.Float()
	if !ok && c.Unit != NoUnit && v.Kind == record.String && len(v.Bytes) <= 64 {
		var unit Unit
		f, unit, ok = ParseNumber(string(v.Bytes))
		ok = ok && unit == c.Unit
	}
	return cmp.Compare(f, want), ok
}

func compareText(a, b record.Value) int {
	if a.Kind != record.Int && a.Kind != record.Bool && b.Kind != record.Int && b.Kind != record.Bool {
		return bytes.Compare(a.Bytes, b.Bytes)
	}
	var x, y [24]byte
	return bytes.Compare(a.AppendText(x[:0]), b.AppendText(y[:0]))
}

// Words calls f with the folded words of a value's text, as match.EachWord; the
// words of all Leaves of an array. An index of words that holds these may skip
// what lacks one of a Text's Pattern.Words.
func Words(v record.Value, f func(word []byte)) {
	switch v.Kind {
	case record.JSON:
		Leaves(v.Bytes, func(leaf record.Value) bool {
			Words(leaf, f)
			return true
		})
	case record.String, record.Number:
		match.EachWord(v.Bytes, f)
	case record.Int, record.Bool:
		var buf [24]byte
		match.EachWord(v.AppendText(buf[:0]), f)
	}
}
