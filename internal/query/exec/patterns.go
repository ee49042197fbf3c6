package exec

import (
	"context"
	"math"
	"slices"
	"strconv"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Patterner is a Source that knows the patterns of its texts. Of all others the
// executor finds them itself, from the texts.
type Patterner interface {
	// Patterns returns the n patterns of a field with the most rows, of the rows that
	// a request matches, with what else is wanted of each; it may leave trends and
	// values out. ok is false where it leaves all this to the executor.
	Patterns(ctx context.Context, r *scan.Request, field string, n int, want scan.PatternDetails) (found scan.Patterns, st scan.Stats, ok bool, err error)
}

const (
	sampleNote = "the values of patterns with many rows are those of a sample: its size is in their rows"
	foldedNote = "there are more patterns than are kept at a time: the rarest are together in <_>"
)

// patterns groups the rows of a scan by their patterns.
func (q *query) patterns(ctx context.Context, p *plan, x *lang.Patterns) (*table, error) {
	found, err := q.findPatterns(ctx, p, x.Field, x.N, detailsFor(p.rest))
	if err != nil {
		return nil, err
	}
	return q.patternsResult(found), nil
}

// detailsFor are what the pipes behind patterns leave of them.
func detailsFor(rest []lang.Pipe) scan.PatternDetails {
	i := slices.IndexFunc(rest, func(p lang.Pipe) bool { _, limit := p.(*lang.Limit); return !limit })
	if i >= 0 {
		if f, ok := rest[i].(*lang.Fields); ok && !f.Drop {
			return scan.PatternDetails{Examples: true, Trend: contains(f.Names, "trend"), Values: contains(f.Names, "values")}
		}
	}
	return scan.PatternDetails{Examples: true, Trend: true, Values: true}
}

// findPatterns asks the source for patterns where it knows them.
func (q *query) findPatterns(ctx context.Context, p *plan, field string, n int, want scan.PatternDetails) (scan.Patterns, error) {
	r := p.request(q)
	if r == nil {
		return scan.Patterns{}, nil
	}
	r.Parallel = q.e.o.Parallel
	if src, ok := q.e.o.Source.(Patterner); ok && p.steps == nil {
		r.Trace = q.tracing(r, "patterns")
		found, st, ok, err := src.Patterns(ctx, r, field, n, want)
		r.Trace.Answered(answered(ok))
		if ok || err != nil {
			q.stats.Add(st)
			return found, err
		}
	}
	return q.minePatterns(ctx, p, r, field, n, want)
}

// minePatterns finds the patterns in the texts, several workers at once.
func (q *query) minePatterns(ctx context.Context, p *plan, r *scan.Request, field string, n int, want scan.PatternDetails) (scan.Patterns, error) {
	r.Columns, r.Whole = p.source([]string{field}, false)
	miners := make([]*patternMiner, r.Parallel)
	for i := range miners {
		miners[i] = newPatternMiner(q, p.from, p.to, field, want)
	}
	err := q.scanSteps(ctx, scanRows, p, r, func(w int, b *scan.Block) error { return miners[w].add(b) })
	if err != nil {
		return scan.Patterns{}, err
	}
	all := miners[0]
	for _, m := range miners[1:] {
		for _, x := range m.set.Top(m.set.Len()) {
			all.set.Add(&x)
		}
		all.set.Folded = all.set.Folded || m.set.Folded
	}
	return all.found(n), nil
}

// patternsTable groups rows at hand.
func (q *query) patternsTable(t *table, x *lang.Patterns) (*table, error) {
	// Their times need not be those that were asked for.
	m := newPatternMiner(q, math.MinInt64, math.MaxInt64, x.Field, scan.PatternDetails{Examples: true, Trend: true, Values: true})
	if err := t.emit(m.add); err != nil {
		return nil, err
	}
	return q.patternsResult(m.found(x.N)), nil
}

func (q *query) patternsResult(found scan.Patterns) *table {
	t := &table{}
	for _, n := range lang.PatternColumns {
		t.cols = append(t.cols, tableColumn{name: n, time: n == "first" || n == "last"})
	}
	null := record.Value{Kind: record.Null}
	for i := range found.List {
		p := &found.List[i]
		first, last := record.IntValue(p.First), record.IntValue(p.Last)
		if p.First > p.Last { // of rows without times
			first, last = null, null
		}
		trend, values := null, null
		if counts := found.Range.Counts(&p.Trend); counts != nil {
			trend = record.Value{Kind: record.JSON, Bytes: appendCounts(nil, counts)}
		}
		if p.Values != nil {
			values = record.Value{Kind: record.JSON, Bytes: p.Values.AppendJSON(nil)}
			if p.Values.Slots() > 0 && p.Values.Rows() < p.Count {
				q.note(sampleNote)
			}
		}
		t.rows = append(t.rows, tableRow{values: []record.Value{
			record.StringValue([]byte(scan.FormText(p.Form))), record.IntValue(p.Count), trend, first, last,
			record.StringValue([]byte(p.Example)), values,
		}})
	}
	if found.Total > len(found.List) {
		q.note("these are %d of %d patterns", len(found.List), found.Total)
	}
	if found.Folded {
		q.note(foldedNote)
	}
	return t
}

// appendCounts spells numbers as a JSON array.
func appendCounts(dst []byte, counts []int64) []byte {
	dst = append(dst, '[')
	for i, n := range counts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return append(dst, ']')
}
