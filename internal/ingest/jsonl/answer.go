package jsonl

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"journalist/internal/ingest/httpbody"
	"journalist/internal/record"
)

// failure is how an error looks to the client.
type failure struct {
	status              int
	kind, message, hint string
}

func explain(err error) failure {
	var body *httpbody.Error
	switch {
	case errors.As(err, &body):
		kind := "bad_request"
		switch body.Status {
		case http.StatusForbidden:
			kind = "auth"
		case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
			kind = "limit"
		case http.StatusUnsupportedMediaType:
			kind = "unsupported"
		}
		return failure{body.Status, kind, body.Msg, body.Hint}
	case errors.Is(err, record.ErrFull):
		return failure{http.StatusTooManyRequests, "full", "the store is full", "send the rest again later; the server's disk needs room or its retention a limit"}
	case errors.Is(err, record.ErrClosed):
		return failure{http.StatusServiceUnavailable, "full", "the server is shutting down", "send the rest again when it is back"}
	case errors.Is(err, record.ErrTooLarge):
		return failure{http.StatusRequestEntityTooLarge, "limit", "a batch is too large for the store", "send smaller records"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return failure{http.StatusRequestTimeout, "bad_request", "the request was cancelled before all of it was stored", "send the rest again"}
	}
	return failure{http.StatusInternalServerError, "internal", "the rows could not be stored", "the server's log says why; send the rest again"}
}

// writeAnswer writes {"accepted":N,"rejected":M,"errors":[…]} and, when something
// went wrong with the whole, "error". accepted counts what is durable, from the
// beginning of the body and without the rejected lines.
func writeAnswer(w http.ResponseWriter, log *slog.Logger, res *Result, err error) {
	status := http.StatusOK
	out := append([]byte(`{"accepted":`), strconv.FormatInt(res.Accepted, 10)...)
	out = append(out, `,"rejected":`...)
	out = strconv.AppendInt(out, res.Rejected, 10)
	out = append(out, `,"errors":[`...)
	for i, e := range res.Errors {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"line":`...)
		out = strconv.AppendInt(out, e.Line, 10)
		out = append(out, `,"error":`...)
		out = record.AppendJSONString(out, e.Error)
		out = append(out, '}')
	}
	out = append(out, ']')
	var f failure
	switch {
	case err != nil:
		f = explain(err)
		if f.status == http.StatusInternalServerError {
			log.Error("jsonl: rows could not be stored", "err", err)
		}
	case res.Accepted == 0 && res.Rejected > 0:
		f = failure{http.StatusBadRequest, "bad_request", "no line was a JSON object", "send one JSON object a line"}
	}
	if f.status != 0 {
		status = f.status
		out = append(out, `,"error":{"kind":`...)
		out = record.AppendJSONString(out, f.kind)
		out = append(out, `,"message":`...)
		out = record.AppendJSONString(out, f.message)
		if f.hint != "" {
			out = append(out, `,"hint":`...)
			out = record.AppendJSONString(out, f.hint)
		}
		out = append(out, '}')
	}
	out = append(out, "}\n"...)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	_, _ = w.Write(out) // the client is gone: nobody to tell
}
