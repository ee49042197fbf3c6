package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxLine bounds one line of an answer: a record (record.MaxRecord) with every
// byte escaped, twice with _source, fits.
const maxLine = 64 << 20

// lineReader yields lines of any length up to maxLine without their line ends;
// empty ones are skipped. A line is valid until the next call.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
}

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: bufio.NewReaderSize(r, 64<<10)} }

func (l *lineReader) next() ([]byte, error) {
	for {
		l.buf = l.buf[:0]
		for {
			part, err := l.r.ReadSlice('\n')
			l.buf = append(l.buf, part...)
			if len(l.buf) > maxLine {
				return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && (err != io.EOF || len(l.buf) == 0) {
				return nil, err
			}
			break
		}
		if line := bytes.TrimRight(l.buf, "\r\n"); len(line) > 0 {
			return line, nil
		}
	}
}

// errorStart begins the line that ends an answer that failed.
var errorStart = []byte(`{"error":`)

// readAnswer reads an answer that takes its time: lines of T in JSON, until last says
// that one was the last. broken tells what it means that the last one is missing.
func readAnswer[T any](ctx context.Context, c *Client, resp *http.Response, broken string, last func(*T) bool) error {
	defer func() { _ = resp.Body.Close() }() // only read
	lines := newLineReader(resp.Body)
	for {
		data, err := lines.next()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case err == io.EOF:
			return fmt.Errorf("%s: the answer broke off: %s", c.server, broken)
		default:
			return fmt.Errorf("%s: the answer broke off: %s: %w", c.server, broken, err)
		}
		var failed struct {
			Error *errorBody `json:"error"`
		}
		if bytes.HasPrefix(data, errorStart) && json.Unmarshal(data, &failed) == nil && failed.Error != nil {
			return failed.Error.apiError(0)
		}
		var line T
		if err := json.Unmarshal(data, &line); err != nil {
			return fmt.Errorf("%s: the answer is no JSON (is this a journalist?): %w", c.server, err)
		}
		if last(&line) {
			return nil
		}
	}
}
