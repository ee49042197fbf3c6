package api

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"journalist/internal/scan"
)

func TestHistogramAndFields(t *testing.T) {
	w := newWorld(t)
	w.querier.buckets = []scan.Bucket{{Start: 0, Count: 3, By: map[string]int64{"warn": 1, "error": 2}}, {Start: 60e9}}
	got := w.do("read", "GET", "/api/v1/histogram?query=x+_time:1h&buckets=2&by=level", "")
	want := `{"from":"1970-01-01T00:00:00Z","to":"1970-01-01T00:02:00Z","span_ms":60000,"buckets":[` +
		`{"time":"1970-01-01T00:00:00Z","count":3,"by":{"error":2,"warn":1}},{"time":"1970-01-01T00:01:00Z","count":0}],"stats":{`
	if got.Code != 200 || !strings.HasPrefix(got.Body.String(), want) || !json.Valid(got.Body.Bytes()) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	w.querier.fields = []scan.FieldInfo{{Name: "a.b", Kind: "int", Count: 5, Distinct: 2, Top: []scan.ValueCount{{Value: "1\"", Count: 4}}}, {Name: "c"}}
	got = w.do("read", "GET", "/api/v1/fields?query=x&top=3&sample=10", "")
	want = `{"sampled":7,"fields":[{"name":"a.b","kind":"int","count":5,"distinct":2,"top":[{"value":"1\"","count":4}]},{"name":"c","kind":"","count":0,"distinct":0,"top":[]}],"stats":{`
	if got.Code != 200 || !strings.HasPrefix(got.Body.String(), want) || !json.Valid(got.Body.Bytes()) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for _, bad := range []string{"histogram?buckets=0", "histogram?buckets=1001", "histogram?buckets=x", "histogram?bye=x", "fields?top=101", "fields?sample=-1", "fields?query=(", "histogram?from=x"} {
		if got := w.do("read", "GET", "/api/v1/"+bad, ""); got.Code != 400 {
			t.Errorf("%s: %d %s", bad, got.Code, got.Body)
		}
	}
	w.querier.err = &scan.BudgetError{}
	for _, path := range []string{"histogram", "fields"} {
		if got := w.do("read", "GET", "/api/v1/"+path, ""); got.Code != 422 {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestPage(t *testing.T) {
	w := newWorld(t)
	got := w.do("none", "GET", "/", "")
	h := got.Header()
	if got.Code != 200 || !strings.Contains(got.Body.String(), "<title>") || h.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", got.Code, h)
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(h.Get("Content-Security-Policy"), want) {
			t.Errorf("no %s in %s", want, h.Get("Content-Security-Policy"))
		}
	}
	if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", h)
	}
	if again := w.do("none", "GET", "/", "", "If-None-Match", h.Get("ETag")); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("with its tag: %d", again.Code)
	}
	packed := w.do("none", "GET", "/", "", "Accept-Encoding", "br, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("ETag") == h.Get("ETag") {
		t.Errorf("%v", packed.Header())
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || string(plain) != got.Body.String() {
		t.Errorf("%q %v", plain, err)
	}
	if js := w.do("none", "GET", "/assets/index-abc.js", ""); js.Code != 200 || !strings.Contains(js.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(js.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("%d %v", js.Code, js.Header())
	}
	if head := w.do("none", "HEAD", "/", ""); head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes", head.Code, head.Body.Len())
	}
	for target, status := range map[string]int{
		"/.hidden": 404, "/assets/": 404, "/nothing": 404, "/index.html": 200, "/assets/%2e%2e/index.html": 404, "/api/v1/query": 405, "/api/v2/query": 404,
	} {
		got := w.do("none", "GET", target, "")
		if got.Code != status {
			t.Errorf("%s: %d", target, got.Code)
		}
		if status == 405 && got.Header().Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", target, got.Header().Get("Allow"))
		}
	}
	if got := w.do("none", "POST", "/", "x"); got.Code != 405 {
		t.Errorf("POST /: %d", got.Code)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for accept, want := range map[string]bool{"": false, "gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "*": true, "x-gzip": false, "deflate": false} {
		if acceptsGzip(accept) != want {
			t.Errorf("%q", accept)
		}
	}
}

func TestHealth(t *testing.T) {
	var health error
	w := newWorld(t, func(o *Options) { o.Health = func() error { return health } })
	if got := w.do("none", "GET", "/readyz", ""); got.Code != 200 {
		t.Error(got.Code)
	}
	health = errors.New("secret reason")
	if got := w.do("none", "GET", "/readyz", ""); got.Code != 503 || strings.Contains(got.Body.String(), "secret") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := w.do("none", "GET", "/healthz", ""); got.Code != 200 || got.Body.String() != "ok\n" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := w.do("read", "GET", "/metrics", ""); got.Code != 200 || !strings.Contains(got.Body.String(), `journalist_http_requests_total{path="/readyz",code="503"} 1`) {
		t.Errorf("%d %.300s", got.Code, got.Body)
	}
}

func TestPanicBecomesAnAnswer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Health = func() error { panic("boom") } })
	if got := w.do("none", "GET", "/readyz", ""); got.Code != 500 || strings.Contains(got.Body.String(), "boom") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestCheckListen(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:9292": true, "127.8.9.10:1": true, "[::1]:9292": true, "localhost:9292": true, "unix:/run/x.sock": true, "[::ffff:127.0.0.1]:1": true,
		":9292": false, "0.0.0.0:9292": false, "[::]:9292": false, "192.0.2.1:9292": false, "logs.example:9292": false, "9292": false, "": false,
		"localhost.example:1": false, "127.0.0.1.example:1": false,
	} {
		err := CheckListen(addr, false)
		if (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
		if CheckListen(addr, true) != nil {
			t.Errorf("%q with TLS is refused", addr)
		}
	}
}

func TestServerLimits(t *testing.T) {
	w := newWorld(t)
	s := NewServer("127.0.0.1:0", w.handler)
	if s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.ReadTimeout != 0 || s.WriteTimeout != 0 {
		t.Errorf("%+v", s)
	}
	s.ReadHeaderTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	talk := func(text string) string {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text) // the server may hang up before all is written
		answer, err := io.ReadAll(c)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Errorf("the server holds the connection: %v", err)
		}
		return string(answer)
	}
	if got := talk("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); strings.Contains(got, "200 OK") {
		t.Errorf("half a header: %s", got)
	}
	huge := "GET / HTTP/1.1\r\nHost: x\r\nX-Huge: " + strings.Repeat("x", 256<<10) + "\r\n\r\n"
	if got := talk(huge); got != "" && !strings.Contains(got, "431") {
		t.Errorf("huge header: %.100s", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
