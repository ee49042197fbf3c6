package cli

import "io"

// jsonRenderer shows rows as they came from the server, one JSON object a line.
type jsonRenderer struct {
	w   io.Writer
	buf []byte
}

func (r *jsonRenderer) Row(row *Row) error {
	r.buf = append(append(r.buf[:0], row.Raw...), '\n')
	_, err := r.w.Write(r.buf)
	return err
}

func (r *jsonRenderer) Flush() error { return flush(r.w) }
