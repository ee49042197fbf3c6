package jsonl

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"journalist/internal/record"
)

var errLongLine = fmt.Errorf("the line is longer than %d bytes", record.MaxRecord)

// lineReader cuts a stream into lines. Its buffer grows to the longest line, at
// most to record.MaxRecord; longer lines are passed over.
type lineReader struct {
	r          io.Reader
	buf        []byte
	start, end int // buf[start:end] is read and not yet handed out
	err        error
	skipping   bool
	// grow asks whether the buffer may have so many bytes more than firstBuffer; its
	// error ends the stream. nil allows it.
	grow func(more int64) error
}

const firstBuffer = 256 << 10

// next returns the next line without its newline, valid until the next call;
// errLongLine for one that is too long; else what the reader's error was.
func (l *lineReader) next() ([]byte, error) {
	from := l.start
	for {
		if i := bytes.IndexByte(l.buf[from:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : from+i]
			l.start = from + i + 1
			if l.skipping || len(line) > record.MaxRecord {
				l.skipping = false
				return nil, errLongLine
			}
			return line, nil
		}
		if l.err != nil {
			return l.last()
		}
		if l.end-l.start > record.MaxRecord {
			l.skipping, l.start = true, l.end
		}
		if l.start > 0 {
			copy(l.buf, l.buf[l.start:l.end])
			l.start, l.end = 0, l.end-l.start
		}
		if l.end == len(l.buf) {
			size := min(max(firstBuffer, 2*len(l.buf)), record.MaxRecord+firstBuffer)
			if len(l.buf) > 0 && l.grow != nil {
				if l.err = l.grow(int64(size - len(l.buf))); l.err != nil {
					return nil, l.err
				}
			}
			grown := make([]byte, size)
			copy(grown, l.buf[:l.end])
			l.buf = grown
		}
		from = l.end
		var n int
		n, l.err = l.r.Read(l.buf[l.end:])
		l.end += n
	}
}

// last hands out what stands behind the last newline. When the stream broke off
// that is half a line, which is not handed out.
func (l *lineReader) last() ([]byte, error) {
	line := l.buf[l.start:l.end]
	l.start = l.end
	switch {
	case l.err != io.EOF:
		return nil, l.err
	case l.skipping:
		l.skipping = false
		return nil, errLongLine
	case len(line) == 0:
		return nil, io.EOF
	case len(line) > record.MaxRecord:
		return nil, errLongLine
	}
	return line, nil
}

func trimBOM(line []byte) []byte { return bytes.TrimPrefix(line, []byte("\ufeff")) }

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// batchPool keeps batches whose memory is worth keeping.
type batchPool struct{ pool sync.Pool }

func (p *batchPool) get() *record.Batch {
	if b, ok := p.pool.Get().(*record.Batch); ok {
		return b
	}
	return new(record.Batch)
}

func (p *batchPool) put(b *record.Batch) {
	if b.Bytes() > 2*batchBytes {
		return
	}
	b.Reset()
	p.pool.Put(b)
}
