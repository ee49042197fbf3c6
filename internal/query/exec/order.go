package exec

import (
	"bytes"
	"cmp"
	"strings"

	"journalist/internal/query/lang"
	"journalist/internal/record"
)

// compareValues orders values: numbers (also strings that spell one) by value
// before all other text byte by byte, then null and missing. Values that differ
// in their text only are ordered by that, so that the order is total.
func compareValues(a, b record.Value) int {
	ca, cb := class(a), class(b)
	if ca != cb {
		return cmp.Compare(ca, cb)
	}
	if ca == classNumber {
		if a.Kind == record.Int && b.Kind == record.Int {
			return cmp.Compare(a.Int, b.Int)
		}
		x, _ := a.Float()
		y, _ := b.Float()
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	if a.Kind != record.Int && a.Kind != record.Bool && b.Kind != record.Int && b.Kind != record.Bool {
		return bytes.Compare(a.Bytes, b.Bytes)
	}
	var x, y [24]byte
	return bytes.Compare(a.AppendText(x[:0]), b.AppendText(y[:0]))
}

const (
	classNumber = iota
	classText
	classNone
)

func class(v record.Value) int {
	switch v.Kind {
	case record.Int, record.Number:
		return classNumber
	case record.Missing, record.Null:
		return classNone
	case record.String:
		if _, ok := v.Float(); ok {
			return classNumber
		}
	}
	return classText
}

// compareKeys orders rows by sort keys. Numbers come before text and what is
// missing comes last in both directions.
func compareKeys(keys []lang.SortKey, a, b []record.Value) int {
	for i, k := range keys {
		c := compareValues(a[i], b[i])
		if c == 0 {
			continue
		}
		if k.Down && class(a[i]) == class(b[i]) {
			c = -c
		}
		return c
	}
	return 0
}

// clone copies a value out of a block.
func clone(v record.Value) record.Value {
	v.Bytes = bytes.Clone(v.Bytes)
	return v
}

// size is about what a cloned value takes.
func size(v record.Value) int64 { return 40 + int64(len(v.Bytes)) }

// cloneName copies a name out of a block.
func cloneName(n record.Name) record.Name {
	return record.Name{Path: strings.Clone(n.Path), Dotted: strings.Clone(n.Dotted)}
}
