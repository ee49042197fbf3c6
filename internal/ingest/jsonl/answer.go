package jsonl

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"journalist/internal/ingest/httpbody"
	"journalist/internal/problem"
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

// writeAnswer writes {"accepted":N,"rejected":M,"errors":[…]}; when something went
// wrong with the whole it is a problem document that has these too. accepted counts
// what is durable, from the beginning of the body and without the rejected lines.
func writeAnswer(w http.ResponseWriter, log *slog.Logger, res *Result, err error) {
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
	h := w.Header()
	status, out := http.StatusOK, []byte{'{'}
	h.Set("Content-Type", "application/json")
	if f.status != 0 {
		status = f.status
		h.Set("Content-Type", problem.ContentType)
		doc := problem.Document{Status: f.status, Kind: f.kind, Detail: f.message, Hint: f.hint}
		out = append(doc.AppendMembers(out), ',')
	}
	out = append(res.append(out), "}\n"...)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	_, _ = w.Write(out) // the client is gone: nobody to tell
}

// append appends the members of the answer.
func (res *Result) append(out []byte) []byte {
	out = append(out, `"accepted":`...)
	out = strconv.AppendInt(out, res.Accepted, 10)
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
	return append(out, ']')
}
