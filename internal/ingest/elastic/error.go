package elastic

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"journalist/internal/ingest/httpbody"
	"journalist/internal/record"
)

// WriteError answers a whole request with an error as Elasticsearch does.
func WriteError(w http.ResponseWriter, r *http.Request, status int, kind, reason string) {
	cause := append([]byte(`{"type":`), record.AppendJSONString(nil, kind)...)
	cause = append(cause, `,"reason":`...)
	cause = record.AppendJSONString(cause, reason)
	out := append([]byte(`{"error":{"root_cause":[`), cause...)
	out = append(out, `}],`...)
	out = append(out, cause[1:]...)
	out = append(out, `},"status":`...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(out, '}')
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	answer(w, r, status, out)
}

func answer(w http.ResponseWriter, r *http.Request, status int, out []byte) {
	Header(w, r)
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(status)
	_, _ = w.Write(out) // the client is gone: nobody to tell
}

// problem is why an item or a request is not stored.
type problem struct {
	status       int
	kind, reason string
}

// sinkProblem puts the sink's error into words that make clients do the right
// thing: 429 and 5xx are tried again.
func sinkProblem(err error) problem {
	switch {
	case errors.Is(err, record.ErrFull):
		return problem{http.StatusTooManyRequests, "es_rejected_execution_exception", "the store is full: its disk needs room or its retention a limit; send this again later"}
	case errors.Is(err, record.ErrClosed):
		return problem{http.StatusServiceUnavailable, "node_closed_exception", "the server is shutting down; send this again when it is back"}
	case errors.Is(err, record.ErrTooLarge):
		return problem{http.StatusRequestEntityTooLarge, "illegal_argument_exception", "the batch is too large for the store; send fewer documents"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem{http.StatusServiceUnavailable, "process_cluster_event_timeout_exception", "the request was cancelled before all of it was stored"}
	}
	return problem{http.StatusInternalServerError, "exception", "the documents could not be stored; the server's log says why"}
}

// bodyProblem is for bodies that cannot be read.
func bodyProblem(err error) problem {
	var e *httpbody.Error
	if !errors.As(err, &e) {
		return problem{http.StatusBadRequest, "parse_exception", err.Error()}
	}
	kind := "parse_exception"
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		kind = "content_too_long_exception"
	case http.StatusUnsupportedMediaType:
		kind = "media_type_header_exception"
	case http.StatusTooManyRequests:
		kind = "es_rejected_execution_exception"
	}
	return problem{e.Status, kind, e.Error()}
}
