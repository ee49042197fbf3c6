package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"journalist/internal/auth"
	"journalist/internal/record"
)

// login opens a session with a token or a one-time code and sets its cookie.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	key := auth.AddressKey(r.RemoteAddr)
	if err := s.mayTry(key); err != nil {
		return err
	}
	if err := s.origin.Check(r); err != nil {
		return &Error{Status: http.StatusForbidden, Kind: "auth", Message: "the request comes from another site's page"}
	}
	var in struct {
		Token string `json:"token"`
		Code  string `json:"code"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if (in.Token == "") == (in.Code == "") {
		return badRequest(`either "token" or "code" is needed`, "")
	}
	// Again: many may have passed the first time before any of them had a body.
	if err := s.mayTry(key); err != nil {
		return err
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
		return s.loginError(r, key, in.Code != "", err)
	}
	s.log.Info("logged in", "name", p.Name, "from", r.RemoteAddr, "by", map[bool]string{true: "link", false: "token"}[in.Code != ""])
	http.SetCookie(w, s.cookie(r, session, 30*24*60*60))
	writeJSON(w, http.StatusOK, s.whoami(p))
	return nil
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
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		All bool `json:"all"`
	}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &in); err != nil {
			return err
		}
	}
	var err error
	if in.All {
		if !principalOf(r).May(auth.Admin) {
			return &Error{Status: http.StatusForbidden, Kind: "auth", Message: "only scope admin may log everybody out"}
		}
		err = s.o.Auth.LogoutAll()
	} else if c, cookieErr := r.Cookie(sessionCookie); cookieErr == nil {
		err = s.o.Auth.Logout(c.Value)
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	writeJSON(w, http.StatusOK, []byte("{}\n"))
	return nil
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
