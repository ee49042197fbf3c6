package exec

import (
	"cmp"
	"context"
	"math"
	"slices"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// maxHits is of how many rows a context is shown.
const maxHits = 100

// contextPlan checks that a context gets records as they are stored, and asks the
// scan for no more rows than it shows the context of. The request's limit counts
// for these.
func (q *query) contextPlan(p *plan, ownLimit *bool) error {
	pipes := q.req.Query.Pipes
	at := slices.IndexFunc(pipes, func(p lang.Pipe) bool { _, ok := p.(*lang.Context); return ok })
	if at < 0 {
		return nil
	}
	for _, pipe := range pipes[:at] {
		switch pipe.(type) {
		case *lang.Where, *lang.Sort, *lang.Limit, *lang.Dedup:
			continue
		}
		return q.req.Query.ErrorAt(pipes[at].Offset(), "context needs records as they are stored, behind filters, sort, limit and dedup only",
			"put it before "+pipe.String())
	}
	for _, pipe := range pipes[at+1:] {
		if c, ok := pipe.(*lang.Context); ok {
			return q.req.Query.ErrorAt(c.Offset(), "there is a context already", "ask for one with more rows")
		}
	}
	hits := maxHits
	if q.req.Limit > 0 && !*ownLimit {
		hits = min(hits, q.req.Limit)
	}
	*ownLimit = true
	q.hits = hits
	if _, first := p.rest[0].(*lang.Context); first && (p.limit == 0 || p.limit > hits) {
		p.limit = hits + 1
	}
	return nil
}

// rowID tells the rows of one stream apart: how many of the same time are newer.
type rowID struct{ time, newer int64 }

// near is a row and how far it is from the nearest hit.
type near struct {
	row      tableRow
	distance int
}

// neighbourhood is the rows that are equal in dataset and the names of a context.
type neighbourhood struct {
	q       *query
	names   []string
	key     string // of the names' values
	request scan.Request
	hits    []tableRow
	rows    map[rowID]near

	// list is a run of the stream without gaps, newest first, as it was last read;
	// whole: there is nothing older.
	list  []tableRow
	ids   []rowID
	whole bool
}

// context puts their neighbours around the rows of a table.
func (q *query) context(ctx context.Context, t *table, c *lang.Context) error {
	if len(t.rows) > q.hits {
		t.rows = t.rows[:q.hits]
		q.note("more rows were found than the %d whose context this is", q.hits)
	}
	var streams []*neighbourhood
	byKey := map[string]*neighbourhood{}
	for _, r := range t.rows {
		key := contextKey(t, &r, c.Names)
		s := byKey[key]
		if s == nil {
			s = &neighbourhood{q: q, names: c.Names, key: key, rows: map[rowID]near{}, request: q.neighbours(t, &r, c.Names)}
			byKey[key] = s
			streams = append(streams, s)
		}
		s.hits = append(s.hits, r)
	}
	t.rows, t.placed = nil, false
	var distances []int
	for _, s := range streams {
		if err := s.find(ctx, c.Before, c.After); err != nil {
			return err
		}
		ids := make([]rowID, 0, len(s.rows))
		for id := range s.rows {
			ids = append(ids, id)
		}
		slices.SortFunc(ids, func(a, b rowID) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(b.newer, a.newer))
		})
		for _, id := range ids {
			t.rows, distances = append(t.rows, s.rows[id].row), append(distances, s.rows[id].distance)
		}
	}
	next := 0
	return q.set(t, []string{lang.ContextColumn}, func(dst []record.Value, _ *tableRow) []record.Value {
		next++
		return append(dst, record.IntValue(int64(distances[next-1])))
	})
}

// contextKey is equal for rows of one stream only.
func contextKey(t *table, r *tableRow, names []string) string {
	key := appendKey(nil, record.StringValue([]byte(r.dataset)))
	for _, n := range names {
		v, _ := t.get(r, n)
		key = appendKey(key, v)
	}
	return string(key)
}

// neighbours asks for the rows of the same stream as a row, or some more: numbers
// and arrays may be equal in several ways.
func (q *query) neighbours(t *table, r *tableRow, names []string) scan.Request {
	var same scan.And
	for _, n := range names {
		v, _ := t.get(r, n)
		switch v.Kind {
		case record.Missing:
			same = append(same, scan.Not{X: scan.Exists{Field: n}})
		case record.Null, record.JSON:
			same = append(same, scan.Exists{Field: n})
		case record.Int:
			same = append(same, scan.Compare{Field: n, Op: scan.Eq, Value: v, Number: float64(v.Int), IsNumber: true})
		default:
			same = append(same, scan.Compare{Field: n, Op: scan.Eq, Value: record.StringValue(v.AppendText(nil))})
		}
	}
	return scan.Request{From: math.MinInt64, To: math.MaxInt64, Datasets: []string{r.dataset}, Filter: same, MaxBytes: q.req.MaxBytes}
}

// find collects the rows around the hits, from the newest hit to the oldest, so that
// a run that was read for one serves those near it too.
func (s *neighbourhood) find(ctx context.Context, before, after int) error {
	slices.SortStableFunc(s.hits, func(a, b tableRow) int { return cmp.Compare(b.time, a.time) })
	for h, hit := range s.hits {
		twins := 0 // hits that look the same are different rows
		for i := h - 1; i >= 0 && s.hits[i].time == hit.time; i-- {
			if sameRow(&s.hits[i], &hit) {
				twins++
			}
		}
		at, err := s.locate(ctx, &hit, twins, before, after)
		if err != nil {
			return err
		}
		if at < 0 { // it was deleted meanwhile
			continue
		}
		for i := max(0, at-after); i <= min(at+before, len(s.list)-1); i++ {
			id, d := s.ids[i], at-i
			if old, ok := s.rows[id]; ok && (abs(old.distance) < abs(d) || old.distance == -abs(d)) {
				continue
			}
			s.rows[id] = near{s.list[i], d}
		}
	}
	return nil
}

func abs(n int) int { return max(n, -n) }

func sameRow(a, b *tableRow) bool {
	return a.time == b.time && slices.Equal(a.shape, b.shape) && slices.EqualFunc(a.values, b.values, same)
}

// locate returns where in the list a hit stands, after reading what is needed so
// that its neighbours are there too.
func (s *neighbourhood) locate(ctx context.Context, hit *tableRow, twins, before, after int) (int, error) {
	if at := s.index(hit, twins); at >= 0 && (s.whole || at+before < len(s.list)) {
		return at, nil
	}
	until, err := s.end(ctx, hit.time, after)
	if err != nil {
		return -1, err
	}
	for limit := before + after + 16; ; limit *= 8 {
		bytes, err := s.read(ctx, until, limit)
		if err != nil {
			return -1, err
		}
		at := s.index(hit, twins)
		if s.whole || at >= 0 && at+before < len(s.list) {
			return at, nil
		}
		if err := s.q.budget.take(-bytes, "rows in memory"); err != nil {
			return -1, err
		}
	}
}

func (s *neighbourhood) index(hit *tableRow, twins int) int {
	i, _ := slices.BinarySearchFunc(s.list, hit.time, func(r tableRow, t int64) int { return cmp.Compare(t, r.time) })
	for ; i < len(s.list) && s.list[i].time == hit.time; i++ {
		if sameRow(&s.list[i], hit) {
			if twins == 0 {
				return i
			}
			twins--
		}
	}
	return -1
}

// end is the time of the last of so many rows after a time.
func (s *neighbourhood) end(ctx context.Context, at int64, after int) (int64, error) {
	until := at
	if after == 0 || at == math.MaxInt64 {
		return until, nil
	}
	var v view
	for limit := after + 8; ; limit *= 8 {
		r := s.request
		r.From, r.Order, r.Limit, r.Columns = at+1, scan.OldestFirst, limit, s.names
		rows, left := 0, after
		err := s.q.scan(ctx, "the end of a context", &r, func(b *scan.Block) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			v.reset(b)
			rows += v.n
			for i := range v.n {
				key := appendKey(nil, record.StringValue([]byte(b.Dataset)))
				for _, n := range s.names {
					x, _ := v.value(n, i)
					key = appendKey(key, x)
				}
				if left > 0 && string(key) == s.key {
					until = b.Times[i]
					left--
				}
			}
			return nil
		})
		if err != nil || left == 0 || rows < limit {
			return until, err
		}
	}
}

// read makes the list of the newest rows until a time, at most so many.
func (s *neighbourhood) read(ctx context.Context, until int64, limit int) (bytes int64, err error) {
	r := s.request
	r.To, r.Order, r.Limit, r.Whole = max(until, until+1), scan.NewestFirst, limit, true
	c := &collector{plan: &plan{}, budget: &s.q.budget, whole: true, byTime: true}
	err = s.q.scan(ctx, "rows of a context", &r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.add(b)
	})
	s.list, s.ids, s.whole = s.list[:0:0], s.ids[:0], len(c.rows) < limit
	t := &table{whole: true}
	for i := range c.rows {
		row := c.rows[i].row
		bytes += c.rows[i].size()
		if contextKey(t, &row, s.names) != s.key {
			continue
		}
		id := rowID{time: row.time}
		if n := len(s.ids); n > 0 && s.ids[n-1].time == row.time {
			id.newer = s.ids[n-1].newer + 1
		}
		s.list, s.ids = append(s.list, row), append(s.ids, id)
	}
	return bytes, err
}
