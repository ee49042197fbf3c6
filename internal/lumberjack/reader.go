package lumberjack

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/record"
)

// Window is the header of a window.
type Window struct {
	Version byte
	Events  int
}

// EventKind says what an Event holds.
type EventKind uint8

// The kinds of events.
const (
	EventPairs EventKind = iota + 1 // version 1: pairs of strings
	EventJSON                       // version 2: one JSON object
	EventBlock                      // the extension: a run of lines
)

// Event is one data frame. What it refers to is valid until the Reader's next
// call.
type Event struct {
	Kind EventKind
	Seq  uint32
	// Pairs of a version 1 event, in the order they came.
	Pairs []Pair
	// JSON is the object's text, not yet checked.
	JSON []byte
	// Cut is the length the JSON or the pairs' values had when they were over
	// Limits.Record and only their beginning was kept; else 0.
	Cut int
	// Block is a run of lines.
	Block *record.Lines
}

// Pair is a name and its value.
type Pair struct{ Name, Value []byte }

// Reader reads a client's windows at the server's end. It is used by one
// goroutine. After an error other than io.EOF from Window, the connection has to
// be closed.
type Reader struct {
	src    counter
	br     *bufio.Reader
	limits Limits
	blocks bool

	version  byte // of the connection; 0 before the first window
	left     int  // events that the window still lacks
	events   int  // events of the window
	seq      uint32
	inflated int64
	digest   *xxhash.Digest
	hashed   bool

	head  [8]byte // scratch for headers
	zlib  zlibFrame
	zstd  zstdFrame
	buf   []byte // the frame being read
	ends  []int  // where names and values end in buf
	event Event
	pairs []Pair
	dec   BlockDecoder
}

// maxKeptBuffer is how large a buffer a connection keeps between two windows.
const maxKeptBuffer = 256 << 10

// NewReader reads from src, whose deadlines are the caller's business. blocks
// tells that both ends agreed on the extension.
func NewReader(src io.Reader, blocks bool, limits Limits) *Reader {
	r := &Reader{limits: limits.withDefaults(), blocks: blocks, digest: xxhash.New()}
	r.src.r = src
	r.br = bufio.NewReaderSize(&r.src, 32<<10)
	return r
}

// Wait waits for the first byte of the next window without taking it. Unlike the
// other methods it may be called again after a time-out. It returns io.EOF when
// the client closed the connection.
func (r *Reader) Wait() error {
	_, err := r.br.Peek(1)
	if err != nil {
		r.src.err = nil
	}
	return err
}

// Window reads the header of the next window. It returns io.EOF when the client
// closed the connection between two windows.
func (r *Reader) Window() (Window, error) {
	r.zstd.release()
	if cap(r.buf) > maxKeptBuffer {
		r.buf = nil
	}
	h := r.head[:6]
	n, err := io.ReadFull(r.br, h)
	if err == io.EOF && n == 0 {
		return Window{}, io.EOF
	}
	if err != nil {
		return Window{}, r.readError(err, "the header of a window")
	}
	if h[0] != Version1 && h[0] != Version2 {
		return Window{}, r.fail(KindVersion, "window begins with %q, expected version '1' or '2'", h[:1])
	}
	if r.version != 0 && h[0] != r.version {
		return Window{}, r.fail(KindVersion, "window of version %q on a connection of version %q", h[0], r.version)
	}
	if h[1] != codeWindow {
		return Window{}, r.fail(KindFrame, "frame %q, expected a window 'W'", h[1])
	}
	count := binary.BigEndian.Uint32(h[2:])
	if int64(count) > int64(r.limits.Window) {
		return Window{}, r.fail(KindWindow, "window of %d events, %d are allowed", count, r.limits.Window)
	}
	r.version = h[0]
	r.left, r.events, r.seq, r.inflated, r.hashed = int(count), 0, 0, 0, false
	r.digest.Reset()
	return Window{Version: h[0], Events: int(count)}, nil
}

// Seq is the highest sequence number of the window so far.
func (r *Reader) Seq() uint32 { return r.seq }

// Inflated is the number of bytes of the window so far, after decompression.
func (r *Reader) Inflated() int64 { return r.inflated }

// Received is the number of bytes read from the connection so far.
func (r *Reader) Received() int64 { return r.src.n }

// Hash identifies the content of the window read last, for clients that send the
// very same bytes again; it is never 0 but for windows of blocks, which have
// positions instead.
func (r *Reader) Hash() uint64 {
	if !r.hashed {
		return 0
	}
	return max(r.digest.Sum64(), 1)
}

// Event reads the window's next event. It returns nil when the window is
// complete.
func (r *Reader) Event() (*Event, error) {
	for {
		if r.left == 0 {
			return nil, r.endWindow()
		}
		if err := r.mayRead(0); err != nil { // empty frames without end
			return nil, err
		}
		h := r.head[:2]
		end, err := r.frameHeader(h)
		if err != nil {
			return nil, err
		}
		if end {
			continue // of a compressed frame
		}
		if h[0] != r.version {
			return nil, r.fail(KindVersion, "frame of version %q in a window of version %q", h[0], r.version)
		}
		switch h[1] {
		case codePairs:
			return r.readPairs()
		case codeJSON:
			if r.version != Version2 {
				return nil, r.fail(KindFrame, "JSON frame in a window of version 1")
			}
			return r.readJSON()
		case codeBlock:
			if !r.blocks {
				return nil, r.fail(KindNotAllowed, "block frame, but blocks were not agreed on")
			}
			return r.readBlock()
		case codeZlib, codeZstd:
			if err := r.openCompressed(h[1]); err != nil {
				return nil, err
			}
		case codeWindow:
			return nil, r.fail(KindWindow, "a new window begins while the one before lacks %d events", r.left)
		default:
			return nil, r.fail(KindFrame, "unknown frame type %q", h[1])
		}
	}
}

// frameHeader reads the two bytes that begin a frame; end tells that a
// compressed frame ended instead and was left.
func (r *Reader) frameHeader(h []byte) (end bool, err error) {
	switch {
	case r.zstd.open:
		if r.zstd.left() == 0 {
			r.zstd.release()
			return true, nil
		}
	case r.zlib.open:
		_, err := io.ReadFull(r.zlib.out, h[:1])
		if err == io.EOF {
			return true, r.closeZlib()
		}
		if err != nil {
			return false, r.readError(err, "a frame's header")
		}
		r.inflated++
		return false, r.readFull(h[1:], "a frame's header")
	}
	return false, r.readFull(h, "a frame's header")
}

// endWindow leaves the compressed frame that held the window's last event.
func (r *Reader) endWindow() error {
	switch {
	case r.zstd.open:
		if n := r.zstd.left(); n > 0 {
			return r.fail(KindWindow, "%d bytes follow the last event of the window in its compressed frame", n)
		}
		r.zstd.release()
	case r.zlib.open:
		_, err := io.ReadFull(r.zlib.out, r.head[:1])
		if err == nil {
			return r.fail(KindWindow, "bytes follow the last event of the window in its compressed frame")
		}
		if err != io.EOF {
			return r.readError(err, "the end of a compressed frame")
		}
		return r.closeZlib()
	}
	return nil
}

// openCompressed reads a compressed frame's length and makes its content what is
// read next.
func (r *Reader) openCompressed(code byte) error {
	if r.zlib.open || r.zstd.open {
		return r.fail(KindCompressed, "a compressed frame inside a compressed frame")
	}
	if code == codeZstd && !r.blocks {
		return r.fail(KindNotAllowed, "zstd frame, but blocks were not agreed on")
	}
	n, err := r.uint32("a compressed frame's length")
	if err != nil {
		return err
	}
	if code == codeZstd {
		return r.openZstd(int64(n))
	}
	return r.openZlib(int64(n))
}

// sequence counts n events and checks their number against the window.
func (r *Reader) sequence(n int, seq uint32) {
	// LSF never resets its numbers, so that they may wrap around.
	if r.events == 0 || int32(seq-r.seq) > 0 {
		r.seq = seq
	}
	r.events += n
	r.left -= n
}

// readPairs reads a version 1 event. Values beyond Limits.Record are cut.
func (r *Reader) readPairs() (*Event, error) {
	h := r.head[:8]
	if err := r.readFull(h, "an event's header"); err != nil {
		return nil, err
	}
	seq, n := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
	if int64(n) > int64(r.limits.Fields) {
		return nil, r.fail(KindLimit, "event of %d pairs, %d are allowed", n, r.limits.Fields)
	}
	r.hash(h)
	r.buf, r.ends = r.buf[:0], r.ends[:0]
	total, cut := 0, false
	for range 2 * n {
		size, err := r.uint32("a pair's length")
		if err != nil {
			return nil, err
		}
		isName := len(r.ends)%2 == 0
		if isName && size > record.MaxName {
			return nil, r.fail(KindLimit, "name of %d bytes, %d are allowed", size, record.MaxName)
		}
		if err := r.mayRead(int64(size)); err != nil {
			return nil, err
		}
		keep := int(size)
		if !isName {
			total += keep
			keep = min(keep, max(0, r.limits.Record-len(r.buf)))
			cut = cut || keep < int(size)
		}
		from := len(r.buf)
		if err := r.appendBuf(keep, "a pair"); err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint32(r.head[:4], size)
		r.hash(r.head[:4])
		r.hash(r.buf[from:])
		if err := r.skip(int64(size)-int64(keep), "a pair"); err != nil {
			return nil, err
		}
		r.ends = append(r.ends, len(r.buf))
	}
	r.pairs = r.pairs[:0]
	from := 0
	for i := 0; i < len(r.ends); i += 2 {
		r.pairs = append(r.pairs, Pair{
			Name: r.buf[from:r.ends[i]:r.ends[i]], Value: r.buf[r.ends[i]:r.ends[i+1]:r.ends[i+1]],
		})
		from = r.ends[i+1]
	}
	r.sequence(1, seq)
	r.event = Event{Kind: EventPairs, Seq: seq, Pairs: r.pairs}
	if cut {
		r.event.Cut = total
	}
	return &r.event, nil
}

// readJSON reads a version 2 event.
func (r *Reader) readJSON() (*Event, error) {
	h := r.head[:8]
	if err := r.readFull(h, "an event's header"); err != nil {
		return nil, err
	}
	seq, size := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
	if err := r.mayRead(int64(size)); err != nil {
		return nil, err
	}
	keep := min(int(size), r.limits.Record)
	r.buf = r.buf[:0]
	if err := r.appendBuf(keep, "an event"); err != nil {
		return nil, err
	}
	r.hash(h)
	r.hash(r.buf)
	if err := r.skip(int64(size)-int64(keep), "an event"); err != nil {
		return nil, err
	}
	r.sequence(1, seq)
	r.event = Event{Kind: EventJSON, Seq: seq, JSON: r.buf}
	if keep < int(size) {
		r.event.Cut = int(size)
	}
	return &r.event, nil
}

// readBlock reads a block; inside a zstd frame it is not copied.
func (r *Reader) readBlock() (*Event, error) {
	h := r.head[:8]
	if err := r.readFull(h, "a block's header"); err != nil {
		return nil, err
	}
	seq, size := binary.BigEndian.Uint32(h), int64(binary.BigEndian.Uint32(h[4:]))
	if size > int64(r.limits.Frame) {
		return nil, r.fail(KindLimit, "block of %d bytes, %d are allowed", size, r.limits.Frame)
	}
	var p []byte
	if r.zstd.open {
		var ok bool
		if p, ok = r.zstd.take(size); !ok {
			return nil, r.fail(KindTruncated, "block of %d bytes in a compressed frame with %d left", size, r.zstd.left())
		}
	} else {
		if err := r.mayRead(size); err != nil {
			return nil, err
		}
		r.buf = r.buf[:0]
		if err := r.appendBuf(int(size), "a block"); err != nil {
			return nil, err
		}
		p = r.buf
	}
	l, err := r.dec.Decode(p, r.left)
	if err != nil {
		return nil, &ProtocolError{Kind: KindBlock, Offset: r.offset(), Detail: err.Error()}
	}
	n := Events(0, len(l.Rows))
	if want := uint32(r.events + n); seq != want {
		return nil, r.fail(KindBlock, "block with sequence number %d, expected %d", seq, want)
	}
	r.sequence(n, seq)
	r.event = Event{Kind: EventBlock, Seq: seq, Block: l}
	return &r.event, nil
}

func (r *Reader) hash(p []byte) {
	_, _ = r.digest.Write(p) // never fails
	r.hashed = true
}

// offset is the number of the connection's bytes that were used.
func (r *Reader) offset() int64 { return r.src.n - int64(r.br.Buffered()) }

func (r *Reader) fail(kind ErrorKind, format string, args ...any) error {
	return &ProtocolError{Kind: kind, Offset: r.offset(), Detail: fmt.Sprintf(format, args...)}
}
