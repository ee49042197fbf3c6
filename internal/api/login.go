package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"journalist/internal/auth"
	"journalist/internal/ingest/httpbody"
	"journalist/internal/record"
)

// maxSmallBody bounds the JSON bodies that are read whole.
const maxSmallBody = 128 << 10

// readJSON reads a small JSON body into v; unknown keys are errors, because a key
// with a typo would otherwise be ignored.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := readBody(w, r, maxSmallBody)
	if err != nil {
		return err
	}
	if err := strictJSON(data, v); err != nil {
		return badRequest("the body is not the JSON that is expected here: "+err.Error(), "")
	}
	return nil
}

// readBody reads a body that says to be JSON.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if t := httpbody.MediaType(r); t != "application/json" {
		return nil, &Error{
			Status: http.StatusUnsupportedMediaType, Kind: "unsupported",
			Message: fmt.Sprintf("content type %q is not taken here", r.Header.Get("Content-Type")),
			Hint:    "send JSON with the header Content-Type: application/json",
		}
	}
	body, err := httpbody.Open(w, r, limit, "")
	if err != nil {
		return nil, bodyError(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, bodyError(err)
	}
	return data, nil
}

func bodyError(err error) error {
	var e *httpbody.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := "bad_request"
	switch e.Status {
	case http.StatusRequestEntityTooLarge:
		kind = "limit"
	case http.StatusUnsupportedMediaType:
		kind = "unsupported"
	}
	return &Error{Status: e.Status, Kind: kind, Message: e.Msg, Hint: e.Hint}
}

// login opens a session with a token or a one-time code and sets its cookie.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	key := auth.AddressKey(r.RemoteAddr)
	if err := s.mayTry(key); err != nil {
		s.writeError(w, r, err)
		return
	}
	if err := s.origin.Check(r); err != nil {
		s.writeError(w, r, &Error{Status: http.StatusForbidden, Kind: "auth", Message: "the request comes from another site's page"})
		return
	}
	var in struct {
		Token string `json:"token"`
		Code  string `json:"code"`
	}
	if err := readJSON(w, r, &in); err != nil {
		s.writeError(w, r, err)
		return
	}
	if (in.Token == "") == (in.Code == "") {
		s.writeError(w, r, badRequest(`either "token" or "code" is needed`, ""))
		return
	}
	// Again: many may have passed the first time before any of them had a body.
	if err := s.mayTry(key); err != nil {
		s.writeError(w, r, err)
		return
	}
	var session string
	var p *auth.Principal
	var err error
	if in.Code != "" {
		session, p, err = s.o.Auth.Redeem(in.Code)
	} else {
		session, p, err = s.o.Auth.Login(in.Token)
	}
	if err != nil {
		s.writeError(w, r, s.loginError(r, key, in.Code != "", err))
		return
	}
	s.log.Info("logged in", "name", p.Name, "from", r.RemoteAddr, "by", map[bool]string{true: "link", false: "token"}[in.Code != ""])
	http.SetCookie(w, s.cookie(r, session, 30*24*60*60))
	writeJSON(w, http.StatusOK, s.whoami(p))
}

// mayTry refuses an address from which too many log-ins failed.
func (s *Server) mayTry(key string) error {
	wait := s.limiter.Wait(key)
	if wait <= 0 {
		return nil
	}
	s.throttled.Inc()
	return &Error{
		Status: http.StatusTooManyRequests, Kind: "auth", Message: "too many log-ins failed from this address",
		Hint: "try again in some seconds", retryAfter: int(math.Ceil(wait.Seconds())),
	}
}

func (s *Server) loginError(r *http.Request, key string, link bool, err error) error {
	e := &Error{Status: http.StatusUnauthorized, Kind: "auth"}
	switch {
	case errors.Is(err, auth.ErrUsed):
		e.Message, e.Hint = "the login link was used already or is too old", "journalist token link makes a new one"
	case errors.Is(err, auth.ErrExpired):
		e.Message, e.Hint = "the token has expired", "journalist token create makes a new one"
	case errors.Is(err, auth.ErrUnknown):
		e.Message, e.Hint = "the token is unknown or revoked", "journalist token list shows those there are"
	default:
		return err
	}
	s.refused.Inc()
	s.limiter.Failed(key)
	s.log.Warn("log-in refused", "from", r.RemoteAddr, "by_link", link, "reason", e.Message)
	return e
}

func (s *Server) cookie(r *http.Request, value string, age int) *http.Cookie {
	// What a proxy says is only believed to make the cookie safer.
	secure := r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	}
}

// logout ends the session of the cookie, or with {"all":true} and scope admin
// everybody's.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	var in struct {
		All bool `json:"all"`
	}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &in); err != nil {
			s.writeError(w, r, err)
			return
		}
	}
	var err error
	if in.All {
		if !principalOf(r).May(auth.Admin) {
			s.writeError(w, r, &Error{Status: http.StatusForbidden, Kind: "auth", Message: "only scope admin may log everybody out"})
			return
		}
		err = s.o.Auth.LogoutAll()
	} else if c, cookieErr := r.Cookie(sessionCookie); cookieErr == nil {
		err = s.o.Auth.Logout(c.Value)
	}
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	writeJSON(w, http.StatusOK, []byte("{}\n"))
}

// me says who asks.
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.whoami(principalOf(r)))
}

func (s *Server) whoami(p *auth.Principal) []byte {
	out := append([]byte(`{"name":`), record.AppendJSONString(nil, p.Name)...)
	out = append(out, `,"scopes":[`...)
	for i, sc := range p.Scopes {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, string(sc))
	}
	out = append(out, `],"version":`...)
	out = record.AppendJSONString(out, s.o.Version)
	return append(out, "}\n"...)
}

// strictJSON is json.Unmarshal that does not take keys it does not know.
func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("something follows the object")
	}
	return nil
}
