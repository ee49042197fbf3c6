package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// What is too much, backwards or from another age is refused with words or answered
// within bounds, by the real executor.
func TestBadQuestions(t *testing.T) {
	w := investigated(t)
	text := func(s string) string {
		data, err := json.Marshal(map[string]string{"query": s})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		kind   string
	}{
		"1 MB":                  {text(strings.Repeat("word ", 200_000)), 413, "limit"},
		"over 64 KiB":           {text(strings.Repeat("word ", 14_000)), 400, "limit"},
		"10,000 ORs":            {text(strings.Repeat("a OR ", 10_000) + "b"), 200, ""},
		"10,000 parentheses":    {text(strings.Repeat("(", 10_000) + "a" + strings.Repeat(")", 10_000)), 400, "query"},
		"10,000 negations":      {text(strings.Repeat("NOT ", 10_000) + "a"), 400, "query"},
		"10,000 pipes":          {text("*" + strings.Repeat(" | limit 5", 6000)), 200, ""},
		"open quote":            {text(`"abc`), 400, "query"},
		"open parenthesis":      {text(`(abc`), 400, "query"},
		"open regexp":           {text(`message:/(/`), 400, "query"},
		"regexp for everything": {text(`/(.*)*/`), 200, ""},
		"huge regexp":           {text(`message:/((((a{1,100}){1,100}){1,100}){1,100})/`), 400, "query"},
		"no text":               {"\"\x00\"", 400, "bad_request"},
		"not UTF-8":             {"{\"query\":\"\xff\xfe\"}", 200, ""},
		"limit 0":               {`{"limit":0}`, 400, "limit"},
		"limit -1":              {`{"limit":-1}`, 400, "limit"},
		"limit of a billion":    {`{"limit":1000000000}`, 400, "limit"},
		"limit over 64 bits":    {`{"limit":99999999999999999999}`, 400, "bad_request"},
		"half a limit":          {`{"limit":1.5}`, 400, "bad_request"},
		"| limit 0":             {text("* | limit 0"), 400, "query"},
		"| limit 1000000000":    {text("* | limit 1000000000"), 400, "limit"},
		"| limit, then stats":   {text("* | limit 1000000000 | stats count()"), 200, ""},
		"| limit 99999999999":   {text("* | limit 99999999999"), 400, "query"},
		"| top 1000000000":      {text("* | top 1000000000 host"), 200, ""},
		"many functions":        {text("* | stats " + strings.Repeat("count(),", 2000) + "count()"), 400, "query"},
		"a year of seconds":     {text("_time:365d | timechart 1s count()"), 400, "query"},
		"backwards":             {`{"from":"now","to":"now-1h"}`, 400, "bad_request"},
		"nothing":               {`{"from":"now","to":"now"}`, 400, "bad_request"},
		"backwards in a query":  {text("_time:[now TO now-1h]"), 400, "query"},
		"far future":            {`{"from":"2200-01-01","to":"2261-01-01"}`, 200, ""},
		"beyond all time":       {`{"from":"9999-01-01","to":"9999-12-31"}`, 400, "bad_request"},
		"before all time":       {`{"from":"0001-01-01","to":"0001-01-02"}`, 400, "bad_request"},
		"a span of ages":        {`{"from":"now-1000000h"}`, 200, ""},
		"an endless span":       {`{"from":"now-99999999999h"}`, 400, "bad_request"},
		"a huge number":         {`{"from":9223372036854775807}`, 400, "bad_request"},
		"from before all time":  {`{"from":"0001-01-01"}`, 400, "bad_request"},
		"to beyond all time":    {`{"to":"9999-12-31","from":"now-1h"}`, 400, "bad_request"},
	} {
		got := w.query(c.body)
		var e struct{ Kind, Detail, Hint string }
		if c.kind != "" {
			if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got.Code != c.status || e.Kind != c.kind || len(e.Detail) > 500 {
			t.Errorf("%s: %d %.300s", name, got.Code, got.Body)
		}
		if c.status == http.StatusRequestEntityTooLarge && (!strings.Contains(e.Detail, "128 KiB") || e.Hint != "") {
			t.Errorf("%s: %s", name, got.Body)
		}
		if c.status == 200 {
			if _, trailer := split(t, got.Body.String()); len(trailer["stats"]) == 0 {
				t.Errorf("%s: %.300s", name, got.Body)
			}
		}
	}
}

// stuck is a connection whose client reads nothing: what is written waits for the
// deadline, which the test takes for over at once. Without one it would wait for ever.
type stuck struct {
	header   http.Header
	deadline time.Time
	writes   int
}

func (c *stuck) Header() http.Header { return c.header }
func (c *stuck) WriteHeader(int)     {}

func (c *stuck) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *stuck) Write([]byte) (int, error) {
	c.writes++
	if wait := time.Until(c.deadline); c.deadline.IsZero() || wait > writePatience {
		return 0, fmt.Errorf("would wait for ever, or for %v", wait)
	}
	return 0, os.ErrDeadlineExceeded
}

// A client that stops reading does not keep its query.
func TestClientThatStopsReading(t *testing.T) {
	for name, accept := range map[string]string{"JSON": "application/x-ndjson", "CSV": "text/csv"} {
		w := newWorld(t, func(o *Options) { o.MaxQueries = 1 })
		var ended error
		w.querier.run = func(_ context.Context, yield func(*scan.Block) error) error {
			for ended == nil {
				ended = yield(statsBlock())
			}
			return ended
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+w.tokens["read"])
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", accept)
		c := &stuck{header: http.Header{}}
		func() {
			defer func() {
				if v := recover(); v != nil && v != http.ErrAbortHandler {
					panic(v)
				}
			}()
			w.handler.ServeHTTP(c, r)
		}()
		if !errors.Is(ended, os.ErrDeadlineExceeded) || c.writes != 1 {
			t.Errorf("%s: %v after %d writes", name, ended, c.writes)
		}
		if n := len(w.handler.(*Server).queries); n != 0 {
			t.Errorf("%s: %d queries are still running", name, n)
		}
	}
}

// endless is a source that has rows as long as somebody asks.
type endless struct {
	exec.Source
	block  *scan.Block
	blocks atomic.Int64
}

func (s *endless) Scan(ctx context.Context, _ *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	for ctx.Err() == nil {
		s.blocks.Add(1)
		if err := yield(s.block); err != nil {
			return scan.Stats{}, err
		}
	}
	return scan.Stats{}, ctx.Err()
}

func (s *endless) Aggregate(context.Context, *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	return nil, scan.Stats{}, false, nil
}

// A query whose client has left uses no CPU any more, whatever it was doing.
func TestCancelledQueryRests(t *testing.T) {
	const rows = 1000
	b := &scan.Block{Dataset: "logs", Times: make([]int64, rows), Shapes: [][]record.Name{{record.MakeName("n")}}, ShapeOf: make([]uint32, rows)}
	n := scan.Column{Name: "n", Form: scan.Ints, Len: rows, Ints: make([]int64, rows)}
	for i := range n.Ints {
		n.Ints[i] = int64(i)
	}
	b.Columns = []scan.Column{n}
	src := &endless{block: b}
	w := newWorld(t, func(o *Options) {
		o.MaxQueries = 1
		o.Querier = exec.New(exec.Options{Source: src, Clock: o.Clock, MaxDuration: -1})
	})
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	for _, query := range []string{
		"* | limit 1000000",
		"* | stats count() by n",
		"* | sort n | limit 5",
		"* | eval m = n * 2 | where m>1e9 | stats p99(m), count_uniq(n)",
		"* | timechart count() by n",
		"* | eval m = n | where m<0",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		body := strings.NewReader(fmt.Sprintf(`{"query":%q,"from":"0","to":"now"}`, query))
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/api/v1/query", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.tokens["read"])
		r.Header.Set("Content-Type", "application/json")
		before := src.blocks.Load()
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := srv.Client().Do(r); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body) // ends with the context
				_ = resp.Body.Close()
			}
		}()
		eventually(t, query+": begins", func() bool { return src.blocks.Load() > before+10 })
		cancel()
		<-done
		eventually(t, query+": ends", func() bool { return len(w.handler.(*Server).queries) == 0 })
		at := src.blocks.Load()
		eventually(t, query+": rests", func() bool {
			from := cpuTime(t)
			time.Sleep(20 * time.Millisecond)
			return cpuTime(t)-from < 10*time.Millisecond
		})
		if now := src.blocks.Load(); now != at {
			t.Errorf("%s: %d blocks were read after its end", query, now-at)
		}
	}
}

// cpuTime is the CPU that this process has used.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what + ": not within 30 seconds")
		}
	}
}
