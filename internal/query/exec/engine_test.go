package exec_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

func parse(t testing.TB, text string) *lang.Query {
	t.Helper()
	q, err := lang.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// stuck is a source that takes aggregations and does not get them done.
type stuck struct{ exec.Source }

func (s stuck) Aggregate(ctx context.Context, _ *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	<-ctx.Done()
	return nil, scan.Stats{}, false, ctx.Err()
}

func TestTimeBudgetOfAggregations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := exec.New(exec.Options{Source: stuck{numbered(t, 1)}, MaxDuration: time.Second})
		_, err := e.Run(t.Context(), lang.Request{Query: parse(t, "* | stats count()")}, func(*scan.Block) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1s") {
			t.Errorf("%v", err)
		}
	})
}

func TestSlowReadersGetWholeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := exec.New(exec.Options{Source: numbered(t, 1000), MaxDuration: time.Second})
		for _, q := range []string{"*", "* | sort n"} {
			rows := 0
			st, err := e.Run(t.Context(), lang.Request{Query: parse(t, q)}, func(b *scan.Block) error {
				time.Sleep(time.Minute)
				rows += b.Len()
				return nil
			})
			if err != nil || rows != 1000 || len(st.Partial) > 0 {
				t.Errorf("%s: %d rows, partial %q, %v", q, rows, st.Partial, err)
			}
		}
	})
}

// numbered makes a source with n records a second apart.
func numbered(t testing.TB, n int) *memsource.Source {
	t.Helper()
	s := &memsource.Source{BlockRows: 100}
	b := &record.Batch{}
	for i := range n {
		obj := fmt.Sprintf(`{"message":"line %d","n":%d,"host":"h%d"}`, i, i, i%7)
		if err := b.AppendJSON([]byte(obj), int64(i)*1e9); err != nil {
			t.Fatal(err)
		}
	}
	s.Add(b)
	return s
}

func count(rows *int) func(*scan.Block) error {
	return func(b *scan.Block) error {
		*rows += b.Len()
		return nil
	}
}

// requests notes what the executor asks of a source first.
type requests struct {
	exec.Source
	first *scan.Request
}

func (r *requests) Scan(ctx context.Context, q *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	if r.first == nil {
		first := *q
		r.first = &first
	}
	return r.Source.Scan(ctx, q, yield)
}

func TestPushDown(t *testing.T) {
	src := &requests{Source: numbered(t, 10)}
	now := time.Unix(1000, 0)
	e := exec.New(exec.Options{Source: src, Parallel: 3, Clock: func() time.Time { return now }})
	for _, c := range []struct{ query, want string }{
		{"*", "[0,100) [] filter <nil> columns [] whole newest limit 5"},
		{"* | limit 7", "[0,100) [] filter <nil> columns [] whole newest limit 7"},
		{"n=3 | fields n, @timestamp", "[0,100) [] filter n = 3 columns [n] newest limit 5"},
		{"_time:990s dataset=a n=3", "[10,100) [a] filter n = 3 columns [] whole newest limit 5"},
		{"dataset=a OR dataset=b", "[0,100) [a b] filter <nil> columns [] whole newest limit 5"},
		{"dataset=a OR n=3", "[0,100) [] filter (dataset = a or n = 3) columns [] whole newest limit 5"},
		{"@timestamp>=1970-01-01T00:00:20Z @timestamp<1970-01-01T00:00:30Z", "[20,30) [] filter <nil> columns [] whole newest limit 5"},
		{"* | sort -@timestamp | limit 3", "[0,100) [] filter <nil> columns [] whole newest limit 3"},
		{"* | sort @timestamp", "[0,100) [] filter <nil> columns [] whole oldest limit 5"},
		{"* | sort host | fields n", "[0,100) [] filter <nil> columns [n host] any limit 0"},
		{"* | stats count() by host, time(1m)", "[0,100) [] filter <nil> columns [host] any limit 0"},
		{"* | stats sum(n) if (host=h1) by dataset", "[0,100) [] filter <nil> columns [dataset n host] any limit 0"},
		{"* | stats count() if (word)", "[0,100) [] filter <nil> columns [] whole any limit 0"},
		{"a | where n=3 | stats count()", "[0,100) [] filter (:a and n = 3) columns [] any limit 0"},
	} {
		src.first = nil
		req := lang.Request{Query: parse(t, c.query), From: 0, To: 100e9, Limit: 5}
		if _, err := e.Run(t.Context(), req, func(*scan.Block) error { return nil }); err != nil {
			t.Errorf("%s: %v", c.query, err)
		}
		if got := describe(src.first); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.query, got, c.want)
		}
	}
}

func describe(r *scan.Request) string {
	whole := ""
	if r.Whole {
		whole = "whole "
	}
	return fmt.Sprintf("[%d,%d) %v filter %s columns %v %s%s limit %d", r.From/1e9, r.To/1e9, r.Datasets, expr(r.Filter), r.Columns,
		whole, [...]string{"any", "newest", "oldest"}[r.Order], r.Limit)
}

func expr(e scan.Expr) string {
	list := func(es []scan.Expr, op string) string {
		var parts []string
		for _, x := range es {
			parts = append(parts, expr(x))
		}
		return "(" + strings.Join(parts, op) + ")"
	}
	switch e := e.(type) {
	case scan.And:
		return list(e, " and ")
	case scan.Or:
		return list(e, " or ")
	case scan.Compare:
		return fmt.Sprintf("%s %s %s", e.Field, e.Op, e.Value.AppendText(nil))
	case scan.Text:
		return e.Field + ":" + e.Pattern.Text()
	}
	return fmt.Sprint(e)
}

func TestCancel(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 1000)})
	for _, q := range []string{"*", "* | sort n", "* | stats count() by host", "* | limit 900 | sort n"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Run(ctx, lang.Request{Query: parse(t, q)}, func(*scan.Block) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", q, err)
		}
	}
	stop := errors.New("stop")
	for _, q := range []string{"*", "* | sort n", "* | stats count() by host"} {
		if _, err := e.Run(t.Context(), lang.Request{Query: parse(t, q)}, func(*scan.Block) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%s: %v, want the error of yield", q, err)
		}
	}
}

// TestBudgetOfAll holds that queries together stay within the engine's memory, and
// give it back.
func TestBudgetOfAll(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 5000), MaxBytes: 3 << 20, MaxTotalBytes: 3 << 20})
	sort := lang.Request{Query: parse(t, "* | sort n")}
	for range 5 { // alone, each finds all of it free
		if _, err := e.Run(t.Context(), sort, func(*scan.Block) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	nested := 0
	var over *scan.BudgetError
	var run func(*scan.Block) error
	run = func(*scan.Block) error { // while its rows are in memory
		if nested++; nested > 100 {
			return nil
		}
		_, err := e.Run(t.Context(), sort, run)
		return err
	}
	if _, err := e.Run(t.Context(), sort, run); !errors.As(err, &over) || !strings.Contains(over.What, "other queries") || nested < 1 {
		t.Errorf("%d queries at once: %v", nested, err)
	}
	if _, err := e.Run(t.Context(), sort, func(*scan.Block) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestBudgets(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 5000), MaxGroups: 100})
	for _, c := range []struct {
		query string
		bytes int64
		what  string
	}{
		{"* | stats count() by n", 0, "groups"},
		{"* | stats count() by host, n", 0, "groups"},
		{"* | stats count() by host", 300, "groups"},
		{"* | stats count_uniq(message)", 50_000, "count_uniq"},
		{"* | sort n", 100_000, "rows to sort"},
		{"* | limit 4000 | sort n", 100_000, "rows in memory"},
	} {
		_, err := e.Run(t.Context(), lang.Request{Query: parse(t, c.query), MaxBytes: c.bytes}, func(*scan.Block) error { return nil })
		var over *scan.BudgetError
		if !errors.As(err, &over) || over.What != c.what {
			t.Errorf("%s: %v, want over budget for %s", c.query, err, c.what)
		}
	}
	// A sort with a limit needs memory for that many rows only.
	n := 0
	_, err := e.Run(t.Context(), lang.Request{Query: parse(t, "* | sort n | limit 10"), MaxBytes: 100_000}, count(&n))
	if err != nil || n != 10 {
		t.Errorf("%d rows, %v", n, err)
	}
	list, sampled, st, err := e.Fields(t.Context(), lang.Request{Query: parse(t, "*"), MaxBytes: 20_000}, 5000, 3)
	if err != nil || len(list) == 0 || sampled == 0 || len(st.Partial) == 0 {
		t.Errorf("fields over budget: %d fields of %d rows, partial %q, %v", len(list), sampled, st.Partial, err)
	}
}

// slow is a source that goes on until it is stopped.
type slow struct{ exec.Source }

func (s slow) Scan(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	st, err := s.Source.Scan(ctx, r, yield)
	if err == nil {
		<-ctx.Done()
		err = ctx.Err()
	}
	return st, err
}

func TestTimeBudget(t *testing.T) {
	src := numbered(t, 100)
	for _, q := range []string{"*", "* | stats count()", "* | sort n | limit 3"} {
		synctest.Test(t, func(t *testing.T) {
			set := metrics.New()
			e := exec.New(exec.Options{Source: slow{src}, MaxDuration: 5 * time.Second, Metrics: set})
			rows := 0
			st, err := e.Run(t.Context(), lang.Request{Query: parse(t, q)}, count(&rows))
			if err != nil || rows == 0 || len(st.Partial) != 1 || st.Elapsed != 5*time.Second {
				t.Errorf("%s: %d rows, %+v, %v", q, rows, st, err)
			}
			var text strings.Builder
			set.Write(&text)
			if !strings.Contains(text.String(), "journalist_queries_partial_total 1") {
				t.Error("the partial answer was not counted")
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err = e.Run(ctx, lang.Request{Query: parse(t, q)}, count(&rows)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: the caller's own deadline: %v", q, err)
			}
		})
	}
}

func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := numbered(t, 5)
		e := exec.New(exec.Options{Source: src})
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan error, 1)
		go func() {
			_, err := e.Tail(ctx, lang.Request{Query: parse(t, "new _time:1h | where n>5 | fields n, @timestamp")}, func(b *scan.Block) error {
				for i := range b.Len() {
					got = append(got, fmt.Sprintf("%s %d@%d", b.Dataset, b.Columns[0].Value(i).Int, b.Columns[1].Value(i).Int))
				}
				return nil
			})
			done <- err
		}()
		synctest.Wait()
		b := &record.Batch{}
		for i := range 10 {
			if err := b.AppendJSON(fmt.Appendf(nil, `{"message":"new %d","n":%d}`, i, i), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		src.Add(b)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if s := strings.Join(got, " "); s != "logs 6@6 logs 7@7 logs 8@8 logs 9@9" {
			t.Errorf("got %s", s)
		}
	})
}

func TestTailRefuses(t *testing.T) {
	e := exec.New(exec.Options{Source: numbered(t, 1)})
	for _, q := range []string{"* | stats count()", "* | sort n", "* | limit 5", "* | fields a | dedup a", "a:in(x | fields a)"} {
		if _, err := e.Tail(t.Context(), lang.Request{Query: parse(t, q)}, nil); !errors.Is(err, exec.ErrUnsupported) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// A tail has the pipes that look at one row at a time, in any order, and says what was
// missed.
func TestTailPipes(t *testing.T) {
	for query, want := range map[string]string{
		`* | extract "took <ms>ms" | eval s = ms / 1000 | fields s, n | where s>=2 | eval twice = s * 2 | fields - n`: "2 4; 3 6; missed 7",
		`* | fields n | where took`:                                   "missed 7",
		`* | fields @timestamp, n | where n>1 | fields n, @timestamp`: "2 2; 3 3; missed 7",
		`* | fields - message | where took`:                           "missed 7",
		`* | fields n, message | where took | fields n`:               "1; 2; 3; missed 7",
	} {
		b := &scan.Block{
			Times:   []int64{1, 2, 3},
			ShapeOf: []uint32{0, 0, 0},
			Shapes:  [][]record.Name{{record.MakeName("n"), record.MakeName("message")}},
			Columns: []scan.Column{
				{Name: "n", Form: scan.Ints, Len: 3, Ints: []int64{1, 2, 3}},
				{Name: "message", Form: scan.Dict, Len: 3, Codes: []uint32{0, 1, 2}, Values: []record.Value{
					record.StringValue([]byte("took 1000ms")), record.StringValue([]byte("took 2000ms")), record.StringValue([]byte("took 3000ms")),
				}},
			},
		}
		var got []string
		_, err := exec.New(exec.Options{Source: following{b, {Missed: 7}}}).Tail(t.Context(), lang.Request{Query: parse(t, query)}, func(b *scan.Block) error {
			if b.Missed > 0 {
				got = append(got, fmt.Sprint("missed ", b.Missed))
			}
			for i := range b.Len() {
				var row []string
				for c := range b.Columns {
					if v := b.Columns[c].Value(i); v.Kind != record.Missing {
						row = append(row, string(v.AppendText(nil)))
					}
				}
				got = append(got, strings.Join(row, " "))
			}
			return nil
		})
		if s := strings.Join(got, "; "); err != nil || s != want {
			t.Errorf("%s: %s %v, want %s", query, s, err, want)
		}
	}
}

// following is a source that is followed only.
type following []*scan.Block

func (f following) Scan(context.Context, *scan.Request, func(*scan.Block) error) (scan.Stats, error) {
	return scan.Stats{}, nil
}

func (f following) Aggregate(context.Context, *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	return nil, scan.Stats{}, false, nil
}

func (f following) Tail(_ context.Context, r *scan.Request, yield func(*scan.Block) error) (int64, error) {
	for _, all := range f {
		if all.Missed > 0 {
			if err := yield(all); err != nil {
				return 0, err
			}
		}
		for i := range all.Len() {
			b := scan.Block{Times: all.Times[i : i+1], ShapeOf: all.ShapeOf[i : i+1], Shapes: all.Shapes, Columns: slices.Clone(all.Columns)}
			for j := range b.Columns {
				switch c := &b.Columns[j]; c.Form {
				case scan.Ints:
					c.Ints, c.Len = c.Ints[i:i+1], 1
				case scan.Dict:
					c.Codes, c.Len = c.Codes[i:i+1], 1
				}
			}
			get := func(name string) (record.Value, bool) {
				for j := range b.Columns {
					if b.Columns[j].Name == name {
						return b.Columns[j].Value(0), true
					}
				}
				return record.Value{}, false
			}
			each := func(f func(string, record.Value) bool) {
				for j := range b.Columns {
					if !f(b.Columns[j].Name, b.Columns[j].Value(0)) {
						return
					}
				}
			}
			if r.Filter != nil && !scan.Eval(r.Filter, get, each) {
				continue
			}
			if err := yield(&b); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

func TestTailThatCanMatchNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := exec.New(exec.Options{Source: numbered(t, 1)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := e.Tail(ctx, lang.Request{Query: parse(t, "dataset=a dataset=b")}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// With an unlimited sort, equal keys come newest first whichever worker had them.
func TestSortIsDeterministic(t *testing.T) {
	src := numbered(t, 3000)
	var first string
	for range 5 {
		e := exec.New(exec.Options{Source: src, Parallel: 8})
		var b strings.Builder
		_, err := e.Run(t.Context(), lang.Request{Query: parse(t, "* | sort host | limit 1000 | fields n")}, func(bl *scan.Block) error {
			for i := range bl.Len() {
				fmt.Fprintln(&b, bl.Columns[0].Value(i).Int)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = b.String()
		}
		if b.String() != first || !strings.HasPrefix(first, "2996\n2989\n") {
			t.Fatalf("another order: %.60q, first %.60q", b.String(), first)
		}
	}
}

func TestConcurrentQueries(t *testing.T) {
	src := numbered(t, 500)
	e := exec.New(exec.Options{Source: src, Parallel: 4})
	var failed atomic.Int32
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 20 {
				n := int64(0)
				_, err := e.Run(t.Context(), lang.Request{Query: parse(t, fmt.Sprintf("host=h%d | stats count() as n", i%7))}, func(b *scan.Block) error {
					n = b.Columns[0].Value(0).Int
					return nil
				})
				if err != nil || n < 71 || n > 72 {
					failed.Add(1)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	if failed.Load() != 0 {
		t.Fatalf("%d wrong answers", failed.Load())
	}
}

func TestSumsThatOverflow(t *testing.T) {
	src := &memsource.Source{}
	b := &record.Batch{}
	for range 100 {
		if err := b.AppendJSON([]byte(`{"n":900000000000000000}`), 1); err != nil {
			t.Fatal(err)
		}
	}
	src.Add(b)
	_, err := exec.New(exec.Options{Source: src}).Run(t.Context(), lang.Request{Query: parse(t, "* | stats sum(n), avg(n)")}, func(b *scan.Block) error {
		for i, want := range []float64{9e19, 9e17} {
			if f, ok := b.Columns[i].Value(0).Float(); !ok || math.Abs(f/want-1) > 1e-12 {
				t.Errorf("column %d: %v, want %v", i, f, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
