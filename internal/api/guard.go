package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"journalist/internal/auth"
	"journalist/internal/ingest"
	"journalist/internal/ingest/elastic"
)

const sessionCookie = "journalist_session"

type principalKey struct{}

// principalOf returns who asks; nil on public routes.
func principalOf(r *http.Request) *auth.Principal {
	p, _ := r.Context().Value(principalKey{}).(*auth.Principal)
	return p
}

// guard puts the route's rule before its handler.
func (s *Server) guard(rt route) http.Handler {
	if rt.rule < public || rt.rule > mayOwn {
		panic("api: route " + rt.pattern() + " has no rule")
	}
	fail := s.writeError
	if rt.dialect == elasticsearch {
		fail = writeElasticError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &response{ResponseWriter: w}
		start := time.Now()
		defer s.finish(rt, out, r, start)
		if rt.rule == public {
			rt.serve(out, r, fail)
			return
		}
		p, err := s.authenticate(r, rt.dialect)
		if err != nil {
			fail(out, r, err)
			return
		}
		if scope := rt.rule.scope(); scope != "" && !p.May(scope) {
			fail(out, r, &Error{
				Status: http.StatusForbidden, Kind: "auth",
				Message: "these credentials do not have the scope " + string(scope),
				Hint:    "make a token that has it: journalist token create NAME --scope " + string(scope),
			})
			return
		}
		if (rt.rule == mayMeasure || rt.rule == mayOwn) && p.Datasets != nil {
			fail(out, r, &Error{Status: http.StatusForbidden, Kind: "auth", Message: "these credentials are bound to datasets, and this is about the whole server"})
			return
		}
		ctx := context.WithValue(r.Context(), principalKey{}, p)
		ctx = ingest.WithSender(ctx, ingest.Sender{Name: p.Name, Datasets: p.Datasets})
		rt.serve(out, r.WithContext(ctx), fail)
	})
}

// serve lets the handler answer, if it knows all parameters.
func (rt route) serve(w http.ResponseWriter, r *http.Request, fail func(http.ResponseWriter, *http.Request, error)) {
	if rt.dialect == ours && strings.HasPrefix(rt.path, apiPrefix) {
		if err := rt.knownParams(r.URL.Query()); err != nil {
			fail(w, r, err)
			return
		}
	}
	rt.handler(w, r)
}

// finish counts the request and turns a panic into an answer.
func (s *Server) finish(rt route, out *response, r *http.Request, start time.Time) {
	// A handler may have set a deadline; the connection's next request must not
	// inherit it. Not every connection has deadlines.
	_ = http.NewResponseController(out.ResponseWriter).SetWriteDeadline(time.Time{})
	if v := recover(); v != nil {
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v) // means: cut the connection
		}
		s.panics.Inc()
		s.log.Error("http: a request failed inside", "route", rt.pattern(), "panic", v, "stack", string(debug.Stack()))
		if out.status != 0 {
			panic(http.ErrAbortHandler) // too late for a status: the client must not take this for the whole answer
		}
		s.writeError(out, r, &Error{Status: http.StatusInternalServerError, Kind: "internal", Message: "the request failed inside", Hint: "the server's log says more"})
	}
	route := rt.path
	s.o.Metrics.Counter("journalist_http_requests_total", "path", route, "code", strconv.Itoa(out.status)).Inc()
	s.log.Debug("http", "method", r.Method, "route", route, "status", out.status, "elapsed", time.Since(start), "from", r.RemoteAddr)
}

// response remembers the status.
type response struct {
	http.ResponseWriter
	status int
}

func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the connection can do.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// authenticate finds out who asks. Credentials in the Authorization header win
// over the session cookie, and a request that is only backed by the cookie must
// come from our own page.
func (s *Server) authenticate(r *http.Request, d dialect) (*auth.Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := tokenOf(header, d)
		if !ok {
			return nil, s.refuse(r, d, "the Authorization header cannot be read", nil)
		}
		p, err := s.o.Auth.Authenticate(token)
		if err != nil {
			return nil, s.refuse(r, d, "the token is "+reason(err), err)
		}
		return p, nil
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, &Error{
			Status: http.StatusUnauthorized, Kind: "auth", Message: "credentials are needed", challenge: challenge(d),
			Hint: "send a token in the header Authorization: Bearer TOKEN; journalist token create makes one",
		}
	}
	if err := s.origin.Check(r); err != nil {
		return nil, &Error{Status: http.StatusForbidden, Kind: "auth", Message: "the request comes from another site's page"}
	}
	p, err := s.o.Auth.Session(cookie.Value)
	if err != nil {
		return nil, s.refuse(r, d, "the session is "+reason(err), err)
	}
	return p, nil
}

func reason(err error) string {
	if errors.Is(err, auth.ErrExpired) {
		return "expired"
	}
	return "unknown or revoked"
}

// refuse makes the answer to wrong credentials and tells the log, for each
// address only as often as log-ins may fail.
func (s *Server) refuse(r *http.Request, d dialect, message string, err error) error {
	s.refused.Inc()
	key := "refused " + auth.AddressKey(r.RemoteAddr)
	if s.limiter.Wait(key) == 0 {
		s.log.Warn("http: credentials refused", "from", r.RemoteAddr, "path", r.URL.Path, "reason", message, "err", err)
	}
	s.limiter.Failed(key)
	return &Error{Status: http.StatusUnauthorized, Kind: "auth", Message: message, Hint: "log in again, or make a new token with journalist token create", challenge: challenge(d)}
}

func challenge(d dialect) string {
	if d == elasticsearch {
		return `Basic realm="journalist", charset="UTF-8"`
	}
	return `Bearer realm="journalist"`
}

// tokenOf takes the token out of an Authorization header. Elasticsearch's clients
// may also send it as a password, or as an API key: base64 of "id:token" or the
// token as it is.
func tokenOf(header string, d dialect) (string, bool) {
	scheme, value, _ := strings.Cut(header, " ")
	value = strings.TrimSpace(value)
	if value == "" {
		return "", false
	}
	switch strings.ToLower(scheme) {
	case "bearer":
		return value, true
	case "basic":
		if d != elasticsearch {
			return "", false
		}
		return afterColon(value)
	case "apikey":
		if d != elasticsearch {
			return "", false
		}
		if token, ok := afterColon(value); ok {
			return token, true
		}
		return value, true
	}
	return "", false
}

func afterColon(encoded string) (string, bool) {
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	_, token, ok := strings.Cut(string(plain), ":")
	return token, ok && token != ""
}

func writeElasticError(w http.ResponseWriter, r *http.Request, err error) {
	e := explain(err)
	if e.challenge != "" {
		w.Header().Set("WWW-Authenticate", e.challenge)
	}
	reason := e.Message
	if e.Hint != "" {
		reason += ": " + e.Hint
	}
	elastic.WriteError(w, r, e.Status, "security_exception", reason)
}
