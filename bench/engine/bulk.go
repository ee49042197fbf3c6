package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"journalist/internal/record"
)

const (
	// rowStep is how far the times of two rows of a set lie apart.
	rowStep = 20 * time.Millisecond
	// bodyBytes is where a body ends.
	bodyBytes = 8 << 20
	// maxLine is the longest line that is taken; what is longer is no log line.
	maxLine = 64 << 20
	// timeLayout has a fixed width, so that growth can write over it in place.
	timeLayout = "2006-01-02T15:04:05.000Z"
)

const action = `{"create":{"_index":"logs"}}` + "\n"

// rowHead is what every row begins with, up to the time.
const rowHead = `{"@timestamp":"`

var errNoRows = errors.New("no rows")

// openLog opens a log file, unpacked.
func openLog(name string) (io.Reader, func(), error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	closeFile := func() { _ = f.Close() } // only read
	switch filepath.Ext(name) {
	case ".zst":
		d, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(1<<30))
		if err != nil {
			closeFile()
			return nil, nil, err
		}
		return d, func() { d.Close(); closeFile() }, nil
	case ".gz":
		d, err := gzip.NewReader(f)
		if err != nil {
			closeFile()
			return nil, nil, err
		}
		return d, closeFile, nil
	}
	return f, closeFile, nil
}

// makeSet turns a log file into bodies in dir. Lines that are empty, and in JSON
// logs lines that are no objects, are left out; bytes that are no UTF-8 become
// U+FFFD, because JSON has no other way.
func makeSet(dir string, src source) (*set, error) {
	in, done, err := openLog(src.file)
	if err != nil {
		return nil, err
	}
	defer done()
	s := &set{Name: src.name, JSON: src.json}
	var body, line []byte
	r := bufio.NewReaderSize(in, 1<<20)
	for {
		if line, err = readLine(r, line[:0]); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		end := err != nil
		n := len(body)
		body = appendRow(body, s, bytes.TrimRight(line, "\r\n"))
		if len(body) > n {
			s.last = epoch.Add(time.Duration(s.Rows) * rowStep)
			s.Rows++
			s.Raw += int64(len(bytes.TrimRight(line, "\r\n"))) + 1
		}
		if len(body) >= bodyBytes || end && len(body) > 0 {
			if err := s.writeBody(dir, body); err != nil {
				return nil, err
			}
			body = body[:0]
		}
		if end {
			break
		}
	}
	if s.Rows == 0 {
		return nil, errNoRows
	}
	return s, nil
}

func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return line, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
	}
}

func (s *set) writeBody(dir string, body []byte) error {
	name := filepath.Join(dir, fmt.Sprintf("%s.%05d.bulk", s.Name, len(s.bodies)))
	s.bodies = append(s.bodies, name)
	return os.WriteFile(name, body, 0o600)
}

// appendRow appends the action and the row of a line, or nothing.
func appendRow(dst []byte, s *set, line []byte) []byte {
	line = bytes.ToValidUTF8(line, []byte("\uFFFD"))
	if s.JSON {
		line = bytes.TrimSpace(line)
	}
	if len(line) == 0 {
		return dst
	}
	start := len(dst)
	dst = append(dst, action...)
	dst = append(dst, rowHead...)
	dst = epoch.Add(time.Duration(s.Rows)*rowStep).AppendFormat(dst, timeLayout)
	dst = fmt.Appendf(dst, `","host":"h%d","app":`, s.Rows%7)
	dst = record.AppendJSONString(dst, s.Name)
	if !s.JSON {
		dst = append(dst, `,"message":`...)
		dst = record.AppendJSONString(dst, line)
		return append(dst, '}', '\n')
	}
	n := len(dst)
	dst, ok := appendMembers(dst, line)
	if !ok || len(dst) == n {
		return dst[:start]
	}
	return append(dst, '}', '\n')
}

// appendMembers appends the members of an object, each after a comma, without
// those that the row has already. Of members of one name the last one counts.
func appendMembers(dst, object []byte) ([]byte, bool) {
	if object[0] != '{' || !json.Valid(object) {
		return dst, false
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return dst, false
	}
	type member struct {
		name  string
		value json.RawMessage
	}
	var members []member
	place := map[string]int{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return dst, false
		}
		m := member{name: name.(string)} // the decoder gives nothing else here
		if err := d.Decode(&m.value); err != nil {
			return dst, false
		}
		switch m.name {
		case "@timestamp", "host", "app", "message":
			continue
		}
		if i, ok := place[m.name]; ok {
			members[i].value = m.value
			continue
		}
		place[m.name] = len(members)
		members = append(members, m)
	}
	for _, m := range members {
		dst = append(dst, ',')
		dst = record.AppendJSONString(dst, m.name)
		dst = append(dst, ':')
		dst = append(dst, m.value...)
	}
	return dst, true
}

// shift moves the times of a body's rows in place.
func shift(body []byte, by time.Duration) error {
	if by == 0 {
		return nil
	}
	var at []byte // AppendFormat writes behind what it returns, so never into the body
	for row := 0; len(body) > 0; row++ {
		end := bytes.IndexByte(body, '\n') + 1
		if end == 0 {
			end = len(body)
		}
		if row%2 == 1 {
			if len(body) < len(rowHead)+len(timeLayout)+1 || string(body[:len(rowHead)]) != rowHead || body[len(rowHead)+len(timeLayout)] != '"' {
				return fmt.Errorf("row %d of a body does not begin with %s…\": its time cannot be shifted", row/2, rowHead)
			}
			text := body[len(rowHead) : len(rowHead)+len(timeLayout)]
			t, err := time.Parse(timeLayout, string(text))
			if err != nil {
				return fmt.Errorf("row %d of a body: %w", row/2, err)
			}
			at = t.Add(by).AppendFormat(at[:0], timeLayout)
			copy(text, at)
		}
		body = body[end:]
	}
	return nil
}
