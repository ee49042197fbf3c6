package elastic

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"journalist/internal/ingest"
	"journalist/internal/ingest/httpbody"
)

const (
	batchRows  = 8192
	batchBytes = 4 << 20
	inFlight   = 4
	// firstBody is how much memory a body of unknown length begins with.
	firstBody = 1 << 20
	// maxID is Elasticsearch's limit of an _id in bytes.
	maxID = 512
	// maxItems and maxTargets are the most actions and the most different indices
	// of one body: each costs memory beside the body's, and each dataset a write.
	maxItems   = 500_000
	maxTargets = 1000
)

// Bulk answers POST and PUT of /_bulk and /{index}/_bulk. Each index or create
// action is answered with 201 once its document is durable. A document that is no
// JSON object is kept as the message of a record with the field _error, because
// too many clients drop what is refused.
func (h *Handler) Bulk(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.requests.Inc()
	q := r.URL.Query()
	if p := q.Get("pipeline"); p != "" && p != "_none" {
		h.ignorePipeline(p)
	}
	body, release, err := h.readBody(w, r)
	defer release()
	if err != nil {
		p := bodyProblem(err)
		WriteError(w, r, p.status, p.kind, p.reason)
		return
	}
	h.bytes.Add(len(body))
	req := &request{h: h, ctx: r.Context(), sender: ingest.SenderFrom(r.Context()), now: h.o.Clock().UnixNano()}
	if err := req.parse(body, r.PathValue("index")); err != nil {
		h.pools.putItems(req.items)
		var limit *httpbody.Error
		if errors.As(err, &limit) {
			p := bodyProblem(err)
			WriteError(w, r, p.status, p.kind, p.reason)
			return
		}
		WriteError(w, r, http.StatusBadRequest, "illegal_argument_exception", err.Error())
		return
	}
	defer func() { h.pools.putItems(req.items) }()
	req.store(body)
	h.count(req)
	if p := req.whole(r); p != nil {
		WriteError(w, r, p.status, p.kind, p.reason)
		return
	}
	out := h.pools.answer()
	defer func() { h.pools.putAnswer(out) }()
	out = req.appendAnswer(out, parseFilter(q.Get("filter_path")), time.Since(start))
	answer(w, r, http.StatusOK, out)
}

func (h *Handler) ignorePipeline(name string) {
	h.pipelines.Inc()
	if h.toldPipeline.CompareAndSwap(false, true) {
		h.log.Warn("an Elasticsearch client asks for an ingest pipeline, which journalist does not have: its documents are stored as they come", "pipeline", name)
	}
}

// readBody reads the whole body into memory that is counted against the budget.
// release gives both back and must always be called.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (data []byte, release func(), err error) {
	switch t := httpbody.MediaType(r); t {
	case "application/x-ndjson", "application/json", "application/vnd.elasticsearch+x-ndjson", "application/vnd.elasticsearch+json":
	default:
		return nil, func() {}, &httpbody.Error{
			Status: http.StatusUnsupportedMediaType,
			Msg:    fmt.Sprintf("Content-Type header [%s] is not supported", r.Header.Get("Content-Type")),
			Hint:   "send bulk bodies with Content-Type: application/x-ndjson",
		}
	}
	body, err := httpbody.Open(w, r, h.o.MaxBody, httpbody.SendLess)
	if err != nil {
		return nil, func() {}, err
	}
	defer body.Close()
	buf := h.pools.body()
	var taken int64
	release = func() {
		h.pools.putBody(buf)
		h.memory.Release(taken)
	}
	size := int64(firstBody)
	if r.ContentLength > 0 && r.ContentLength <= h.o.MaxBody && r.Header.Get("Content-Encoding") == "" {
		size = r.ContentLength + 1 // one more, so that the end is noticed without growing
	}
	for {
		// A request does not wait for memory while it holds some: two that did
		// would wait for each other.
		if !h.memory.TryAcquire(size - taken) {
			h.busy.Inc()
			return nil, release, &httpbody.Error{Status: http.StatusTooManyRequests, Msg: "too many bulk requests at once", Hint: "send this again in some seconds"}
		}
		taken = size
		buf = slices.Grow(buf, int(size)-len(buf))
		for int64(len(buf)) < size {
			n, err := body.Read(buf[len(buf):size])
			buf = buf[:len(buf)+n]
			if err == io.EOF {
				return buf, release, nil
			}
			if err != nil {
				return nil, release, err
			}
		}
		size = min(2*size, h.o.MaxBody+1) // the body ends with an error before that is full
	}
}

func (h *Handler) count(q *request) {
	rows, errs := 0, 0
	for i := range q.items {
		it := &q.items[i]
		if it.refused == 0 && it.flight != 0 && q.flights[it.flight-1].err == nil {
			rows++
		} else {
			errs++
		}
	}
	h.rows.Add(rows)
	h.itemErrors.Add(errs)
}
