package jsonl

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/ingest"
	"journalist/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink keeps a copy of what it takes, in the order of the calls, and
// recognises windows as the store does.
type fakeSink struct {
	mu      sync.Mutex
	batches []*record.Batch
	windows map[string]bool
	fail    func(n int) error
	calls   int
}

func (s *fakeSink) Submit(_ context.Context, b *record.Batch) <-chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan error, 1)
	s.calls++
	if s.fail != nil {
		if err := s.fail(s.calls); err != nil {
			done <- err
			return done
		}
	}
	id := fmt.Sprint(b.Client, b.Window)
	if b.Window == 0 || !s.windows[id] {
		kept := new(record.Batch)
		if err := kept.UnmarshalBinary(b.AppendBinary(nil)); err != nil {
			done <- err
			return done
		}
		s.batches = append(s.batches, kept)
		if s.windows == nil {
			s.windows = map[string]bool{}
		}
		s.windows[id] = true
	}
	done <- nil
	return done
}

func (s *fakeSink) messages() []string {
	var out []string
	for _, b := range s.batches {
		for i := range b.Len() {
			v, _ := b.Find(i, "message")
			out = append(out, string(v.AppendText(nil)))
		}
	}
	return out
}

type answer struct {
	Accepted, Rejected int64
	Errors             []struct {
		Line  int64
		Error string
	}
	Status             int
	Kind, Detail, Hint string
}

func post(t testing.TB, h http.Handler, sender ingest.Sender, target, contentType string, body io.Reader, header ...string) (int, answer) {
	t.Helper()
	r := httptest.NewRequest("POST", target, body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ingest.WithSender(r.Context(), sender)))
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if w.Code >= 400 != (a.Kind != "") || a.Status != 0 && a.Status != w.Code || (w.Header().Get("Content-Type") == "application/problem+json") != (a.Kind != "") {
		t.Errorf("status %d with %+v", w.Code, a)
	}
	return w.Code, a
}

const ndjson = "application/x-ndjson"

var anyone = ingest.Sender{Name: "tok"}

func TestLines(t *testing.T) {
	s := &fakeSink{}
	h := New(Options{Sink: s, Clock: func() time.Time { return time.Unix(7, 0) }})
	body := "\ufeff{\"message\":\"a\"}\r\n\n{\"message\":\"b\",\"@timestamp\":\"2026-01-02T03:04:05Z\"}\nnot json\n[1]\n{\"message\":\"c\"}"
	status, a := post(t, h, anyone, "/?dataset=shop", ndjson, strings.NewReader(body))
	if status != 200 || a.Accepted != 3 || a.Rejected != 2 || len(a.Errors) != 2 {
		t.Fatalf("%d %+v", status, a)
	}
	if a.Errors[0].Line != 4 || a.Errors[1].Line != 5 || !strings.Contains(a.Errors[1].Error, "array") {
		t.Errorf("%+v", a.Errors)
	}
	if got := strings.Join(s.messages(), ","); got != "a,b,c" {
		t.Error(got)
	}
	b := s.batches[0]
	if b.Dataset != "shop" || b.Client != "tok" || b.Window != 0 || b.Time(0) != 7e9 || b.Time(1) != 1767323045e9 {
		t.Errorf("%q %q %d %d %d", b.Dataset, b.Client, b.Window, b.Time(0), b.Time(1))
	}
}

func TestManyLinesInOrder(t *testing.T) {
	s := &fakeSink{}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	const n = 3*batchRows + 17
	for i := range n {
		if _, err := fmt.Fprintf(z, "{\"message\":\"%d\"}\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	status, a := post(t, New(Options{Sink: s}), anyone, "/", "application/json", &body, "Content-Encoding", "gzip")
	if status != 200 || a.Accepted != n {
		t.Fatalf("%d %+v", status, a)
	}
	for i, m := range s.messages() {
		if m != fmt.Sprint(i) {
			t.Fatalf("row %d is %s", i, m)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	const line = `{"message":"a"}`
	bound := ingest.Sender{Name: "x", Datasets: []string{"shop"}}
	for _, c := range []struct {
		name, target, contentType, body string
		sender                          ingest.Sender
		header                          []string
		status                          int
		kind                            string
	}{
		{"form", "/", "application/x-www-form-urlencoded", line, anyone, nil, 415, "unsupported"},
		{"no type", "/", "", line, anyone, nil, 415, "unsupported"},
		{"text", "/", "text/plain", line, anyone, nil, 415, "unsupported"},
		{"encoding", "/", ndjson, line, anyone, []string{"Content-Encoding", "br"}, 415, "unsupported"},
		{"not gzip", "/", ndjson, line, anyone, []string{"Content-Encoding", "gzip"}, 400, "bad_request"},
		{"dataset", "/?dataset=a/b", ndjson, line, anyone, nil, 400, "bad_request"},
		{"other dataset", "/", ndjson, line, bound, nil, 403, "auth"},
		{"own dataset", "/?dataset=shop", ndjson, line, bound, nil, 200, ""},
		{"long key", "/", ndjson, line, anyone, []string{"Idempotency-Key", strings.Repeat("x", 201)}, 400, "bad_request"},
		{"only garbage", "/", ndjson, "a\nb", anyone, nil, 400, "bad_request"},
		{"nothing", "/", ndjson, "", anyone, nil, 200, ""},
		{"NULs", "/", ndjson, "\x00\x00\n", anyone, nil, 400, "bad_request"},
	} {
		status, a := post(t, New(Options{Sink: &fakeSink{}}), c.sender, c.target, c.contentType, strings.NewReader(c.body), c.header...)
		if status != c.status || a.Kind != c.kind {
			t.Errorf("%s: %d %+v", c.name, status, a)
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(line))
	r.Header.Set("Content-Type", ndjson)
	w := httptest.NewRecorder()
	New(Options{Sink: &fakeSink{}}).ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("without a sender: %d", w.Code)
	}
}

func TestSinkErrors(t *testing.T) {
	body := strings.Repeat("{\"message\":\"a\"}\n", 2*batchRows+1)
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{fmt.Errorf("commit: %w", record.ErrFull), 429, "full"},
		{record.ErrClosed, 503, "full"},
		{record.ErrTooLarge, 413, "limit"},
		{context.Canceled, 408, "bad_request"},
		{errors.New("secret path /x"), 500, "internal"},
	} {
		s := &fakeSink{fail: func(n int) error {
			if n == 2 {
				return c.err
			}
			return nil
		}}
		status, a := post(t, New(Options{Sink: s}), anyone, "/", ndjson, strings.NewReader(body))
		if status != c.status || a.Kind != c.kind || a.Accepted < batchRows || strings.Contains(a.Detail+a.Hint, "secret") {
			t.Errorf("%v: %d %+v", c.err, status, a)
		}
	}
}

func TestLongLines(t *testing.T) {
	s := &fakeSink{}
	huge := strings.Repeat("x", 3*record.MaxRecord)
	body := "{\"message\":\"a\"}\n" + huge + "\n{\"message\":\"b\"}\n" + huge
	status, a := post(t, New(Options{Sink: s}), anyone, "/", ndjson, strings.NewReader(body))
	if status != 200 || a.Accepted != 2 || a.Rejected != 2 || a.Errors[0].Line != 2 || a.Errors[1].Line != 4 {
		t.Errorf("%d %+v", status, a)
	}
}

func TestLimit(t *testing.T) {
	s := &fakeSink{}
	body := strings.Repeat("{\"message\":\"a\"}\n", 10_000)
	status, a := post(t, New(Options{Sink: s, MaxBody: 1 << 10}), anyone, "/", ndjson, strings.NewReader(body))
	if status != 413 || a.Kind != "limit" {
		t.Errorf("%d %+v", status, a)
	}
}

// brokenBody ends with an error after its content.
type brokenBody struct{ r io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A body that is repeated after it broke off is stored once.
func TestRepetition(t *testing.T) {
	s := &fakeSink{}
	h := New(Options{Sink: s})
	var body strings.Builder
	const n = 2*batchRows + 100
	for i := range n {
		fmt.Fprintf(&body, "{\"message\":\"%d\"}\n", i)
	}
	half := body.String()[:body.Len()*3/4]
	status, a := post(t, h, anyone, "/", ndjson, brokenBody{strings.NewReader(half)}, "Idempotency-Key", "k1")
	if status != 400 || a.Accepted != batchRows {
		t.Fatalf("%d %+v", status, a)
	}
	for range 2 {
		status, a = post(t, h, anyone, "/", ndjson, strings.NewReader(body.String()), "Idempotency-Key", "k1")
		if status != 200 || a.Accepted != n {
			t.Fatalf("%d %+v", status, a)
		}
	}
	if got := len(s.messages()); got != n {
		t.Errorf("%d rows stored, want %d", got, n)
	}
	if _, a = post(t, h, anyone, "/", ndjson, strings.NewReader(body.String())); a.Accepted != n {
		t.Errorf("%+v", a)
	}
	if got := len(s.messages()); got != 2*n {
		t.Errorf("without a key the same body is another: %d rows", got)
	}
}

// Whatever comes, lines are counted once and what is accepted is stored.
func FuzzBody(f *testing.F) {
	f.Add([]byte("{\"message\":\"a\"}\n{}\n[]\nx\n\n"))
	f.Add([]byte("{\"a\":{\"b\":[1,2]},\"@timestamp\":1}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &fakeSink{}
		_, a := post(t, New(Options{Sink: s}), anyone, "/", ndjson, bytes.NewReader(body))
		if got := int64(len(s.messages())); got != a.Accepted {
			t.Errorf("accepted %d, stored %d", a.Accepted, got)
		}
		var want int64
		for i, l := range bytes.Split(body, []byte("\n")) {
			if i == 0 {
				l = trimBOM(l)
			}
			if !isBlank(l) {
				want++
			}
		}
		if a.Accepted+a.Rejected != want {
			t.Errorf("accepted %d and rejected %d of %d lines", a.Accepted, a.Rejected, want)
		}
	})
}

// slowSink commits what it took only when it is told, and counts what it holds.
type slowSink struct {
	fakeSink
	held, most atomic.Int64
}

func (s *slowSink) Submit(ctx context.Context, b *record.Batch) <-chan error {
	n := int64(b.Bytes())
	now := s.held.Add(n)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
		continue
	}
	done := make(chan error, 1)
	stored := s.fakeSink.Submit(ctx, b)
	go func() {
		time.Sleep(time.Millisecond) // a disk's time
		s.held.Add(-n)
		done <- <-stored
	}()
	return done
}

// TestMemory holds that all requests together stay within their memory, and that
// none of them waits for ever.
func TestMemory(t *testing.T) {
	const limit, requests, lines = 1 << 20, 16, 2000
	s := &slowSink{}
	h := New(Options{Sink: s, MaxMemory: limit})
	text := strings.Repeat("x", 1000)
	var body strings.Builder
	for i := range lines {
		fmt.Fprintf(&body, "{\"message\":\"%d %s\"}\n", i, text)
	}
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if status, a := post(t, h, anyone, "/", ndjson, strings.NewReader(body.String())); status != 200 || a.Accepted != lines {
				t.Errorf("%d %+v", status, a)
			}
		})
	}
	wg.Wait()
	if n := len(s.messages()); n != requests*lines {
		t.Errorf("%d rows", n)
	}
	if most := s.most.Load(); most > limit+requests*4096 { // an open batch is over by its last line
		t.Errorf("the sink held %d bytes", most)
	}
	if !h.memory.TryAcquire(limit) {
		t.Error("memory is not given back")
	}
	// A body with a key is cut where it always is, or not at all.
	status, a := post(t, h, anyone, "/", ndjson, io.MultiReader(strings.NewReader("\n"), &freeing{h, strings.NewReader(body.String())}), "Idempotency-Key", "k")
	if status != 429 || a.Accepted != 0 || a.Kind != "limit" {
		t.Errorf("%d %+v", status, a)
	}
	if !h.memory.TryAcquire(firstCharge) || h.memory.TryAcquire(1) {
		t.Error("memory of a refused body is not given back, or too much of it")
	}
}

// TestMemoryOfLongLines holds that lines that are not ended yet count too.
func TestMemoryOfLongLines(t *testing.T) {
	const limit = 1 << 20
	h := New(Options{Sink: &fakeSink{}, MaxMemory: limit})
	long := `{"message":"` + strings.Repeat("x", 700<<10) + "\"}\n"
	if status, a := post(t, h, anyone, "/", ndjson, strings.NewReader(long)); status != 200 || a.Accepted != 1 {
		t.Errorf("%d %+v", status, a)
	}
	if !h.memory.TryAcquire(limit - firstCharge) {
		t.Fatal("memory is not given back")
	}
	status, a := post(t, h, anyone, "/", ndjson, strings.NewReader("{\"message\":\"short\"}\n"+long))
	if status != 429 || a.Accepted != 1 || a.Kind != "limit" {
		t.Errorf("%d %+v", status, a)
	}
	if !h.memory.TryAcquire(firstCharge) {
		t.Error("memory of a refused body is not given back")
	}
}

// freeing gives the request room for its first charge before the body comes.
type freeing struct {
	h    *Handler
	body io.Reader
}

func (f *freeing) Read(p []byte) (int, error) {
	if f.h != nil {
		f.h.memory.Release(firstCharge)
		f.h = nil
	}
	return f.body.Read(p)
}
