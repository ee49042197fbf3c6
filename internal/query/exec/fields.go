package exec

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	maxSample = 100_000
	// maxShown is how much of a value the list of fields shows.
	maxShown = 256
)

// Fields describes the fields of the newest rows that a query's filter matches:
// how many have each, of what kind, how many distinct values and the commonest of
// them. sample is how many rows are looked at (1,000 where 0), top how many values
// are listed of each field; the number of rows that were looked at is returned.
func (e *Engine) Fields(ctx context.Context, req lang.Request, sample, top int) ([]scan.FieldInfo, int64, scan.Stats, error) {
	if sample <= 0 {
		sample = 1000
	}
	ctx, q, err := e.start(ctx, filterOnly(req))
	if err != nil {
		return nil, 0, scan.Stats{}, err
	}
	defer q.budget.end()
	f := fieldSample{q: q, fields: map[string]*fieldCount{}}
	err = f.run(ctx, min(sample, maxSample))
	list := f.list(max(top, 0))
	st, err := q.finish(ctx, err)
	return list, f.rows, st, err
}

type fieldSample struct {
	q      *query
	rows   int64
	fields map[string]*fieldCount
	key    []byte
}

type fieldCount struct {
	count  int64
	kinds  [16]int64
	values map[string]int64
}

func (f *fieldSample) run(ctx context.Context, sample int) error {
	p, err := f.q.plan(ctx)
	if err != nil {
		return err
	}
	r := p.request(f.q)
	if r == nil {
		return nil
	}
	r.Whole, r.Order, r.Limit = true, scan.NewestFirst, sample
	err = f.q.scan(ctx, scanRows, r, func(b *scan.Block) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return f.add(b)
	})
	var over *scan.BudgetError
	if errors.As(err, &over) {
		f.q.stats.Partial = append(f.q.stats.Partial, "the list of fields is from fewer rows than asked for: they do not fit the query's memory")
		return nil
	}
	return err
}

func (f *fieldSample) add(b *scan.Block) error {
	n := b.Len()
	f.rows += int64(n)
	dataset := false
	for i := range b.Columns {
		c := &b.Columns[i]
		dataset = dataset || c.Name == record.FieldDataset
		for row := range n {
			if err := f.count(c.Name, c.Value(row), 1); err != nil {
				return err
			}
		}
	}
	if b.Dataset == "" || dataset {
		return nil
	}
	return f.count(record.FieldDataset, record.StringValue([]byte(b.Dataset)), int64(n))
}

func (f *fieldSample) count(name string, v record.Value, n int64) error {
	if v.Kind == record.Missing {
		return nil
	}
	fc := f.fields[name]
	if fc == nil {
		fc = &fieldCount{values: map[string]int64{}}
		name = strings.Clone(name)
		f.fields[name] = fc
		if err := f.q.budget.take(int64(len(name))+300, "fields"); err != nil {
			return err
		}
	}
	fc.count += n
	fc.kinds[v.Kind] += n
	f.key = v.AppendText(f.key[:0])
	if len(f.key) > maxShown { // its beginning is all that is shown
		h := xxhash.Sum64(f.key)
		f.key = binary.LittleEndian.AppendUint64(f.key[:maxShown], h)
	}
	if _, ok := fc.values[string(f.key)]; !ok {
		if err := f.q.budget.take(int64(len(f.key))+64, "values of fields"); err != nil {
			return err
		}
	}
	fc.values[string(f.key)] += n
	return nil
}

// list orders the fields by how many rows have them.
func (f *fieldSample) list(top int) []scan.FieldInfo {
	var list []scan.FieldInfo
	for name, fc := range f.fields {
		info := scan.FieldInfo{Name: name, Count: fc.count, Distinct: int64(len(fc.values))}
		kind := record.Null
		for k, n := range fc.kinds {
			if n > fc.kinds[kind] {
				kind = record.Kind(k)
			}
		}
		info.Kind = kind.String()
		for v, n := range fc.values {
			info.Top = append(info.Top, scan.ValueCount{Value: v, Count: n})
		}
		slices.SortFunc(info.Top, func(a, b scan.ValueCount) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		info.Top = slices.Clone(info.Top[:min(top, len(info.Top))])
		for i := range info.Top {
			info.Top[i].Value = shown(info.Top[i].Value)
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b scan.FieldInfo) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// shown cuts a long value, between runes.
func shown(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > maxShown-4 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
