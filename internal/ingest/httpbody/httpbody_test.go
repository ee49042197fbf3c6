package httpbody

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func compress(t testing.TB, encoding string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case "deflate":
		w = zlib.NewWriter(&out)
	case "bare":
		w, err = flate.NewWriter(&out, 1)
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(encoding string, body []byte, limit int64) ([]byte, error) {
	r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
	if encoding == "bare" {
		encoding = "deflate"
	}
	r.Header.Set("Content-Encoding", encoding)
	b, err := Open(httptest.NewRecorder(), r, limit, SendLess)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

var encodings = []string{"", "identity", "gzip", "zstd", "deflate", "bare"}

func TestEncodings(t *testing.T) {
	data := []byte(strings.Repeat(`{"message":"hello"}`+"\n", 1000))
	for _, e := range encodings {
		for range 2 { // the second time with a decompressor from the pool
			got, err := read(e, compress(t, e, data), int64(len(data)))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%q: %d bytes, %v", e, len(got), err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	data := []byte(strings.Repeat("x", 10_000))
	status := func(err error) int {
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("error of type %T: %v", err, err)
			return 0
		}
		return e.Status
	}
	for _, e := range encodings {
		packed := compress(t, e, data)
		if _, err := read(e, packed, int64(len(data)-1)); status(err) != http.StatusRequestEntityTooLarge {
			t.Errorf("%q, one byte too many: %v", e, err)
		}
		if e == "" || e == "identity" {
			continue
		}
		if _, err := read(e, packed[:len(packed)-2], 1<<20); status(err) != http.StatusBadRequest {
			t.Errorf("%q cut: %v", e, err)
		}
		if _, err := read(e, nil, 1<<20); err != nil && status(err) != http.StatusBadRequest {
			t.Errorf("%q empty: %v", e, err)
		}
		if _, err := read(e, []byte("this is not compressed"), 1<<20); status(err) != http.StatusBadRequest {
			t.Errorf("%q plain: %v", e, err)
		}
	}
	for _, e := range []string{"br", "gzip, zstd", "compress", "snappy"} {
		if _, err := read(e, data, 1<<20); status(err) != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %v", e, err)
		}
	}
}

// The limit is told exactly, and with the hint of whoever reads.
func TestTooLarge(t *testing.T) {
	for limit, want := range map[int64]string{
		1000:          "1000 bytes",
		128 << 10:     "128 KiB",
		1<<20 + 1<<10: "1025 KiB",
		64 << 20:      "64 MiB",
		64<<20 + 1:    "67108865 bytes",
	} {
		for _, hint := range []string{"", "ask for less"} {
			r := httptest.NewRequest("POST", "/", http.NoBody)
			r.ContentLength = limit + 1
			_, err := Open(httptest.NewRecorder(), r, limit, hint)
			var e *Error
			if !errors.As(err, &e) || e.Msg != "the body is larger than "+want+" (after decompression)" || e.Hint != hint {
				t.Errorf("%d: %v", limit, err)
			}
		}
	}
}

// Much of nothing in a few bytes stops at the limit.
func TestBomb(t *testing.T) {
	zeros := make([]byte, 16<<20)
	for _, e := range []string{"gzip", "zstd", "deflate"} {
		got, err := read(e, compress(t, e, zeros), 1<<20)
		if err == nil || len(got) > 1<<20 {
			t.Errorf("%s: %d bytes, %v", e, len(got), err)
		}
	}
}

// A zstd frame that asks for a window of 2 GiB is refused before that is allocated.
func TestZstdWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00}
	_, err := read("zstd", frame, 1<<20)
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%v", err)
	}
}

// slowBody gives one byte after a pause, and minds the deadline as a connection
// does.
type slowBody struct {
	http.ResponseWriter
	pause    time.Duration
	deadline time.Time
}

func (s *slowBody) SetReadDeadline(t time.Time) error { s.deadline = t; return nil }

func (s *slowBody) Read(p []byte) (int, error) {
	if end := time.Now().Add(s.pause); !s.deadline.IsZero() && end.After(s.deadline) {
		time.Sleep(time.Until(s.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(s.pause)
	p[0] = 'x'
	return 1, nil
}

func TestSlowSender(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 29 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowBody{ResponseWriter: httptest.NewRecorder(), pause: pause}
			r := httptest.NewRequest("POST", "/", io.NopCloser(s))
			b, err := Open(s, r, 1<<20, SendLess)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			start := time.Now()
			_, err = io.ReadAll(b)
			var e *Error
			if !errors.As(err, &e) || e.Status != http.StatusRequestTimeout {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took > 2*patience {
				t.Errorf("one byte every %v was read for %v", pause, took)
			}
			if s.deadline.IsZero() || time.Now().Before(s.deadline) {
				t.Error("the server could wait for the rest of the body without an end")
			}
		})
	}
}

// The time that the sender waits for us does not count.
func TestPatientSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowBody{ResponseWriter: httptest.NewRecorder(), pause: time.Second}
		b, err := Open(s, httptest.NewRequest("POST", "/", io.NopCloser(s)), 1<<20, SendLess)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for range 5 {
			time.Sleep(time.Minute) // the store is busy
			if _, err := b.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestMediaType(t *testing.T) {
	for header, want := range map[string]string{
		"":                                "",
		"Application/JSON; charset=utf-8": "application/json",
		"application/x-ndjson":            "application/x-ndjson",
		"application/vnd.elasticsearch+x-ndjson; compatible-with=8": "application/vnd.elasticsearch+x-ndjson",
		";;": "",
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", header)
		if got := MediaType(r); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, e := range encodings {
		f.Add(e, compress(f, e, []byte("hello, hello, hello")))
	}
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		got, err := read(encoding, body, 1<<16)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Status < 400) {
			t.Errorf("%v", err)
		}
		if len(got) > 1<<16 {
			t.Errorf("%d bytes over the limit", len(got))
		}
	})
}
