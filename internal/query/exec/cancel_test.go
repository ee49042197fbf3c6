package exec_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store"
)

// cancelling is a store that cancels the query when its first block comes.
type cancelling struct {
	*store.Store
	cancel context.CancelFunc
	blocks atomic.Int64
}

func (c *cancelling) Scan(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	return c.Store.Scan(ctx, r, func(b *scan.Block) error {
		c.blocks.Add(1)
		c.cancel()
		return yield(b)
	})
}

// TestCancelledQueriesStop holds that a query which is cancelled reads no row groups
// any more and leaves no goroutine behind, over the real store.
func TestCancelledQueriesStop(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	const parts = 24
	for day := range parts {
		b := &record.Batch{Dataset: fmt.Sprintf("d%d", day)} // a part each, never merged
		for i := range 200 {
			if err := b.AppendJSON(fmt.Appendf(nil, `{"message":"line %d","n":%d,"host":"h%d"}`, i, i*day, i%5), int64(day)*86400e9+int64(i)*1e9); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for _, q := range []string{
		"*", "line | sort n", "* | stats p90(n) by host", "* | top 5 message", "* | eval m = n * 2 | stats sum(m)", "* | extract \"line <x>\" | patterns of x",
		"* | dedup n | stats count()", "* | facets", "line | timechart 1d sum(n)",
	} {
		before := goleak.IgnoreCurrent()
		ctx, cancel := context.WithCancel(t.Context())
		src := &cancelling{Store: s, cancel: cancel}
		progress := &scan.Progress{}
		e := exec.New(exec.Options{Source: src, Parallel: 2})
		_, err := e.Run(scan.WithProgress(ctx, progress), lang.Request{Query: parse(t, q)}, func(*scan.Block) error { return nil })
		cancel()
		if src.blocks.Load() == 0 {
			continue // the store answered it whole
		}
		stopped++
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", q, err)
		}
		// Each of two workers may have been about to hand over its block, once.
		c := progress.Count()
		if c.GroupsDone > 6 || src.blocks.Load() > 3 {
			t.Errorf("%s: %d of %d row groups were read, %d blocks came", q, c.GroupsDone, c.Groups, src.blocks.Load())
		}
		goleak.VerifyNone(t, before)
	}
	if stopped < 6 {
		t.Errorf("only %d queries had blocks to be cancelled at", stopped)
	}
}
