package store

import (
	"context"
	"testing"

	"journalist/internal/scan"
)

// Scans and aggregations advance the progress that their context carries, until all
// is done that was expected.
func TestProgress(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	days(t, s, "logs", 6)
	for name, ask := range map[string]func(ctx context.Context) (scan.Stats, error){
		"newest first": func(ctx context.Context) (scan.Stats, error) {
			req := all()
			req.Order = scan.NewestFirst
			return s.Scan(ctx, req, func(*scan.Block) error { return nil })
		},
		"any order": func(ctx context.Context) (scan.Stats, error) {
			req := all()
			req.Order, req.Parallel = scan.Any, 2
			return s.Scan(ctx, req, func(*scan.Block) error { return nil })
		},
		"aggregation": func(ctx context.Context) (scan.Stats, error) {
			_, st, ok, err := s.Aggregate(ctx, &scan.Aggregation{Request: *all(), By: []scan.Key{{Field: "message"}}, Aggs: []scan.Agg{{Func: "count"}}})
			if !ok {
				t.Error("not taken")
			}
			return st, err
		},
	} {
		p := &scan.Progress{}
		st, err := ask(scan.WithProgress(t.Context(), p))
		c := p.Count()
		if err != nil || c.Groups < 6 || c.GroupsDone != c.Groups || c.GroupsDone != st.GroupsRead+st.GroupsSkipped || c.RowsScanned != st.RowsScanned || c.BytesRead != st.BytesRead {
			t.Errorf("%s: %+v, statistics %+v, %v", name, c, st, err)
		}
		if (c.Reached != 0) != (name == "newest first") || c.Reached > start.AddDate(0, 0, -5).UnixNano() {
			t.Errorf("%s: reached %d", name, c.Reached)
		}
		if _, err := ask(t.Context()); err != nil {
			t.Errorf("%s, without: %v", name, err)
		}
	}
}
