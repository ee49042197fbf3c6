package api

import (
	"bytes"
	"net/http"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// answerCSV answers a query as CSV (RFC 4180). CSV has no room for a trailer: a
// failure on the way cuts the connection, so that nobody takes a part for the
// whole, and the statistics come as the HTTP trailer X-Journalist-Stats.
func (s *Server) answerCSV(w http.ResponseWriter, r *http.Request, run runner) error {
	out := newStream(w, func(h http.Header) {
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Cache-Control", "no-store")
		h.Set("Trailer", "X-Journalist-Stats")
	})
	c := csvWriter{rows: rowWriter{source: true}}
	stats, elapsed, err := run(r.Context(), func(b *scan.Block) error {
		if b.Len() == 0 {
			return nil
		}
		return out.write(func(dst []byte) []byte {
			dst = c.begin(dst, b)
			for i := range b.Len() {
				dst = out.overflow(c.append(dst, b, i))
			}
			return dst
		})
	})
	defer out.close()
	switch {
	case err != nil && !out.begun():
		return err
	case err != nil:
		s.logInternal(r, explain(err), err)
		panic(http.ErrAbortHandler)
	case out.flush() == nil:
		w.Header().Set("X-Journalist-Stats", string(appendStats(nil, stats, elapsed)))
	}
	return nil
}

// csvWriter writes blocks as CSV. Answers with columns have theirs; whole records,
// whose fields differ from row to row, have their time, dataset, message and all
// of the record as JSON.
type csvWriter struct {
	rows    rowWriter
	header  bool
	message int // column of message, -1 where the block has none
	cell    []byte
}

func (c *csvWriter) begin(dst []byte, b *scan.Block) []byte {
	c.rows.begin(b)
	c.message = -1
	if i, ok := c.rows.columns[record.FieldMessage]; ok {
		c.message = i
	}
	if c.header {
		return dst
	}
	c.header = true
	if b.Times != nil {
		return append(dst, "@timestamp,dataset,message,_source\r\n"...)
	}
	for i := range b.Columns {
		dst = appendCell(dst, []byte(b.Columns[i].Name), i == 0)
	}
	return append(dst, "\r\n"...)
}

func (c *csvWriter) append(dst []byte, b *scan.Block, i int) []byte {
	if b.Times == nil {
		for j := range b.Columns {
			col := &b.Columns[j]
			v := col.Value(i)
			if col.Time && v.Kind == record.Int {
				c.cell = record.AppendTime(c.cell[:0], v.Int)
			} else {
				c.cell = v.AppendText(c.cell[:0])
			}
			dst = appendCell(dst, c.cell, j == 0)
		}
		return append(dst, "\r\n"...)
	}
	dst = record.AppendTime(dst, b.Times[i])
	dst = appendCell(dst, []byte(b.Dataset), false)
	c.cell = c.cell[:0]
	if c.message >= 0 {
		c.cell = b.Columns[c.message].Value(i).AppendText(c.cell)
	}
	dst = appendCell(dst, c.cell, false)
	c.cell = c.rows.appendSource(c.cell[:0], b, i)
	dst = appendCell(dst, c.cell, false)
	return append(dst, "\r\n"...)
}

// appendCell appends a cell, with its comma unless it is the first, quoted where
// it must be.
func appendCell(dst, text []byte, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	if !bytes.ContainsAny(text, ",\"\r\n") && (len(text) == 0 || text[0] != ' ' && text[len(text)-1] != ' ') {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i]...), `""`...)
		text = text[i+1:]
	}
	return append(append(dst, text...), '"')
}
