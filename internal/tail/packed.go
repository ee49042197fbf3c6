package tail

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

const (
	// maxUnpackWindow bounds the memory that a zstd file may ask for; zstd's own
	// levels up to 19 need 8 MiB.
	maxUnpackWindow = 32 << 20
	rawBuffer       = 32 << 10
)

// packed is a compressed file that reads like what was compressed. ReadAt is cheap
// when it goes forward; bytes before the last call's begin again at the start of
// the file. One goroutine at a time uses it.
type packed struct {
	vfs.File // the compressed one
	kind     string
	src      *bufio.Reader
	dec      io.Reader
	shut     func()
	closed   func() // called once by Close
	pos      int64  // how much was unpacked
	win      []byte // the bytes before pos that are still here
	head     []byte // the first ones, at most record.HeadMax
	end      error  // why there is nothing behind pos; io.EOF in good health
}

// unpacks tells that a kind of compression is understood.
func unpacks(kind string) bool { return kind == "gzip" || kind == "zstd" }

// packedName tells that a name says that the file is compressed.
func packedName(name string) bool {
	for _, ext := range [...]string{".gz", ".zst", ".gzip", ".zstd"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// unpack returns f, which Close closes, unpacked. An error means that f cannot be
// read; damage shows as an early end.
func unpack(f vfs.File, kind string, closed func()) (*packed, error) {
	p := &packed{File: f, kind: kind, closed: closed}
	return p, p.rewind()
}

// rewind begins at the start of the file.
func (p *packed) rewind() error {
	p.shutDecoder()
	src := io.NewSectionReader(p.File, 0, math.MaxInt64)
	if p.src == nil {
		p.src = bufio.NewReaderSize(src, rawBuffer)
	} else {
		p.src.Reset(src)
	}
	p.pos, p.win, p.end = 0, p.win[:0], nil
	switch p.kind {
	case "gzip":
		z, err := gzip.NewReader(p.src)
		if err != nil {
			p.end = damage(err)
			return hard(p.end)
		}
		p.dec, p.shut = z, func() { _ = z.Close() } // only frees
	default:
		z, err := zstd.NewReader(p.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxUnpackWindow))
		if err != nil {
			p.end = damage(err)
			return hard(p.end)
		}
		p.dec, p.shut = z, z.Close
	}
	if p.head == nil {
		p.head = make([]byte, record.HeadMax)
		p.head = p.head[:p.fill(p.head)]
		p.win = append(p.win, p.head...)
	}
	return hard(p.end)
}

// fill unpacks into b as much as there is.
func (p *packed) fill(b []byte) (n int) {
	for n < len(b) && p.end == nil {
		k, err := p.dec.Read(b[n:])
		n += k
		p.pos += int64(k)
		if err != nil {
			p.end = damage(err)
		}
	}
	return n
}

// ReadAt reads from what was unpacked. Its error is io.EOF at the end, also at that
// of a damaged file.
func (p *packed) ReadAt(b []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(b)) <= int64(len(p.head)) {
		return copy(b, p.head[off:]), nil
	}
	if off < p.pos-int64(len(p.win)) {
		if err := p.rewind(); err != nil {
			return 0, err
		}
	}
	if off > p.pos {
		p.win = p.win[:0]
		var scratch [16 << 10]byte
		for off > p.pos && p.end == nil {
			p.fill(scratch[:min(off-p.pos, int64(len(scratch)))])
		}
	}
	if off > p.pos {
		return 0, p.ending()
	}
	here := p.win[int64(len(p.win))-(p.pos-off):]
	n := copy(b, here)
	if n == len(here) {
		n += p.fill(b[n:])
		p.win = append(p.win[:0], b[:n]...) // what is not used of it is asked for again
	} else {
		p.win = append(p.win[:0], here...)
	}
	if n < len(b) {
		return n, p.ending()
	}
	return n, nil
}

// ending is what ReadAt returns at the end.
func (p *packed) ending() error {
	if err := hard(p.end); err != nil {
		return err
	}
	return io.EOF
}

// claims tells that the file says of itself that it unpacks to size bytes.
func (p *packed) claims(size uint64) bool {
	fi, err := p.File.Stat()
	if err != nil {
		return false
	}
	if p.kind == "gzip" {
		var b [4]byte
		n, err := p.File.ReadAt(b[:], fi.Size()-4)
		return n == 4 && noEOF(err) == nil && binary.LittleEndian.Uint32(b[:]) == uint32(size)
	}
	var b [zstd.HeaderMaxSize]byte
	n, _ := p.File.ReadAt(b[:], 0) // a short header does not decode
	var h zstd.Header
	return h.Decode(b[:n]) == nil && h.HasFCS && h.FrameContentSize == size
}

func (p *packed) shutDecoder() {
	if p.shut != nil {
		p.shut()
		p.dec, p.shut = nil, nil
	}
}

// Close closes the compressed file.
func (p *packed) Close() error {
	p.shutDecoder()
	p.win = nil
	if p.closed != nil {
		p.closed()
		p.closed = nil
	}
	return p.File.Close()
}

// damagedError is a file whose content does not unpack.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// damage tells errors of the content from those of reading.
func damage(err error) error {
	var read interface{ Timeout() bool } // those of the system: fs.PathError, syscall.Errno
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF
	case errors.As(err, &read):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &damagedError{fmt.Errorf("needs more than %d MiB to unpack: %w", maxUnpackWindow>>20, err)}
	}
	return &damagedError{err}
}

// hard is the error of reading in what ended a file, if any.
func hard(end error) error {
	var d *damagedError
	if end == nil || errors.Is(end, io.EOF) || errors.As(end, &d) {
		return nil
	}
	return end
}
