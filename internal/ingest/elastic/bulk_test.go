package elastic

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
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/ingest"
	"journalist/internal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink keeps copies of the batches it takes.
type fakeSink struct {
	mu      sync.Mutex
	batches []*record.Batch
	calls   int
	fail    func(n int) error
	discard bool
}

func (s *fakeSink) Submit(_ context.Context, b *record.Batch) <-chan error {
	done := make(chan error, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	var err error
	switch {
	case s.fail != nil:
		err = s.fail(s.calls)
	}
	if err == nil && !s.discard {
		kept := new(record.Batch)
		err = kept.UnmarshalBinary(b.AppendBinary(nil))
		s.batches = append(s.batches, kept)
	}
	done <- err
	return done
}

// rows lists dataset/message of everything, by dataset in order.
func (s *fakeSink) rows() []string {
	var out []string
	for _, b := range s.batches {
		for i := range b.Len() {
			v, _ := b.Find(i, "message")
			out = append(out, b.Dataset+"/"+string(v.AppendText(nil)))
		}
	}
	return out
}

type bulkItem struct {
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Status int
	Result string
	Error  *struct{ Type, Reason string }
}

type bulkAnswer struct {
	Took   *int
	Errors bool
	Items  []map[string]bulkItem
	Error  *struct {
		Type, Reason string
		RootCause    []struct{ Type, Reason string } `json:"root_cause"`
	}
	Status int
}

var anyone = ingest.Sender{Name: "tok"}

func serve(h *Handler, sender ingest.Sender, r *http.Request) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_bulk", h.Bulk)
	mux.HandleFunc("POST /{index}/_bulk", h.Bulk)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r.WithContext(ingest.WithSender(r.Context(), sender)))
	return w
}

func bulk(t testing.TB, s *fakeSink, sender ingest.Sender, target, body string, header ...string) (int, bulkAnswer, string) {
	t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := serve(New(Options{Sink: s, Clock: func() time.Time { return time.Unix(7, 0) }}), sender, r)
	var a bulkAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if w.Header().Get("X-Elastic-Product") != "Elasticsearch" {
		t.Error("no product header")
	}
	return w.Code, a, w.Body.String()
}

func TestBulk(t *testing.T) {
	s := &fakeSink{}
	body := `{"create":{}}
{"message":"a"}
{"index":{"_index":"shop-2026.01.31","_id":"17","pipeline":"p"}}
{"message":"b","@timestamp":"2026-01-02T03:04:05Z"}

{ "create" : { "_index" : "Sh\u006fp" , "routing" : null, "version": 3, "require_alias":false } }
{"message":"c"}` + "\r\n"
	status, a, text := bulk(t, s, anyone, "/app/_bulk", body)
	if status != 200 || a.Errors || len(a.Items) != 3 || a.Took == nil {
		t.Fatalf("%d %s", status, text)
	}
	if got := strings.Join(s.rows(), ","); got != "app/a,shop/b,shop/c" {
		t.Error(got)
	}
	if i := a.Items[0]["create"]; i.Index != "app" || len(i.ID) != 20 || i.Status != 201 || i.Result != "created" {
		t.Errorf("%+v", i)
	}
	if i := a.Items[1]["index"]; i.Index != "shop-2026.01.31" || i.ID != "17" {
		t.Errorf("%+v", i)
	}
	if i := a.Items[2]["create"]; i.Index != "Shop" || i.ID == a.Items[0]["create"].ID {
		t.Errorf("%+v", i)
	}
	b := s.batches[1]
	if id, _ := b.Find(0, "_id"); string(id.Bytes) != "17" || b.Time(0) != 1767323045e9 || b.Time(1) != 7e9 || b.Client != "tok" || b.Window != 0 {
		t.Errorf("_id %q, times %d %d, client %q, window %d", id.Bytes, b.Time(0), b.Time(1), b.Client, b.Window)
	}
}

// The exact text matters to Fluent Bit.
func TestAnswerText(t *testing.T) {
	body := "{\"create\":{\"_id\":\"x\\\"y\"}}\n{}\n"
	_, _, text := bulk(t, &fakeSink{}, anyone, "/i/_bulk", body)
	want := `"errors":false,"items":[{"create":{"_index":"i","_id":"x\"y","_version":1,"result":"created","status":201,"_seq_no":0,"_primary_term":1}}]}`
	if !strings.HasPrefix(text, `{"took":`) || !strings.HasSuffix(text, want) {
		t.Error(text)
	}
	two := "{\"create\":{}}\n{}\n{\"delete\":{\"_id\":\"1\"}}\n"
	reason := `"error":{"type":"illegal_argument_exception","reason":"delete is not possible: journalist keeps records as they came; use index or create"}`
	for path, want := range map[string]string{
		"errors,items.*.error,items.*.status": `{"errors":true,"items":[{"create":{"status":201}},{"delete":{"status":400,` + reason + `}}]}`,
		"items.*.error":                       `{"items":[{"create":{}},{"delete":{` + reason + `}}]}`,
		"errors":                              `{"errors":true}`,
	} {
		if _, _, text := bulk(t, &fakeSink{}, anyone, "/i/_bulk?filter_path="+path, two); text != want {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestItemsThatFail(t *testing.T) {
	bound := ingest.Sender{Name: "b", Datasets: []string{"shop"}}
	s := &fakeSink{}
	body := `{"update":{"_id":"1","_index":"shop"}}
{"doc":{}}
{"delete":{"_id":"1","_index":"shop"}}
{"create":{"_index":"../etc"}}
{"message":"a"}
{"create":{"_index":"other"}}
{"message":"b"}
{"create":{"_index":"shop"}}
{"message":"c"}
{"create":{"_index":"shop","_id":"` + strings.Repeat("x", 513) + `"}}
{"message":"d"}
`
	status, a, text := bulk(t, s, bound, "/_bulk", body)
	if status != 200 || !a.Errors || len(a.Items) != 6 {
		t.Fatalf("%d %s", status, text)
	}
	for i, want := range []struct {
		verb   string
		status int
		kind   string
	}{
		{"update", 400, "illegal_argument_exception"},
		{"delete", 400, "illegal_argument_exception"},
		{"create", 400, "invalid_index_name_exception"},
		{"create", 403, "security_exception"},
		{"create", 201, ""},
		{"create", 400, "illegal_argument_exception"},
	} {
		got, ok := a.Items[i][want.verb]
		if !ok || got.Status != want.status || (got.Error == nil) != (want.kind == "") || got.Error != nil && (got.Error.Type != want.kind || got.Error.Reason == "") {
			t.Errorf("item %d: %+v", i, a.Items[i])
		}
	}
	if got := strings.Join(s.rows(), ","); got != "shop/c" {
		t.Error(got)
	}
}

// A document that is no object is kept, marked, and answered as stored.
func TestBadDocumentsAreKept(t *testing.T) {
	s := &fakeSink{}
	huge := `{"a":` + strings.Repeat("[", 2*record.MaxValue)
	body := "{\"create\":{\"_id\":\"7\"}}\n{\"message\":\"half\n{\"create\":{}}\n[1]\n{\"create\":{}}\n\n{\"create\":{}}\n" + huge + "\n"
	status, a, text := bulk(t, s, anyone, "/_bulk", body)
	if status != 200 || a.Errors || len(a.Items) != 4 {
		t.Fatalf("%d %s", status, text)
	}
	b := s.batches[0]
	for i, want := range []string{`{"message":"half`, "[1]", "", huge[:record.MaxValue]} {
		m, _ := b.Find(i, "message")
		e, ok := b.Find(i, "_error")
		if string(m.Bytes) != want || !ok || len(e.Bytes) == 0 {
			t.Errorf("row %d: %d bytes, _error %q", i, len(m.Bytes), e.Bytes)
		}
	}
	if e, _ := b.Find(3, "_error"); !strings.Contains(string(e.Bytes), "cut off") {
		t.Errorf("cut without a mark: %q", e.Bytes)
	}
}

func TestRefusedBodies(t *testing.T) {
	good := "{\"create\":{}}\n{\"message\":\"a\"}\n"
	for _, c := range []struct {
		name, body string
		header     []string
		status     int
		reason     string
	}{
		{"empty", "", nil, 400, "body is required"},
		{"blank", "\n \n", nil, 400, "body is required"},
		{"no action", good + "{\"message\":\"a\"}\n{}\n", nil, 400, "line [3]"},
		{"not JSON", "hello\n", nil, 400, "line [1]"},
		{"array", "[]\n", nil, 400, "line [1]"},
		{"unknown action", "{\"upsert\":{}}\n{}\n", nil, 400, "upsert"},
		{"two actions", "{\"create\":{},\"index\":{}}\n{}\n", nil, 400, "2 actions"},
		{"two objects", "{\"create\":{}}{\"create\":{}}\n{}\n", nil, 400, "more than one"},
		{"nested", "{\"create\":{\"_id\":{}}}\n{}\n", nil, 400, "_id"},
		{"no document", good + "{\"create\":{}}", nil, 400, "ends early"},
		{"form", good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "x-ndjson"},
		{"no type", good, []string{"Content-Type", ""}, 415, "x-ndjson"},
		{"encoding", good, []string{"Content-Encoding", "br"}, 415, "br"},
		{"not gzip", good, []string{"Content-Encoding", "gzip"}, 400, "Content-Encoding"},
	} {
		s := &fakeSink{}
		status, a, text := bulk(t, s, anyone, "/_bulk", c.body, c.header...)
		if status != c.status || a.Status != c.status || a.Error == nil || !strings.Contains(a.Error.Reason, c.reason) || len(a.Error.RootCause) != 1 {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
		if s.calls != 0 {
			t.Errorf("%s: something was stored", c.name)
		}
	}
}

func TestContentTypes(t *testing.T) {
	for _, ct := range []string{"application/json", "application/x-ndjson; charset=utf-8", "application/vnd.elasticsearch+x-ndjson; compatible-with=8"} {
		if status, _, text := bulk(t, &fakeSink{}, anyone, "/_bulk", "{\"create\":{}}\n{}\n", "Content-Type", ct); status != 200 {
			t.Errorf("%s: %d %s", ct, status, text)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"create\":{}}\n{\"message\":\"%d\"}\n", i)
	}
	return b.String()
}

func TestManyBatchesInOrder(t *testing.T) {
	s := &fakeSink{}
	const n = 7*batchRows + 3
	status, a, _ := bulk(t, s, anyone, "/_bulk", many(n))
	if status != 200 || a.Errors || len(a.Items) != n {
		t.Fatalf("%d, %d items", status, len(a.Items))
	}
	for i, r := range s.rows() {
		if r != fmt.Sprintf("logs/%d", i) {
			t.Fatalf("row %d is %s", i, r)
		}
	}
}

func TestSinkErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{fmt.Errorf("commit: %w", record.ErrFull), 429},
		{record.ErrClosed, 503},
		{record.ErrTooLarge, 413},
		{context.Canceled, 503},
		{errors.New("secret path"), 500},
	} {
		at := func(n int) *fakeSink {
			return &fakeSink{fail: func(call int) error {
				if call >= n {
					return c.err
				}
				return nil
			}}
		}
		// All of it: the whole request fails and is sent again.
		status, a, text := bulk(t, at(1), anyone, "/_bulk", many(2*batchRows+1))
		if status != c.status || a.Error == nil || strings.Contains(text, "secret") {
			t.Errorf("%v: %d %.200s", c.err, status, text)
		}
		// Some of it: the items say which.
		s := at(2)
		status, a, text = bulk(t, s, anyone, "/_bulk", many(2*batchRows+1))
		if status != 200 || !a.Errors {
			t.Fatalf("%v: %d %.200s", c.err, status, text)
		}
		for i, item := range a.Items {
			want := 201
			if i >= batchRows {
				want = c.status
			}
			if got := item["create"].Status; got != want {
				t.Fatalf("%v: item %d has %d, want %d", c.err, i, got, want)
			}
		}
		// Fluent Bit does not look at items.
		if status, _, _ = bulk(t, at(2), anyone, "/_bulk", many(2*batchRows+1), "User-Agent", "Fluent-Bit"); status != c.status {
			t.Errorf("%v, Fluent Bit: %d", c.err, status)
		}
	}
}

func TestLimits(t *testing.T) {
	body := many(1000)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		limit  int
		zip    bool
		length bool
		status int
	}{
		{"fits", len(body), false, true, 200},
		{"fits, unknown length", len(body), false, false, 200},
		{"too large", len(body) - 1, false, true, 413},
		{"too large, unknown length", len(body) - 1, false, false, 413},
		{"gzip fits", len(body), true, true, 200},
		{"gzip too large", len(body) - 1, true, true, 413},
	} {
		h := New(Options{Sink: &fakeSink{}, MaxBody: int64(c.limit)})
		var in io.Reader = strings.NewReader(body)
		if c.zip {
			in = bytes.NewReader(packed.Bytes())
		}
		if !c.length {
			in = io.MultiReader(in)
		}
		r := httptest.NewRequest("POST", "/_bulk", in)
		r.Header.Set("Content-Type", "application/x-ndjson")
		if c.zip {
			r.Header.Set("Content-Encoding", "gzip")
		}
		if w := serve(h, anyone, r); w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if !h.memory.TryAcquire(h.o.MaxMemory) {
			t.Errorf("%s: memory is not given back", c.name)
		}
	}
}

func TestBusy(t *testing.T) {
	h := New(Options{Sink: &fakeSink{}, MaxBody: 1 << 20, MaxMemory: 1 << 20})
	if !h.memory.TryAcquire(1 << 20) {
		t.Fatal("no memory")
	}
	r := httptest.NewRequest("POST", "/_bulk", strings.NewReader(many(10)))
	r.Header.Set("Content-Type", "application/x-ndjson")
	if w := serve(h, anyone, r); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDatasetOf(t *testing.T) {
	for index, want := range map[string]string{
		"":                                  "logs",
		"logs":                              "logs",
		"logs-2026.01.31":                   "logs",
		"logs-2026.01":                      "logs",
		"logs-2026-01-31":                   "logs",
		"logs_20260131":                     "logs",
		"logs-2026.w05":                     "logs",
		"logs-000001":                       "logs",
		"filebeat-8.17.0-2026.01.31":        "filebeat-8.17.0",
		"filebeat-8.17.0-2026.01.31-000001": "filebeat-8.17.0",
		"<logs-{now/d}-000001>":             "logs",
		"<logs-{now/d{yyyy.MM.dd|+12:00}}>": "logs",
		"logs-app.web-default":              "logs-app.web-default",
		"Shop":                              "shop",
		"v1-1234.56":                        "v1-1234.56",
		"2026.01.31":                        "2026.01.31",
		"k8s-12345678":                      "k8s-12345678",
	} {
		if got, err := datasetOf(index); got != want || err != nil {
			t.Errorf("%q: %q %v, want %q", index, got, err, want)
		}
	}
	for _, bad := range []string{".kibana", "a b", "../x", "a,b", "logs*", "_all", "-x", "<{now/d}>", "<a{b>", strings.Repeat("x", 200)} {
		if got, err := datasetOf(bad); err == nil {
			t.Errorf("%q passes as %q", bad, got)
		}
	}
}

func TestSmallAnswers(t *testing.T) {
	h := New(Options{Sink: &fakeSink{}, Version: "9.9.9"})
	for _, c := range []struct {
		f      http.HandlerFunc
		status int
		want   string
	}{
		{h.Root, 200, `"number":"9.9.9"`},
		{h.License, 200, `"status":"active"`},
		{h.Health, 200, `"status":"green"`},
		{h.NotFound, 404, `"status":404`},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/x", nil)
		r.Header.Set("Accept", "application/vnd.elasticsearch+json; compatible-with=8")
		c.f(w, r)
		if w.Code != c.status || !json.Valid(w.Body.Bytes()) || !strings.Contains(w.Body.String(), c.want) ||
			w.Header().Get("Content-Type") != "application/vnd.elasticsearch+json;compatible-with=8" || w.Header().Get("X-Elastic-Product") == "" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
}

func TestCatHealth(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{Clock: func() time.Time { return time.Unix(7, 0) }}).CatHealth(w, httptest.NewRequest("GET", "/x", nil))
	if got := w.Body.String(); w.Code != 200 || !strings.HasPrefix(got, "7 00:00:07 journalist green ") {
		t.Errorf("%d %s", w.Code, got)
	}
}

// The quick parser says what encoding/json says, or nothing.
func FuzzAction(f *testing.F) {
	for _, s := range []string{`{"create":{}}`, `{"index":{"_index":"a","_id":"1","version":3,"x":null}}`, `{"delete":{"_id":"é"}}`, `{"create":{"a":01}}`, `{"create":{,}}`, `{"create":{"_id":"a","_id":"b"}} `, `{"create":{"a":1` + strings.Repeat("4", 400) + `}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		a, ok := quickAction(line)
		if !ok {
			return
		}
		var m map[string]map[string]any
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber() // a number may be larger than any float64, as in parseAction
		if err := dec.Decode(&m); err != nil || !json.Valid(line) {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		meta, ok := m[a.verb.String()]
		if !ok || len(m) != 1 {
			t.Fatalf("%q: verb %v", line, a.verb)
		}
		for key, got := range map[string][]byte{"_index": a.index, "_id": a.id} {
			if want, ok := meta[key].(string); ok && want != string(got) {
				t.Fatalf("%q: %s is %q, want %q", line, key, got, want)
			}
		}
	})
}

// As many items as actions; what is answered with 201 is stored, nothing else is.
func FuzzBulk(f *testing.F) {
	f.Add([]byte(many(3)))
	f.Add([]byte("{\"delete\":{\"_id\":\"1\"}}\n{\"index\":{\"_index\":\"..\"}}\n{\n{\"update\":{}}\n{}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &fakeSink{}
		status, a, text := bulk(t, s, anyone, "/_bulk", string(body))
		stored := len(s.rows())
		if status != 200 {
			if stored != 0 || a.Error == nil {
				t.Fatalf("%d with %d rows stored: %s", status, stored, text)
			}
			return
		}
		created := 0
		for _, item := range a.Items {
			if len(item) != 1 {
				t.Fatalf("item %v", item)
			}
			for _, i := range item {
				if i.Status == 201 {
					created++
				} else if i.Error == nil || i.Error.Type == "" || i.Error.Reason == "" {
					t.Fatalf("item %+v without a reason", i)
				}
			}
		}
		if created != stored {
			t.Fatalf("%d answered as created, %d stored", created, stored)
		}
	})
}

// BenchmarkBulk measures a body of 8 MiB up to a sink that keeps nothing.
func BenchmarkBulk(b *testing.B) {
	var body bytes.Buffer
	for i := 0; body.Len() < 8<<20; i++ {
		fmt.Fprintf(&body, "{\"create\":{}}\n{\"@timestamp\":\"2026-01-02T03:04:%02d.%03dZ\",\"message\":\"GET /api/v1/items/%d HTTP/1.1 200 from 192.0.2.%d in %d ms, user agent Mozilla/5.0 (X11; Linux x86_64)\",\"host\":\"web-%02d\",\"level\":\"info\",\"http\":{\"status\":200,\"bytes\":%d},\"service\":\"shop\"}\n",
			i%60, i%1000, i*7919%100000, i%256, i%97, i%20, i%50000)
	}
	for name, target := range map[string]string{"full": "/_bulk", "filtered": "/_bulk?filter_path=errors,items.*.error,items.*.status"} {
		b.Run(name, func(b *testing.B) {
			h := New(Options{Sink: &fakeSink{discard: true}})
			b.SetBytes(int64(body.Len()))
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", target, bytes.NewReader(body.Bytes()))
				r.Header.Set("Content-Type", "application/x-ndjson")
				if w := serve(h, anyone, r); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

// TestManyParts holds that a body cannot make many times its own size of memory,
// or time that grows with the square of its length.
func TestManyParts(t *testing.T) {
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "{\"delete\":{\"_index\":\"BAD %d\"}}\n", i)
		}
		return b.String()
	}
	sink := &fakeSink{}
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"actions":          {strings.Repeat("{\"delete\":{}}\n", maxItems+1), 413},
		"indices":          {names(maxTargets + 1), 413},
		"indices that fit": {names(maxTargets), 200},
	} {
		if code, _, text := bulk(t, sink, anyone, "/_bulk", c.body); code != c.status || c.status == 413 && !strings.Contains(text, "several requests") {
			t.Errorf("%s: %d %.200s", name, code, text)
		}
	}
}
