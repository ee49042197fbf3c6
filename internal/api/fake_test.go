package api

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/auth"
	"journalist/internal/metrics"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeQuerier answers with what a test gives it, and remembers what it was asked.
type fakeQuerier struct {
	mu      sync.Mutex
	asked   []lang.Request
	blocks  []*scan.Block
	err     error
	stats   scan.Stats
	buckets []scan.Bucket
	fields  []scan.FieldInfo
	// run replaces Run, tail replaces Tail.
	run  func(ctx context.Context, yield func(*scan.Block) error) error
	tail func(ctx context.Context, yield func(*scan.Block) error) (int64, error)
}

func (q *fakeQuerier) note(r lang.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, r)
}

func (q *fakeQuerier) last() lang.Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[len(q.asked)-1]
}

func (q *fakeQuerier) Run(ctx context.Context, r lang.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	q.note(r)
	if q.run != nil {
		return q.stats, q.run(ctx, yield)
	}
	for _, b := range q.blocks {
		if err := yield(b); err != nil {
			return q.stats, err
		}
	}
	return q.stats, q.err
}

func (q *fakeQuerier) Tail(ctx context.Context, r lang.Request, yield func(*scan.Block) error) (int64, error) {
	q.note(r)
	if q.tail != nil {
		return q.tail(ctx, yield)
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

func (q *fakeQuerier) Histogram(_ context.Context, r lang.Request, _ int, _ string) ([]scan.Bucket, time.Duration, scan.Stats, error) {
	q.note(r)
	return q.buckets, time.Minute, q.stats, q.err
}

func (q *fakeQuerier) Fields(_ context.Context, r lang.Request, _, _ int) ([]scan.FieldInfo, int64, scan.Stats, error) {
	q.note(r)
	return q.fields, 7, q.stats, q.err
}

// fakeSink counts rows by dataset.
type fakeSink struct {
	mu   sync.Mutex
	rows map[string]int
	err  error
}

func (s *fakeSink) Submit(_ context.Context, b *record.Batch) <-chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[string]int{}
	}
	done := make(chan error, 1)
	if s.err == nil {
		s.rows[b.Dataset] += b.Len()
	}
	done <- s.err
	return done
}

// world is a handler with credentials of every kind.
type world struct {
	t       *testing.T
	handler http.Handler
	querier *fakeQuerier
	sink    *fakeSink
	auth    *auth.Auth
	now     time.Time
	tokens  map[string]string // none, wrong, expired, ingest, read, admin, shop
	admin   string            // its session
}

func uiFiles() fs.FS {
	return fstest.MapFS{
		"index.html":          {Data: []byte("<!doctype html><title>journalist</title>" + strings.Repeat(" ", 500))},
		"assets/index-abc.js": {Data: []byte("console.log(1)")},
		".hidden":             {Data: []byte("x")},
	}
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, querier: &fakeQuerier{}, sink: &fakeSink{}, now: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	var err error
	if w.auth, err = auth.Open(vfs.OS, t.TempDir(), auth.WithClock(clock)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.auth.Close(); err != nil {
			t.Error(err)
		}
	})
	w.tokens = map[string]string{"none": "", "wrong": "jt_wrong"}
	for name, spec := range map[string]auth.TokenSpec{
		"expired": {Scopes: []auth.Scope{auth.Admin}, Expires: w.now.Add(time.Second)},
		"ingest":  {Scopes: []auth.Scope{auth.Ingest}},
		"read":    {Scopes: []auth.Scope{auth.Read}},
		"admin":   {Scopes: []auth.Scope{auth.Admin}},
		"enroll":  {Scopes: []auth.Scope{auth.Enroll}, Uses: 1000},
		"shop":    {Scopes: []auth.Scope{auth.Ingest, auth.Read}, Datasets: []string{"shop"}},
	} {
		spec.Name = name
		if w.tokens[name], _, err = w.auth.CreateToken(spec); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(time.Minute)
	if w.admin, _, err = w.auth.Login(w.tokens["admin"]); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Querier: w.querier, Sink: w.sink, Auth: w.auth, Metrics: metrics.New(), UI: uiFiles(), Version: "v1", Clock: clock,
	}
	for _, c := range change {
		c(&o)
	}
	w.handler = New(o)
	return w
}

// do sends a request with a token's name and headers in pairs.
func (w *world) do(token, method, target, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if secret := w.tokens[token]; secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return out
}

// wholeBlock has two records of different shapes.
func wholeBlock() *scan.Block {
	str := func(s string) record.Value { return record.StringValue([]byte(s)) }
	names := func(paths ...string) (out []record.Name) {
		for _, p := range paths {
			out = append(out, record.MakeName(p))
		}
		return out
	}
	return &scan.Block{
		Times:   []int64{2e9 + 5e6, 1e9},
		Dataset: "logs",
		Shapes: [][]record.Name{
			names("message", "a\x00b", "a\x00c\x00d", "list"),
			names("a.b", "message", "dataset"),
		},
		ShapeOf: []uint32{0, 1},
		Columns: []scan.Column{
			{Name: "message", Form: scan.Plain, Len: 2, Offsets: []uint32{0, 5, 8}, Data: []byte("he\"lobye")},
			{Name: "a.b", Form: scan.Ints, Len: 2, Ints: []int64{1, 2}},
			{Name: "a.c.d", Form: scan.Dict, Len: 2, Values: []record.Value{record.BoolValue(true), {}}, Codes: []uint32{0, 1}},
			{Name: "list", Form: scan.Dict, Len: 2, Values: []record.Value{{Kind: record.JSON, Bytes: []byte("[1,\n2]")}, {}}, Codes: []uint32{0, 1}},
			{Name: "dataset", Form: scan.Consts, Len: 2, Values: []record.Value{str("own")}},
		},
	}
}

// statsBlock is an answer of columns.
func statsBlock() *scan.Block {
	return &scan.Block{Columns: []scan.Column{
		{Name: "time", Form: scan.Ints, Time: true, Len: 2, Ints: []int64{0, 60e9}},
		{Name: "host", Form: scan.Dict, Len: 2, Values: []record.Value{record.StringValue([]byte("a,\"b\"")), {}}, Codes: []uint32{0, 1}},
		{Name: "count()", Form: scan.Ints, Len: 2, Ints: []int64{3, 4}},
	}}
}
