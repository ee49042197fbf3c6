package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// publicRoutes is the whole list of what answers without credentials. A new entry
// is a decision, not a formality.
var publicRoutes = map[string]bool{
	"GET /healthz":       true,
	"GET /readyz":        true,
	"POST /api/v1/login": true,
	"/{path...}":         true, // the page's files, and 404
}

// allowed says which tokens a rule lets in.
var allowed = map[rule]map[string]bool{
	public:     {"none": true, "wrong": true, "expired": true, "ingest": true, "read": true, "admin": true, "shop": true, "enroll": true},
	signedIn:   {"enroll": true, "ingest": true, "read": true, "admin": true, "shop": true},
	mayEnroll:  {"enroll": true, "admin": true},
	mayIngest:  {"ingest": true, "admin": true, "shop": true},
	mayRead:    {"read": true, "admin": true, "shop": true},
	mayMeasure: {"read": true, "admin": true},
	mayAdmin:   {"admin": true},
	mayOwn:     {"admin": true},
}

// Every route is asked with every kind of credentials. The bodies are empty, so
// that what is let in fails in some other way than by its credentials.
func TestEveryRouteIsGuarded(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxTails = 1 })
	srv := w.handler.(*Server)
	srv.tails <- struct{}{} // a tail would not end: it is told that there are too many
	for _, rt := range srv.table {
		if (rt.rule == public) != publicRoutes[rt.pattern()] {
			t.Errorf("%s: public is %v, the list of public routes says %v", rt.pattern(), rt.rule == public, !(rt.rule == public))
		}
		method := rt.method
		if method == "" {
			method = "DELETE"
		}
		target := strings.NewReplacer("{$}", "", "{index}", "logs", "{path...}", "some/path").Replace(rt.path)
		for token := range w.tokens {
			got := w.do(token, method, target, "")
			refused := got.Code == http.StatusUnauthorized || got.Code == http.StatusForbidden
			if refused == allowed[rt.rule][token] {
				t.Errorf("%s %s with token %q: %d %s", method, target, token, got.Code, got.Body)
			}
			if !refused {
				continue
			}
			var e struct {
				Kind  string
				Error json.RawMessage // of Elasticsearch
			}
			if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil || e.Kind != "auth" && (rt.dialect == ours || len(e.Error) == 0) {
				t.Errorf("%s: answer %q: %v", rt.pattern(), got.Body, err)
			}
			if (got.Code == http.StatusUnauthorized) != (got.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("%s: %d with challenge %q", rt.pattern(), got.Code, got.Header().Get("WWW-Authenticate"))
			}
		}
	}
	for want := range publicRoutes {
		found := false
		for _, rt := range srv.table {
			found = found || rt.pattern() == want
		}
		if !found {
			t.Errorf("%s is in the list of public routes and not in the table", want)
		}
	}
}

func TestRouteWithoutRuleDoesNotComeUp(t *testing.T) {
	w := newWorld(t)
	defer func() {
		if recover() == nil {
			t.Error("a route without a rule came up")
		}
	}()
	w.handler.(*Server).guard(route{method: "GET", path: "/x"})
}

func TestWaysToSendATokenToElastic(t *testing.T) {
	w := newWorld(t)
	token := w.tokens["ingest"]
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		header string
		status int
	}{
		{"Bearer " + token, 200},
		{"bearer " + token, 200},
		{"Basic " + b64("anyone:"+token), 200},
		{"ApiKey " + b64("id:"+token), 200},
		{"ApiKey " + token, 200},
		{"Basic " + b64("anyone:wrong"), 401},
		{"Basic " + b64(token), 401},
		{"Basic %%%", 401},
		{"ApiKey " + b64("id:"), 401},
		{"Digest " + token, 401},
		{"Bearer", 401},
		{"Bearer " + token + " x", 401},
	} {
		got := w.do("none", "GET", "/elastic/", "", "Authorization", c.header)
		if got.Code != c.status {
			t.Errorf("%.12s…: %d", c.header, got.Code)
		}
		if got.Header().Get("X-Elastic-Product") != "Elasticsearch" {
			t.Errorf("%.12s…: no product header", c.header)
		}
	}
	if got := w.do("none", "GET", "/api/v1/me", "", "Authorization", "Basic "+b64("x:"+token)); got.Code != 401 {
		t.Errorf("Basic outside /elastic: %d", got.Code)
	}
	if got := w.do("none", "GET", "/api/v1/me?token="+token, ""); got.Code != 401 {
		t.Errorf("token in the URL: %d", got.Code)
	}
}

func TestSessionCookie(t *testing.T) {
	w := newWorld(t)
	cookie := "journalist_session=" + w.admin
	if got := w.do("none", "GET", "/api/v1/me", "", "Cookie", cookie); got.Code != 200 || !strings.Contains(got.Body.String(), `"scopes":["admin"]`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for name, header := range map[string][]string{
		"fetch metadata": {"Sec-Fetch-Site", "cross-site"},
		"same site":      {"Sec-Fetch-Site", "same-site"},
		"origin":         {"Origin", "https://evil.example"},
	} {
		got := w.do("none", "POST", "/api/v1/query", `{"query":"x"}`, append(header, "Cookie", cookie)...)
		if got.Code != http.StatusForbidden {
			t.Errorf("another site's page, %s: %d", name, got.Code)
		}
	}
	if got := w.do("none", "POST", "/api/v1/query", `{"query":"x"}`, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); got.Code != 200 {
		t.Errorf("our own page: %d %s", got.Code, got.Body)
	}
	// A wrong token is not made good by a cookie.
	if got := w.do("wrong", "GET", "/api/v1/me", "", "Cookie", cookie); got.Code != 401 {
		t.Errorf("wrong token with a good cookie: %d", got.Code)
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	login := func(body string, header ...string) *httptest.ResponseRecorder {
		return w.do("none", "POST", "/api/v1/login", body, header...)
	}
	code, err := w.auth.CreateLink(60e9)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"token":"` + w.tokens["read"] + `"}`, `{"code":"` + code + `"}`} {
		got := login(body)
		cookies := got.Result().Cookies()
		if got.Code != 200 || len(cookies) != 1 {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		c := cookies[0]
		if c.Name != "journalist_session" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Secure || c.Value == "" {
			t.Errorf("%+v", c)
		}
		if me := w.do("none", "GET", "/api/v1/me", "", "Cookie", c.String()); me.Code != 200 || me.Body.String() != got.Body.String() {
			t.Errorf("%d %s", me.Code, me.Body)
		}
		if out := w.do("none", "POST", "/api/v1/logout", "{}", "Cookie", c.Name+"="+c.Value); out.Code != 200 || out.Result().Cookies()[0].MaxAge >= 0 {
			t.Errorf("log-out: %d %s", out.Code, out.Body)
		}
		if me := w.do("none", "GET", "/api/v1/me", "", "Cookie", c.Name+"="+c.Value); me.Code != 401 {
			t.Errorf("after log-out: %d", me.Code)
		}
	}
	for _, c := range []struct {
		name, body string
		header     []string
		status     int
	}{
		{"used code", `{"code":"` + code + `"}`, nil, 401},
		{"wrong token", `{"token":"x"}`, nil, 401},
		{"expired", `{"token":"` + w.tokens["expired"] + `"}`, nil, 401},
		{"both", `{"token":"a","code":"b"}`, nil, 400},
		{"neither", `{}`, nil, 400},
		{"typo", `{"tokn":"a"}`, nil, 400},
		{"not JSON", `hello`, nil, 400},
		{"form", `token=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"long", `{"token":"` + strings.Repeat("x", maxSmallBody) + `"}`, nil, 413},
		{"other site", `{"token":"` + w.tokens["read"] + `"}`, []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		if got := login(c.body, c.header...); got.Code != c.status || len(got.Result().Cookies()) != 0 {
			t.Errorf("%s: %d %s", c.name, got.Code, got.Body)
		}
	}
	r := httptest.NewRequest("POST", "https://logs.example/api/v1/login", strings.NewReader(`{"token":"`+w.tokens["read"]+`"}`))
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	if c := out.Result().Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("over TLS: %v", c)
	}
}

func TestFailingLoginsAreSlowedDown(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.do("none", "POST", "/api/v1/login", `{"token":"x"}`)
	}
	good := `{"token":"` + w.tokens["read"] + `"}`
	got := w.do("none", "POST", "/api/v1/login", good)
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	// Who has a token already is not touched.
	if got := w.do("read", "GET", "/api/v1/me", ""); got.Code != 200 {
		t.Errorf("%d", got.Code)
	}
	w.now = w.now.Add(60e9)
	if got := w.do("none", "POST", "/api/v1/login", good); got.Code != 200 {
		t.Errorf("after a minute: %d %s", got.Code, got.Body)
	}
}

// failing lets log-ins fail while a body is read.
type failing struct {
	w    *world
	body io.Reader
}

func (f *failing) Read(p []byte) (int, error) {
	for range 20 {
		f.w.do("none", "POST", "/api/v1/login", `{"token":"x"}`)
	}
	return f.body.Read(p)
}

// Many requests that wait with their bodies together get no more attempts than
// one after the other.
func TestLoginsThatWaitWithTheirBodies(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("POST", "/api/v1/login", &failing{w, strings.NewReader(`{"token":"` + w.tokens["read"] + `"}`)})
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	if out.Code != http.StatusTooManyRequests || out.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

// Behind a proxy with TLS the cookie must not go over plain HTTP either.
func TestCookieBehindProxy(t *testing.T) {
	w := newWorld(t)
	login := `{"token":"` + w.tokens["read"] + `"}`
	for proto, secure := range map[string]bool{"https": true, "HTTPS": true, "http": false, "": false} {
		got := w.do("none", "POST", "/api/v1/login", login, "X-Forwarded-Proto", proto)
		if cookie := got.Header().Get("Set-Cookie"); got.Code != 200 || strings.Contains(cookie, "; Secure") != secure {
			t.Errorf("%q: %d %s", proto, got.Code, cookie)
		}
	}
}

func TestLogoutAll(t *testing.T) {
	w := newWorld(t)
	if got := w.do("read", "POST", "/api/v1/logout", `{"all":true}`); got.Code != 403 {
		t.Errorf("by a reader: %d", got.Code)
	}
	if got := w.do("admin", "POST", "/api/v1/logout", `{"all":true}`); got.Code != 200 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := w.do("none", "GET", "/api/v1/me", "", "Cookie", "journalist_session="+w.admin); got.Code != 401 {
		t.Errorf("session lives: %d", got.Code)
	}
}

func TestIngestIsBoundToDatasets(t *testing.T) {
	w := newWorld(t)
	const line = `{"message":"a"}`
	for _, c := range []struct {
		target, body string
		status       int
	}{
		{"/api/v1/ingest/jsonl", line, 403},
		{"/api/v1/ingest/jsonl?dataset=shop", line, 200},
		{"/elastic/shop-2026.01.01/_bulk", "{\"create\":{}}\n{}\n", 200},
		{"/elastic/other/_bulk", "{\"create\":{}}\n{}\n", 200}, // the item is refused
	} {
		if got := w.do("shop", "POST", c.target, c.body); got.Code != c.status {
			t.Errorf("%s: %d %s", c.target, got.Code, got.Body)
		}
	}
	if len(w.sink.rows) != 1 || w.sink.rows["shop"] != 2 {
		t.Errorf("%v", w.sink.rows)
	}
}
