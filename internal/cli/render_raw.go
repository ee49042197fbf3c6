package cli

import "io"

// rawRenderer shows the message alone, exactly as it was in the file. A row
// without message (of a stats query) shows its values with tabs between them.
type rawRenderer struct {
	w   io.Writer
	buf []byte
}

func (r *rawRenderer) Row(row *Row) error {
	r.buf = r.buf[:0]
	if f, ok := row.Field("message"); ok {
		r.buf = f.appendText(r.buf)
	} else {
		for i, f := range row.Fields {
			if i > 0 {
				r.buf = append(r.buf, '\t')
			}
			r.buf = f.appendText(r.buf)
		}
	}
	r.buf = append(r.buf, '\n')
	_, err := r.w.Write(r.buf)
	return err
}

func (r *rawRenderer) Flush() error { return flush(r.w) }
