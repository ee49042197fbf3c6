package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"journalist/internal/cli/local"
	"journalist/internal/record"
)

// importPeek is how much of a file is looked at to tell what it is.
const importPeek = 64 << 10

// readImport reads one file and hands out its batches, the last with the error
// that ended it. It returns false when ctx has ended.
func readImport(ctx context.Context, name string, o *ImportOptions, out chan<- *importBatch) bool {
	r := &importReader{name: name, o: o}
	err := r.open()
	if err == nil {
		defer r.close()
		err = r.read(ctx, out)
	}
	if ctx.Err() != nil {
		return false
	}
	b := r.take()
	b.err = err
	select {
	case out <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// importReader makes records of one file's lines. Only readImport's goroutine
// uses it.
type importReader struct {
	name  string // as messages name it
	path  string // the field file, "" for stdin
	o     *ImportOptions
	json  bool
	count countingReader
	in    *bufio.Reader
	ends  []func()

	b      *importBatch
	line   int64 // number of the line read last
	offset int64 // where it begins in the uncompressed text
	buf    []byte
	row    Row
	split  bool // the line read last goes on
}

// countingReader counts what was read of the file as it lies on disk.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (r *importReader) open() error {
	r.b = &importBatch{name: r.name}
	if r.name == "-" {
		r.name = "stdin"
		r.b.name = r.name
		if r.o.Stdin == nil {
			return errors.New("there is no standard input")
		}
		r.count.r = r.o.Stdin
	} else {
		f, err := os.Open(r.name)
		if err != nil {
			return pathCause(err)
		}
		r.ends = append(r.ends, func() { _ = f.Close() }) // only read
		info, err := f.Stat()
		if err != nil {
			return pathCause(err)
		}
		if info.IsDir() {
			r.close()
			return errors.New("is a directory: name its files")
		}
		r.count.r = f
		if r.path, err = filepath.Abs(r.name); err != nil {
			r.path = r.name
		}
	}
	if err := r.unpack(); err != nil {
		r.close()
		return err
	}
	return r.chooseFormat()
}

// pathCause takes the path off an error that is printed after it.
func pathCause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (r *importReader) close() {
	for _, end := range r.ends {
		end()
	}
	r.ends = nil
}

// unpack puts the right decompressor in between, whatever the file's name.
func (r *importReader) unpack() error {
	text, end, err := local.Unpack(bufio.NewReaderSize(&r.count, 256<<10))
	if errors.Is(err, local.ErrXZ) {
		return fmt.Errorf("%w: xz -dc %s | journalist import -", err, r.name)
	}
	if err != nil {
		return pathCause(err)
	}
	r.ends = append(r.ends, end)
	r.in = bufio.NewReaderSize(text, importPeek)
	return nil
}

// chooseFormat tells lines of JSON from lines of text by the first line that is
// not blank.
func (r *importReader) chooseFormat() error {
	switch r.o.Format {
	case "json":
		r.json = true
		return nil
	case "text":
		return nil
	}
	head, err := r.in.Peek(importPeek)
	if err != nil && err != io.EOF {
		return err
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if !whole && err == nil { // the first line is longer than what was looked at
		r.json = bytes.HasPrefix(line, []byte(`{"`))
		return nil
	}
	r.json = bytes.HasPrefix(line, []byte("{")) && json.Valid(line)
	return nil
}

// read hands out full batches; what is left at the end is for take.
func (r *importReader) read(ctx context.Context, out chan<- *importBatch) error {
	for {
		if r.b.body.Len() >= r.o.BatchBytes || len(r.b.lines) >= record.MaxBatchRows/4 {
			select {
			case out <- r.take():
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		line, more, err := r.next()
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("after line %d: %w", r.line, pathCause(err))
		}
		if r.json {
			r.addJSON(line, more)
		} else {
			r.addText(line, more)
		}
		r.offset += int64(len(line))
	}
}

// take returns the batch so far and begins a new one.
func (r *importReader) take() *importBatch {
	b := r.b
	b.done = r.count.n.Load()
	r.b = &importBatch{name: r.name}
	return b
}

// next returns the next line with its line end; more says that it is only a piece
// of a line that is over the limit and goes on.
func (r *importReader) next() (line []byte, more bool, err error) {
	limit := record.MaxValue
	if r.json {
		limit = record.MaxRecord
	}
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(r.buf)+importPeek > limit {
				return r.buf, true, nil
			}
			continue
		case err == io.EOF && len(r.buf) > 0:
			return r.buf, false, nil
		}
		return r.buf, false, err
	}
}

// addJSON adds a record as it stands, with the fields that import adds.
func (r *importReader) addJSON(line []byte, more bool) {
	r.line++
	r.b.bytes += int64(len(line))
	if more {
		r.b.read++
		r.b.rejected++
		if len(r.b.problems) < maxProblems {
			r.b.problems = append(r.b.problems, fmt.Sprintf("%s:%d: record of more than %d bytes", r.name, r.line, record.MaxRecord))
		}
		r.skipLine()
		return
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	r.b.read++
	r.b.lines = append(r.b.lines, r.line)
	fields := r.o.Fields
	if r.o.HostAll && r.o.Host != "" {
		fields = append(fields[:len(fields):len(fields)], ImportField{record.FieldHost, r.o.Host})
	}
	if len(fields) == 0 || ParseRow(line, &r.row) != nil {
		r.b.body.Write(line) // a bad one is the server's to refuse, with its number
		r.b.body.WriteByte('\n')
		return
	}
	body := r.b.body.AvailableBuffer()
	body = append(body, line[:len(line)-1]...)
	empty := len(r.row.Fields) == 0
	for _, f := range fields {
		if _, has := r.row.Field(f.Name); has {
			continue
		}
		if !empty {
			body = append(body, ',')
		}
		empty = false
		body = appendRawString(body, []byte(f.Name))
		body = append(body, ':')
		body = appendRawString(body, []byte(f.Value))
	}
	r.b.body.Write(append(body, "}\n"...))
}

// skipLine reads on to the end of a line that is too long.
func (r *importReader) skipLine() {
	for {
		part, err := r.in.ReadSlice('\n')
		r.b.bytes += int64(len(part))
		r.offset += int64(len(part))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// addText makes a record of a line of text: message, host, file and offset, as
// scribe does. A line over the limit comes in pieces that say so.
func (r *importReader) addText(line []byte, more bool) {
	piece := more || r.split
	if !r.split {
		r.line++
	}
	r.split = more
	r.b.read++
	r.b.bytes += int64(len(line))
	r.b.lines = append(r.b.lines, r.line)
	text := line
	if !more {
		text = bytes.TrimSuffix(text, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	body := r.b.body.AvailableBuffer()
	body = append(body, `{"message":`...)
	body = appendRawString(body, text)
	if r.o.Host != "" {
		body = append(body, `,"host":`...)
		body = appendRawString(body, []byte(r.o.Host))
	}
	if r.path != "" {
		body = append(body, `,"file":`...)
		body = appendRawString(body, []byte(r.path))
	}
	body = fmt.Appendf(body, `,"offset":%d`, r.offset)
	if piece {
		body = append(body, `,"tags":["_split"]`...)
	}
	for _, f := range r.o.Fields {
		body = append(body, ',')
		body = appendRawString(body, []byte(f.Name))
		body = append(body, ':')
		body = appendRawString(body, []byte(f.Value))
	}
	r.b.body.Write(append(body, "}\n"...))
}

// appendRawString appends s as a JSON string with the bytes that are not UTF-8 as
// they are: journalist keeps them, so that the line comes back as it was.
func appendRawString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}
