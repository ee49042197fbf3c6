package cli

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// APIError is what the server answered instead of a result.
type APIError struct {
	Status  int    // HTTP status; 0 when it came in the trailer
	Kind    string // auth, query, limit, full, bad_request, internal, not_found, unsupported
	Message string
	Hint    string
	// Position is where in the query the error is, in bytes from 0; -1 for nowhere.
	Position int
	// RetryAfter is how long the server asks to wait; 0 when it does not say.
	RetryAfter time.Duration

	body []byte // of the answer
}

// Error returns message and hint on one line.
func (e *APIError) Error() string {
	msg := e.Message
	if msg == "" {
		msg = fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}

// Temporary tells that the same request may succeed later.
func (e *APIError) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// errorBody is the server's problem document (RFC 9457), which in the last line of a
// stream stands as {"error":DOCUMENT}.
type errorBody struct {
	Kind     string `json:"kind"`
	Message  string `json:"detail"`
	Hint     string `json:"hint"`
	Position *int   `json:"position"`
}

func (b *errorBody) apiError(status int) *APIError {
	e := &APIError{Status: status, Kind: b.Kind, Message: b.Message, Hint: b.Hint, Position: -1}
	if b.Position != nil {
		e.Position = *b.Position
	}
	return e
}

// maxErrorBody is how much of an error answer is read: messages are short, and a
// proxy's page is of no use.
const maxErrorBody = 64 << 10

// answerError makes an APIError from an answer that is not 200.
func answerError(resp *http.Response) *APIError {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var parsed errorBody
	if err == nil && json.Unmarshal(body, &parsed) == nil && parsed.Kind != "" {
		e := parsed.apiError(resp.StatusCode)
		e.RetryAfter, e.body = retryAfter(resp.Header), body
		return e
	}
	e := &APIError{Status: resp.StatusCode, Position: -1, RetryAfter: retryAfter(resp.Header)}
	e.Message = fmt.Sprintf("the server answered %s", resp.Status)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Kind = "auth"
	case http.StatusNotFound:
		e.Kind, e.Hint = "not_found", "is this a journalist?"
	default:
		e.Kind = "internal"
	}
	return e
}

func retryAfter(h http.Header) time.Duration {
	s, err := time.ParseDuration(h.Get("Retry-After") + "s")
	if err != nil || s < 0 {
		return 0
	}
	return min(s, 5*time.Minute)
}

// WriteQueryError explains a query that does not parse: the message, the query
// with a caret under the place, and the hint. A column without a known place gets
// no caret.
func WriteQueryError(w io.Writer, query string, position int, message, hint string) {
	fmt.Fprintf(w, "error: %s\n", Safe(message))
	if position >= 0 && position <= len(query) && query != "" {
		before, line, column := caretLine(query, position)
		fmt.Fprintf(w, "  %s%s\n", before, Safe(line))
		fmt.Fprintf(w, "  %s%s^\n", strings.Repeat(" ", len(before)), strings.Repeat(" ", column))
	}
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", Safe(hint))
	}
}

// caretLine returns the line of the query that holds the position, with a mark
// before it when the query has several, and the caret's column as shown.
func caretLine(query string, position int) (before, line string, column int) {
	start := strings.LastIndexByte(query[:position], '\n') + 1
	end := len(query)
	if i := strings.IndexByte(query[position:], '\n'); i >= 0 {
		end = position + i
	}
	if start > 0 {
		before = fmt.Sprintf("line %d: ", 1+strings.Count(query[:start], "\n"))
	}
	return before, query[start:end], utf8.RuneCountInString(Safe(query[start:position]))
}

// explainConnect says in words why a server cannot be reached and what to do.
func explainConnect(server string, err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		dns      *net.DNSError
		netError net.Error
	)
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: its certificate is signed by an authority that this machine does not know: "+
			"run journalist login %s once, or name the server's ca.crt with --ca: %w", server, server, err)
	case errors.As(err, &name):
		names := append([]string(nil), name.Certificate.DNSNames...)
		for _, ip := range name.Certificate.IPAddresses {
			names = append(names, ip.String())
		}
		return fmt.Errorf("%s: the certificate is for other names (%s): use one of them, or start the server with --tls-name %s",
			server, strings.Join(names, ", "), name.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%s: the server's certificate is not valid now (from %s until %s): check both clocks, or renew it",
			server, invalid.Cert.NotBefore.Format(time.RFC3339), invalid.Cert.NotAfter.Format(time.RFC3339))
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s: the server speaks plain HTTP there: use http:// instead of https://", server)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: nobody listens there: is the server running (journalist serve), and is this its address (--server)?", server)
	case errors.As(err, &dns):
		return fmt.Errorf("%s: the name %s is not known: %w", server, dns.Name, err)
	case errors.As(err, &netError) && netError.Timeout():
		return fmt.Errorf("%s: no answer in time: is a firewall in between? %w", server, err)
	}
	return fmt.Errorf("%s: %w", server, err)
}
