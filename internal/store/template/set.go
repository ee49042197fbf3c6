// Package template takes a vector of texts apart into templates, the text that
// many of them share, and columns, the values that stand in its gaps.
//
// Up the way internal/store/text stores what it finds, down the way it knows only
// internal/store/texts. It reads and writes no format: it works in memory.
//
// # How a text is taken apart
//
// A token is a run of the bytes [A-Za-z0-9_.@%+-] and of bytes from 0x80; whatever
// is between tokens is punctuation. From left to right, the first rule that holds
// makes a slot, everything else is static text:
//
//  1. A timestamp that begins where a token begins: YYYY-MM-DD or YYYY/MM/DD, a
//     space or T, hh:mm:ss; DD/Mon/YYYY:hh:mm:ss; hh:mm:ss; at the start of the text
//     also Mon _d hh:mm:ss; with a fraction of a second. What follows directly in
//     the same token (Z, +0100) belongs to it.
//  2. What stands between two quotation marks (a backslash escapes one), if it has a
//     digit or is longer than 23 bytes and does not begin like an HTTP request.
//  3. A path: from a slash after the start of the text, a space, a tab or one of
//     "'=([<,:` up to a byte that is not above the space or one of "')]>,;
//  4. A token with a digit.
//
// Texts with the same static text have the same template. Templates of few texts
// are then merged: at each token, words that few texts have become a slot; where
// texts go on each in its own way, all the rest is one slot (merge.go).
//
// Values of slots that follow the same word belong together, whichever template
// they stand in, and make one column; all rests are one column (columns.go).
//
// Where templates say next to nothing about the texts, as with prose, there is no
// Set (Miner.Mine).
//
// # What holds for every Set
//
// A text is its template's pieces with the values between them, byte for byte. The
// edge of a slot never lies between two bytes of tokens, so that a word and a rune
// are always in one value or in one piece, whole. With Options.Punct the bytes of
// tokens are only letters, digits, the underscore and bytes from 0x80. A token with
// an ASCII digit is always in a value. Values may be empty (a rest).
// The same texts and options give the same Set.
package template

import "journalist/internal/store/texts"

// Set is a vector of texts taken apart. Its pieces share memory with the texts,
// everything else is the Set's own.
type Set struct {
	// Templates are ordered by descending number of texts.
	Templates []Template
	// IDs has the number of each text's template.
	IDs []uint32
	// Columns hold the slots' values.
	Columns []Column
}

// Template is what some texts share. A text is Pieces[0], the value of Slots[0],
// Pieces[1], and so on.
type Template struct {
	Pieces [][]byte // one more than Slots
	Slots  []Slot
	Rows   int // number of texts
}

// Slot is a gap in a template.
type Slot struct {
	// Column is the number of the Set's column that has the values.
	Column int
	// Copy is the number of an earlier slot of the template that has the same value
	// in every text, and is itself no copy; then Column means nothing. Otherwise -1.
	Copy int
}

// Column has the values of all slots that belong together, in the order of the
// texts and of the slots within a text.
type Column struct {
	texts.Vector
}

// Options says how texts are taken apart. The zero value is for log lines.
type Options struct {
	// Punct takes texts that are not sentences apart, like names and addresses:
	// every punctuation separates tokens but the underscore, and rules 1 to 3 do
	// not hold.
	Punct bool
	// MinRows is the number of texts that make a template of its own worth while:
	// what has fewer is merged. Default 16.
	MinRows int
	// MaxTemplates is the most templates a Set has. Default 16384. What is rarer
	// than the others becomes one template that is one slot.
	MaxTemplates int
	// Percent is the most templates per hundred texts that pay. Default 50.
	Percent int
}

func (o Options) withDefaults() Options {
	if o.MinRows <= 0 {
		o.MinRows = 16
	}
	if o.MaxTemplates <= 0 {
		o.MaxTemplates = 16 << 10
	}
	if o.Percent <= 0 {
		o.Percent = 50
	}
	return o
}

// Mine is Miner.Mine with a Miner of its own.
func Mine(v texts.Vector, o Options) *Set {
	return new(Miner).Mine(v, o)
}

// Texts puts the texts together again.
func (s *Set) Texts() texts.Vector {
	size := 0
	for i := range s.Templates {
		t := &s.Templates[i]
		for _, p := range t.Pieces {
			size += len(p) * t.Rows
		}
	}
	for i := range s.Columns {
		size += s.Columns[i].Size()
	}
	out := texts.Vector{Data: make([]byte, 0, size), Offsets: make([]uint32, 1, len(s.IDs)+1)}
	next := make([]int, len(s.Columns))
	var values [][]byte
	for _, id := range s.IDs {
		t := &s.Templates[id]
		out.Data = append(out.Data, t.Pieces[0]...)
		values = values[:0]
		for k, slot := range t.Slots {
			var value []byte
			if slot.Copy >= 0 {
				value = values[slot.Copy]
			} else {
				value = s.Columns[slot.Column].At(next[slot.Column])
				next[slot.Column]++
			}
			values = append(values, value)
			out.Data = append(out.Data, value...)
			out.Data = append(out.Data, t.Pieces[k+1]...)
		}
		out.End()
	}
	return out
}
