// Package exec answers queries: it turns a syntax tree into a plan over a Source,
// pushes down whatever the Source can decide, and does the rest on blocks of
// columns: sorting, grouping, histograms, the description of fields, patterns, the
// rows around others and what changed. Queries inside of a query are answered first.
//
// Up the way internal/api and internal/cli ask with what internal/query/lang
// parsed; down the way internal/store is the Source, by way of internal/scan.
package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// Source is a store as the executor sees it. All methods may be called
// concurrently. Scan and Tail do not call yield any more once they have returned.
type Source interface {
	// Scan yields the rows that a request asks for.
	Scan(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error)
	// Aggregate answers a whole aggregation, or says with ok false that it leaves
	// this one to the executor.
	Aggregate(ctx context.Context, a *scan.Aggregation) (groups []scan.Group, st scan.Stats, ok bool, err error)
	// Tail yields the rows committed from now on until the context ends; missed
	// counts those that a slow yield cost.
	Tail(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (missed int64, err error)
}

// Options configure an Engine. The zero value of a field means its default.
type Options struct {
	Source  Source // needed
	Metrics *metrics.Set
	Logger  *slog.Logger
	// Parallel is how many goroutines one query may use; default GOMAXPROCS.
	Parallel int
	// MaxBytes is the memory that one query may take in the executor; default
	// 64 MiB. A Request may ask for less.
	MaxBytes int64
	// MaxTotalBytes is the memory that all queries together may take there; default
	// four times MaxBytes. A query that does not get what it needs ends with a
	// *scan.BudgetError.
	MaxTotalBytes int64
	// MaxDuration is how long a query may run before it ends with a partial
	// answer; default one minute, negative for no limit. The time that yield takes
	// does not count, so that slow clients get whole answers. Tails have no limit.
	MaxDuration time.Duration
	// MaxGroups is how many groups a stats may have; default 1,000,000.
	MaxGroups int
	// Complete says that no rows will follow on those that the source has, as those of
	// files: an open time ends with the last row and not now.
	Complete bool
	// Clock is time.Now unless a test sets it.
	Clock func() time.Time
}

// Engine answers queries. Its methods may be called concurrently.
type Engine struct {
	o       Options
	all     pool
	queries *metrics.Counter
	failed  *metrics.Counter
	partial *metrics.Counter
	seconds *metrics.Histogram
}

// New makes an engine over a source. It panics where Options.Source is nil.
func New(o Options) *Engine {
	if o.Source == nil {
		panic("exec: Options.Source is nil")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxTotalBytes <= 0 {
		o.MaxTotalBytes = 4 * o.MaxBytes
	}
	if o.MaxDuration == 0 {
		o.MaxDuration = time.Minute
	}
	if o.MaxGroups <= 0 {
		o.MaxGroups = 1_000_000
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	e := &Engine{
		o:       o,
		queries: o.Metrics.Counter("journalist_queries_total"),
		failed:  o.Metrics.Counter("journalist_query_errors_total"),
		partial: o.Metrics.Counter("journalist_queries_partial_total"),
		seconds: o.Metrics.Histogram("journalist_query_seconds"),
	}
	e.all.max = o.MaxTotalBytes
	o.Metrics.Gauge(func() float64 { return float64(e.all.used.Load()) }, "journalist_query_held_bytes")
	return e
}

// errTime is the cause of the context of a query whose time is over.
var errTime = errors.New("the query's time is over")

// errEnough is what yield returns when no more rows are wanted.
var errEnough = errors.New("enough rows")

// query is one run of a query.
type query struct {
	e       *Engine
	req     lang.Request
	now     time.Time
	budget  budget
	started time.Time
	time    stopwatch
	stats   scan.Stats
	tail    bool // times do not count

	from, to int64   // the plan's
	period   float64 // seconds, for rate(); 0 where not needed
	ins      map[*lang.In]scan.Expr
	datasets []string // of an inner query: those of the outer one; nil for all
	hits     int      // of how many rows a context is shown

	trace *scan.Trace // for Explain; nil: nobody asks
	inner string      // what inner query this is
	dry   bool        // only planned

	maxGroups int // of a stats; 0 for Options.MaxGroups
}

func (e *Engine) start(ctx context.Context, req lang.Request) (context.Context, *query, error) {
	if req.Query == nil {
		return ctx, nil, errors.New("exec: a request without a query")
	}
	req.Zone = zone(req.Zone)
	if req.From == 0 && req.To == 0 {
		req.From = math.MinInt64
	}
	if req.To == 0 {
		req.To = math.MaxInt64
	}
	e.queries.Inc()
	q := &query{e: e, req: req, started: time.Now(), now: e.o.Clock().In(req.Zone)}
	q.budget.max, q.budget.all = e.o.MaxBytes, &e.all
	if req.MaxBytes > 0 {
		q.budget.max = min(req.MaxBytes, q.budget.max)
	}
	return q.time.start(ctx, e.o.MaxDuration), q, nil
}

func zone(z *time.Location) *time.Location {
	if z == nil {
		return time.UTC
	}
	return z
}

// finish ends a query: it counts, and turns the end of its time into a note that
// the answer is partial.
func (q *query) finish(ctx context.Context, err error) (scan.Stats, error) {
	if err != nil && q.timeOver(ctx, err) {
		err = fmt.Errorf("%w: after %v there was no answer yet; ask for a shorter time or a narrower filter (%w)", errTime, q.e.o.MaxDuration, context.DeadlineExceeded)
	}
	q.time.stop()
	q.stats.Elapsed = time.Since(q.started)
	q.e.seconds.Update(q.stats.Elapsed.Seconds())
	if len(q.stats.Partial) > 0 {
		q.e.partial.Inc()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		q.e.failed.Inc()
	}
	q.e.o.Logger.Debug("query", "elapsed", q.stats.Elapsed, "scanned", q.stats.RowsScanned,
		"matched", q.stats.RowsMatched, "partial", len(q.stats.Partial), "error", err)
	return q.stats, err
}

func (q *query) timeOver(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) && context.Cause(ctx) == errTime
}

// scan asks the source, for what is told where the query is explained. When the query's
// time ends on the way, what has come until then is the answer, and the statistics say
// so.
func (q *query) scan(ctx context.Context, what string, r *scan.Request, yield func(*scan.Block) error) error {
	if r == nil { // nothing can match
		return nil
	}
	r.Trace = q.tracing(r, what)
	st, err := q.e.o.Source.Scan(ctx, r, yield)
	q.stats.Add(st)
	if errors.Is(err, errEnough) {
		return nil
	}
	if err != nil && q.timeOver(ctx, err) {
		q.stats.Partial = append(q.stats.Partial, fmt.Sprintf("the query's time of %v was over before everything was read", q.e.o.MaxDuration))
		return nil
	}
	return err
}

// Run answers a query. Yield is called from one goroutine at a time and must not
// keep the block; its error ends the query and is returned. Rows of a query
// without "fields" come whole; all other answers have their columns only.
func (e *Engine) Run(ctx context.Context, req lang.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	ctx, q, err := e.start(ctx, req)
	if err != nil {
		return scan.Stats{}, err
	}
	defer q.budget.end()
	p, err := q.plan(ctx)
	if err == nil {
		err = q.run(ctx, p, func(b *scan.Block) error {
			q.time.pause()
			defer q.time.resume()
			return yield(b)
		})
	}
	if err == nil {
		q.explainEmpty(ctx, p)
	}
	return q.finish(ctx, err)
}

func (q *query) run(ctx context.Context, p *plan, yield func(*scan.Block) error) error {
	switch {
	case p.stats != nil:
		t, err := q.groups(ctx, p)
		if err != nil {
			return err
		}
		return q.rest(ctx, t, p.rest, yield)
	case p.special != nil:
		t, err := q.special(ctx, p)
		if err != nil {
			return err
		}
		return q.rest(ctx, t, p.rest, yield)
	case p.rest != nil || !p.inTimeOrder():
		t, err := q.collect(ctx, p)
		if err != nil {
			return err
		}
		return q.rest(ctx, t, p.rest, yield)
	}
	return q.stream(ctx, p, yield)
}

// rest applies the pipes that work on rows at hand and yields what remains.
func (q *query) rest(ctx context.Context, t *table, pipes []lang.Pipe, yield func(*scan.Block) error) error {
	for _, p := range pipes {
		var err error
		if t, err = q.apply(ctx, t, p); err != nil {
			return err
		}
	}
	return t.emit(yield)
}
