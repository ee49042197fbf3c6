// Package memsource is a store in memory for tests: rows in a slice, predicates
// evaluated row by row as internal/scan defines them. It is the oracle that
// internal/query/exec and internal/store are held against; only tests import it.
package memsource

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Row is one record.
type Row struct {
	Time    int64
	Dataset string
	Names   []record.Name
	Values  []record.Value
}

// Get is what scan.Eval asks for.
func (r *Row) Get(name string) (record.Value, bool) {
	switch name {
	case record.FieldTime:
		return record.IntValue(r.Time), true
	case record.FieldDataset:
		return record.StringValue([]byte(r.Dataset)), true
	}
	for i, n := range r.Names {
		if n.Dotted == name {
			return r.Values[i], true
		}
	}
	return record.Value{}, false
}

func (r *Row) each(f func(string, record.Value) bool) {
	for i, n := range r.Names {
		if !f(n.Dotted, r.Values[i]) {
			return
		}
	}
}

// Eval tells whether a row satisfies a predicate.
func Eval(e scan.Expr, r *Row) bool { return scan.Eval(e, r.Get, r.each) }

// Source holds rows. Its fields may be set before it is used.
type Source struct {
	// BlockRows is how many rows a block has at most; 0 means 3, so that small
	// tests have several blocks.
	BlockRows int
	// Plain makes all columns Plain; else a column takes the form that fits it.
	Plain bool
	// Aggregates lets Aggregate answer; else it leaves all to the executor.
	Aggregates bool

	mu    sync.Mutex
	rows  []Row // in the order of arrival
	tails map[chan []Row]struct{}
}

// Add appends the rows of a batch, in the order of their arrival.
func (s *Source) Add(b *record.Batch) {
	rows := Rows(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, rows...)
	for c := range s.tails {
		select {
		case c <- rows:
		default: // a slow follower misses them
		}
	}
}

// Rows returns the rows of a batch, with the common fields behind their own.
func Rows(b *record.Batch) []Row {
	dataset := cmp.Or(b.Dataset, record.DefaultDataset)
	rows := make([]Row, b.Len())
	for i := range rows {
		r := &rows[i]
		r.Time, r.Dataset = b.Time(i), dataset
		add := func(id uint32, v record.Value) {
			v.Bytes = slices.Clone(v.Bytes)
			r.Names, r.Values = append(r.Names, b.Name(id)), append(r.Values, v)
		}
		for j := range b.Fields(i) {
			add(b.Field(i, j))
		}
		for j := range b.Commons() {
			id, v := b.Common(j)
			if _, own := r.Get(b.Name(id).Dotted); !own {
				add(id, v)
			}
		}
	}
	return rows
}

// Matching returns the rows that a request asks for, in its order.
func (s *Source) Matching(r *scan.Request) (rows []Row, scanned int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		if row.Time < r.From || row.Time >= r.To || r.Datasets != nil && !slices.Contains(r.Datasets, row.Dataset) {
			continue
		}
		scanned++
		if Eval(r.Filter, &row) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Time, b.Time) })
	if r.Order == scan.NewestFirst {
		slices.Reverse(rows)
	}
	if r.Limit > 0 && len(rows) > r.Limit {
		rows = rows[:r.Limit]
	}
	return rows, scanned
}

// Scan is exec.Source's.
func (s *Source) Scan(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	rows, scanned := s.Matching(r)
	st := scan.Stats{RowsScanned: int64(scanned), RowsMatched: int64(len(rows))}
	blocks := s.blocks(rows, r)
	if r.Order != scan.Any || r.Parallel <= 1 {
		for _, b := range blocks {
			if err := ctx.Err(); err != nil {
				return st, err
			}
			if err := yield(b); err != nil {
				return st, err
			}
		}
		return st, ctx.Err()
	}
	return st, s.parallel(ctx, blocks, r.Parallel, yield)
}

func (s *Source) parallel(ctx context.Context, blocks []*scan.Block, workers int, yield func(*scan.Block) error) error {
	queue := make(chan *scan.Block, len(blocks))
	for _, b := range blocks {
		queue <- b
	}
	close(queue)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for b := range queue {
				b.Worker = w
				if errs[w] = ctx.Err(); errs[w] != nil {
					return
				}
				if errs[w] = yield(b); errs[w] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// blocks cuts rows into blocks of one dataset each.
func (s *Source) blocks(rows []Row, r *scan.Request) []*scan.Block {
	var blocks []*scan.Block
	most := cmp.Or(s.BlockRows, 3)
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && to-from < most && rows[to].Dataset == rows[from].Dataset {
			to++
		}
		b := s.block(rows[from:to], r)
		for i := from; r.Places && i < to; i++ {
			b.Places = append(b.Places, uint64(i))
		}
		blocks = append(blocks, b)
		from = to
	}
	return blocks
}

func (s *Source) block(rows []Row, r *scan.Request) *scan.Block {
	b := &scan.Block{Dataset: rows[0].Dataset, Times: []int64{}}
	names := r.Columns
	if r.Whole {
		names = nil
		for i := range rows {
			b.Shapes = append(b.Shapes, rows[i].Names)
			b.ShapeOf = append(b.ShapeOf, uint32(i))
			for _, n := range rows[i].Names {
				if !slices.Contains(names, n.Dotted) {
					names = append(names, n.Dotted)
				}
			}
		}
	}
	for i := range rows {
		b.Times = append(b.Times, rows[i].Time)
	}
	for _, n := range names {
		values := make([]record.Value, len(rows))
		for i := range rows {
			values[i], _ = rows[i].Get(n)
		}
		b.Columns = append(b.Columns, Column(n, values, s.Plain))
	}
	return b
}

// Tail is exec.Source's.
func (s *Source) Tail(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (missed int64, err error) {
	c := make(chan []Row, 64)
	s.mu.Lock()
	if s.tails == nil {
		s.tails = map[chan []Row]struct{}{}
	}
	s.tails[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.tails, c)
		s.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case rows := <-c:
			rows = slices.DeleteFunc(slices.Clone(rows), func(row Row) bool {
				return r.Datasets != nil && !slices.Contains(r.Datasets, row.Dataset) || !Eval(r.Filter, &row)
			})
			for _, b := range s.blocks(rows, r) {
				if err := yield(b); err != nil {
					return 0, err
				}
			}
		}
	}
}

// Tailing is how many followers there are, so that a test can wait for its own.
func (s *Source) Tailing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tails)
}
