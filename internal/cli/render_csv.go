package cli

import (
	"bytes"
	"encoding/csv"
	"io"
)

// How much is kept back to find out which columns there are.
const (
	csvSampleRows  = 10_000
	csvSampleBytes = 32 << 20
)

// csvMore is the column for fields that turn up after the header was written.
const csvMore = "_more"

// csvRenderer shows rows as CSV (RFC 4180) with a header. The columns are those of
// the first 10,000 rows, in the order in which they turn up; when there are more
// rows, fields that turn up later stand as JSON in the last column, _more, so that
// nothing is lost.
type csvRenderer struct {
	out  io.Writer
	w    *csv.Writer
	kept [][]RowField
	size int

	columns []string
	index   map[string]int
	header  bool
	more    bool
	cells   []string
}

func newCSVRenderer(w io.Writer) *csvRenderer {
	return &csvRenderer{out: w, w: csv.NewWriter(w), index: map[string]int{}}
}

func (r *csvRenderer) Row(row *Row) error {
	if r.header {
		return r.write(row.Fields)
	}
	for _, f := range row.Fields {
		if _, ok := r.index[f.Name]; !ok {
			r.index[f.Name] = len(r.columns)
			r.columns = append(r.columns, f.Name)
		}
	}
	r.kept = append(r.kept, copyFields(row))
	r.size += len(row.Raw)
	if len(r.kept) < csvSampleRows && r.size < csvSampleBytes {
		return nil
	}
	r.more = true
	return r.start()
}

// copyFields takes a row out of the reader's memory.
func copyFields(row *Row) []RowField {
	fields := make([]RowField, len(row.Fields))
	for i, f := range row.Fields {
		fields[i] = RowField{Name: f.Name, Value: append([]byte(nil), f.Value...), exact: bytes.Clone(f.exact)}
	}
	return fields
}

func (r *csvRenderer) start() error {
	r.header = true
	columns := r.columns
	if r.more {
		columns = append(columns, csvMore)
	}
	r.cells = make([]string, len(columns))
	if len(columns) == 0 {
		return nil
	}
	if err := r.w.Write(columns); err != nil {
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

func (r *csvRenderer) write(fields []RowField) error {
	clear(r.cells)
	var more []byte
	for _, f := range fields {
		if i, ok := r.index[f.Name]; ok {
			r.cells[i] = f.Text()
			continue
		}
		more = appendMore(more, f)
	}
	if more != nil {
		r.cells[len(r.cells)-1] = string(append(more, '}'))
	}
	if len(r.cells) == 1 && r.cells[0] == "" {
		// A lone empty cell would be an empty line, which readers skip.
		r.w.Flush()
		_, err := io.WriteString(r.out, "\"\"\n")
		return err
	}
	return r.w.Write(r.cells)
}

func (r *csvRenderer) Flush() error {
	if !r.header {
		if err := r.start(); err != nil {
			return err
		}
	}
	r.w.Flush()
	if err := r.w.Error(); err != nil {
		return err
	}
	return flush(r.out)
}
