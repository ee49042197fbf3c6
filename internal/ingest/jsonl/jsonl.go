// Package jsonl takes logs as JSON lines over HTTP: one object a line, each line a
// record.
//
// Up the way are `journalist import`, curl and whatever writes NDJSON; internal/api
// authenticates them and mounts the handler. Down the way the batches go to
// internal/pipeline through an ingest.Sink. The body is read as a stream, a few
// batches are in flight, and the answer comes when all of it is durable.
package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/semaphore"

	"journalist/internal/ingest"
	"journalist/internal/ingest/httpbody"
	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Options configure New.
type Options struct {
	Sink    ingest.Sink
	Logger  *slog.Logger
	Metrics *metrics.Set
	// MaxBody is the most bytes of one request after decompression; 0 means 1 GiB.
	MaxBody int64
	// MaxMemory is the most bytes that the batches and long lines of all requests may
	// hold at once;
	// 0 means 64 MiB. Requests that find no room send smaller batches, or wait.
	MaxMemory int64
	// Clock is the time; nil means time.Now.
	Clock func() time.Time
}

const (
	batchRows  = 4096
	batchBytes = 4 << 20
	inFlight   = 4
	// firstCharge is what an open batch is counted with until it outgrows it.
	firstCharge = 64 << 10
	// maxErrors is how many bad lines the answer describes.
	maxErrors = 20
	maxKey    = 200
)

// Handler answers POST requests. It may be used by any number of goroutines.
type Handler struct {
	o   Options
	log *slog.Logger

	requests, rows, rejected, bytes, busy *metrics.Counter
	batches                               batchPool
	memory                                *semaphore.Weighted
}

// New makes a handler.
func New(o Options) *Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 30
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 64 << 20
	}
	o.MaxMemory = max(o.MaxMemory, firstCharge)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Handler{
		o: o, log: log,
		requests: o.Metrics.Counter("journalist_jsonl_requests_total"),
		rows:     o.Metrics.Counter("journalist_jsonl_rows_total"),
		rejected: o.Metrics.Counter("journalist_jsonl_rejected_rows_total"),
		bytes:    o.Metrics.Counter("journalist_jsonl_received_bytes_total"),
		busy:     o.Metrics.Counter("journalist_jsonl_busy_total"),
		memory:   semaphore.NewWeighted(o.MaxMemory),
	}
}

// LineError says why a line was not taken.
type LineError struct {
	Line  int64 // from 1
	Error string
}

// Result is what became of a body.
type Result struct {
	Accepted, Rejected int64
	Errors             []LineError // the first ones
}

func (r *Result) reject(line int64, why string) {
	r.Rejected++
	if len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, LineError{line, why})
	}
}

// ServeHTTP takes one body. Its dataset is the query parameter "dataset". With an
// Idempotency-Key a body that is sent again within some minutes, because the
// answer got lost, is stored once.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.Inc()
	var res Result
	err := h.serve(w, r, &res)
	h.rows.Add(int(res.Accepted))
	h.rejected.Add(int(res.Rejected))
	writeAnswer(w, h.log, &res, err)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, res *Result) error {
	switch t := httpbody.MediaType(r); t {
	case "application/x-ndjson", "application/ndjson", "application/json", "application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines":
	default:
		return &httpbody.Error{
			Status: http.StatusUnsupportedMediaType,
			Msg:    fmt.Sprintf("content type %q is not taken here", r.Header.Get("Content-Type")),
			Hint:   "send one JSON object a line with the header Content-Type: application/x-ndjson",
		}
	}
	sender := ingest.SenderFrom(r.Context())
	dataset := r.URL.Query().Get("dataset")
	if dataset == "" {
		dataset = record.DefaultDataset
	}
	if err := ingest.CheckDataset(dataset); err != nil {
		return &httpbody.Error{Status: http.StatusBadRequest, Msg: err.Error()}
	}
	if !sender.May(dataset) {
		return &httpbody.Error{Status: http.StatusForbidden, Msg: fmt.Sprintf("these credentials may not write into dataset %q", dataset)}
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return &httpbody.Error{Status: http.StatusBadRequest, Msg: fmt.Sprintf("the Idempotency-Key has %d bytes, at most %d are allowed", len(key), maxKey)}
	}
	body, err := httpbody.Open(w, r, h.o.MaxBody, httpbody.SendLess)
	if err != nil {
		return err
	}
	defer body.Close()
	defer func() { h.bytes.Add(int(body.Size())) }()
	f := &feed{h: h, ctx: r.Context(), dataset: dataset, client: sender.Name, key: key, res: res, now: h.o.Clock().UnixNano()}
	return f.run(body)
}

// feed is the state of one body.
type feed struct {
	h       *Handler
	ctx     context.Context
	dataset string
	client  string
	key     string
	now     int64
	res     *Result

	batch   *record.Batch
	charged int64  // what the open batch is counted with
	long    int64  // what the buffer for long lines is counted with
	count   uint64 // batches submitted
	flights []flight
	err     error // the first that the sink had
}

// flight is a batch that the sink has.
type flight struct {
	batch   *record.Batch
	charged int64
	done    <-chan error
}

func (f *feed) run(body io.Reader) error {
	lines := lineReader{r: body, grow: f.growLine}
	var readErr error
	for n := int64(1); f.err == nil; n++ {
		line, err := lines.next()
		if errors.Is(err, errLongLine) {
			f.res.reject(n, err.Error())
			continue
		}
		if err != nil {
			if err != io.EOF {
				readErr = err
			}
			break
		}
		if n == 1 {
			line = trimBOM(line)
		}
		if isBlank(line) {
			continue
		}
		f.add(n, line)
	}
	// What is read is kept, also when the rest did not come: the answer says how
	// many rows that were. With a key the half batch is left to the repetition,
	// which would not recognise it.
	half := readErr != nil && f.key != ""
	if f.err == nil && f.batch != nil && f.batch.Len() > 0 && !half {
		f.submit()
	}
	for len(f.flights) > 0 {
		f.land()
	}
	if f.batch != nil {
		f.h.batches.put(f.batch)
	}
	f.h.memory.Release(f.charged + f.long)
	if f.err != nil {
		return f.err
	}
	return readErr
}

func (f *feed) add(n int64, line []byte) {
	if f.batch == nil && !f.begin() {
		return
	}
	if err := f.batch.AppendJSON(line, f.now); err != nil {
		f.res.reject(n, lineError(line, err))
		return
	}
	switch {
	case f.batch.Len() >= batchRows || f.batch.Bytes() >= batchBytes:
		f.submit()
	case int64(f.batch.Bytes()) > f.charged:
		f.extend()
	}
}

// begin opens a batch when there is memory for it. A request waits for that with
// empty hands only: two that waited while they hold some would wait for each other.
func (f *feed) begin() bool {
	for !f.h.memory.TryAcquire(firstCharge) {
		if len(f.flights) == 0 {
			f.h.busy.Inc()
			if f.err = f.h.memory.Acquire(f.ctx, firstCharge); f.err != nil {
				return false
			}
			break
		}
		if f.land(); f.err != nil {
			return false
		}
	}
	f.charged = firstCharge
	f.batch = f.h.batches.get()
	return true
}

// growLine counts a buffer that grows for a long line.
func (f *feed) growLine(more int64) error {
	for !f.h.memory.TryAcquire(more) {
		if len(f.flights) == 0 {
			f.h.busy.Inc()
			return &httpbody.Error{Status: http.StatusTooManyRequests, Msg: "too many requests with long lines at once", Hint: "send the rest again in some seconds"}
		}
		if f.land(); f.err != nil {
			return f.err
		}
	}
	f.long += more
	return nil
}

// extend counts the open batch with more, or sends it as it is when there is no
// more. A body with a key must always be cut in the same places: its request ends,
// and can be repeated.
func (f *feed) extend() {
	more := max(2*f.charged, int64(f.batch.Bytes())) - f.charged
	for !f.h.memory.TryAcquire(more) {
		if len(f.flights) > 0 {
			if f.land(); f.err != nil {
				return
			}
			continue
		}
		f.h.busy.Inc()
		if f.key != "" {
			f.err = &httpbody.Error{Status: http.StatusTooManyRequests, Msg: "too many requests at once", Hint: "send the body again in some seconds, with the same Idempotency-Key"}
			return
		}
		f.submit()
		return
	}
	f.charged += more
}

func lineError(line []byte, err error) string {
	if line[0] == '[' {
		return "a JSON array: send its objects one a line"
	}
	return err.Error()
}

// submit hands the batch to the sink, after the oldest has landed where too many
// are in flight.
func (f *feed) submit() {
	if len(f.flights) >= inFlight {
		f.land()
		if f.err != nil {
			return
		}
	}
	b, charged := f.batch, f.charged
	f.batch, f.charged = nil, 0
	b.Dataset, b.Client = f.dataset, f.client
	if f.key != "" {
		// The same body is cut into the same batches, so that their number tells
		// them apart.
		b.Window = windowOf(f.key, f.dataset, f.count, b)
	}
	f.count++
	f.flights = append(f.flights, flight{b, charged, f.h.o.Sink.Submit(f.ctx, b)})
}

// land waits for the oldest batch in flight.
func (f *feed) land() {
	first := f.flights[0]
	f.flights = f.flights[1:]
	rows := first.batch.Len()
	err := <-first.done
	f.h.batches.put(first.batch)
	f.h.memory.Release(first.charged)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	f.res.Accepted += int64(rows)
}

// windowOf identifies the n-th batch of the body with this key. Number of rows
// and bytes are part of it: a body that was changed under the same key is another.
func windowOf(key, dataset string, n uint64, b *record.Batch) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(key) // a hash takes everything
	_, _ = d.WriteString(fmt.Sprintf("\x00%s\x00%d\x00%d\x00%d", dataset, n, b.Len(), b.Bytes()))
	if s := d.Sum64(); s != 0 {
		return s
	}
	return 1
}
