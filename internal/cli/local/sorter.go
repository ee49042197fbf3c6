package local

import (
	"cmp"
	"context"
	"slices"

	"journalist/internal/scan"
)

// sorter holds rows until all are there, to put them in order. With a limit it holds
// little more than so many. It is used by one goroutine at a time.
type sorter struct {
	q      *scan.Request
	max    int64
	blocks []*scan.Block
	rows   []heldRow
	seq    int
	bytes  int64
}

// heldRow is a row of one of the blocks.
type heldRow struct {
	time  int64
	seq   int // the order of arrival
	block int
	row   int
}

// A block of so many rows is handed on, or held after rows were thrown away.
const sortedRows = 1024

func (s *sorter) add(b *scan.Block, size int) error {
	var own builder
	own.reset(s.q)
	for i := range b.Len() {
		own.addBlock(b, i)
		s.rows = append(s.rows, heldRow{time: b.Times[i], seq: s.seq, block: len(s.blocks), row: i})
		s.seq++
	}
	block := *own.end()
	s.blocks = append(s.blocks, &block)
	s.bytes += int64(size) + 64*int64(b.Len())
	if s.q.Limit > 0 && len(s.rows) > 2*s.q.Limit+16*sortedRows {
		s.shrink()
	}
	if s.bytes > s.max {
		return &scan.BudgetError{Need: s.bytes, Have: s.max, What: "lines of files to sort"}
	}
	return nil
}

// sort orders the rows and forgets those over the limit.
func (s *sorter) sort() {
	slices.SortFunc(s.rows, func(a, b heldRow) int {
		order := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
		if s.q.Order == scan.NewestFirst {
			return -order
		}
		return order
	})
	if s.q.Limit > 0 && len(s.rows) > s.q.Limit {
		s.rows = s.rows[:s.q.Limit]
	}
}

// shrink throws away what is over the limit already.
func (s *sorter) shrink() {
	s.sort()
	var blocks []*scan.Block
	s.bytes = 0
	for from := 0; from < len(s.rows); from += sortedRows {
		run := s.rows[from:min(from+sortedRows, len(s.rows))]
		b, size := s.gather(run)
		for i := range run {
			run[i].block, run[i].row = len(blocks), i
		}
		blocks = append(blocks, b)
		s.bytes += int64(size) + 64*int64(len(run))
	}
	s.blocks = blocks
}

// gather makes a block of rows.
func (s *sorter) gather(run []heldRow) (*scan.Block, int) {
	var b builder
	b.reset(s.q)
	for _, r := range run {
		b.addBlock(s.blocks[r.block], r.row)
	}
	block := *b.end()
	return &block, b.bytes
}

// emit yields the rows in order.
func (s *sorter) emit(ctx context.Context, yield func(*scan.Block) error) error {
	s.sort()
	for from := 0; from < len(s.rows); from += sortedRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, _ := s.gather(s.rows[from:min(from+sortedRows, len(s.rows))])
		if err := yield(b); err != nil {
			return err
		}
	}
	return nil
}
