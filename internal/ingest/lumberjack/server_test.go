package lumberjack

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/elastic/go-lumber/client/v2"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/testkit/memsink"
)

func TestVersion1(t *testing.T) {
	slow := make(chan struct{})
	h := start(t, func(o *Options) {
		o.Keepalive = time.Millisecond
		o.Sink.(*memsink.Sink).Before = func(*record.Batch) error { <-slow; return nil }
	})
	c := h.dial("web-01")
	send(t, c, v1Window(1001, "one", "two", "three"))
	h.eventually("the window waits for the sink", func() bool { return h.budget.used() > 0 })
	// Beside it, a version 2 client gets ten signs of life; the first bytes for the
	// version 1 client must be the one acknowledgement.
	beside := h.dial("beat")
	send(t, beside, v2Window(`{"message":"beside"}`))
	for range 10 {
		answer(t, beside)
	}
	slow <- struct{}{}
	if version, seq := answer(t, c); version != '1' || seq != 1003 {
		t.Errorf("answer %c %d", version, seq)
	}
	slow <- struct{}{} // the one beside
	send(t, c, v1Window(1004, "four"))
	slow <- struct{}{}
	if version, seq := answer(t, c); version != '1' || seq != 1004 {
		t.Errorf("answer %c %d", version, seq)
	}
	rows := h.sink.Rows()
	if got := messages(rows); got != "one two three beside four" {
		t.Fatal(got)
	}
	want := map[string]string{"file": "/var/log/app.log", "host": "web", "offset": "100", "message": "two", "type": "app"}
	if r := rows[1]; r.Client != "web-01" || fmt.Sprint(r.Fields) != fmt.Sprint(want) {
		t.Errorf("row %+v", r)
	}
}

func TestResentWindow(t *testing.T) {
	h := start(t, nil)
	w := v1Window(5, "one", "two")
	for range 2 { // the second connection sends the very same bytes
		c := h.dial("web-01")
		send(t, c, w)
		if _, seq := answer(t, c); seq != 6 {
			t.Fatal(seq)
		}
		_ = c.Close()
	}
	if got := messages(h.sink.Rows()); got != "one two" {
		t.Errorf("kept %s", got)
	}
	// The same bytes twice on one connection are not the same window: the first was
	// acknowledged.
	c := h.dial("web-01")
	for range 2 {
		send(t, c, v2Window(`{"message":"x"}`))
		acked(t, c)
	}
	if got := messages(h.sink.Rows()); got != "one two x x" {
		t.Errorf("kept %s", got)
	}
	c = h.dial("web-02") // another client
	send(t, c, w)
	answer(t, c)
	if got := messages(h.sink.Rows()); got != "one two x x one two" {
		t.Errorf("kept %s", got)
	}
}

func TestVersion2KeepsAlive(t *testing.T) {
	slow := make(chan struct{})
	h := start(t, func(o *Options) {
		o.Keepalive = 2 * time.Millisecond
		o.Sink.(*memsink.Sink).Before = func(*record.Batch) error { <-slow; return nil }
	})
	c := h.dial("web-01")
	send(t, c, v2Window(`{"message":"a"}`, `{"message":"b"}`))
	for range 5 {
		if version, seq := answer(t, c); version != '2' || seq != 0 {
			t.Fatalf("answer %c %d while the sink is slow", version, seq)
		}
	}
	close(slow)
	if seq, _ := acked(t, c); seq != 2 {
		t.Errorf("acknowledged %d", seq)
	}
}

// TestQueuedWindowsKeepAlive: also a window that waits for room is told to be
// alive.
func TestQueuedWindowsKeepAlive(t *testing.T) {
	slow := make(chan struct{})
	h := start(t, func(o *Options) {
		o.Keepalive = 2 * time.Millisecond
		o.MaxBytes = reservation
		o.Sink.(*memsink.Sink).Before = func(*record.Batch) error { <-slow; return nil }
	})
	first := h.dial("web-01")
	frame := bytes.Repeat([]byte("x"), 900<<10)
	send(t, first, v2Window(`{"message":"`+string(frame)+`"}`))
	h.eventually("the first window fills the budget", func() bool { return h.budget.used() > 0 })
	second := h.dial("web-02")
	send(t, second, v2Window(`{"message":"b"}`))
	for range 3 {
		if _, seq := answer(t, second); seq != 0 {
			t.Fatalf("acknowledged %d", seq)
		}
	}
	close(slow)
	for _, c := range []net.Conn{first, second} {
		if seq, _ := acked(t, c); seq != 1 {
			t.Errorf("acknowledged %d", seq)
		}
	}
}

func TestEmptyWindow(t *testing.T) {
	h := start(t, nil)
	for _, version := range []byte{'1', '2'} {
		c := h.dial("web-01")
		send(t, c, lumberjack.AppendWindow(nil, version, 0))
		if v, seq := answer(t, c); v != version || seq != 0 {
			t.Errorf("answer %c %d", v, seq)
		}
	}
}

func TestGoLumberSync(t *testing.T) {
	h := start(t, nil)
	cl, err := client.SyncDialWith(h.dialer("beat"), h.addr, client.CompressionLevel(3), client.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cl.Close() }() // the test is over
	n := 0
	for range 20 {
		var events []any
		for range 100 {
			events = append(events, map[string]any{
				"@timestamp": "2026-01-02T03:04:05.678Z", "@metadata": map[string]any{"beat": "test", "version": "9"},
				"message": fmt.Sprintf("line-%05d", n), "log": map[string]any{"offset": n},
			})
			n++
		}
		if acked, err := cl.Send(events); err != nil || acked != 100 {
			t.Fatal(acked, err)
		}
	}
	rows := h.sink.Rows()
	if len(rows) != n {
		t.Fatalf("%d rows of %d", len(rows), n)
	}
	want := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC).UnixNano()
	for i, r := range rows {
		if r.Message != fmt.Sprintf("line-%05d", i) || r.Fields["log.offset"] != fmt.Sprint(i) || len(r.Fields) != 2 || r.Time != want {
			t.Fatalf("row %d: %+v", i, r)
		}
	}
}

func (h *harness) dialer(name string) func(network, addr string) (net.Conn, error) {
	cfg := h.ca.Client(name)
	return func(network, addr string) (net.Conn, error) { return tls.Dial(network, addr, cfg) }
}

func TestGoLumberAsync(t *testing.T) {
	h := start(t, nil)
	cl, err := client.AsyncDialWith(h.dialer("beat"), h.addr, 4, client.CompressionLevel(1), client.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	n := 0
	for range 50 {
		var events []any
		for range 40 {
			events = append(events, map[string]any{"message": fmt.Sprintf("line-%05d", n)})
			n++
		}
		wg.Add(1)
		err := cl.Send(func(seq uint32, err error) {
			defer wg.Done()
			if err != nil || seq != 40 {
				mu.Lock()
				failed = append(failed, fmt.Errorf("seq %d: %w", seq, err))
				mu.Unlock()
			}
		}, events)
		if err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	_ = cl.Close()
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	for i, r := range h.sink.Rows() {
		if r.Message != fmt.Sprintf("line-%05d", i) {
			t.Fatalf("row %d: %s", i, r.Message)
		}
	}
	if h.sink.Len() != n {
		t.Errorf("%d rows of %d", h.sink.Len(), n)
	}
}

// run makes the lines of one source, numbered from first.
func run(id byte, from uint64, resume bool, lines ...string) *record.Lines {
	l := &record.Lines{ReadTime: 42, Fields: []record.Pair{{Name: "host", Value: "web"}, {Name: "file", Value: "/f"}}}
	l.Position = record.Position{ID: record.SourceID{id}, From: from, Resume: resume}
	for _, s := range lines {
		l.Rows = append(l.Rows, record.Line{Start: from, Span: uint32(len(s) + 1), Off: uint32(len(l.Data)), Len: uint32(len(s))})
		l.Data = append(l.Data, s...)
		from += uint64(len(s) + 1)
	}
	l.Position.To = from
	return l
}

// blocks encodes a window of runs.
func blocks(t *testing.T, runs ...*record.Lines) []byte {
	t.Helper()
	e := lumberjack.NewEncoder(true)
	e.Begin()
	for _, l := range runs {
		e.Add(l, 0, len(l.Rows), l.Position.Resume)
	}
	p, err := e.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBlocks(t *testing.T) {
	h := start(t, nil)
	c := h.dial("web-01", "something-else", lumberjack.ALPN)
	if p := c.ConnectionState().NegotiatedProtocol; p != lumberjack.ALPN {
		t.Fatalf("negotiated %q", p)
	}
	marked := run(2, 1000, true, "cut")
	marked.Rows[0].Marks = record.LineTruncated
	send(t, c, blocks(t, run(1, 0, true, "one", "two"), run(1, 8, false, "three"), marked))
	if seq, _ := acked(t, c); seq != 4 {
		t.Fatal(seq)
	}
	rows := h.sink.Rows()
	if got := messages(rows); got != "one two three cut" {
		t.Fatal(got)
	}
	if r := rows[2]; r.Start != 8 || r.Time != 42 || r.Client != "web-01" || fmt.Sprint(r.Fields) != fmt.Sprint(map[string]string{"host": "web", "file": "/f", "message": "three", "offset": "8"}) {
		t.Errorf("row %+v", r)
	}
	if r := rows[3]; r.Fields["tags"] != `["_truncated"]` || r.Start != 1000 {
		t.Errorf("row %+v", r)
	}
	// Sent again over another connection, with more behind it.
	c = h.dial("web-01", lumberjack.ALPN)
	send(t, c, blocks(t, run(1, 4, true, "two", "three", "four")))
	acked(t, c)
	send(t, c, blocks(t, run(1, 19, false, "five")))
	acked(t, c)
	send(t, c, blocks(t, run(1, 4, true, "two")))
	acked(t, c)
	if got := messages(h.sink.Rows()); got != "one two three cut four five" {
		t.Error(got)
	}
	if n := h.metric("journalist_lumberjack_duplicate_blocks_total"); n != 1 {
		t.Errorf("%d duplicates counted", n)
	}
	if h.dial("other").ConnectionState().NegotiatedProtocol != "" {
		t.Error("a client that offers nothing got a protocol")
	}
	if h.dial("other", "h2").ConnectionState().NegotiatedProtocol != "" {
		t.Error("a client that offers others got a protocol")
	}
}

// TestFailedWindow: what follows a window that is not kept is not acknowledged.
func TestFailedWindow(t *testing.T) {
	for _, failure := range []error{record.ErrFull, record.ErrTooLarge, errors.New("disk on fire")} {
		n := 0
		h := start(t, func(o *Options) {
			o.Sink.(*memsink.Sink).Before = func(*record.Batch) error {
				if n++; n == 2 {
					return fmt.Errorf("commit: %w", failure)
				}
				return nil
			}
		})
		c := h.dial("web-01", lumberjack.ALPN)
		send(t, c, blocks(t, run(1, 0, true, "one")))
		if seq, _ := acked(t, c); seq != 1 {
			t.Fatal(seq)
		}
		send(t, c, append(blocks(t, run(1, 4, false, "two")), blocks(t, run(1, 8, false, "six"))...))
		if rest, err := io.ReadAll(c); len(rest) > 0 {
			t.Errorf("answer %q %v after a failed window", rest, err)
		}
		if got := messages(h.sink.Rows()); got != "one" {
			t.Errorf("kept %s", got)
		}
		if log := h.log.String(); !strings.Contains(log, "client=web-01") || !strings.Contains(log, "address=127.0.0.1") || !strings.Contains(log, failure.Error()) {
			t.Errorf("log: %s", log)
		}
	}
}

func TestShutdownFinishesWindows(t *testing.T) {
	slow := make(chan struct{})
	h := start(t, func(o *Options) {
		o.Sink.(*memsink.Sink).Before = func(*record.Batch) error { <-slow; return nil }
	})
	idle, busy := h.dial("idle"), h.dial("busy")
	w := v2Window(`{"message":"a"}`)
	send(t, busy, w[:len(w)-3]) // in the middle of a window
	h.eventually("the window is in progress", func() bool { return h.budget.used() > 0 && h.Conns() == 2 })
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- h.Shutdown(ctx)
	}()
	if rest, err := io.ReadAll(idle); len(rest) > 0 || err != nil {
		t.Errorf("the idle connection ends with %q, %v", rest, err)
	}
	send(t, busy, w[len(w)-3:])
	close(slow)
	if seq, _ := acked(t, busy); seq != 1 {
		t.Error(seq)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", h.addr); err == nil {
		_ = c.Close()
		t.Error("still accepts")
	}
}

func TestShutdownBreaksOff(t *testing.T) {
	h := start(t, nil)
	c := h.dial("busy")
	send(t, c, v2Window(`{"message":"a"}`)[:10])
	h.eventually("the window is in progress", func() bool { return h.budget.used() > 0 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if h.Conns() != 0 {
		t.Error("connections are left")
	}
}

func TestConnectionLimits(t *testing.T) {
	h := start(t, func(o *Options) { o.MaxConnsPerAddr = 2 })
	h.dial("a")
	h.dial("b")
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the test is over
	if rest, err := io.ReadAll(c); len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	h.eventually("the refusal is counted", func() bool {
		return h.metric("journalist_lumberjack_refused_total", "reason", "connections_per_address") == 1
	})
}

func TestIdleAndStalledConnectionsEnd(t *testing.T) {
	h := start(t, func(o *Options) { o.Idle, o.Stall = 20*time.Millisecond, 20*time.Millisecond })
	idle := h.dial("idle")
	if rest, err := io.ReadAll(idle); len(rest) > 0 || err != nil {
		t.Errorf("the idle connection ends with %q, %v", rest, err)
	}
	if strings.Contains(h.log.String(), "WARN") {
		t.Errorf("an idle end is logged: %s", h.log)
	}
	stalled := h.dial("stalled")
	send(t, stalled, v2Window(`{"message":"a"}`)[:10])
	if rest, err := io.ReadAll(stalled); len(bytes.Trim(rest, "2A\x00")) > 0 || err != nil {
		t.Errorf("the stalled connection ends with %q, %v", rest, err)
	}
	h.eventually("the stall is counted", func() bool { return h.metric("journalist_lumberjack_refused_total", "reason", "stalled") == 1 })
}

// TestWaitingIsNotIdle: a client that waits for an acknowledgement has nothing to
// send.
func TestWaitingIsNotIdle(t *testing.T) {
	slow := make(chan struct{})
	h := start(t, func(o *Options) {
		o.Idle, o.Keepalive = 5*time.Millisecond, time.Millisecond
		o.Sink.(*memsink.Sink).Before = func(*record.Batch) error { <-slow; return nil }
	})
	c := h.dial("web-01")
	send(t, c, v2Window(`{"message":"a"}`))
	for range 30 {
		answer(t, c)
	}
	close(slow)
	if seq, _ := acked(t, c); seq != 1 {
		t.Error(seq)
	}
}

func TestBadBytesAreRefused(t *testing.T) {
	h := start(t, nil)
	for reason, p := range map[string][]byte{
		"protocol_version":   []byte("GET / HTTP/1.1\r\n\r\n"),
		"protocol_window":    []byte("2W\xff\xff\xff\xff"),
		"protocol_limit":     []byte("2W\x00\x00\x00\x012J\x00\x00\x00\x01\xff\xff\xff\xff"),
		"protocol_frame":     []byte("2W\x00\x00\x00\x012Q"),
		"protocol_truncated": v2Window(`{"a":1}`)[:20],
	} {
		c := h.dial("bad")
		send(t, c, p)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c) // until the server hangs up
		h.eventually(reason, func() bool { return h.metric("journalist_lumberjack_refused_total", "reason", reason) == 1 })
	}
	if h.sink.Len() != 0 {
		t.Error("rows were kept")
	}
	c := h.dial("good") // the server goes on
	send(t, c, v2Window(`{"message":"a"}`))
	if seq, _ := acked(t, c); seq != 1 {
		t.Error(seq)
	}
}
