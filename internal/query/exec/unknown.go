package exec

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// maxUnknown is of how many fields an empty answer tells that nothing has them.
	maxUnknown = 5
	// unknownTime is how long it may look for them, and unknownRows of how many rows
	// it takes the names that may have been meant.
	unknownTime = time.Second
	unknownRows = 1000
)

// explainEmpty adds to an answer of no rows which fields of its filter no record has,
// whatever the time, and which names were perhaps meant. It tells nothing rather
// than take long.
func (q *query) explainEmpty(ctx context.Context, p *plan) {
	if q.stats.RowsMatched > 0 || len(q.stats.Partial) > 0 || p.never {
		return
	}
	var names []string
	fieldsOf(p.filter, func(n string) {
		if n != record.FieldTime && n != record.FieldDataset && !contains(names, n) {
			names = append(names, n)
		}
	})
	if len(names) == 0 || len(names) > maxUnknown {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, unknownTime)
	defer cancel()
	var known []string
	for _, n := range names {
		found, err := q.anyHas(ctx, p, n)
		if err != nil {
			return
		}
		if found {
			continue
		}
		if known == nil {
			if known, err = q.someNames(ctx, p); err != nil {
				return
			}
		}
		if len(known) == 0 {
			return // there are no records at all
		}
		note := "no record has a field " + n
		if p.datasets != nil {
			note = "no record of these datasets has a field " + n
		}
		if near := lang.Near(n, known); len(near) > 0 {
			note += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		q.note("%s", note)
	}
}

// anyHas tells whether any record of the plan's datasets has a field.
func (q *query) anyHas(ctx context.Context, p *plan, field string) (bool, error) {
	found := false
	err := q.peek(ctx, &scan.Request{Datasets: p.datasets, Filter: scan.Exists{Field: field}, Limit: 1}, func(b *scan.Block) error {
		if found = b.Len() > 0; found {
			return errEnough
		}
		return nil
	})
	return found, err
}

// someNames are the names of the fields that there are, as far as the source knows
// them without reading rows; else those of the newest records.
func (q *query) someNames(ctx context.Context, p *plan) ([]string, error) {
	if src, ok := q.e.o.Source.(FieldNamer); ok {
		return src.FieldNames(ctx, &scan.Request{From: math.MinInt64, To: math.MaxInt64, Datasets: p.datasets})
	}
	names := map[string]bool{}
	err := q.peek(ctx, &scan.Request{Datasets: p.datasets, Whole: true, Order: scan.NewestFirst, Limit: unknownRows}, func(b *scan.Block) error {
		for _, shape := range b.Shapes {
			for _, n := range shape {
				if !names[n.Dotted] {
					names[strings.Clone(n.Dotted)] = true
				}
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// cost counts what was read beside the answer; what was found there is none of it.
func (q *query) cost(st scan.Stats) {
	q.stats.Add(scan.Stats{RowsScanned: st.RowsScanned, BytesRead: st.BytesRead, GroupsRead: st.GroupsRead, GroupsSkipped: st.GroupsSkipped})
}

// peek scans all times for a remark; only what it costs counts.
func (q *query) peek(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) error {
	r.From, r.To, r.MaxBytes = math.MinInt64, math.MaxInt64, q.req.MaxBytes
	r.Trace = q.tracing(r, "whether the fields are known")
	st, err := q.e.o.Source.Scan(ctx, r, yield)
	q.cost(st)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err == nil && len(st.Partial) > 0:
		return errors.New(st.Partial[0]) // what was not read may have it
	}
	return err
}
