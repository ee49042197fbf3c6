package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"journalist/internal/record"
)

// ingested is a server's end of import: it keeps the records as the real one
// reads them and refuses those that are no records.
type ingested struct {
	t       *testing.T
	mu      sync.Mutex
	records []map[string]any
	query   string
	keys    []string
	fail    []int // statuses to answer first
}

func (i *ingested) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.URL.Path != "/api/v1/ingest/jsonl" || r.Header.Get("Content-Encoding") != "zstd" {
		i.t.Errorf("request %s, %v", r.URL, r.Header)
	}
	i.query = r.URL.RawQuery
	i.keys = append(i.keys, r.Header.Get("Idempotency-Key"))
	if len(i.fail) > 0 {
		status := i.fail[0]
		i.fail = i.fail[1:]
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"kind":"full","detail":"status %d"}`, status)
		return
	}
	z, err := zstd.NewReader(r.Body)
	if err != nil {
		i.t.Error(err)
		return
	}
	defer z.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(z); err != nil {
		i.t.Error(err)
	}
	var answer importAnswer
	line := 0
	for text := range bytes.Lines(body.Bytes()) {
		line++
		var b record.Batch
		if err := b.AppendJSON(bytes.TrimSuffix(text, []byte("\n")), 0); err != nil {
			answer.Rejected++
			answer.Errors = append(answer.Errors, struct {
				Line  int    `json:"line"`
				Error string `json:"error"`
			}{line, err.Error()})
			continue
		}
		answer.Accepted++
		row := map[string]any{}
		for j := range b.Fields(0) {
			name, v := b.Field(0, j)
			if v.Kind == record.Int {
				row[b.Name(name).Dotted] = v.Int
			} else {
				row[b.Name(name).Dotted] = string(v.AppendText(nil))
			}
		}
		i.records = append(i.records, row)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		i.t.Error(err)
	}
	if answer.Accepted == 0 { // as the real one does
		w.WriteHeader(http.StatusBadRequest)
		text = append(text[:len(text)-1], `,"kind":"bad_request","detail":"no line was a JSON object"}`...)
	}
	if _, err := w.Write(text); err != nil {
		i.t.Error(err)
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(text), nil)
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImportText(t *testing.T) {
	text := "first \"line\"\r\n\nthird \xff\xfe tab\tnul\x00 größe\nwithout end"
	want := []string{"first \"line\"", "", "third \xff\xfe tab\tnul\x00 größe", "without end"}
	offsets := []int64{0, 14, 15, 41}
	for name, data := range map[string][]byte{"a.log": []byte(text), "a.log.1.gz": gzipped(t, text), "a.zst": zstandard(t, text)} {
		t.Run(name, func(t *testing.T) {
			server := &ingested{t: t}
			c := fakeServer(t, server.ServeHTTP)
			path := writeFile(t, name, data)
			r, err := c.Import(t.Context(), ImportOptions{
				Files: []string{path}, Host: "web-01", Dataset: "shop", BatchBytes: 40,
				Fields: []ImportField{{"type", "a\"b"}},
			})
			if err != nil || r.Lines != 4 || r.Accepted != 4 || r.Rejected != 0 || r.Failed != 0 || r.Bytes != int64(len(text)) {
				t.Fatalf("%+v, error %v", r, err)
			}
			for i, row := range server.records {
				if row["message"] != want[i] || row["host"] != "web-01" || row["file"] != path || row["offset"] != offsets[i] || row["type"] != `a"b` {
					t.Errorf("record %d: %q", i, row)
				}
			}
			if server.query != "dataset=shop" {
				t.Errorf("query %q", server.query)
			}
		})
	}
}

func TestImportJSON(t *testing.T) {
	server := &ingested{t: t}
	c := fakeServer(t, server.ServeHTTP)
	path := writeFile(t, "a.json", []byte("\n{\"a\":1,\"host\":\"own\"}\n\n{\"a\":2}\n{\"a\":\nnonsense\n{}\n"))
	r, err := c.Import(t.Context(), ImportOptions{Files: []string{path}, Host: "given", HostAll: true})
	if err != nil || r.Lines != 5 || r.Accepted != 3 || r.Rejected != 2 {
		t.Fatalf("%+v, error %v", r, err)
	}
	var hosts []any
	for _, row := range server.records {
		hosts = append(hosts, row["host"])
	}
	if fmt.Sprint(hosts) != "[own given given]" {
		t.Errorf("hosts %v", hosts)
	}
	if len(r.Problems) != 2 || !strings.HasPrefix(r.Problems[0], path+":5: ") || !strings.HasPrefix(r.Problems[1], path+":6: ") {
		t.Errorf("problems %q", r.Problems)
	}
}

func TestImportNothingGood(t *testing.T) {
	server := &ingested{t: t}
	c := fakeServer(t, server.ServeHTTP)
	path := writeFile(t, "a.json", []byte("{\"a\":1}\n{\"a\"\n{\"b\"\n"))
	r, err := c.Import(t.Context(), ImportOptions{Files: []string{path}, BatchBytes: 1})
	if err != nil || r.Accepted != 1 || r.Rejected != 2 || !strings.HasPrefix(r.Problems[1], path+":3: ") {
		t.Errorf("%+v, error %v", r, err)
	}
	if len(server.keys) != 3 || server.keys[0] == server.keys[1] {
		t.Errorf("keys %q", server.keys)
	}
}

func TestImportStdinAndFormat(t *testing.T) {
	server := &ingested{t: t}
	c := fakeServer(t, server.ServeHTTP)
	r, err := c.Import(t.Context(), ImportOptions{Files: []string{"-"}, Stdin: strings.NewReader(`{"a":1}` + "\n"), Format: "text"})
	if err != nil || r.Accepted != 1 || server.records[0]["message"] != `{"a":1}` || server.records[0]["file"] != nil {
		t.Errorf("%+v %v, error %v", r, server.records, err)
	}
}

// A line over the limit comes in pieces that join to the whole; a record over the
// limit is refused by name, and what follows it arrives.
func TestImportLongLines(t *testing.T) {
	server := &ingested{t: t}
	c := fakeServer(t, server.ServeHTTP)
	long := strings.Repeat("0123456789", record.MaxValue/4)
	r, err := c.Import(t.Context(), ImportOptions{Files: []string{writeFile(t, "a", []byte(long+"\nnext\n"))}})
	if err != nil || r.Accepted != int64(len(server.records)) || r.Accepted < 3 {
		t.Fatalf("%+v, error %v", r, err)
	}
	var joined strings.Builder
	last := len(server.records) - 1
	for i, row := range server.records[:last] {
		if row["tags"] != `["_split"]` || row["offset"] != int64(joined.Len()) {
			t.Errorf("piece %d: tags %v, offset %v, want %d", i, row["tags"], row["offset"], joined.Len())
		}
		joined.WriteString(row["message"].(string))
	}
	if joined.String() != long || server.records[last]["message"] != "next" || server.records[last]["tags"] != nil || server.records[last]["offset"] != int64(len(long)+1) {
		t.Errorf("%d bytes joined of %d, last record %.100v", joined.Len(), len(long), server.records[last])
	}

	server.records = nil
	big := `{"a":"` + strings.Repeat("x", record.MaxRecord+1) + `"}`
	path := writeFile(t, "b", []byte("{\"a\":1}\n"+big+"\n{\"a\":3}\n"))
	r, err = c.Import(t.Context(), ImportOptions{Files: []string{path}})
	if err != nil || r.Accepted != 2 || r.Rejected != 1 || !strings.HasPrefix(r.Problems[0], path+":2: ") {
		t.Errorf("%+v, error %v", r, err)
	}
}

// What cannot be read does not stop the rest and is named.
func TestImportBadFiles(t *testing.T) {
	server := &ingested{t: t}
	c := fakeServer(t, server.ServeHTTP)
	cut := gzipped(t, strings.Repeat("some text that is long enough\n", 1000))
	good := writeFile(t, "good", []byte("good\n"))
	files := []string{
		"/does/not/exist", t.TempDir(), writeFile(t, "x.xz", []byte("\xfd7zXZ\x00rest")),
		writeFile(t, "cut.gz", cut[:len(cut)-10]), writeFile(t, "empty", nil), good,
	}
	r, err := c.Import(t.Context(), ImportOptions{Files: files})
	if err != nil || r.Failed != 4 || len(r.Problems) != 4 {
		t.Fatalf("%+v, error %v", r, err)
	}
	for i, want := range []string{"no such file", "is a directory", "xz -dc", "unexpected EOF"} {
		if !strings.Contains(r.Problems[i], want) {
			t.Errorf("problem %q, want %q", r.Problems[i], want)
		}
	}
	if last := server.records[len(server.records)-1]; last["message"] != "good" {
		t.Errorf("last record %v", last)
	}
}

func TestImportRetries(t *testing.T) {
	server := &ingested{t: t, fail: []int{503, 429}}
	c := fakeServer(t, server.ServeHTTP)
	var waits []time.Duration
	path := writeFile(t, "a", []byte("one\ntwo\n"))
	o := ImportOptions{Files: []string{path}, Pause: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}}
	r, err := c.Import(t.Context(), o)
	if err != nil || r.Accepted != 2 || len(server.records) != 2 || len(waits) != 2 || waits[0] != 2*time.Second {
		t.Errorf("%+v, waits %v, error %v", r, waits, err)
	}
	if k := server.keys; len(k) != 3 || len(k[0]) < 32 || k[0] != k[1] || k[1] != k[2] {
		t.Errorf("the attempts have the keys %q", k)
	}
	server.fail = []int{503, 503, 503}
	o.Attempts = 2
	if r, err = c.Import(t.Context(), o); err == nil || r.Accepted != 0 || !strings.Contains(err.Error(), "from line 1") {
		t.Errorf("%+v, error %v", r, err)
	}
	server.fail = []int{403}
	o.Attempts = 9
	waits = nil
	if _, err = c.Import(t.Context(), o); err == nil || waits != nil {
		t.Errorf("a refusal for good was tried again: %v, %v", err, waits)
	}
}

func TestImportIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		// The server notices that a client is gone once it has read the body.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		cancel()
		<-r.Context().Done()
	})
	_, err := c.Import(ctx, ImportOptions{Files: []string{writeFile(t, "a", []byte("one\n"))}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProgressLine(t *testing.T) {
	now := time.Unix(0, 0)
	var out bytes.Buffer
	p := NewProgress(&out, 1000)
	p.clock = func() time.Time { return now }
	p.Update("a.log", 100, 10)
	now = now.Add(time.Second)
	p.Update("a.log", 500, 1234567)
	now = now.Add(time.Millisecond)
	p.Update("a.log", 501, 1234568) // too soon to draw
	now = now.Add(time.Second)
	p.Update("b.log", 499, 2000000)
	p.Clear()
	want := "\r[==                      ]  10%  10 lines  a.log" +
		"\r[============            ]  50%  1,234,567 lines  500 B/s  a.log" +
		"\r[========================] 100%  2,000,000 lines  499 B/s  b.log" +
		"\r" + strings.Repeat(" ", 64) + "\r"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", &out, want)
	}
	var none *Progress
	none.Update("x", 1, 1)
	none.Clear()
}
