package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// follow opens a tail and returns its events, one "name data" each; the channel
// is closed when the stream ends. stop leaves.
func (w *world) follow(query string) (events <-chan string, stop func()) {
	w.t.Helper()
	srv := httptest.NewServer(w.handler)
	ctx, cancel := context.WithCancel(w.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/v1/tail?query="+url.QueryEscape(query), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens["read"])
	resp, err := srv.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	out := make(chan string, 100)
	go func() {
		defer close(out)
		name := ""
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = n
			} else if d, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				out <- name + " " + d
			}
		}
	}()
	return out, func() {
		cancel()
		_ = resp.Body.Close() // it was cancelled
		for range out {       // until the reader has ended
			continue
		}
		srv.Client().CloseIdleConnections()
		srv.Close()
	}
}

func TestTail(t *testing.T) {
	w := newWorld(t)
	calls := 0
	w.querier.tail = func(ctx context.Context, yield func(*scan.Block) error) (int64, error) {
		calls++
		if err := yield(wholeBlock()); err != nil {
			return 0, err
		}
		if calls == 1 {
			return 3, nil // fell behind; it is taken up again
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}
	events, stop := w.follow("error | fields message")
	defer stop()
	for i, want := range []string{"ready {}", "row {", "row {", `missed {"missed":3}`, "row {", "row {"} {
		if got := <-events; !strings.HasPrefix(got, want) {
			t.Errorf("event %d: %s, want %s", i, got, want)
		}
	}
}

func TestTailThatFails(t *testing.T) {
	w := newWorld(t)
	w.querier.tail = func(context.Context, func(*scan.Block) error) (int64, error) {
		return 0, errors.New("secret")
	}
	events, stop := w.follow("error")
	defer stop()
	if got := <-events; got != "ready {}" {
		t.Error(got)
	}
	if got := <-events; !strings.HasPrefix(got, `error {"error":{"type":"tag:journalist,2026:internal"`) || strings.Contains(got, "secret") {
		t.Error(got)
	}
	if got, more := <-events; more {
		t.Errorf("goes on with %s", got)
	}
}

func TestTailRefuses(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxTails = 1 })
	w.handler.(*Server).tails <- struct{}{}
	for query, status := range map[string]int{
		"(":                        400,
		"x | stats count()":        400,
		"x | sort host":            400,
		"x | limit 5":              400,
		"x | fields a | patterns":  400,
		"a:in(x | fields a)":       400,
		"x | fields a | where a=b": 429,
		"x | rex /a=(?P<a>.)/ | eval b = a + 1 | fields b | where b>1": 429,
		"x":                           429,
		"x | where a=b | fields a, c": 429,
	} {
		if got := w.do("read", "GET", "/api/v1/tail?query="+url.QueryEscape(query), ""); got.Code != status {
			t.Errorf("%s: %d %s", query, got.Code, got.Body)
		}
	}
	if got := w.do("read", "GET", "/api/v1/tail?query="+url.QueryEscape("x | sort host"), ""); !strings.Contains(got.Body.String(), `"“sort” needs all rows`) ||
		!strings.Contains(got.Body.String(), "where, extract, eval and fields") || !strings.Contains(got.Body.String(), `"position":4`) {
		t.Errorf("%s", got.Body)
	}
	if got := w.do("read", "GET", "/api/v1/tail?quary=x", ""); got.Code != 400 {
		t.Errorf("unknown parameter: %d", got.Code)
	}
}

// TestTailEndsWithItsToken holds that a tail that is open does not outlive its
// credentials.
func TestTailEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.querier.tail = func(ctx context.Context, _ func(*scan.Block) error) (int64, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		client, stop := w.pipe()
		defer stop()
		if _, err := io.WriteString(client, "GET /api/v1/tail?query=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+w.tokens["read"]+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		in := bufio.NewReader(client)
		next := func(want string) { t.Helper(); nextLine(t, in, want) }
		next("event: ready")
		next(": alive")
		if err := w.auth.Revoke("read"); err != nil {
			t.Fatal(err)
		}
		next("event: error")
		next(`data: {"error":{"type":"tag:journalist,2026:auth"`)
		if _, err := io.Copy(io.Discard, in); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it ended after %v", took)
		}
	})
}

// nextLine reads up to a line that begins so.
func nextLine(t *testing.T, in *bufio.Reader, want string) string {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("no %q: %v", want, err)
		}
		if strings.HasPrefix(line, want) {
			return line
		}
	}
}

// A client that does not read holds nobody up, its lines are bounded, and once it reads
// again it is told how many it missed: what came and what was missed is all there was.
func TestTailThatIsNotRead(t *testing.T) {
	s := storeOf(t)
	w := newWorld(t, func(o *Options) { o.Querier = exec.New(exec.Options{Source: s}) })
	client, stop := w.pipe()
	defer stop()
	if _, err := io.WriteString(client, "GET /api/v1/tail?query=flood HTTP/1.0\r\nAuthorization: Bearer "+w.tokens["read"]+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(client)
	next := func(want string) string { t.Helper(); return nextLine(t, in, want) }
	next("event: ready")
	send := func(text string) {
		t.Helper()
		b := &record.Batch{}
		for range 100 {
			if err := b.AppendJSON([]byte(`{"message":"`+text+`"}`), 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	// The tail is there when the first lines come through.
	came := make(chan string, 1)
	go func() { came <- next("event: row") }()
	for waiting := true; waiting; {
		send("flood first")
		select {
		case <-came:
			waiting = false
		default:
		}
	}
	const floods = 3000 // more than are kept for one that does not read
	for range floods {
		send("flood " + strings.Repeat("x", 200))
	}
	rows, missed := 0, 0
	for rows+missed < floods*100 {
		switch line := next("data: "); {
		case strings.Contains(line, "flood xxx"):
			rows++
		case strings.HasPrefix(line, `data: {"missed":`):
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(line[len(`data: {"missed":`):]), "}"))
			if err != nil {
				t.Fatal(err)
			}
			missed += n
		}
	}
	if rows == 0 || missed == 0 || rows+missed != floods*100 {
		t.Errorf("%d rows and %d missed of %d", rows, missed, floods*100)
	}
}
