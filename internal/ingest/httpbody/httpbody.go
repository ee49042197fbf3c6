// Package httpbody reads the bodies of HTTP requests that carry logs: it undoes
// their compression and holds the limits of size, ratio and pace.
//
// The HTTP protocols of internal/ingest (jsonl, elastic) read through it; what
// they decode goes on to internal/pipeline.
package httpbody

import (
	"bufio"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The pace that a sender must keep: patience for a start and for stalls, and
// bytes per second on top. Only the time that we wait for the sender counts, not
// the time that it waits for us.
const (
	patience = 30 * time.Second
	minPace  = 1 << 10
	// zstdWindow is the largest window a zstd frame may ask for: that of level 19.
	zstdWindow = 8 << 20
)

// SendLess is the hint where a body may be sent in parts.
const SendLess = "send it in several requests"

// Error is why a body is not read, with the HTTP status that says so.
type Error struct {
	Status int
	Msg    string
	Hint   string
	Err    error // may be nil
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Msg + ": " + e.Hint
	}
	return e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// MediaType returns the request's content type in lower case without parameters,
// "" when there is none or it cannot be read.
func MediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// Body is a request's body without its compression. One goroutine reads it. Its
// errors are of type *Error, except io.EOF.
type Body struct {
	wire  *paced
	plain io.Reader
	limit int64 // of plain bytes
	hint  string
	read  int64
	close func()
}

// Open begins to read a body of at most limit bytes after decompression; hint, which
// may be empty, tells whoever sends a larger one what to do. Close must be called.
func Open(w http.ResponseWriter, r *http.Request, limit int64, hint string) (*Body, error) {
	wire := &paced{r: r.Body, control: http.NewResponseController(w)}
	b := &Body{wire: wire, limit: limit, hint: hint, close: func() {}}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if (encoding == "" || encoding == "identity") && r.ContentLength > limit {
		return nil, b.tooLarge()
	}
	var err error
	switch encoding {
	case "", "identity":
		b.plain = wire
	case "gzip", "x-gzip":
		err = b.gzip()
	case "zstd":
		err = b.zstd()
	case "deflate":
		err = b.deflate()
	default:
		return nil, &Error{
			Status: http.StatusUnsupportedMediaType,
			Msg:    fmt.Sprintf("content encoding %q is not supported", encoding),
			Hint:   "send the body as it is or with Content-Encoding gzip, zstd or deflate",
		}
	}
	if err != nil {
		b.Close()
		return nil, b.explain(err)
	}
	return b, nil
}

// Close gives the decompressor back; it does not close the request's body.
func (b *Body) Close() {
	b.close()
	b.close = func() {}
}

// Read reads plain bytes.
func (b *Body) Read(p []byte) (int, error) {
	if left := b.limit - b.read; int64(len(p)) > left {
		p = p[:left+1] // one more than allowed tells that there is more
	}
	n, err := b.plain.Read(p)
	b.read += int64(n)
	if b.read > b.limit {
		return 0, b.tooLarge()
	}
	if err != nil && err != io.EOF {
		err = b.explain(err)
	}
	return n, err
}

// Size is how many plain bytes were read so far.
func (b *Body) Size() int64 { return b.read }

func (b *Body) tooLarge() *Error {
	return &Error{
		Status: http.StatusRequestEntityTooLarge,
		Msg:    "the body is larger than " + size(b.limit) + " (after decompression)",
		Hint:   b.hint,
	}
}

// size spells a number of bytes exactly.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func (b *Body) explain(err error) error {
	var known *Error
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLong):
		return b.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: http.StatusRequestTimeout, Msg: "the body came too slowly", Hint: fmt.Sprintf("at least %d bytes a second are expected", minPace), Err: err}
	case b.wire.err != nil && b.wire.err != io.EOF:
		return &Error{Status: http.StatusBadRequest, Msg: "the body ended early", Hint: "the connection broke or Content-Length was wrong", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &Error{Status: http.StatusBadRequest, Msg: "the compressed body ends early", Hint: "send it whole", Err: err}
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &Error{Status: http.StatusRequestEntityTooLarge, Msg: "the zstd body needs too much memory", Hint: "compress it with level 19 or lower and without --long", Err: err}
	}
	return &Error{Status: http.StatusBadRequest, Msg: "the body does not fit its Content-Encoding", Hint: "send what the header says: " + err.Error(), Err: err}
}

var gzipPool = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (b *Body) gzip() error {
	z, _ := gzipPool.Get().(*gzip.Reader)
	b.close = func() { gzipPool.Put(z) }
	b.plain = z
	return z.Reset(bufio.NewReaderSize(b.wire, 32<<10))
}

var zstdPool sync.Pool

func (b *Body) zstd() error {
	z, _ := zstdPool.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return err
		}
	}
	b.close = func() {
		if z.Reset(nil) == nil { // drops the reference to the body
			zstdPool.Put(z)
		}
	}
	b.plain = z
	return z.Reset(b.wire)
}

// deflate reads what RFC 9110 calls deflate, the zlib format, and what some
// clients send under that name, the bare stream.
func (b *Body) deflate() error {
	in := bufio.NewReaderSize(b.wire, 32<<10)
	head, err := in.Peek(2)
	if err != nil {
		return err
	}
	if head[0]&0x0f != 8 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		b.plain = flate.NewReader(in)
		return nil
	}
	b.plain, err = zlib.NewReader(in)
	return err
}

// paced reads the body under a deadline that moves with what arrives, and
// remembers how the connection itself ended.
type paced struct {
	r       io.Reader
	control *http.ResponseController
	spent   time.Duration
	read    int64
	err     error
}

func (p *paced) Read(buf []byte) (int, error) {
	start := time.Now()
	left := patience + time.Duration(p.read/minPace)*time.Second - p.spent
	// A recorder in a test or an unusual connection has no deadlines.
	_ = p.control.SetReadDeadline(start.Add(max(0, min(left, patience))))
	n, err := p.r.Read(buf)
	p.spent += time.Since(start)
	p.read += int64(n)
	if err != nil {
		p.err = err
	}
	if err == io.EOF {
		// The server goes on reading the connection in the background, to notice
		// when the client leaves. After any other error the deadline stays: the
		// server tries to read the rest of the body before it sends the answer.
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
