package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testToken = "jt_secret-token-of-the-test"

// fakeServer answers with handler and checks the token of each request.
func fakeServer(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind":"auth","detail":"no such token","hint":"journalist login"}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	c, err := NewClient(ClientOptions{Server: s.URL, Token: testToken, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask(t *testing.T, c *Client) (rows []string, st Stats, err error) {
	t.Helper()
	st, err = c.Query(t.Context(), Question{Query: "*"}, func(r *Row) error {
		rows = append(rows, string(r.Raw))
		return nil
	})
	return rows, st, err
}

func TestQuery(t *testing.T) {
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		var q Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Query != "*" || r.URL.Path != "/api/v1/query" || r.Method != http.MethodPost {
			t.Errorf("request %s %s %+v (%v)", r.Method, r.URL, q, err)
		}
		// A row may look like a trailer: only the last line is one.
		fmt.Fprint(w, "{\"a\":1}\n{\"stats\":{\"rows_matched\":99}}\n\n{\"error\":{\"kind\":\"x\"}}\n")
		fmt.Fprintf(w, "{\"long\":%q}\n", strings.Repeat("x", 300_000))
		fmt.Fprint(w, `{"stats":{"rows_matched":4,"rows_scanned":10,"bytes_read":5,"elapsed_ms":1.5,"partial":["a part is corrupt"]}}`)
	})
	rows, st, err := ask(t, c)
	if err != nil || len(rows) != 4 || rows[1] != `{"stats":{"rows_matched":99}}` {
		t.Errorf("%d rows %.200q, error %v", len(rows), rows, err)
	}
	if st.RowsMatched != 4 || st.ElapsedMS != 1.5 || len(st.Partial) != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestQueryFailures(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		code   int
		text   string
	}{
		"trailing error":    {200, "{\"a\":1}\n" + `{"error":{"kind":"limit","detail":"over its budget","hint":"ask for less"}}`, ExitFailure, "over its budget (ask for less)"},
		"broken off":        {200, "{\"a\":1}\n", ExitFailure, "its last line is missing"},
		"empty":             {200, "", ExitFailure, "its last line is missing"},
		"no rows but words": {200, "hello\n{\"stats\":{}}", ExitFailure, "bad row"},
		"query":             {400, `{"kind":"query","detail":"unexpected )","position":3}`, ExitUsage, "unexpected )"},
		"forbidden":         {403, `{"kind":"auth","detail":"this token may not read"}`, ExitAuth, "may not read"},
		"proxy":             {502, "<html>bad gateway</html>", ExitFailure, "502"},
		"not a journalist":  {404, "nope", ExitFailure, "is this a journalist?"},
	} {
		t.Run(name, func(t *testing.T) {
			client := fakeServer(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, _, err := ask(t, client)
			if err == nil || ExitCode(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("code %d, error %v; want %d, %q", ExitCode(err), err, c.code, c.text)
			}
		})
	}
}

func TestWrongToken(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer s.Close()
	c, err := NewClient(ClientOptions{Server: s.URL, Token: "jt_wrong"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := ask(t, c); ExitCode(err) != ExitAuth || strings.Contains(err.Error(), "jt_wrong") {
		t.Errorf("code %d, error %v", ExitCode(err), err)
	}
}

// The end of a query at the client ends it at the server.
func TestQueryIsCancelled(t *testing.T) {
	gone := make(chan struct{})
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "{\"a\":1}\n{\"a\":2}\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	stop := errors.New("enough")
	_, err := c.Query(t.Context(), Question{Query: "*"}, func(*Row) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the server still works on the query")
	}

	ctx, cancel := context.WithCancel(t.Context())
	gone = make(chan struct{})
	_, err = c.Query(ctx, Question{Query: "*"}, func(*Row) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || ExitCode(err) != ExitInterrupted {
		t.Errorf("error %v", err)
	}
	<-gone
}

func TestFollow(t *testing.T) {
	connections := 0
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		connections++
		if r.URL.Query().Get("query") != "a b" {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		fmt.Fprint(w, "event: ready\ndata: {}\n\n: keep-alive\n\n")
		fmt.Fprintf(w, "event: row\ndata: {\"n\":%d}\n\nevent: missed\ndata: {\"missed\":7}\n\n", connections)
	})
	var rows []string
	var missed int64
	lost := 0
	stop := errors.New("enough")
	err := c.Follow(t.Context(), "a b", FollowHandler{
		Row: func(r *Row) error {
			rows = append(rows, r.Text("n"))
			if len(rows) == 2 {
				return stop
			}
			return nil
		},
		Missed: func(n int64) { missed += n },
		Lost:   func(error, time.Duration) { lost++ },
	})
	if !errors.Is(err, stop) || strings.Join(rows, ",") != "1,2" || missed != 7 || lost != 1 {
		t.Errorf("rows %v, missed %d, lost %d, error %v", rows, missed, lost, err)
	}
}

func TestFollowRefused(t *testing.T) {
	c := fakeServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"kind":"query","detail":"tail cannot count","position":2}`)
	})
	err := c.Follow(t.Context(), "| stats count()", FollowHandler{Row: func(*Row) error { return nil }})
	var api *APIError
	if !errors.As(err, &api) || api.Position != 2 {
		t.Errorf("error %v", err)
	}
}

func TestFieldsAndMe(t *testing.T) {
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/fields":
			q := r.URL.Query()
			if q.Get("query") != "x" || q.Get("from") != "now-1h" || q.Has("to") || q.Get("top") != "3" {
				t.Errorf("query %q", r.URL.RawQuery)
			}
			fmt.Fprint(w, `{"sampled":2,"fields":[{"name":"a","kind":"int","count":2,"distinct":1,"top":[{"value":"1","count":2}]}],"stats":{}}`)
		case "/api/v1/me":
			fmt.Fprint(w, `{"name":"ann","scopes":["read"],"version":"1.2"}`)
		}
	})
	a, err := c.Fields(t.Context(), Question{Query: "x", From: "now-1h"}, 3)
	if err != nil || a.Sampled != 2 || a.Fields[0].Top[0].Value != "1" {
		t.Errorf("%+v, error %v", a, err)
	}
	me, err := c.Me(t.Context())
	if err != nil || me.Name != "ann" || me.Version != "1.2" {
		t.Errorf("%+v, error %v", me, err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"name":"sock"}`) })}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close() // Serve's error says more
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	c, err := NewClient(ClientOptions{Server: "unix:" + path, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if me, err := c.Me(t.Context()); err != nil || me.Name != "sock" {
		t.Errorf("%+v, error %v", me, err)
	}
}

func TestServerURL(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:9292":            "http://127.0.0.1:9292",
		"localhost":                 "http://localhost:9292",
		"logs.example.com":          "https://logs.example.com:9292",
		"logs.example.com:443":      "https://logs.example.com:443",
		"https://logs.example.com":  "https://logs.example.com:9292",
		"http://[::1]:9292":         "http://[::1]:9292",
		"http://logs.example.com":   "",
		"ftp://logs.example.com":    "",
		"https://u:p@example.com":   "",
		"https://example.com/?t=jt": "",
		"":                          "",
	} {
		u, err := ServerURL(in)
		switch {
		case want == "" && ExitCode(err) != ExitUsage:
			t.Errorf("%q: %v, error %v", in, u, err)
		case want != "" && (err != nil || u.String() != want):
			t.Errorf("%q: %v, error %v, want %s", in, u, err, want)
		}
	}
}

// A redirect must not carry the token elsewhere.
func TestRedirectIsRefused(t *testing.T) {
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
	})
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("error %v", err)
	}
}

func TestConnectErrorsSayWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	c, err := NewClient(ClientOptions{Server: "http://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody listens there") {
		t.Errorf("refused: %v", err)
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	c, err = NewClient(ClientOptions{Server: strings.Replace(plain.URL, "http:", "https:", 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("plain: %v", err)
	}

	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog
	secure.StartTLS()
	defer secure.Close()
	c, err = NewClient(ClientOptions{Server: secure.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "--ca") {
		t.Errorf("unknown CA: %v", err)
	}

	// httptest's certificate is an authority itself and names example.com.
	c, err = NewClient(ClientOptions{Server: strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), CA: CertificatePEM(secure.Certificate())})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "example.com") {
		t.Errorf("name mismatch: %v", err)
	}
	ca, known, err := ServerCA(t.Context(), secure.URL)
	if err != nil || known || Fingerprint(ca) != Fingerprint(secure.Certificate()) {
		t.Errorf("ServerCA: %v, known %v, error %v", ca, known, err)
	}
	if _, err := NewClient(ClientOptions{Server: secure.URL, CA: []byte("nonsense")}); err == nil {
		t.Error("a CA file without a certificate is taken")
	}
}

func TestConnectionPrecedence(t *testing.T) {
	for _, name := range []string{"JOURNALIST_URL", "JOURNALIST_TOKEN", "JOURNALIST_TOKEN_FILE", "JOURNALIST_CA"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	profile := filepath.Join(dir, "sub", "login.json")
	if _, err := (Connection{}).Options(profile); ExitCode(err) != ExitUsage || !errors.Is(err, ErrNoServer) {
		t.Errorf("nothing known: %v", err)
	}
	if err := SaveProfile(profile, Profile{Server: "https://kept:9292", Token: "kept", CA: "pem"}); err != nil {
		t.Fatal(err)
	}
	o, err := Connection{}.Options(profile)
	if err != nil || o.Server != "https://kept:9292" || o.Token != "kept" || string(o.CA) != "pem" {
		t.Errorf("kept: %+v, error %v", o, err)
	}
	if o, err = (Connection{Server: "kept"}).Options(profile); err != nil || o.Token != "kept" {
		t.Errorf("the kept server in other words: %+v, error %v", o, err)
	}
	if o, err := (Connection{Server: "https://other"}).Options(profile); ExitCode(err) != ExitAuth || o.Token != "" {
		t.Errorf("the kept token goes to another server: %+v, error %v", o, err)
	}
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(" from-file \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err = (Connection{Server: "https://other", TokenFile: tokenFile}).Options(profile); err != nil || o.Token != "from-file" || o.CA != nil {
		t.Errorf("flags: %+v, error %v", o, err)
	}
	t.Setenv("JOURNALIST_URL", "https://env")
	t.Setenv("JOURNALIST_TOKEN", "from-env")
	if o, err = (Connection{}).Options(profile); err != nil || o.Server != "https://env" || o.Token != "from-env" {
		t.Errorf("environment: %+v, error %v", o, err)
	}
	if err := os.Chmod(profile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadProfile(profile); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Errorf("a profile that others can read: %v", err)
	}
	if ok, err := RemoveProfile(profile); !ok || err != nil {
		t.Errorf("remove: %v %v", ok, err)
	}
	if ok, err := RemoveProfile(profile); ok || err != nil {
		t.Errorf("remove again: %v %v", ok, err)
	}
	if err := os.WriteFile(tokenFile, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSecret(tokenFile); err == nil {
		t.Error("an empty token file is taken")
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{io.EOF, ExitFailure},
		{fmt.Errorf("x: %w", context.Canceled), ExitInterrupted},
		{fmt.Errorf("x: %w", Exit(ExitCheck, nil)), ExitCheck},
		{fmt.Errorf("x: %w", &APIError{Kind: "auth"}), ExitAuth},
		{&APIError{Kind: "query"}, ExitUsage},
		{&APIError{Kind: "limit", Status: http.StatusBadRequest}, ExitUsage},
		{&APIError{Kind: "limit", Status: http.StatusUnprocessableEntity}, ExitFailure},
		{&APIError{Kind: "full"}, ExitFailure},
	} {
		if got := ExitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
