// Package pipeline changes batches on their way from the listeners to the store:
// so far it gives each line its own time and marks times that cannot be right.
//
// Up the way is internal/ingest, whose listeners submit to it as their sink; down
// the way is internal/store, to which it hands every batch on, in order. A batch
// goes in and the same batch comes out: no stage drops a row, and a row with which
// a stage fails keeps all it had and says so in _error.
package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Sink is where the batches go; see ingest.Sink for the contract.
type Sink interface {
	Submit(ctx context.Context, b *record.Batch) <-chan error
}

// Options says how a pipeline works.
type Options struct {
	// Next takes the batches. Needed.
	Next Sink
	// Zone is where lines come from whose time names no zone; nil is UTC.
	Zone *time.Location
	// Clock tells the time; nil is time.Now.
	Clock   func() time.Time
	Metrics *metrics.Set
	Logger  *slog.Logger
}

// Pipeline is a Sink before another Sink. It has no goroutine and no queue: the
// work is done by whoever submits, so that a connection's rows are worked on in
// their order and a slow sink slows the senders.
type Pipeline struct {
	next   Sink
	zone   *time.Location
	clock  func() time.Time
	logger *slog.Logger

	rows, timed, odd, failed *metrics.Counter
}

// TagTimeOdd marks a record whose time is before 1971 or more than a day ahead.
const TagTimeOdd = "_time_odd"

// The times outside which a record is marked.
const (
	oddBefore = int64(365 * 24 * time.Hour)
	oddAhead  = int64(24 * time.Hour)
)

// New makes a pipeline.
func New(o Options) *Pipeline {
	if o.Next == nil {
		panic("pipeline: Options.Next is missing")
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pipeline{
		next: o.Next, zone: o.Zone, clock: o.Clock, logger: o.Logger,
		rows:   o.Metrics.Counter("journalist_pipeline_rows_total"),
		timed:  o.Metrics.Counter("journalist_pipeline_line_times_total"),
		odd:    o.Metrics.Counter("journalist_pipeline_odd_times_total"),
		failed: o.Metrics.Counter("journalist_pipeline_errors_total"),
	}
}

// Submit works on the batch and hands it on. It may be called from several
// goroutines, each with a batch of its own, and again with a batch that the sink
// did not take: a second pass changes nothing.
func (p *Pipeline) Submit(ctx context.Context, b *record.Batch) <-chan error {
	p.apply(b)
	return p.next.Submit(ctx, b)
}

func (p *Pipeline) apply(b *record.Batch) {
	n := b.Len()
	if n == 0 {
		return
	}
	p.rows.Add(n)
	w := work{
		p: p, b: b, message: b.NameID(record.FieldMessage), latest: p.clock().UnixNano() + oddAhead,
		times: lineTimes{zone: zone{loc: p.zone}},
	}
	for w.row < n {
		w.run(n)
	}
	p.timed.Add(w.timed)
}

// work is one pass over one batch.
type work struct {
	p       *Pipeline
	b       *record.Batch
	message uint32
	latest  int64
	times   lineTimes
	row     int
	timed   int
}

// run works on the rows from w.row on. When a stage fails, it marks the row and
// returns with the next one up.
func (w *work) run(n int) {
	defer func() {
		if cause := recover(); cause != nil {
			w.p.failed.Inc()
			w.p.logger.Error("pipeline: a stage failed; the record is kept as it came",
				"stage", "line time", "cause", cause, "stack", string(debug.Stack()))
			w.b.Extend(w.row, w.b.NameID(record.FieldError), record.StringValue(fmt.Appendf(nil, "line time: %v", cause)))
			w.row++
		}
	}()
	for ; w.row < n; w.row++ {
		i := w.row
		t := w.b.Time(i)
		if !w.b.OwnTime(i) {
			if v := w.b.Own(i, w.message); v.Kind == record.String {
				if ns, ok := w.times.find(v.Bytes, t); ok {
					w.b.SetOwnTime(i, ns)
					w.timed++
					t = ns
				}
			}
		}
		if t < oddBefore || t > w.latest {
			w.markOdd(i)
		}
	}
}

func (w *work) markOdd(i int) {
	if addTag(w.b, i, TagTimeOdd) {
		w.p.odd.Inc()
	}
}
