package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"journalist/internal/record"
)

// chunkSize is how much text is searched at once: it fits a processor's cache, and
// is the longest line of text, so that a line that fills a chunk is a piece.
const chunkSize = record.MaxValue

// chunk is a run of whole lines of one file.
type chunk struct {
	seq    int
	in     *input
	offset int64 // of data in the unpacked file
	data   []byte
	// head: data begins within a line; tail: its last line goes on behind it.
	head, tail bool

	buf []byte
}

// input is a file that is being read.
type input struct {
	name string // as messages name it
	path string // the field file, "" for standard input
	host string
	json bool
	read int64 // when its lines were read, for those that say no time
	// common are the fields of all its lines.
	common []fieldValue
}

// reader cuts the files into chunks. Its methods may be called by several
// goroutines; each chunk goes to one of them.
type reader struct {
	s   *Source
	ctx context.Context

	mu      sync.Mutex
	left    []string // files to come
	seq     int
	partial []string
	in      *input // nil between two files
	text    io.Reader
	each    bool // one read makes a chunk: it comes as it is written
	end     func()
	carry   []byte // the beginning of a line
	offset  int64  // of carry
	split   bool   // carry goes on a line that was cut
	chosen  bool   // in.json is right
	bytes   atomic.Int64
}

func (s *Source) reader(ctx context.Context) *reader {
	return &reader{s: s, ctx: ctx, left: s.o.Files}
}

// next fills c with the next chunk and returns false at the end of the last file, or
// when ctx has ended. c's buffer is used again.
func (r *reader) next(c *chunk) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.ctx.Err() == nil {
		if r.in == nil {
			if len(r.left) == 0 {
				return false
			}
			name := r.left[0]
			r.left = r.left[1:]
			if err := r.open(name); err != nil {
				r.failed(name, err)
				continue
			}
		}
		more, err := r.fill(c)
		if err != nil {
			r.failed(r.in.name, err)
		}
		if !more {
			r.close()
		}
		if len(c.data) > 0 {
			c.seq = r.seq
			r.seq++
			return true
		}
	}
	r.close()
	return false
}

// failed notes that a file is not read to its end.
func (r *reader) failed(name string, err error) {
	if r.ctx.Err() == nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		r.partial = append(r.partial, fmt.Sprintf("%s: %v", name, err))
	}
}

func (r *reader) open(name string) error {
	r.chosen, r.split, r.carry, r.offset, r.each = false, false, r.carry[:0], 0, false
	in := &input{name: name, host: r.s.o.Host, read: r.s.o.Clock().UnixNano()}
	var raw io.Reader
	var ends []func()
	r.end = func() {
		for _, end := range ends {
			end()
		}
	}
	if name == "-" {
		in.name = "standard input"
		if r.s.stdin.Swap(true) {
			return errors.New("it can be read only once, and this query reads twice: put it into a file")
		}
		p := newPatient(r.ctx, r.s.o.Stdin)
		raw = p
		ends = append(ends, p.stop)
		r.each = true
	} else {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		ends = append(ends, func() { _ = f.Close() }) // only read
		info, err := f.Stat()
		if err != nil {
			r.end()
			return err
		}
		in.path = absolute(name)
		if info.Mode().IsRegular() {
			// Lines of a file that rests were read, at the latest, when it was
			// written last: that gives times without a year theirs.
			in.read = min(in.read, info.ModTime().UnixNano())
		} else {
			r.each = true
		}
		raw = f
	}
	buffered := bufio.NewReaderSize(&counted{raw, &r.s.done}, 64<<10)
	text, end, err := Unpack(buffered)
	if err != nil {
		r.end()
		if errors.Is(err, ErrXZ) {
			err = fmt.Errorf("%w: xz -dc %s | journalist query --stdin …", err, name)
		}
		return err
	}
	ends = append(ends, end)
	for _, c := range []fieldValue{{hostName, record.StringValue([]byte(in.host))}, {fileName, record.StringValue([]byte(in.path))}} {
		if len(c.value.Bytes) > 0 {
			in.common = append(in.common, c)
		}
	}
	r.each = r.each && text == io.Reader(buffered)
	r.in, r.text = in, text
	return nil
}

func (r *reader) close() {
	if r.in != nil {
		r.end()
		r.in = nil
	}
}

// counted counts what was read of the files as they lie on disk.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// fill reads whole lines into c; more says that the file goes on behind them.
func (r *reader) fill(c *chunk) (more bool, err error) {
	if len(c.buf) < r.s.chunk {
		c.buf = make([]byte, r.s.chunk)
	}
	c.in, c.offset, c.head, c.tail = r.in, r.offset, r.split, false
	n := copy(c.buf, r.carry)
	last := -1 // the last line end
	for err == nil && n < len(c.buf) {
		var m int
		m, err = r.text.Read(c.buf[n:])
		if i := bytes.LastIndexByte(c.buf[n:n+m], '\n'); i >= 0 {
			last = n + i
		}
		n += m
		if r.each && last >= 0 {
			break
		}
		if n == len(c.buf) && last < 0 && n < record.MaxRecord && r.looksJSON(c.buf[:n]) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
		r.carry = r.carry[:0]
		c.data = c.buf[:n]
		r.choose(c)
		r.bytes.Add(int64(n))
		return false, nil
	}
	cut := last + 1
	if cut == 0 { // a line that is too long comes in pieces
		cut, c.tail = n, true
	}
	if err != nil {
		cut = n // what is there is shown
	}
	r.split = c.tail
	r.bytes.Add(int64(cut))
	r.carry = append(r.carry[:0], c.buf[cut:n]...)
	r.offset += int64(cut)
	c.data = c.buf[:cut]
	r.choose(c)
	return err == nil, err
}

// choose tells lines of JSON from lines of text by the first line that is not blank.
// Inputs do not change once a chunk has them.
func (r *reader) choose(c *chunk) {
	head := bytes.TrimLeft(c.data, " \t\r\n")
	if r.chosen || len(head) == 0 {
		return
	}
	r.chosen = true
	json := r.s.o.Format == "json"
	if r.s.o.Format == "auto" {
		line, _, whole := bytes.Cut(head, []byte("\n"))
		json = isJSON(line)
		if !whole && c.tail {
			json = bytes.HasPrefix(line, []byte(`{"`))
		}
	}
	if json {
		in := *r.in
		in.json = true
		r.in, c.in = &in, &in
	}
}

func isJSON(line []byte) bool { return bytes.HasPrefix(line, []byte("{")) && json.Valid(line) }

// looksJSON tells that text without a line end may be the beginning of a record,
// which may be longer than a line of text.
func (r *reader) looksJSON(text []byte) bool {
	if r.chosen {
		return r.in.json
	}
	return r.s.o.Format == "json" || r.s.o.Format == "auto" && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte(`{"`))
}

// patient is a reader that can be left while it waits: a read from a terminal or a
// pipe cannot be ended. Its goroutine stays until the read that is under way
// returns, at the latest when the program ends.
type patient struct {
	ctx    context.Context
	full   chan []byte
	empty  chan []byte
	quit   chan struct{}
	rest   []byte
	buffer []byte
	err    error
}

func newPatient(ctx context.Context, in io.Reader) *patient {
	p := &patient{ctx: ctx, full: make(chan []byte), empty: make(chan []byte, 2), quit: make(chan struct{})}
	p.empty <- make([]byte, 256<<10)
	p.empty <- make([]byte, 256<<10)
	go func() {
		defer close(p.full)
		for {
			var b []byte
			select {
			case b = <-p.empty:
			case <-p.quit:
				return
			}
			n, err := in.Read(b)
			if n > 0 {
				select {
				case p.full <- b[:n]:
				case <-p.quit:
					return
				}
			}
			if err != nil {
				p.err = err
				return
			}
		}
	}()
	return p
}

func (p *patient) stop() { close(p.quit) }

func (p *patient) Read(to []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.buffer != nil {
			p.empty <- p.buffer[:cap(p.buffer)]
			p.buffer = nil
		}
		select {
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		case b, ok := <-p.full:
			if !ok {
				return 0, p.err
			}
			p.rest, p.buffer = b, b
		}
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
