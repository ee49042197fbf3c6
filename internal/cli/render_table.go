package cli

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// tableSample is how many rows are kept back to measure the columns.
const tableSample = 1000

// tableRenderer shows rows as aligned columns, numbers to the right. Widths come
// from the first 1,000 rows; later cells that are wider push theirs out. Columns
// that turn up after those rows stand as name=value at the end of their line.
type tableRenderer struct {
	w io.Writer
	o RenderOptions

	columns []string
	index   map[string]int
	numeric []bool
	widths  []int
	kept    [][]RowField
	started bool
}

func (r *tableRenderer) Row(row *Row) error {
	if r.started {
		return r.write(row.Fields)
	}
	if r.index == nil {
		r.index = map[string]int{}
	}
	for _, f := range row.Fields {
		i, ok := r.index[f.Name]
		if !ok {
			i = len(r.columns)
			r.index[f.Name] = i
			r.columns = append(r.columns, f.Name)
			r.numeric = append(r.numeric, true)
			r.widths = append(r.widths, utf8.RuneCountInString(Safe(f.Name)))
		}
		r.numeric[i] = r.numeric[i] && (f.Number() || string(f.Value) == "null")
		r.widths[i] = max(r.widths[i], utf8.RuneCountInString(r.cell(f)))
	}
	r.kept = append(r.kept, copyFields(row))
	if len(r.kept) < tableSample {
		return nil
	}
	return r.start()
}

// cell is a value as it is shown, on one line. A wide one is cut where a person
// looks at it.
func (r *tableRenderer) cell(f RowField) string {
	text := f.Text()
	if r.timed(f.Name) {
		if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return shownTime(text, r.o.Zone)
		}
	}
	if shown, ok := shownArray(f); ok {
		text = shown
	}
	text = Safe(strings.ReplaceAll(text, "\t", " "))
	if limit := r.o.Width; r.o.Terminal && limit > 20 && utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit-1]) + "…"
	}
	return text
}

func (r *tableRenderer) timed(column string) bool {
	switch column {
	case "@timestamp", "time", "first", "last":
		return true
	}
	return r.o.Times[column]
}

func (r *tableRenderer) start() error {
	r.started = true
	if len(r.columns) == 0 {
		return nil
	}
	line := r.line(func(i int) string { return Safe(r.columns[i]) })
	if r.o.Colour {
		line = "\x1b[1m" + line + "\x1b[0m"
	}
	if _, err := io.WriteString(r.w, line+"\n"); err != nil {
		return err
	}
	for _, fields := range r.kept {
		if err := r.write(fields); err != nil {
			return err
		}
	}
	r.kept = nil
	return nil
}

func (r *tableRenderer) write(fields []RowField) error {
	cells := make([]string, len(r.columns))
	var rest []byte
	for _, f := range fields {
		if i, ok := r.index[f.Name]; ok {
			cells[i] = r.cell(f)
			continue
		}
		rest = appendLogfmt(append(rest, ' ', ' '), f)
	}
	line := r.line(func(i int) string { return cells[i] }) + string(rest)
	_, err := io.WriteString(r.w, line+"\n")
	return err
}

func (r *tableRenderer) line(cell func(i int) string) string {
	var b strings.Builder
	for i := range r.columns {
		text := cell(i)
		pad := strings.Repeat(" ", max(0, r.widths[i]-utf8.RuneCountInString(text)))
		if i > 0 {
			b.WriteString("  ")
		}
		if r.numeric[i] {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func (r *tableRenderer) Flush() error {
	if r.started {
		return nil
	}
	return r.start()
}
