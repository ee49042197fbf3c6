package exec

import (
	"context"
	"errors"
	"math"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// Deleter is a Source that can also delete rows.
type Deleter interface {
	// Delete deletes the rows that match. When it returns without an error they are
	// in no answer any more.
	Delete(ctx context.Context, d *scan.Deletion) (scan.Deleted, error)
}

// ErrNoDeleter says that the source keeps what it has.
var ErrNoDeleter = errors.New("this source cannot delete")

// Delete deletes the records that a query's filter matches, or only counts them. A
// query with pipes is refused. It has no limit of time; progress, which may be nil,
// is called from one goroutine at a time.
func (e *Engine) Delete(ctx context.Context, req lang.Request, dryRun bool, progress func(scan.DeletionProgress)) (scan.Deleted, error) {
	source, ok := e.o.Source.(Deleter)
	if !ok {
		return scan.Deleted{}, ErrNoDeleter
	}
	if req.Query != nil && len(req.Query.Pipes) > 0 {
		return scan.Deleted{}, &lang.Error{
			Offset: req.Query.Pipes[0].Offset(), Message: "a deletion takes a filter alone",
			Hint: "leave out what follows the first |",
		}
	}
	if req.Query == nil {
		return scan.Deleted{}, errors.New("exec: a request without a query")
	}
	var inner *lang.In
	req.Query.Subqueries(func(f *lang.In) { inner = f })
	if inner != nil {
		return scan.Deleted{}, req.Query.ErrorAt(inner.Offset(), "a deletion takes no query inside of its filter",
			"ask for the values first, and write them out as in user:(a OR b)")
	}
	req.Zone = zone(req.Zone)
	if req.From == 0 && req.To == 0 {
		req.From = math.MinInt64
	}
	if req.To == 0 {
		req.To = math.MaxInt64
	}
	q := &query{e: e, req: req, now: e.o.Clock().In(req.Zone)}
	p, err := q.plan(ctx)
	if err != nil || p.never {
		return scan.Deleted{}, err
	}
	d := &scan.Deletion{
		Request: scan.Request{From: p.from, To: p.to, Datasets: p.datasets, Filter: p.filter, Parallel: e.o.Parallel},
		DryRun:  dryRun, Progress: progress,
	}
	return source.Delete(ctx, d)
}
