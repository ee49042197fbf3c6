package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"journalist/internal/problem"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Error is what a client is told as a problem document. Where it is the last line of
// a stream, that is {"error":DOCUMENT}.
type Error struct {
	Status  int
	Kind    string // one of problem.Kinds
	Message string
	Hint    string
	// Position is where in the query the error is, in bytes, if HasPlace says so.
	Position int
	HasPlace bool

	challenge  string // of WWW-Authenticate
	retryAfter int    // seconds
}

func (e *Error) Error() string { return e.Message }

func badRequest(message, hint string) *Error {
	return &Error{Status: http.StatusBadRequest, Kind: "bad_request", Message: message, Hint: hint}
}

// explain maps what went wrong to what the client is told. Of internal errors it
// is told nothing: they may name files.
func explain(err error) *Error {
	var known *Error
	var parse *lang.Error
	var budget *scan.BudgetError
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &parse):
		return &Error{Status: http.StatusBadRequest, Kind: "query", Message: parse.Message, Hint: parse.Hint, Position: parse.Offset, HasPlace: true}
	case errors.As(err, &budget):
		return &Error{Status: http.StatusUnprocessableEntity, Kind: "limit", Message: budget.Message(), Hint: budget.Remedy()}
	case errors.As(err, &tooLong):
		return &Error{Status: http.StatusRequestEntityTooLarge, Kind: "limit", Message: "the request is longer than " + strconv.FormatInt(tooLong.Limit, 10) + " bytes"}
	case errors.Is(err, record.ErrFull):
		return &Error{Status: http.StatusTooManyRequests, Kind: "full", Message: "the store is full", Hint: "free room on the server's disk or set a retention limit", retryAfter: 5}
	case errors.Is(err, record.ErrTooLarge):
		return &Error{Status: http.StatusRequestEntityTooLarge, Kind: "limit", Message: "a batch is too large for the store", Hint: "send smaller records"}
	case errors.Is(err, record.ErrClosed):
		return &Error{Status: http.StatusServiceUnavailable, Kind: "full", Message: "the server is shutting down", Hint: "try again when it is back", retryAfter: 5}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusUnprocessableEntity, Kind: "limit", Message: "the query took too long", Hint: "ask for a shorter time"}
	case errors.Is(err, context.Canceled):
		// The client has left, or the server is stopping.
		return &Error{Status: http.StatusServiceUnavailable, Kind: "internal", Message: "the request was cancelled", retryAfter: 5}
	}
	return &Error{Status: http.StatusInternalServerError, Kind: "internal", Message: "the request failed inside", Hint: "the server's log says more"}
}

// answering makes a handler of one that returns why it answered nothing.
func (s *Server) answering(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			s.writeError(w, r, err)
		}
	}
}

// writeError answers with an error.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := explain(err)
	s.logInternal(r, e, err)
	h := w.Header()
	if e.challenge != "" {
		h.Set("WWW-Authenticate", e.challenge)
	}
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	h.Set("Content-Type", problem.ContentType)
	doc := e.document()
	writeJSON(w, e.Status, append(doc.Append(nil), '\n'))
}

// logInternal tells the log what the client is not told.
func (s *Server) logInternal(r *http.Request, e *Error, err error) {
	if e.Status == http.StatusInternalServerError {
		s.log.Error("http: a request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
}

func (e *Error) document() problem.Document {
	return problem.Document{Status: e.Status, Kind: e.Kind, Detail: e.Message, Hint: e.Hint, Position: e.Position, HasPlace: e.HasPlace}
}

// append appends the error as the last line of a stream, without its end.
func (e *Error) append(dst []byte) []byte {
	doc := e.document()
	return append(doc.Append(append(dst, `{"error":`...)), '}')
}
