package lumberjack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// This file is where a Reader's bytes come from: the connection, or the content of
// the compressed frame that is open.

// counter counts what was read and keeps the first error, so that the end of a
// connection can be told from the end of compressed data.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// zlibFrame is an open 'C' frame: it is inflated as it is read, so that its
// content needs no limit of its own beside the window's. The parts are made at
// the first use and reused.
type zlibFrame struct {
	open  bool
	limit io.LimitedReader // the frame's bytes on the connection
	in    *bufio.Reader    // over limit: the inflater has a fast path for it
	z     io.ReadCloser
	out   *bufio.Reader // over z: frames are read in small pieces
}

func (r *Reader) openZlib(size int64) error {
	if size > r.limits.Inflated {
		return r.fail(KindLimit, "compressed frame of %d bytes, %d are allowed", size, r.limits.Inflated)
	}
	f := &r.zlib
	f.limit = io.LimitedReader{R: r.br, N: size}
	if f.in == nil {
		f.in = bufio.NewReaderSize(&f.limit, 4<<10)
	} else {
		f.in.Reset(&f.limit)
	}
	var err error
	if f.z == nil {
		f.z, err = zlib.NewReader(f.in)
	} else {
		err = f.z.(zlib.Resetter).Reset(f.in, nil)
	}
	if err != nil {
		return r.readError(err, "a zlib frame's header")
	}
	if f.out == nil {
		f.out = bufio.NewReaderSize(f.z, 16<<10)
	} else {
		f.out.Reset(f.z)
	}
	f.open = true
	return nil
}

// closeZlib leaves the frame after its stream ended, and what of it was not
// needed is passed over.
func (r *Reader) closeZlib() error {
	r.zlib.open = false
	if _, err := io.Copy(io.Discard, &r.zlib.limit); err != nil {
		return r.readError(err, "the end of a compressed frame")
	}
	if r.zlib.limit.N > 0 {
		return r.readError(io.ErrUnexpectedEOF, "the end of a compressed frame")
	}
	return nil
}

// zstdFrame is an open 'Z' frame: it is inflated whole, so that blocks need not be
// copied. Its buffers come from a pool and go back when it is left.
type zstdFrame struct {
	open  bool
	buf   *[]byte
	plain []byte
	pos   int
}

var framePool = sync.Pool{New: func() any { return new([]byte) }}

// maxPooledFrame keeps rare huge frames from staying in memory.
const maxPooledFrame = 2 << 20

func putFrame(p *[]byte) {
	if cap(*p) <= maxPooledFrame {
		framePool.Put(p)
	}
}

func (r *Reader) openZstd(size int64) error {
	if size > int64(r.limits.Frame) {
		return r.fail(KindLimit, "compressed frame of %d bytes, %d are allowed", size, r.limits.Frame)
	}
	in := framePool.Get().(*[]byte)
	defer putFrame(in)
	var err error
	if *in, err = r.appendFrom((*in)[:0], int(size), "a compressed frame"); err != nil {
		return err
	}
	content, err := zstdSize(*in)
	if err != nil {
		return &ProtocolError{Kind: KindCompressed, Offset: r.offset(), Detail: "zstd frame refused", Err: err}
	}
	if content > uint64(min(r.limits.Frame, zstdMemory)) {
		return r.fail(KindLimit, "zstd frame of %d bytes inflated, %d are allowed", content, r.limits.Frame)
	}
	if err := r.mayRead(int64(content)); err != nil {
		return err
	}
	f := &r.zstd
	f.buf = framePool.Get().(*[]byte)
	*f.buf = slices.Grow((*f.buf)[:0], int(content))
	if f.plain, err = inflateZstd(*f.buf, *in, int(content)); err != nil {
		f.release()
		return &ProtocolError{Kind: KindCompressed, Offset: r.offset(), Detail: "zstd frame damaged", Err: err}
	}
	r.inflated += int64(content)
	f.pos, f.open = 0, true
	return nil
}

func (f *zstdFrame) left() int64 { return int64(len(f.plain) - f.pos) }

func (f *zstdFrame) take(n int64) ([]byte, bool) {
	if n > f.left() {
		return nil, false
	}
	p := f.plain[f.pos : f.pos+int(n) : f.pos+int(n)]
	f.pos += int(n)
	return p, true
}

func (f *zstdFrame) release() {
	if f.buf != nil {
		putFrame(f.buf)
	}
	*f = zstdFrame{}
}

// mayRead checks n more bytes against the window's limit.
func (r *Reader) mayRead(n int64) error {
	if r.inflated+n > r.limits.Inflated {
		return r.fail(KindLimit, "window of more than %d bytes, %d are allowed", r.inflated+n, r.limits.Inflated)
	}
	return nil
}

// input is what frames are read from just now, other than a zstd frame.
func (r *Reader) input() io.Reader {
	if r.zlib.open {
		return r.zlib.out
	}
	return r.br
}

// readFull fills p with the next bytes.
func (r *Reader) readFull(p []byte, what string) error {
	if r.zstd.open {
		b, ok := r.zstd.take(int64(len(p)))
		if !ok {
			return r.fail(KindTruncated, "a compressed frame ends inside %s", what)
		}
		copy(p, b)
		return nil
	}
	if _, err := io.ReadFull(r.input(), p); err != nil {
		return r.readError(err, what)
	}
	r.inflated += int64(len(p))
	return nil
}

func (r *Reader) uint32(what string) (uint32, error) {
	b := r.head[:4]
	err := r.readFull(b, what)
	return binary.BigEndian.Uint32(b), err
}

// appendBuf appends the next n bytes to r.buf.
func (r *Reader) appendBuf(n int, what string) (err error) {
	r.buf, err = r.appendFrom(r.buf, n, what)
	return err
}

// appendFrom appends the next n bytes to dst, which grows only as they arrive:
// a length alone never makes a large allocation.
func (r *Reader) appendFrom(dst []byte, n int, what string) ([]byte, error) {
	const step = 64 << 10
	for n > 0 {
		room := cap(dst) - len(dst)
		if room < n && room < step {
			dst = slices.Grow(dst, min(n, max(step, len(dst))))
			room = cap(dst) - len(dst)
		}
		part := min(n, room)
		if err := r.readFull(dst[len(dst):len(dst)+part], what); err != nil {
			return dst, err
		}
		dst = dst[:len(dst)+part]
		n -= part
	}
	return dst, nil
}

// skip passes over n bytes.
func (r *Reader) skip(n int64, what string) error {
	if n <= 0 {
		return nil
	}
	if r.zstd.open {
		if _, ok := r.zstd.take(n); !ok {
			return r.fail(KindTruncated, "a compressed frame ends inside %s", what)
		}
		return nil
	}
	done, err := io.CopyN(io.Discard, r.input(), n)
	r.inflated += done
	if err != nil {
		return r.readError(err, what)
	}
	return nil
}

// readError says what a failed read means: the connection's own error comes back
// as it is (a time-out, a reset), its end inside a frame and damaged compressed
// data are protocol errors.
func (r *Reader) readError(err error, what string) error {
	if r.src.err != nil && r.src.err != io.EOF {
		return r.src.err
	}
	if r.src.err == io.EOF && r.br.Buffered() == 0 && (!r.zlib.open || r.zlib.limit.N > 0) {
		return &ProtocolError{Kind: KindTruncated, Offset: r.offset(), Detail: "the connection ends inside " + what}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &ProtocolError{Kind: KindCompressed, Offset: r.offset(), Detail: "compressed data damaged at " + what, Err: err}
}
