package local

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"journalist/internal/pipeline"
	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere is a sink behind which nothing is.
type nowhere struct{}

func (nowhere) Submit(context.Context, *record.Batch) <-chan error { return nil }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func stamp(b *record.Batch) {
	p := pipeline.New(pipeline.Options{Next: nowhere{}, Clock: func() time.Time { return now }})
	p.Submit(context.Background(), b)
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, now, now); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, o Options) *Source {
	t.Helper()
	o.Clock = func() time.Time { return now }
	o.Host = "here"
	if o.Stamp == nil {
		o.Stamp = stamp
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run asks and returns the rows as text, in the order in which they come.
func run(t testing.TB, src exec.Source, query string, limit int) ([]string, scan.Stats, error) {
	t.Helper()
	q, err := lang.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	e := exec.New(exec.Options{Source: src, Parallel: 3, Clock: func() time.Time { return now }})
	var out []string
	st, err := e.Run(t.Context(), lang.Request{Query: q, Limit: limit}, func(b *scan.Block) error {
		for i := range b.Len() {
			var row strings.Builder
			if b.Times != nil {
				fmt.Fprintf(&row, "%s %s ", time.Unix(0, b.Times[i]).UTC().Format(time.RFC3339Nano), b.Dataset)
			}
			var fields []string
			for j := range b.Columns {
				if v := b.Columns[j].Value(i); v.Kind != record.Missing {
					fields = append(fields, fmt.Sprintf("%s=%s", b.Columns[j].Name, v.AppendJSON(nil)))
				}
			}
			if b.Times != nil {
				slices.Sort(fields)
			}
			row.WriteString(strings.Join(fields, " "))
			out = append(out, row.String())
		}
		return nil
	})
	return out, st, err
}

// oracle holds the records of a file's text, made one by one.
func oracle(t *testing.T, path, text string, json bool) *memsource.Source {
	t.Helper()
	src := &memsource.Source{BlockRows: 50}
	b := &record.Batch{}
	offset := 0
	for line := range strings.Lines(text) {
		body := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		switch {
		case json && strings.TrimSpace(body) == "":
		case json && b.AppendJSON([]byte(body), now.UnixNano()) == nil:
			if _, ok := b.Find(b.Len()-1, "host"); !ok {
				b.Add(b.NameID("host"), record.StringValue([]byte("here")))
			}
			if _, ok := b.Find(b.Len()-1, "file"); !ok {
				b.Add(b.NameID("file"), record.StringValue([]byte(path)))
			}
		default:
			b.AddRow(now.UnixNano())
			b.Add(b.NameID("message"), record.StringValue([]byte(body)))
			b.Add(b.NameID("offset"), record.IntValue(int64(offset)))
			b.Add(b.NameID("host"), record.StringValue([]byte("here")))
			b.Add(b.NameID("file"), record.StringValue([]byte(path)))
		}
		offset += len(line)
	}
	stamp(b)
	src.Add(b)
	return src
}

func logText(n int) string {
	var b strings.Builder
	for i := range n {
		t := now.Add(time.Duration(i*37%n) * -time.Second)
		switch i % 7 {
		case 0:
			fmt.Fprintf(&b, "%s web-%d ERROR connection refused by 10.0.0.%d\r\n", t.Format(time.RFC3339), i%3, i%9)
		case 1:
			fmt.Fprintf(&b, "\tat com.example.Größe(%d)\n", i)
		case 2:
			fmt.Fprintf(&b, "%s\n", t.Format(time.Stamp)+" web-01 disk full")
		case 3:
			b.WriteString("\n")
		default:
			fmt.Fprintf(&b, "%s took=%dms user=%q bad \xff byte\n", t.Format("2006-01-02 15:04:05,000"), i%100, "größe")
		}
	}
	return b.String() + "no line end, error"
}

func jsonText(n int) string {
	var b strings.Builder
	for i := range n {
		t := now.Add(time.Duration(i*37%n) * -time.Second).Format(time.RFC3339Nano)
		switch i % 6 {
		case 0:
			fmt.Fprintf(&b, `{"@timestamp":%q,"message":"order \u0065rror","n":%d,"host":"h%d"}`+"\n", t, i, i%4)
		case 1:
			fmt.Fprintf(&b, `{"@timestamp":%q,"msg":"a\nb","level":"error","order":{"id":%d,"tags":["x","Größe"]}}`+"\n", t, i)
		case 2:
			b.WriteString("  \n")
		case 3:
			fmt.Fprintf(&b, "%s {broken error\n", t)
		case 4:
			fmt.Fprintf(&b, `{"message":"plain","level":"info","ok":true,"f":1.50,"file":"own"}`+"\r\n")
		default:
			fmt.Fprintf(&b, `{"@timestamp":%q,"n":%d,"s":"err\/x"}`+"\n", t, i)
		}
	}
	return b.String()
}

var questions = []string{
	"*", "error", "err*", "*fus*", "größe", `"connection refused"`, "-error", "error OR full", "error 10.0.0.3", "/took=[0-9]{2}ms/",
	"here", "file:log", "host:here disk", "level:error", "level=error", "order.id>100", "order.tags:größe", "n=12", `msg:"b"`, `s="err/x"`,
	"ok:true", "f:1.50", "tags:_time_odd", "_time_odd", "@timestamp>=2026-03-01T11:55:00Z error", "dataset=logs error", "dataset=other",
	"offset<2000 took", "message:*disk*", `message="no line end, error"`, "nothing-at-all", "file:*", "-message:*",
	"* | stats count()", "error | stats count() as n by host", "* | stats count() as n by time(1m) | sort time", "* | stats count() as n, min(offset) as first by level",
	`* | extract "took=<ms>ms" | where ms>50 | stats count()`, "* | stats count_uniq(message) as n", "error | fields message, host", "* | top 3 host",
}

// Every query says the same as over records in memory, however the text is cut.
func TestLikeRecords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		json       bool
	}{{"a.log", logText(900), false}, {"a.json", jsonText(900), true}} {
		path := write(t, c.name, c.text)
		want := oracle(t, path, c.text, c.json)
		for _, chunk := range []int{200, 1000, 1 << 20} {
			for _, query := range questions {
				src := open(t, Options{Files: []string{path}, Parallel: 3})
				src.chunk = chunk
				got, st, err := run(t, src, query, 0)
				wanted, wst, werr := run(t, want, query, 0)
				if err != nil || werr != nil || len(st.Partial) > 0 {
					t.Fatalf("%s: %v, %v, %q", query, err, werr, st.Partial)
				}
				slices.Sort(got)
				slices.Sort(wanted)
				if !slices.Equal(got, wanted) {
					t.Errorf("%s in %s by %d: %d rows, want %d\n%.2000s\nwant\n%.2000s", query, c.name, chunk, len(got), len(wanted), strings.Join(got, "\n"), strings.Join(wanted, "\n"))
				}
				if st.RowsMatched != wst.RowsMatched && !strings.Contains(query, "limit") {
					t.Errorf("%s: %d rows matched, want %d", query, st.RowsMatched, wst.RowsMatched)
				}
			}
		}
	}
}

// Where only texts are wanted they are the same lines.
func TestTexts(t *testing.T) {
	text := logText(900)
	path := write(t, "a.log", text)
	for _, query := range []string{"error", "*", "disk OR refused", "-error", "tags:_time_odd", "error @timestamp>=2026-03-01T11:55:00Z", "here", `"bad"`} {
		var got, want []string
		for _, c := range []struct {
			texts bool
			rows  *[]string
		}{{true, &got}, {false, &want}} {
			src := open(t, Options{Files: []string{path}, Texts: c.texts, Parallel: 3})
			src.chunk = 300
			rows, _, err := run(t, src, query, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				at := strings.Index(r, "message=")
				m, _, _ := strings.Cut(r[at:], " offset=")
				*c.rows = append(*c.rows, m)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d texts, want %d", query, len(got), len(want))
		}
	}
}

// An order that was asked for is kept, with and without a limit.
func TestSorted(t *testing.T) {
	text := logText(3000)
	path := write(t, "a.log", text)
	want := oracle(t, path, text, false)
	for _, query := range []string{"* | sort -@timestamp", "* | sort @timestamp", "error | sort @timestamp | fields @timestamp, message", "* | sort -@timestamp | fields offset, host"} {
		for _, limit := range []int{0, 1, 70, 5000} {
			src := open(t, Options{Files: []string{path}, Sorted: true, Parallel: 3})
			src.chunk = 500
			got, _, err := run(t, src, query, limit)
			wanted, _, _ := run(t, want, query, limit)
			if err != nil || !slices.Equal(got, wanted) {
				t.Errorf("%s, %d: %v\n%.1000s\nwant\n%.1000s", query, limit, err, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
			}
		}
	}
	src := open(t, Options{Files: []string{path}, Sorted: true, MaxBytes: 10_000})
	src.chunk = 500
	var over *scan.BudgetError
	if _, _, err := run(t, src, "* | sort @timestamp", 0); !errors.As(err, &over) {
		t.Errorf("over the budget: %v", err)
	}
	if rows, _, err := run(t, open(t, Options{Files: []string{path}, Sorted: true, MaxBytes: 1 << 20}), "* | sort @timestamp", 10); err != nil || len(rows) != 10 {
		t.Errorf("a limit within the budget: %d rows, %v", len(rows), err)
	}
}

// A limit takes many more rows than it keeps.
func TestSortedLimitForgets(t *testing.T) {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "%s line %d\n", now.Add(time.Duration(i*7919%60_000)*-time.Second).Format(time.RFC3339), i)
	}
	src := open(t, Options{Files: []string{write(t, "a", b.String())}, Sorted: true, MaxBytes: 8 << 20})
	src.chunk = 64 << 10
	rows, _, err := run(t, src, "* | sort -@timestamp | fields @timestamp", 3)
	if err != nil || len(rows) != 3 || !strings.Contains(rows[2], fmt.Sprint(now.Add(-2*time.Second).UnixNano())) {
		t.Errorf("%q, %v", rows, err)
	}
}

// Without a wish rows come as they stand in the files, and a limit takes the first.
func TestFileOrder(t *testing.T) {
	a, b := write(t, "a", "1 x\n2\n3 x\n"), write(t, "b", "4 x\n5 x")
	for _, c := range []struct {
		limit int
		want  string
	}{{0, "1 x,3 x,4 x,5 x"}, {3, "1 x,3 x,4 x"}, {1, "1 x"}} {
		for range 20 {
			src := open(t, Options{Files: []string{a, b}, Parallel: 4})
			src.chunk = 4
			rows, _, err := run(t, src, "x | fields message", c.limit)
			for i := range rows {
				rows[i] = strings.Trim(strings.TrimPrefix(rows[i], "message="), `"`)
			}
			if got := strings.Join(rows, ","); err != nil || got != c.want {
				t.Fatalf("%s, want %s (%v)", got, c.want, err)
			}
		}
	}
}

func TestPacked(t *testing.T) {
	text := logText(500)
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := e.EncodeAll([]byte(text), nil)
	files := []string{write(t, "plain", text), write(t, "x.gz", gz.String()), write(t, "x.zst", string(packed))}
	rows, st, err := run(t, open(t, Options{Files: files}), "error | stats count() as n by file", 0)
	if err != nil || len(rows) != 3 || len(st.Partial) > 0 {
		t.Fatalf("%q, %+v, %v", rows, st, err)
	}
	n := rows[0][strings.LastIndex(rows[0], " "):]
	for _, r := range rows {
		if !strings.HasSuffix(r, n) {
			t.Errorf("%q, want %s each", rows, n)
		}
	}
	// What is damaged is answered as far as it goes, and named.
	cut := write(t, "cut.gz", string(gz.Bytes()[:gz.Len()/2]))
	xz := write(t, "x.xz", "\xfd7zXZ\x00rest")
	rows, st, err = run(t, open(t, Options{Files: []string{cut, xz, files[0]}}), "* | stats count() as n by file", 0)
	if err != nil || len(rows) != 2 || len(st.Partial) != 2 || !strings.Contains(st.Partial[0], "unexpected EOF") || !strings.Contains(st.Partial[1], "xz -dc") {
		t.Errorf("%q, %q, %v", rows, st.Partial, err)
	}
}

func TestRefused(t *testing.T) {
	for _, files := range [][]string{{"/does/not/exist"}, {t.TempDir()}, {"-"}} {
		if _, err := New(Options{Files: files}); err == nil {
			t.Errorf("%q were taken", files)
		}
	}
	s := open(t, Options{Files: []string{"-"}, Stdin: strings.NewReader("a\nb\n")})
	if rows, _, err := run(t, s, "*", 0); err != nil || len(rows) != 2 {
		t.Errorf("%q, %v", rows, err)
	}
	if _, st, _ := run(t, s, "*", 0); len(st.Partial) != 1 || !strings.Contains(st.Partial[0], "only once") {
		t.Errorf("the second time: %+v", st)
	}
	if _, err := s.Tail(t.Context(), nil, nil); !errors.Is(err, ErrTail) {
		t.Error(err)
	}
}

// Lines over the limit come in pieces that join to the whole.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("0123456789", 250)
	text := "first\n" + long + "\nlast\n"
	src := open(t, Options{Files: []string{write(t, "a", text)}})
	src.chunk = 1000
	rows, _, err := run(t, src, "tags:_split | fields message", 0)
	var joined strings.Builder
	for _, r := range rows {
		joined.WriteString(strings.Trim(strings.TrimPrefix(r, "message="), `"`))
	}
	if err != nil || joined.String() != long || len(rows) < 3 {
		t.Errorf("%d pieces, %d bytes of %d, %v", len(rows), joined.Len(), len(long), err)
	}
	if rows, _, _ := run(t, src, "-tags:* | fields message", 0); strings.Join(rows, ",") != `message="first",message="last"` {
		t.Errorf("%q", rows)
	}
	// A record of JSON may be longer than a line of text.
	record := `{"message":"` + long + `","n":1}` + "\n" + `{"n":2}` + "\n"
	src = open(t, Options{Files: []string{write(t, "b", record)}})
	src.chunk = 1000
	if rows, _, err := run(t, src, "n:* | fields n", 0); err != nil || strings.Join(rows, ",") != "n=1,n=2" {
		t.Errorf("%q, %v", rows, err)
	}
}

// Lines of a pipe come as they are written, and a reader that waits can be left.
func TestStdinComesAtOnce(t *testing.T) {
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	src := open(t, Options{Files: []string{"-"}, Stdin: in})
	lines := make(chan string)
	done := make(chan error, 1)
	go func() {
		_, err := src.Scan(ctx, &scan.Request{From: math.MinInt64, To: math.MaxInt64, Columns: []string{"message"}, Order: scan.NewestFirst}, func(b *scan.Block) error {
			for i := range b.Len() {
				lines <- string(b.Columns[0].Value(i).Bytes)
			}
			return nil
		})
		done <- err
	}()
	for i := range 3 {
		if _, err := fmt.Fprintf(out, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
		if got := <-lines; got != fmt.Sprintf("line %d", i) {
			t.Errorf("got %q", got)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	_ = out.Close()
}

func TestYieldEndsTheScan(t *testing.T) {
	stop := errors.New("stop")
	src := open(t, Options{Files: []string{write(t, "a", logText(5000))}})
	src.chunk = 500
	for _, order := range []scan.Order{scan.Any, scan.NewestFirst} {
		_, err := src.Scan(t.Context(), &scan.Request{From: math.MinInt64, To: math.MaxInt64, Order: order, Parallel: 2}, func(*scan.Block) error { return stop })
		if !errors.Is(err, stop) {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Scan(ctx, &scan.Request{To: math.MaxInt64}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
