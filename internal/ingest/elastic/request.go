package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"journalist/internal/ingest"
	"journalist/internal/ingest/httpbody"
	"journalist/internal/record"
)

// item is one action of a body: its parts are ranges of the body.
type item struct {
	verb     verb
	target   uint32
	id       []byte
	from, to uint32 // the document
	// flight is the batch that the document went with, plus 1; 0 means none.
	flight uint32
	// refused is why the item is not even tried, an index into request.refusals
	// plus 1.
	refused uint32
}

// target is an index that the body names.
type target struct {
	index   string // as the client wrote it
	number  uint32 // of its dataset
	refused uint32 // as item.refused
}

// request is the state of one bulk request.
type request struct {
	h       *Handler
	ctx     context.Context
	sender  ingest.Sender
	now     int64
	items   []item
	targets []target
	byIndex map[string]uint32

	refusals []problem
	byReason map[problem]uint32
	datasets []string  // those of the targets
	filling  []filling // by number of the dataset
	flights  []flight
	underWay []uint32 // flights that the sink has, the oldest first
	failed   *problem // of the first flight that failed
}

// flight is a batch that the sink has, or had.
type flight struct {
	batch *record.Batch
	done  <-chan error
	err   error
}

// filling is the batch that the next documents of a dataset go into.
type filling struct {
	batch  *record.Batch
	flight uint32 // its number, plus 1
}

// parse finds the actions. Nothing is stored before all of them are understood:
// an error refuses the whole body, as clients expect it.
func (q *request) parse(body []byte, urlIndex string) error {
	q.items = q.h.pools.items()
	q.byIndex, q.byReason = map[string]uint32{}, map[problem]uint32{}
	var last []byte // the action line before, its target without an id
	var lastItem item
	for pos, number := 0, 0; pos < len(body); {
		line, next := cutLine(body, pos)
		pos = next
		number++
		if isBlank(line) {
			continue
		}
		it := lastItem
		if last == nil || !bytes.Equal(line, last) {
			a, err := parseAction(line)
			if err != nil {
				return fmt.Errorf("malformed action/metadata line [%d]: %w", number, err)
			}
			it = q.itemOf(a, urlIndex)
			last, lastItem = line, it
			if len(q.targets) > maxTargets {
				return tooMany("indices", maxTargets)
			}
		}
		if len(q.items) >= maxItems {
			return tooMany("actions", maxItems)
		}
		if it.verb.hasSource() {
			if pos >= len(body) {
				return fmt.Errorf("action line [%d] is not followed by a document: the body ends early", number)
			}
			var src []byte
			src, next = cutLine(body, pos)
			it.from, it.to = uint32(pos), uint32(pos+len(src))
			pos = next
			number++
		}
		q.items = append(q.items, it)
	}
	if len(q.items) == 0 {
		return fmt.Errorf("request body is required: it has no action")
	}
	return nil
}

// tooMany refuses a body whose parts would need much more memory than it has
// bytes.
func tooMany(what string, limit int) error {
	return &httpbody.Error{
		Status: http.StatusRequestEntityTooLarge,
		Msg:    fmt.Sprintf("the body has more than %d %s", limit, what), Hint: httpbody.SendLess,
	}
}

func cutLine(body []byte, pos int) (line []byte, next int) {
	if i := bytes.IndexByte(body[pos:], '\n'); i >= 0 {
		return body[pos : pos+i], pos + i + 1
	}
	return body[pos:], len(body)
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func (q *request) itemOf(a action, urlIndex string) item {
	if a.pipeline {
		q.h.ignorePipeline("of an action")
	}
	if !a.hasIndex {
		a.index = []byte(urlIndex)
	}
	it := item{verb: a.verb, id: a.id, target: q.targetOf(a.index)}
	switch {
	case a.verb == verbUpdate || a.verb == verbDelete:
		it.refused = q.refuse(problem{http.StatusBadRequest, "illegal_argument_exception", a.verb.String() + " is not possible: journalist keeps records as they came; use index or create"})
	case len(a.id) > maxID:
		it.refused = q.refuse(problem{http.StatusBadRequest, "illegal_argument_exception", fmt.Sprintf("_id is too long: %d bytes, at most %d are allowed", len(a.id), maxID)})
	default:
		it.refused = q.targets[it.target].refused
	}
	return it
}

// refuse notes a reason and returns its number; the few there are are shared.
func (q *request) refuse(p problem) uint32 {
	if i, ok := q.byReason[p]; ok {
		return i
	}
	q.refusals = append(q.refusals, p)
	q.byReason[p] = uint32(len(q.refusals))
	return q.byReason[p]
}

func (q *request) targetOf(index []byte) uint32 {
	if i, ok := q.byIndex[string(index)]; ok {
		return i
	}
	t := target{index: string(index)}
	dataset, err := datasetOf(t.index)
	if err != nil {
		t.refused = q.refuse(problem{http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name [" + t.index + "]: " + err.Error()})
	} else if !q.sender.May(dataset) {
		t.refused = q.refuse(problem{http.StatusForbidden, "security_exception", "these credentials may not write into dataset [" + dataset + "]"})
	}
	if t.index == "" {
		t.index = dataset
	}
	n := slices.Index(q.datasets, dataset)
	if n < 0 {
		n = len(q.datasets)
		q.datasets = append(q.datasets, dataset)
	}
	t.number = uint32(n)
	i := uint32(len(q.targets))
	q.targets = append(q.targets, t)
	q.byIndex[string(index)] = i
	return i
}

// store turns the documents into batches, one after the other for each dataset,
// while those before are being made durable.
func (q *request) store(body []byte) {
	q.filling = make([]filling, len(q.datasets))
	for i := range q.items {
		it := &q.items[i]
		if it.refused != 0 || q.failed != nil {
			continue
		}
		t := &q.targets[it.target]
		f := &q.filling[t.number]
		if f.batch == nil {
			f.batch = q.h.pools.batch()
			f.batch.Dataset, f.batch.Client = q.datasets[t.number], q.sender.Name
			q.flights = append(q.flights, flight{})
			f.flight = uint32(len(q.flights))
		}
		it.flight = f.flight
		q.add(f.batch, body[it.from:it.to], it.id)
		if f.batch.Len() >= batchRows || f.batch.Bytes() >= batchBytes {
			q.submit(f)
		}
	}
	for i := range q.filling {
		if q.filling[i].batch != nil {
			q.submit(&q.filling[i])
		}
	}
	for len(q.underWay) > 0 {
		q.land()
	}
}

func (q *request) add(b *record.Batch, source, id []byte) {
	if err := b.AppendJSON(source, q.now); err != nil {
		q.h.badJSON.Inc()
		why := err.Error()
		if len(source) > record.MaxValue {
			cut := record.MaxValue
			for cut > record.MaxValue-utf8.UTFMax && !utf8.RuneStart(source[cut]) {
				cut--
			}
			why = fmt.Sprintf("%s; %d bytes of the document were cut off", why, len(source)-cut)
			source = source[:cut]
		}
		b.AddRow(q.now)
		b.Add(b.NameID(record.FieldMessage), record.StringValue(source))
		b.Add(b.NameID(record.FieldError), record.StringValue([]byte(why)))
	}
	if len(id) > 0 {
		b.Add(b.NameID("_id"), record.StringValue(id))
	}
}

// submit hands a full batch to the sink, and waits for the oldest where too many
// are under way.
func (q *request) submit(f *filling) {
	b := f.batch
	fl := &q.flights[f.flight-1]
	f.batch = nil
	if q.failed != nil {
		// What failed comes again as a whole; more of it would only be doubled.
		fl.err = errNotTried
		q.h.pools.putBatch(b)
		return
	}
	fl.batch, fl.done = b, q.h.o.Sink.Submit(q.ctx, b)
	q.underWay = append(q.underWay, f.flight)
	if len(q.underWay) > inFlight {
		q.land()
	}
}

var errNotTried = errors.New("not tried because a batch before failed")

// land waits for the oldest batch under way and gives it back.
func (q *request) land() {
	f := &q.flights[q.underWay[0]-1]
	q.underWay = q.underWay[1:]
	f.err = <-f.done
	q.h.pools.putBatch(f.batch)
	f.batch = nil
	if f.err != nil && q.failed == nil {
		p := sinkProblem(f.err)
		if p.status == http.StatusInternalServerError {
			q.h.log.Error("elastic: documents could not be stored", "err", f.err)
		}
		q.failed = &p
	}
}

// whole says whether the request is answered with an error as a whole: when
// nothing of it was stored, or when the client would not look at the items. Fluent
// Bit takes a chunk for delivered as soon as one item is.
func (q *request) whole(r *http.Request) *problem {
	if q.failed == nil {
		return nil
	}
	stored := false
	for i := range q.flights {
		stored = stored || q.flights[i].err == nil
	}
	if !stored || strings.HasPrefix(r.UserAgent(), "Fluent-Bit") {
		return q.failed
	}
	return nil
}
