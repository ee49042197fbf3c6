package memsource

import (
	"context"
	"fmt"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// Aggregate is exec.Source's: it takes counts by fields and times, where
// Aggregates is set.
func (s *Source) Aggregate(_ context.Context, a *scan.Aggregation) ([]scan.Group, scan.Stats, bool, error) {
	for _, g := range a.Aggs {
		if g.Func != "count" {
			return nil, scan.Stats{}, false, nil
		}
	}
	for _, k := range a.By {
		if k.Span != 0 && k.Field != record.FieldTime {
			return nil, scan.Stats{}, false, nil
		}
	}
	if !s.Aggregates {
		return nil, scan.Stats{}, false, nil
	}
	all := a.Request
	all.Limit = 0
	rows, scanned := s.Matching(&all)
	st := scan.Stats{RowsScanned: int64(scanned), RowsMatched: int64(len(rows))}
	var groups []scan.Group
	index := map[string]int{}
	for i := range rows {
		keys := groupKeys(a, &rows[i])
		text := fmt.Sprintf("%#v", keys)
		g, ok := index[text]
		if !ok {
			g = len(groups)
			index[text] = g
			values := make([]record.Value, len(a.Aggs))
			for j := range values {
				values[j] = record.IntValue(0)
			}
			groups = append(groups, scan.Group{Keys: keys, Values: values})
		}
		for j, agg := range a.Aggs {
			_, has := rows[i].Get(agg.Field)
			if (has || agg.Field == "") && Eval(agg.If, &rows[i]) {
				groups[g].Values[j].Int++
			}
		}
	}
	return groups, st, true, nil
}

func groupKeys(a *scan.Aggregation, r *Row) []record.Value {
	keys := make([]record.Value, len(a.By))
	for j, k := range a.By {
		keys[j], _ = r.Get(k.Field)
		if k.Span == 0 {
			continue
		}
		t := keys[j].Int + k.Offset
		rest := t % k.Span
		if rest < 0 {
			rest += k.Span
		}
		keys[j].Int = t - rest - k.Offset
	}
	return keys
}
