package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs/crashfs"
)

// soak multiplies the size of a test by JOURNALIST_SOAK, which make soak sets.
func soak(t testing.TB, n int) int {
	t.Helper()
	s := os.Getenv("JOURNALIST_SOAK")
	if s == "" {
		return n
	}
	factor, err := strconv.Atoi(s)
	if err != nil || factor < 1 {
		t.Fatalf("JOURNALIST_SOAK=%q is no number above 0", s)
	}
	return n * factor
}

// seed0 is the first seed of the random tests, JOURNALIST_SEED or 0.
func seed0(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("JOURNALIST_SEED")
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("JOURNALIST_SEED=%q is no number", s)
	}
	return n
}

// oracle is a store and a plain list of what must be in it.
type oracle struct {
	t    *testing.T
	rng  *rand.Rand
	o    Options
	s    *Store
	make *maker
	rows []row
	// Of each row: its fields by dotted name and a hash of all of it.
	fields []map[string]int
	sums   []uint64
}

// TestOracle does to a store whatever may be done to it, with rows of all shapes,
// and compares the answers to random questions with scan.Eval over a list.
func TestOracle(t *testing.T) {
	for i := range soak(t, 5) {
		seed := seed0(t) + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			x := &oracle{t: t, rng: rng, o: options(newFS()), make: newMaker(rng)}
			x.o.MemtableBytes = 256 << 10 << rng.IntN(4)
			x.o.CacheBytes = []int64{0, -1, 64 << 10}[rng.IntN(3)]
			x.s = mustOpen(t, x.o)
			for range 12 {
				x.step()
			}
			x.ask(12)
			for range 12 { // enough small parts to merge
				x.append(1 + rng.IntN(40))
				x.flush()
			}
			waitFor(t, func() bool { return pickMergeNow(x.s) == 0 })
			x.ask(12)
			x.end()
		})
	}
}

// pickMergeNow is how many parts the next merge would take.
func pickMergeNow(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(pickMerge(s.mu.parts))
}

func (x *oracle) step() {
	x.t.Helper()
	x.append([]int{3, 40, 400, 1200}[x.rng.IntN(4)])
	switch x.rng.IntN(6) {
	case 0, 1, 2:
		x.flush()
	case 3:
		x.reopen()
	case 4:
		x.delete()
	}
	x.ask(3)
}

func (x *oracle) append(n int) {
	x.t.Helper()
	dataset := []string{"logs", "logs", "web"}[x.rng.IntN(3)]
	batch := make([]row, n)
	for i := range batch {
		batch[i] = x.make.row(dataset)
	}
	if err := x.s.Append(x.t.Context(), batchOf(batch)); err != nil {
		x.t.Fatal(err)
	}
	for i := range batch {
		x.remember(batch[i])
	}
}

func (x *oracle) remember(r row) {
	byName := make(map[string]int, len(r.fields))
	for i := range r.fields {
		name := &r.fields[i].path
		dotted := record.MakeName(*name).Dotted
		if _, ok := byName[dotted]; ok { // kept under another name
			*name = dotted + "#2"
			dotted = *name
		}
		byName[dotted] = i
	}
	x.rows, x.fields, x.sums = append(x.rows, r), append(x.fields, byName), append(x.sums, sum(&r))
}

// sum is a hash of all of a row.
func sum(r *row) uint64 {
	var d xxhash.Digest
	d.Reset()
	var b []byte
	for _, f := range r.fields {
		b = append(b[:0], f.path...)
		b = append(b, 0xff, byte(f.value.Kind))
		b = f.value.AppendText(b)
		_, _ = d.Write(append(b, 0xff)) // never fails
	}
	return d.Sum64() ^ uint64(r.time)*0x9e3779b97f4a7c15 ^ xxhash.Sum64String(r.dataset)
}

func (x *oracle) flush() {
	x.t.Helper()
	if err := x.s.Flush(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *oracle) reopen() {
	x.t.Helper()
	if x.rng.IntN(2) == 0 { // the power goes instead
		image := x.o.FS.(*crashfs.FS).CrashClone(x.rng.Uint64())
		if err := x.s.Close(); err != nil {
			x.t.Fatal(err)
		}
		x.o.FS = image
	} else if err := x.s.Close(); err != nil {
		x.t.Fatal(err)
	}
	x.s = mustOpen(x.t, x.o)
}

// holds evaluates a predicate over row i.
func (x *oracle) holds(e scan.Expr, i int) bool {
	r := &x.rows[i]
	return scan.Eval(e, func(name string) (record.Value, bool) { return x.get(i, name) }, r.each)
}

func (x *oracle) get(i int, name string) (record.Value, bool) {
	r := &x.rows[i]
	switch name {
	case record.FieldDataset:
		return text(r.dataset), true
	case record.FieldTime:
		return record.IntValue(r.time), true
	}
	j, ok := x.fields[i][name]
	if !ok {
		return record.Value{}, false
	}
	return r.fields[j].value, true
}

// want lists the rows that a request must yield, by number, in its order.
func (x *oracle) want(req *scan.Request) []int {
	var out []int
	for i := range x.rows {
		r := &x.rows[i]
		if r.time >= req.From && r.time < req.To && (req.Datasets == nil || slices.Contains(req.Datasets, r.dataset)) && x.holds(req.Filter, i) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(x.rows[a].time, x.rows[b].time) })
	if req.Order == scan.NewestFirst {
		slices.Reverse(out)
	}
	return out
}

func (x *oracle) request() *scan.Request {
	a := asker{x.rng, x.rows}
	req := all()
	req.Filter = a.expr(x.rng.IntN(4))
	if x.rng.IntN(3) == 0 {
		req.From = a.row().time
		req.To = max(req.From, a.row().time)
		if x.rng.IntN(2) == 0 && req.From < math.MaxInt64-300e9 {
			req.To = req.From + x.rng.Int64N(300e9)
		}
	}
	if x.rng.IntN(5) == 0 {
		req.Datasets = [][]string{{"web"}, {"logs", "web"}, {"nothing"}, {}}[x.rng.IntN(4)]
	}
	req.Order, req.Parallel = scan.Order(x.rng.IntN(3)), x.rng.IntN(4)
	return req
}

func (x *oracle) what(req *scan.Request) string {
	return fmt.Sprintf("%s, times %d to %d, datasets %q, order %d, limit %d, parallel %d, whole %v", show(req.Filter), req.From, req.To, req.Datasets, req.Order, req.Limit, req.Parallel, req.Whole)
}

// ask compares the answers to n random questions, and to the question for all.
func (x *oracle) ask(n int) {
	x.t.Helper()
	if got := x.s.Stats().Rows; got != int64(len(x.rows)) {
		x.t.Fatalf("%d rows, want %d", got, len(x.rows))
	}
	x.compare(all())
	for range n {
		req := x.request()
		x.compare(req)
		x.columns(req)
		x.limited(req)
		x.counted(req)
	}
}

// answer runs a request; its rows come as yield was called with them.
func (x *oracle) answer(req *scan.Request, want int) []row {
	x.t.Helper()
	got, st := collect(x.t, x.s, req)
	if len(st.Partial) > 0 || req.Limit == 0 && st.RowsMatched != int64(want) {
		x.t.Fatalf("%s: statistics %+v, %d rows expected", x.what(req), st, want)
	}
	return got
}

func (x *oracle) compare(req *scan.Request) {
	x.t.Helper()
	want := x.want(req)
	got := x.answer(req, len(want))
	if len(got) != len(want) {
		x.t.Fatalf("%s: %d rows, want %d: %s", x.what(req), len(got), len(want), x.firstDifference(got, want))
	}
	// The order of rows of equal time counts within a dataset.
	have, should := map[string][]uint64{}, map[string][]uint64{}
	for i := range got {
		r := &x.rows[want[i]]
		have[got[i].dataset] = append(have[got[i].dataset], sum(&got[i]))
		should[r.dataset] = append(should[r.dataset], x.sums[want[i]])
		if req.Order != scan.Any && got[i].time != r.time {
			x.t.Fatalf("%s: row %d has the time %d, want %d", x.what(req), i, got[i].time, r.time)
		}
	}
	for d := range should {
		if req.Order == scan.Any {
			slices.Sort(have[d])
			slices.Sort(should[d])
		}
		if !slices.Equal(have[d], should[d]) {
			x.t.Fatalf("%s: dataset %s: %s", x.what(req), d, x.firstDifference(got, want))
		}
	}
}

// firstDifference describes a row that is in one list only, or not in its place.
func (x *oracle) firstDifference(got []row, want []int) string {
	count := map[uint64]int{}
	for _, i := range want {
		count[x.sums[i]]++
	}
	for i := range got {
		s := sum(&got[i])
		if count[s]--; count[s] < 0 {
			return "not expected: " + short(&got[i])
		}
	}
	for _, i := range want {
		if count[x.sums[i]] > 0 {
			return "missing: " + short(&x.rows[i])
		}
	}
	return "the order differs"
}

func short(r *row) string {
	s := r.String()
	return s[:min(len(s), 3000)]
}

// columns asks for columns instead of whole records.
func (x *oracle) columns(req *scan.Request) {
	x.t.Helper()
	some := *req
	some.Whole, some.Order = false, cmp.Or(req.Order, scan.NewestFirst)
	for range 1 + x.rng.IntN(4) {
		if name := askedFields[x.rng.IntN(len(askedFields))]; name != record.FieldTime && !slices.Contains(some.Columns, name) {
			some.Columns = append(some.Columns, name)
		}
	}
	want := x.want(&some)
	got := x.answer(&some, len(want))
	sums := map[string][2][]uint64{} // of a dataset: what is, what should be
	for i := range got {
		is, should := got[i], row{dataset: x.rows[want[i]].dataset, time: x.rows[want[i]].time}
		for _, name := range some.Columns {
			v, _ := x.get(want[i], name)
			should.fields = append(should.fields, field{name, v})
		}
		p := sums[is.dataset]
		p[0] = append(p[0], sum(&is))
		sums[is.dataset] = p
		p = sums[should.dataset]
		p[1] = append(p[1], sum(&should))
		sums[should.dataset] = p
	}
	for d, p := range sums {
		if !slices.Equal(p[0], p[1]) {
			x.t.Fatalf("%s: columns %q of dataset %s differ", x.what(&some), some.Columns, d)
		}
	}
}

// limited asks for the first rows only.
func (x *oracle) limited(req *scan.Request) {
	x.t.Helper()
	few := *req
	few.Limit = 1 + x.rng.IntN(30)
	want := x.want(&few)
	got := x.answer(&few, 0)
	if len(got) != min(few.Limit, len(want)) {
		x.t.Fatalf("%s: %d rows, %d match", x.what(&few), len(got), len(want))
	}
	known := map[uint64]int{}
	for _, i := range want {
		known[x.sums[i]]++
	}
	for i := range got {
		if known[sum(&got[i])]--; known[sum(&got[i])] < 0 {
			x.t.Fatalf("%s: not expected: %s", x.what(&few), short(&got[i]))
		}
		if few.Order != scan.Any && got[i].time != x.rows[want[i]].time {
			x.t.Fatalf("%s: row %d has the time %d, want %d", x.what(&few), i, got[i].time, x.rows[want[i]].time)
		}
	}
}

// counted asks for numbers of rows by time and by a field.
func (x *oracle) counted(req *scan.Request) {
	x.t.Helper()
	name := askedFields[x.rng.IntN(len(askedFields)-1)] // not the time
	span := []int64{1e9, 60e9, 3600e9, 86400e9, 7e6}[x.rng.IntN(5)]
	times := scan.Key{Field: record.FieldTime, Span: span, Offset: x.rng.Int64N(span)}
	for _, by := range [][]scan.Key{nil, {times}, {{Field: name}}, {{Field: name}, times}} {
		a := &scan.Aggregation{Request: *req, By: by, Aggs: []scan.Agg{{Func: "count"}}}
		if x.rng.IntN(3) == 0 {
			a.Request.Filter = nil
		}
		groups, _, ok, err := x.s.Aggregate(context.Background(), a)
		if err != nil || !ok {
			x.t.Fatalf("%s: %v %v", x.what(&a.Request), ok, err)
		}
		want := map[string]int64{}
		if by == nil {
			want[""] = 0
		}
		for _, i := range x.want(&a.Request) {
			key := ""
			for _, k := range by {
				v, _ := x.get(i, k.Field)
				if k.Span > 0 {
					v = record.IntValue(bucketOf(v.Int, k))
				}
				key += fmt.Sprintf("%d:%s|", v.Kind, v.AppendText(nil))
			}
			want[key]++
		}
		got := map[string]int64{}
		for _, g := range groups {
			key := ""
			for _, v := range g.Keys {
				key += fmt.Sprintf("%d:%s|", v.Kind, v.AppendText(nil))
			}
			got[key] += g.Values[0].Int
		}
		if !maps.Equal(got, want) {
			x.t.Fatalf("count by %v of %s: %s", by, x.what(&a.Request), differingKey(got, want))
		}
	}
}

// bucketOf is where the bucket of a time begins, were there no limits of times.
func bucketOf(t int64, k scan.Key) int64 {
	span, offset := big.NewInt(k.Span), big.NewInt(k.Offset)
	n := new(big.Int).Add(big.NewInt(t), offset)
	from := n.Sub(n, new(big.Int).Mod(n, span)).Sub(n, offset)
	if !from.IsInt64() {
		return math.MinInt64
	}
	return from.Int64()
}

func differingKey(got, want map[string]int64) string {
	for k, n := range want {
		if got[k] != n {
			return fmt.Sprintf("%d of %q, want %d", got[k], k, n)
		}
	}
	for k, n := range got {
		if want[k] != n {
			return fmt.Sprintf("%d of %q, want %d", n, k, want[k])
		}
	}
	return "equal"
}

// delete deletes what a random question finds, if that is not too much.
func (x *oracle) delete() {
	x.t.Helper()
	req := x.request()
	req.Whole = false
	gone := x.want(req)
	if len(gone) > len(x.rows)/2 {
		return
	}
	got, err := x.s.Delete(x.t.Context(), &scan.Deletion{Request: *req})
	if err != nil || got.Rows != int64(len(gone)) || len(got.Partial) > 0 {
		x.t.Fatalf("delete %s: %+v, %v; %d rows match", x.what(req), got, err, len(gone))
	}
	rows := x.rows
	x.rows, x.fields, x.sums = nil, nil, nil
	for i := range rows {
		if !slices.Contains(gone, i) {
			x.remember(rows[i])
		}
	}
}

// end closes the store and checks every file.
func (x *oracle) end() {
	x.t.Helper()
	waitPurged(x.t, x.s)
	checkClean(x.t, x.s, x.o, int64(len(x.rows)))
}

// TestOracleAtOnce asks while rows come and parts are written and merged: an answer
// has every row that was acknowledged before the question, once, and none that was
// sent after the answer.
func TestOracleAtOnce(t *testing.T) {
	o := options(newFS())
	o.MemtableBytes = 128 << 10
	s := mustOpen(t, o)
	var mu sync.Mutex
	acked, sent := int64(0), int64(0)
	read := func(p *int64) int64 { mu.Lock(); defer mu.Unlock(); return *p }
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		m := newMaker(rand.New(rand.NewPCG(seed0(t), 12)))
		for range soak(t, 120) {
			batch := make([]row, 1+m.rng.IntN(60))
			mu.Lock()
			for i := range batch {
				batch[i] = m.row("logs")
				batch[i].fields = append(batch[i].fields, field{"n", record.IntValue(sent)})
				sent++
			}
			mu.Unlock()
			if err := s.Append(context.Background(), batchOf(batch)); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			acked = sent
			mu.Unlock()
		}
	})
	for w := range 3 {
		wg.Go(func() {
			for asked := false; !asked || !closed(done); asked = true {
				before := read(&acked)
				req := all()
				req.Whole, req.Columns, req.Order, req.Parallel = false, []string{"n"}, scan.Order(w), 2
				got, st := collectConcurrent(s, req)
				after := read(&sent)
				if len(st.Partial) > 0 {
					t.Error(st.Partial)
					return
				}
				slices.Sort(got)
				for i, n := range got {
					if n != int64(i) || n >= after {
						t.Errorf("row %d in the place of %d, %d rows sent", n, i, after)
						return
					}
				}
				if int64(len(got)) < before {
					t.Errorf("%d rows, %d were acknowledged before", len(got), before)
					return
				}
			}
		})
	}
	wg.Wait()
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// collectConcurrent returns the integers of the first column.
func collectConcurrent(s *Store, req *scan.Request) ([]int64, scan.Stats) {
	var mu sync.Mutex
	var out []int64
	st, err := s.Scan(context.Background(), req, func(b *scan.Block) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range b.Len() {
			out = append(out, b.Columns[0].Value(i).Int)
		}
		return nil
	})
	if err != nil {
		st.Partial = append(st.Partial, err.Error())
	}
	return out, st
}
