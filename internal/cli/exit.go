package cli

import (
	"context"
	"errors"
	"net/http"
)

// The exit codes that all commands share. Scripts depend on them: append only.
const (
	ExitOK          = 0
	ExitFailure     = 1   // anything that has no code of its own
	ExitUsage       = 2   // wrong flags, wrong arguments, a query that does not parse
	ExitPartial     = 3   // the answer is there, but not complete
	ExitAuth        = 4   // no token, a wrong one, or one that may not do this
	ExitEmpty       = 5   // no row, with --fail-empty
	ExitCheck       = 6   // a check found something
	ExitInterrupted = 130 // Ctrl-C
)

// ExitError is an error with an exit code. A nil Err means that everything there
// is to say has been said already.
type ExitError struct {
	Code int
	Err  error
}

// Error returns the wrapped error's text.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns the wrapped error.
func (e *ExitError) Unwrap() error { return e.Err }

// Exit wraps err with an exit code.
func Exit(code int, err error) error { return &ExitError{Code: code, Err: err} }

// ExitCode returns the code with which a command ends that failed with err.
func ExitCode(err error) int {
	var exit *ExitError
	var api *APIError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &api):
		switch {
		case api.Kind == "auth":
			return ExitAuth
		case api.Kind == "query", api.Status == http.StatusBadRequest:
			return ExitUsage
		}
	}
	return ExitFailure
}
