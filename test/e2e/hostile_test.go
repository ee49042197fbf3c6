package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"journalist/internal/lumberjack"
	"journalist/internal/testkit/proc"
)

// bombSize is what the bombs of these tests inflate to: more than any limit allows
// for one window, and more than the server may take in memory.
const bombSize = 512 << 20

// hostileRSS is what the server may have used at most when all of them went off.
const hostileRSS = 300 << 20

// A client with a good certificate sends bytes that are not the protocol. Each
// connection ends with a reason that is logged and counted, nothing of it is kept
// but whole windows, and the next client is served as before.
func TestHostileForwarder(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	certs, err := j.IssueCert(ctx, "intruder")
	if err != nil {
		t.Fatal(err)
	}
	u32 := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	bomb := zeros(t, func(w io.Writer) io.WriteCloser {
		z, err := zlib.NewWriterLevel(w, zlib.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		return z
	})
	bombEvent := eventBomb(t, u32)
	zbomb := zeros(t, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		return z
	})
	goodBomb := goodEvents(t, 500, u32)
	zsized := sizedZstd(t)
	window := func(n uint32) string { return "2W" + u32(n) }
	event := `{"message":"hostile"}`
	frame := func(n int) string { return "2J" + u32(1) + u32(uint32(n)) }
	for _, c := range []struct {
		name, bytes, reason string
		blocks              bool
	}{
		{name: "truncated header", bytes: "2W\x00", reason: "protocol_truncated"},
		{name: "truncated frame", bytes: window(1) + frame(100) + "only this", reason: "protocol_truncated"},
		{name: "fewer events than announced", bytes: window(2) + frame(len(event)) + event, reason: "protocol_truncated"},
		{name: "absurd window", bytes: window(1 << 31), reason: "protocol_window"},
		{name: "absurd JSON length", bytes: window(1) + frame(1<<32-1) + "x", reason: "protocol_limit"},
		{name: "absurd compressed length", bytes: window(1) + "2C" + u32(1<<32-1) + "x", reason: "protocol_limit"},
		{name: "absurd pair count", bytes: "1W" + u32(1) + "1D" + u32(1) + u32(1<<32-1), reason: "protocol_limit"},
		{name: "zip bomb of nothing", bytes: window(1) + "2C" + u32(uint32(len(bomb))) + bomb, reason: "protocol_version"},
		{name: "zip bomb within an event", bytes: window(1) + "2C" + u32(uint32(len(bombEvent))) + bombEvent, reason: "protocol_limit"},
		{name: "zip bomb of good events", bytes: window(500) + "2C" + u32(uint32(len(goodBomb))) + goodBomb, reason: "protocol_limit"},
		{name: "zstd without the extension", bytes: window(1) + "2Z" + u32(uint32(len(zbomb))) + zbomb, reason: "protocol_not_allowed"},
		{name: "zstd bomb that hides its size", bytes: window(1) + "2Z" + u32(uint32(len(zbomb))) + zbomb, reason: "protocol_compressed", blocks: true},
		{name: "zstd bomb", bytes: window(1) + "2Z" + u32(uint32(len(zsized))) + zsized, reason: "protocol_limit", blocks: true},
		{name: "damaged block", bytes: window(1) + "2B" + u32(1) + u32(40) + "\x01\xff" + strings.Repeat("?", 38), reason: "protocol_block", blocks: true},
		{name: "random bytes", bytes: "GET / HTTP/1.1\r\n\r\n", reason: "protocol_version"},
	} {
		series := fmt.Sprintf(`journalist_lumberjack_refused_total{reason=%q}`, c.reason)
		before := metric(t, ctx, j, series)
		conn := dialForwarder(t, j, certs, "intruder", c.blocks)
		_, werr := io.WriteString(conn, c.bytes) // the server may have hung up before the end
		if werr == nil {
			if err := conn.CloseWrite(); err != nil {
				t.Logf("%s: %v", c.name, err)
			}
		}
		answer, _ := io.ReadAll(conn) // until the server hangs up, however it does
		_ = conn.Close()
		if bytes.Contains(answer, []byte("2A"+u32(1))) || bytes.Contains(answer, []byte("1A"+u32(1))) {
			t.Errorf("%s: acknowledged", c.name)
		}
		if got := waitMetric(t, ctx, j, series, before+1); got != before+1 {
			t.Errorf("%s: %s went from %v to %v", c.name, series, before, got)
		}
	}
	if out := j.Output(); !strings.Contains(out, "intruder") || !strings.Contains(out, "reason=protocol_limit") {
		t.Error("the log names neither the client nor the reason")
	}

	// Nothing of it was kept, and the next one is served.
	conn := dialForwarder(t, j, certs, "intruder", false)
	defer func() { _ = conn.Close() }()
	if !answersWindow(conn) {
		t.Error("a good window is not acknowledged after all this")
	}
	if n, err := j.Count(ctx, "*"); err != nil || n != 1 {
		t.Errorf("%d records, want the one good one (%v)", n, err)
	}
	checkPeak(t, j.Process, hostileRSS)
}

// zeros returns a bomb.
func zeros(t *testing.T, compress func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var out bytes.Buffer
	z := compress(&out)
	chunk := make([]byte, 1<<20)
	for range bombSize >> 20 {
		if _, err := z.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// goodEvents is a compressed frame of events that are good each for itself and
// together more than a window may have.
func goodEvents(t *testing.T, n int, u32 func(uint32) string) string {
	t.Helper()
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	event := `{"message":"` + strings.Repeat("x", 1_000_000) + `"}`
	for i := range n {
		if _, err := io.WriteString(z, "2J"+u32(uint32(i+1))+u32(uint32(len(event)))+event); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sizedZstd is a smaller bomb that says how large it is, so that it may be looked
// at more closely.
func sizedZstd(t *testing.T) string {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return string(z.EncodeAll(make([]byte, 80<<20), nil))
}

// eventBomb is a compressed frame whose content is one endless JSON event.
func eventBomb(t *testing.T, u32 func(uint32) string) string {
	t.Helper()
	return zeros(t, func(w io.Writer) io.WriteCloser {
		z, err := zlib.NewWriterLevel(w, zlib.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(z, "2J"+u32(1)+u32(bombSize)); err != nil {
			t.Fatal(err)
		}
		return z
	})
}

// dialForwarder connects as a forwarder does.
func dialForwarder(t *testing.T, j *proc.Journalist, certs, name string, blocks bool) *tls.Conn {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, name+".crt"), filepath.Join(certs, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	// What is tried here is the server's patience with clients, not theirs with it.
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
	if blocks {
		cfg.NextProtos = []string{lumberjack.ALPN}
	}
	conn, err := tls.Dial("tcp", j.Lumberjack, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// metric reads one series of /metrics; 0 when it is not there.
func metric(t *testing.T, ctx context.Context, j *proc.Journalist, series string) float64 {
	t.Helper()
	status, body, err := j.Do(ctx, http.MethodGet, "/metrics", "", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("/metrics: %d (%v)", status, err)
	}
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			var f float64
			if _, err := fmt.Sscan(v, &f); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return f
		}
	}
	return 0
}

// waitMetric waits until a series is at least want and returns it.
func waitMetric(t *testing.T, ctx context.Context, j *proc.Journalist, series string, want float64) float64 {
	t.Helper()
	for {
		got := metric(t, ctx, j, series)
		if got >= want {
			return got
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is %v, waited for %v", series, got, want)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkPeak holds the program to its memory.
func checkPeak(t *testing.T, p *proc.Process, most int64) {
	t.Helper()
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak memory: %d MiB", u.PeakRSS>>20)
	if u.PeakRSS > most {
		t.Errorf("the program took %d MiB, at most %d MiB are expected", u.PeakRSS>>20, most>>20)
	}
}

// What is wrong with a body is answered with a status, a kind and what to do, and
// is counted; the server stays small and goes on.
func TestHostileBodies(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	gz := zeros(t, func(w io.Writer) io.WriteCloser {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		return z
	})
	const ndjson = "application/x-ndjson"
	for _, c := range []struct {
		name, path, contentType, encoding, body string
		status                                  int
		want                                    []string
	}{
		{"form", "/api/v1/ingest/jsonl", "application/x-www-form-urlencoded", "", "{}\n", 415, []string{`"unsupported"`, ndjson}},
		{"no type", "/api/v1/ingest/jsonl", "", "", "{}\n", 415, []string{`"unsupported"`, ndjson}},
		{"unknown encoding", "/api/v1/ingest/jsonl", ndjson, "br", "{}\n", 415, []string{`"unsupported"`, "gzip"}},
		{"not gzip", "/api/v1/ingest/jsonl", ndjson, "gzip", "{\"message\":\"not compressed\"}\n", 400, []string{`"bad_request"`, "Content-Encoding"}},
		{"gzip cut off", "/api/v1/ingest/jsonl", ndjson, "gzip", gz[:100], 400, []string{"ends early"}},
		{"bomb", "/api/v1/ingest/jsonl", ndjson, "gzip", gz, 400, []string{`"rejected":1`}},
		{"no object", "/api/v1/ingest/jsonl", ndjson, "", "1\n[{}]\nx\n", 400, []string{`"rejected":3`, `"line":2`, "array"}},
		{"bulk form", "/elastic/_bulk", "application/x-www-form-urlencoded", "", "{}\n", 415, []string{"media_type_header_exception", ndjson}},
		{"bulk bomb", "/elastic/_bulk", ndjson, "gzip", gz, 413, []string{"content_too_long_exception", "100 MiB"}},
		{"bulk not gzip", "/elastic/_bulk", ndjson, "gzip", "{}\n", 400, []string{"parse_exception"}},
		{"bulk bad action", "/elastic/_bulk", ndjson, "", `{"creat":{}}` + "\n{}\n", 400, []string{"creat"}},
		{"query of a form", "/api/v1/query", "application/x-www-form-urlencoded", "", `{"query":"*"}`, 415, []string{`"unsupported"`, "application/json"}},
		{"query no JSON", "/api/v1/query", "application/json", "", `{"query":`, 400, []string{`"bad_request"`}},
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.URL()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+j.Token)
		for k, v := range map[string]string{"Content-Type": c.contentType, "Content-Encoding": c.encoding} {
			if v != "" {
				req.Header.Set(k, v)
			}
		}
		series := fmt.Sprintf(`journalist_http_requests_total{path=%q,code="%d"}`, c.path, c.status)
		before := metric(t, ctx, j, series)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d (%v)\n%s", c.name, resp.StatusCode, c.status, err, body)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(string(body), w) {
				t.Errorf("%s: the answer does not say %q:\n%s", c.name, w, body)
			}
		}
		if got := waitMetric(t, ctx, j, series, before+1); got != before+1 {
			t.Errorf("%s: %s went from %v to %v", c.name, series, before, got)
		}
	}
	if n, err := j.Count(ctx, "*"); err != nil || n != 0 {
		t.Errorf("%d records came out of it (%v)", n, err)
	}
	if n := metric(t, ctx, j, "journalist_jsonl_rejected_rows_total"); n != 4 {
		t.Errorf("%v rejected rows are counted, want 4", n)
	}
	status, body, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", ndjson, strings.NewReader(`{"message":"good"}`+"\n"))
	if err != nil || status != http.StatusOK {
		t.Errorf("a good body: %d %s (%v)", status, body, err)
	}
	checkPeak(t, j.Process, hostileRSS)
}

// A client without TLS, one without a certificate and one with a foreign one are
// told apart in the log and in the counters.
func TestStrangersAreCounted(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	plain, err := net.Dial("tcp", j.Lumberjack)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(plain, "2W\x00\x00\x00\x01 and more than a TLS header") // refused or not, the counter tells
	_, _ = io.Copy(io.Discard, plain)
	_ = plain.Close()
	waitMetric(t, ctx, j, `journalist_lumberjack_refused_total{reason="plain_text"}`, 1)
	if conn, err := tls.Dial("tcp", j.Lumberjack, &tls.Config{InsecureSkipVerify: true}); err == nil {
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	waitMetric(t, ctx, j, `journalist_lumberjack_refused_total{reason="no_certificate"}`, 1)
}
