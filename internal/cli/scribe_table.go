package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// scribeTable is a small table for the terminal: its width is known before the
// first line is written, and the last column may be as long as it likes.
type scribeTable struct {
	right []bool // by column: numbers stand to the right
	rows  [][]string
}

func (t *scribeTable) add(cells ...string) {
	for i := range cells {
		cells[i] = Safe(cells[i])
	}
	t.rows = append(t.rows, cells)
}

func (t *scribeTable) write(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < len(t.right) && t.right[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
			line.WriteString("  ")
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
