package cli

import (
	"unicode"
	"unicode/utf8"
)

// styled is a piece of a line and how it looks; its text is Safe already.
type styled struct{ style, text string }

// appendStyled appends pieces, with their styles where colour is wanted.
func appendStyled(dst []byte, line []styled, colour bool) []byte {
	for _, p := range line {
		if p.text == "" {
			continue
		}
		if colour && p.style != "" {
			dst = append(append(append(dst, p.style...), p.text...), reset...)
			continue
		}
		dst = append(dst, p.text...)
	}
	return dst
}

// wrapIndent is how far the further lines of a wrapped one stand in.
const wrapIndent = 4

// minWrap is the width below which a line is not wrapped: nothing would be left.
const minWrap = 40

// appendWrapped appends a line so that none of its rows is wider than width cells:
// it breaks at the last space that fits, or within a word that is longer than a row.
func appendWrapped(dst []byte, line []styled, width int, colour bool) []byte {
	if width < minWrap {
		return appendStyled(dst, line, colour)
	}
	var row []styled // of the row so far
	column, indent := 0, 0
	emit := func(cut []styled) {
		dst = append(appendStyled(dst, cut, colour), '\n')
		dst = append(dst, "    "[:wrapIndent]...)
		indent = wrapIndent
	}
	// The place of the last space of the row, as piece and byte; piece -1 for none.
	spacePiece, spaceByte := -1, 0
	for _, p := range line {
		row = append(row, styled{style: p.style})
		begin := 0 // of what is not in row yet
		for i, r := range p.text {
			w := cells(r, column)
			if column+w > width && column > indent {
				last := len(row) - 1
				row[last].text += p.text[begin:i]
				begin = i
				cut, rest := row, []styled{{style: p.style}}
				if r == ' ' {
					begin++ // it stands for the line's end
				} else if spacePiece >= 0 {
					at := row[spacePiece]
					tail := append([]styled{{at.style, at.text[spaceByte+1:]}}, row[spacePiece+1:]...)
					// A word that fills a row is cut where the row ends.
					if after := columnAfter(tail, wrapIndent); after+cells(r, after) <= width {
						cut, rest = append(row[:spacePiece:spacePiece], styled{at.style, at.text[:spaceByte]}), tail
					}
				}
				emit(cut)
				column = columnAfter(rest, wrapIndent)
				row, spacePiece = rest, -1
				if r == ' ' {
					continue
				}
			}
			if r == ' ' && column > indent {
				spacePiece, spaceByte = len(row)-1, len(row[len(row)-1].text)+i-begin
			}
			column += cells(r, column)
		}
		row[len(row)-1].text += p.text[begin:]
	}
	return appendStyled(dst, row, colour)
}

// columnAfter is the column after a row that begins at a column.
func columnAfter(row []styled, column int) int {
	for _, p := range row {
		for _, r := range p.text {
			column += cells(r, column)
		}
	}
	return column
}

// wide are the runes that take two cells: East Asian scripts and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x231a, Hi: 0x231b, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// cells is how many columns of a terminal a rune takes at a column.
func cells(r rune, column int) int {
	switch {
	case r == '\t':
		return 8 - column%8
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
