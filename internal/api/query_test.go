package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

func (w *world) query(body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.do("read", "POST", "/api/v1/query", body, header...)
}

// split returns the rows and the trailer of an answer.
func split(t *testing.T, body string) (rows []string, trailer map[string]json.RawMessage) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("line is no JSON: %s", l)
		}
	}
	last := len(lines) - 1
	if err := json.Unmarshal([]byte(lines[last]), &trailer); err != nil {
		t.Fatal(err)
	}
	return lines[:last], trailer
}

func TestRows(t *testing.T) {
	w := newWorld(t)
	w.querier.blocks = []*scan.Block{wholeBlock(), {}}
	w.querier.stats = scan.Stats{RowsMatched: 2, RowsScanned: 9, Partial: []string{"part 7 is corrupt"}}
	got := w.query(`{"query":"x"}`)
	if got.Code != 200 || got.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v %s", got.Code, got.Header(), got.Body)
	}
	rows, trailer := split(t, got.Body.String())
	want := []string{
		`{"@timestamp":"1970-01-01T00:00:02.005Z","dataset":"logs","message":"he\"lo","a.b":1,"a.c.d":true,"list":[1, 2]}`,
		`{"@timestamp":"1970-01-01T00:00:01Z","dataset":"logs","a.b":2,"message":"bye"}`,
	}
	for i := range want {
		if i >= len(rows) || rows[i] != want[i] {
			t.Errorf("row %d: %s, want %s", i, rows[i], want[i])
		}
	}
	var st struct {
		RowsMatched int64 `json:"rows_matched"`
		Partial     []string
		ElapsedMS   *float64 `json:"elapsed_ms"`
	}
	if err := json.Unmarshal(trailer["stats"], &st); err != nil || st.RowsMatched != 2 || len(st.Partial) != 1 || st.ElapsedMS == nil {
		t.Errorf("%s: %v", trailer["stats"], err)
	}

	rows, _ = split(t, w.query(`{"query":"x","source":true}`).Body.String())
	for i, source := range []string{
		`,"_source":{"@timestamp":"1970-01-01T00:00:02.005Z","message":"he\"lo","a":{"b":1,"c":{"d":true}},"list":[1, 2]}}`,
		`,"_source":{"@timestamp":"1970-01-01T00:00:01Z","a.b":2,"message":"bye","dataset":"own"}}`,
	} {
		if !strings.HasSuffix(rows[i], source) {
			t.Errorf("row %d: %s", i, rows[i])
		}
	}
}

// The nested form also stands records that no single JSON object makes: fields of
// one object apart from each other, and a name that is a value and an object.
func TestNestedCollisions(t *testing.T) {
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{nil, `{"@timestamp":"1970-01-01T00:00:00Z"}`},
		{[]string{"a\x00x", "b", "a\x00y"}, `{"@timestamp":"1970-01-01T00:00:00Z","a":{"x":0,"y":2},"b":1}`},
		{[]string{"a", "a\x00y"}, `{"@timestamp":"1970-01-01T00:00:00Z","a":0,"a":{"y":1}}`},
		{[]string{"", "\x00", "a\x00"}, `{"@timestamp":"1970-01-01T00:00:00Z","":0,"":{"":1},"a":{"":2}}`},
		{[]string{"a\x00b\x00c", "a\x00d"}, `{"@timestamp":"1970-01-01T00:00:00Z","a":{"b":{"c":0},"d":1}}`},
	} {
		b := &scan.Block{Times: []int64{0}, ShapeOf: []uint32{0}, Shapes: [][]record.Name{nil}}
		for i, p := range c.paths {
			n := record.MakeName(p)
			b.Shapes[0] = append(b.Shapes[0], n)
			b.Columns = append(b.Columns, scan.Column{Name: n.Dotted, Form: scan.Ints, Len: 1, Ints: []int64{int64(i)}})
		}
		rw := rowWriter{source: true}
		rw.begin(b)
		if got := string(rw.appendSource(nil, b, 0)); got != c.want {
			t.Errorf("%q: %s, want %s", c.paths, got, c.want)
		}
	}
}

func TestColumns(t *testing.T) {
	w := newWorld(t)
	w.querier.blocks = []*scan.Block{statsBlock()}
	rows, _ := split(t, w.query(`{"query":"* | stats count() by time(1m), host"}`).Body.String())
	want := `{"time":"1970-01-01T00:00:00Z","host":"a,\"b\"","count()":3}` + "\n" + `{"time":"1970-01-01T00:01:00Z","host":null,"count()":4}`
	if got := strings.Join(rows, "\n"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCSV(t *testing.T) {
	w := newWorld(t)
	w.querier.blocks = []*scan.Block{statsBlock()}
	got := w.query(`{"query":"* | stats count() by time(1m), host"}`, "Accept", "text/csv")
	want := "time,host,count()\r\n1970-01-01T00:00:00Z,\"a,\"\"b\"\"\",3\r\n1970-01-01T00:01:00Z,,4\r\n"
	if got.Body.String() != want || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/csv") {
		t.Errorf("%q", got.Body)
	}
	if st := got.Result().Trailer.Get("X-Journalist-Stats"); !json.Valid([]byte(st)) {
		t.Errorf("trailer %q", st)
	}
	w.querier.blocks = []*scan.Block{wholeBlock()}
	records, err := csv.NewReader(w.query(`{"query":"x"}`, "Accept", "text/csv, */*").Body).ReadAll()
	if err != nil || len(records) != 3 || strings.Join(records[0], ",") != "@timestamp,dataset,message,_source" || records[1][2] != `he"lo` {
		t.Errorf("%q %v", records, err)
	}
	if !json.Valid([]byte(records[1][3])) {
		t.Errorf("%s", records[1][3])
	}
}

func TestWantsCSV(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/csv": true, "text/csv;header=present, */*": true, "application/json, text/csv": false, "text/html, text/csv": true,
	} {
		if wantsCSV(accept) != want {
			t.Errorf("%q", accept)
		}
	}
}

func TestErrorsBeforeTheFirstRow(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		err    error
		status int
		kind   string
	}{
		{"parse", &lang.Error{Query: "a b", Offset: 2, Message: "m", Hint: "h"}, 400, "query"},
		{"budget", fmt.Errorf("sort: %w", &scan.BudgetError{What: "sort"}), 422, "limit"},
		{"closed", record.ErrClosed, 503, "full"},
		{"full", record.ErrFull, 429, "full"},
		{"too large", record.ErrTooLarge, 413, "limit"},
		{"time", context.DeadlineExceeded, 422, "limit"},
		{"other", errors.New("open /secret/path"), 500, "internal"},
	} {
		w.querier.err = c.err
		for _, accept := range []string{"", "text/csv"} {
			got := w.query(`{"query":"x"}`, "Accept", accept)
			var e struct {
				Type, Title, Kind, Detail, Hint string
				Status                          int
				Position                        *int
			}
			err := json.Unmarshal(got.Body.Bytes(), &e)
			if got.Header().Get("Content-Type") != "application/problem+json" || e.Type != "tag:journalist,2026:"+c.kind || e.Title == "" || e.Detail == "" || e.Status != c.status {
				t.Errorf("%s: %v %s", c.name, got.Header(), got.Body)
			}
			if err != nil || got.Code != c.status || e.Kind != c.kind || strings.Contains(got.Body.String(), "secret") {
				t.Errorf("%s: %d %s %v", c.name, got.Code, got.Body, err)
			}
			if (e.Position != nil) != (c.kind == "query") || (got.Code == 429 || got.Code == 503) != (got.Header().Get("Retry-After") != "") {
				t.Errorf("%s: position %v, headers %v", c.name, e.Position, got.Header())
			}
		}
	}
}

func TestErrorAfterTheFirstRow(t *testing.T) {
	w := newWorld(t)
	w.querier.blocks = []*scan.Block{statsBlock()}
	w.querier.err = &scan.BudgetError{What: "groups"}
	got := w.query(`{"query":"x"}`)
	rows, trailer := split(t, got.Body.String())
	if got.Code != 200 || len(rows) != 2 || !strings.Contains(string(trailer["error"]), `"kind":"limit"`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("broken CSV ends as if it were whole")
		}
	}()
	w.query(`{"query":"x"}`, "Accept", "text/csv")
}

func TestQuestions(t *testing.T) {
	w := newWorld(t)
	now := w.now.UnixNano()
	hour := int64(time.Hour)
	for _, c := range []struct {
		body     string
		from, to int64
		limit    int
	}{
		{`{"query":"x"}`, now - hour, now, 200},
		{`{"query":""}`, now - hour, now, 200},
		{`{"query":"x","from":"now-2h","limit":1000000}`, now - 2*hour, now, 1000000},
		{`{"query":"x","from":"2026-01-02T03:04:05Z","to":"2026-01-02T04:04:05Z"}`, 1767323045e9, 1767326645e9, 200},
		{`{"query":"x","from":1767323045000,"to":1767323046000}`, 1767323045e9, 1767323046e9, 200},
		{`{"query":"x","to":"now-1h","from":null}`, now - 2*hour, now - hour, 200},
		{`{"query":"x _time:24h"}`, beginning, end, 200},
		{`{"query":"x _time:24h","from":"1h"}`, now - hour, now, 200},
		{`{"query":"x OR _time:24h"}`, now - hour, now, 200},
	} {
		if got := w.query(c.body); got.Code != 200 {
			t.Errorf("%s: %d %s", c.body, got.Code, got.Body)
			continue
		}
		r := w.querier.last()
		if r.From != c.from || r.To != c.to || r.Limit != c.limit {
			t.Errorf("%s: %d %d %d, want %d %d %d", c.body, r.From, r.To, r.Limit, c.from, c.to, c.limit)
		}
	}
	for body, kind := range map[string]string{
		`{"query":"(x"}`:                           "query",
		`{"query":"x | limit 1000001"}`:            "limit",
		`{"query":"x","limit":0}`:                  "limit",
		`{"query":"x","limit":1000001}`:            "limit",
		`{"query":"x","from":"soon"}`:              "bad_request",
		`{"query":"x","from":1.5}`:                 "bad_request",
		`{"query":"x","from":"now","to":"now-1h"}`: "bad_request",
		`{"query":"x","zone":"Mars/North"}`:        "bad_request",
		`{"querry":"x"}`:                           "bad_request",
		`{"query":"x"}{}`:                          "bad_request",
		`[]`:                                       "bad_request",
		`{"query":"` + strings.Repeat("x", maxQueryText+1) + `"}`: "limit",
	} {
		got := w.query(body)
		if got.Code != 400 || !strings.Contains(got.Body.String(), `"kind":"`+kind+`"`) {
			t.Errorf("%.60s: %d %s", body, got.Code, got.Body)
		}
	}
	if got := w.query(`{"query":"x"}`, "Content-Type", "text/plain"); got.Code != 415 {
		t.Errorf("content type: %d", got.Code)
	}
}

// A token bound to datasets asks for nothing else, whatever the query says.
func TestReadIsBoundToDatasets(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"", "x OR dataset=logs", "dataset=logs", "x | stats count()"} {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		escaped := strings.ReplaceAll(strings.ReplaceAll(query, " ", "+"), "|", "%7C")
		for _, ask := range []func() *httptest.ResponseRecorder{
			func() *httptest.ResponseRecorder { return w.do("shop", "POST", "/api/v1/query", string(body)) },
			func() *httptest.ResponseRecorder { return w.do("shop", "GET", "/api/v1/histogram?query="+escaped, "") },
			func() *httptest.ResponseRecorder { return w.do("shop", "GET", "/api/v1/fields?query="+escaped, "") },
			func() *httptest.ResponseRecorder {
				return w.do("shop", "GET", "/api/v1/values?field=host&query="+escaped, "")
			},
			func() *httptest.ResponseRecorder { return w.do("shop", "GET", "/api/v1/hosts?query="+escaped, "") },
		} {
			if got := ask(); got.Code != 200 {
				t.Fatalf("%s: %d %s", query, got.Code, got.Body)
			}
			var bounds *lang.Compare
			switch f := w.querier.last().Query.Filter.(type) {
			case *lang.Compare:
				bounds = f
			case *lang.And:
				bounds, _ = f.List[0].(*lang.Compare)
			}
			if bounds == nil || bounds.Field != "dataset" || bounds.Op != lang.Eq || bounds.Value.Text != "shop" {
				t.Errorf("%s became %v", query, w.querier.last().Query.Filter)
			}
		}
	}
	if got := bound(&lang.Query{}, []string{"a", "b"}).Filter.String(); got != "dataset=\"a\" OR dataset=\"b\"" {
		t.Errorf("two datasets: %s", got)
	}
	if got, ok := bound(&lang.Query{}, []string{}).Filter.(*lang.Not); !ok || got.X == nil {
		t.Error("no dataset at all lets something through")
	}
}

// Rows come as they are found, and a client that leaves ends the query.
func TestStreamingAndCancellation(t *testing.T) {
	w := newWorld(t)
	ended := make(chan error, 1)
	w.querier.run = func(ctx context.Context, yield func(*scan.Block) error) error {
		for range 2 {
			if err := yield(statsBlock()); err != nil {
				ended <- err
				return err
			}
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	client := srv.Client()
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/api/v1/query", strings.NewReader(`{"query":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens["read"])
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for i := range 4 { // the first block at once, the second after a moment
		if !lines.Scan() {
			t.Fatalf("line %d: %v", i, lines.Err())
		}
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the query goes on without its client")
	}
}

// More queries than may run wait for their turn; those whose client leaves give up.
func TestQueue(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxQueries = 1 })
	running, release := make(chan struct{}), make(chan struct{})
	w.querier.run = func(context.Context, func(*scan.Block) error) error {
		running <- struct{}{}
		<-release
		return nil
	}
	answers := make(chan int, 2)
	for range 2 {
		go func() { answers <- w.query(`{"query":"x"}`).Code }()
	}
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.handler.(*Server).turn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	release <- struct{}{}
	<-running
	release <- struct{}{}
	for range 2 {
		if code := <-answers; code != 200 {
			t.Error(code)
		}
	}
}

func TestLargeAnswer(t *testing.T) {
	w := newWorld(t)
	const n = 20_000
	times, shapeOf, ints := make([]int64, n), make([]uint32, n), make([]int64, n)
	for i := range n {
		times[i], ints[i] = int64(i), int64(i)
	}
	w.querier.blocks = []*scan.Block{{
		Times: times, Dataset: "logs", Shapes: [][]record.Name{{record.MakeName("n")}}, ShapeOf: shapeOf,
		Columns: []scan.Column{{Name: "n", Form: scan.Ints, Len: n, Ints: ints}},
	}}
	rows, _ := split(t, w.query(`{"query":"x"}`).Body.String())
	for i, r := range rows {
		if !strings.HasSuffix(r, fmt.Sprintf(`"n":%d}`, i)) {
			t.Fatalf("row %d: %s", i, r)
		}
	}
	if len(rows) != n {
		t.Errorf("%d rows", len(rows))
	}
}

func BenchmarkRows(b *testing.B) {
	const n = 4096
	block := &scan.Block{Dataset: "logs", Shapes: [][]record.Name{{record.MakeName("message"), record.MakeName("host"), record.MakeName("http\x00status")}}, ShapeOf: make([]uint32, n)}
	msg := "GET /api/v1/items/4711 HTTP/1.1 from 192.0.2.17 in 12 ms, user agent Mozilla/5.0 (X11; Linux x86_64)"
	col := scan.Column{Name: "message", Len: n, Offsets: []uint32{0}}
	for i := range n {
		block.Times = append(block.Times, 1767323045e9+int64(i)*1e6)
		col.Data = append(col.Data, msg...)
		col.Offsets = append(col.Offsets, uint32(len(col.Data)))
	}
	block.Columns = []scan.Column{
		col,
		{Name: "host", Form: scan.Consts, Len: n, Values: []record.Value{record.StringValue([]byte("web-01"))}},
		{Name: "http.status", Form: scan.Ints, Len: n, Ints: make([]int64, n)},
	}
	var rw rowWriter
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = out[:0]
		rw.begin(block)
		for i := range n {
			out = rw.append(out, block, i)
		}
	}
	b.SetBytes(int64(len(out)))
}
