package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type testClock struct{ ns atomic.Int64 }

func (c *testClock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *testClock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func newClock() *testClock {
	c := &testClock{}
	c.ns.Store(time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func open(t *testing.T, dir string, c *testClock) *Auth {
	t.Helper()
	a, err := Open(vfs.OS, dir, WithClock(c.now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func create(t *testing.T, a *Auth, spec TokenSpec) (string, TokenInfo) {
	t.Helper()
	secret, info, err := a.CreateToken(spec)
	if err != nil {
		t.Fatal(err)
	}
	return secret, info
}

func TestTokens(t *testing.T) {
	c := newClock()
	a := open(t, t.TempDir(), c)
	secret, info := create(t, a, TokenSpec{Name: "shop", Scopes: []Scope{Ingest}, Datasets: []string{"shop"}, Expires: c.now().Add(time.Hour)})
	if !strings.HasPrefix(secret, TokenPrefix) || len(secret) != len(TokenPrefix)+52 {
		t.Errorf("secret %q", secret)
	}
	p, err := a.Authenticate(secret)
	if err != nil || p.Name != "shop" || !p.May(Ingest) || p.May(Read) || p.May(Admin) || len(p.Datasets) != 1 {
		t.Errorf("%+v %v", p, err)
	}
	for _, wrong := range []string{"", "jt_", secret[:len(secret)-1], secret + "x", strings.ToUpper(secret)} {
		if p, err := a.Authenticate(wrong); !errors.Is(err, ErrUnknown) || p != nil {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	c.advance(2 * time.Hour)
	if _, err := a.Authenticate(secret); !errors.Is(err, ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	data, err := os.ReadFile(a.name)
	if err != nil || strings.Contains(string(data), secret) || strings.Contains(string(data), secret[3:]) {
		t.Errorf("the file has the secret (or %v)", err)
	}
	if fi, err := os.Stat(a.name); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if err := a.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked: %v", err)
	}
	if err := a.Revoke(info.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		has                 []Scope
		ingest, read, admin bool
	}{
		{nil, false, false, false},
		{[]Scope{Ingest}, true, false, false},
		{[]Scope{Read}, false, true, false},
		{[]Scope{Ingest, Read}, true, true, false},
		{[]Scope{Admin}, true, true, true},
	} {
		p := &Principal{Scopes: c.has}
		if p.May(Ingest) != c.ingest || p.May(Read) != c.read || p.May(Admin) != c.admin {
			t.Errorf("%v", c.has)
		}
	}
	if (*Principal)(nil).May(Read) {
		t.Error("nobody may read")
	}
	if _, err := ParseScope("root"); err == nil {
		t.Error("scope root")
	}
}

func TestBadSpecs(t *testing.T) {
	c := newClock()
	a := open(t, t.TempDir(), c)
	for _, s := range []TokenSpec{
		{},
		{Name: "x"},
		{Name: "", Scopes: []Scope{Read}},
		{Name: "a\nb", Scopes: []Scope{Read}},
		{Name: strings.Repeat("x", 101), Scopes: []Scope{Read}},
		{Name: "x", Scopes: []Scope{"root"}},
		{Name: "x", Scopes: []Scope{Admin}, Datasets: []string{"a"}},
		{Name: "x", Scopes: []Scope{Read}, Datasets: []string{}},
		{Name: "x", Scopes: []Scope{Read}, Datasets: []string{""}},
		{Name: "x", Scopes: []Scope{Read}, Expires: c.now()},
	} {
		if _, _, err := a.CreateToken(s); err == nil {
			t.Errorf("%+v passes", s)
		}
	}
}

func TestRevokeByName(t *testing.T) {
	a := open(t, t.TempDir(), newClock())
	create(t, a, TokenSpec{Name: "one", Scopes: []Scope{Read}})
	create(t, a, TokenSpec{Name: "two", Scopes: []Scope{Read}})
	create(t, a, TokenSpec{Name: "two", Scopes: []Scope{Read}})
	if err := a.Revoke("one"); err != nil {
		t.Error(err)
	}
	if err := a.Revoke("two"); err == nil || !strings.Contains(err.Error(), "2 tokens") {
		t.Errorf("ambiguous name: %v", err)
	}
}

func TestEnsureAdminOnce(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	secret, created, err := a.EnsureAdmin()
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if p, err := a.Authenticate(secret); err != nil || !p.May(Admin) {
		t.Error(p, err)
	}
	tokens, err := a.List()
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	if err := a.Revoke(tokens[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Auth{a, open(t, dir, c)} {
		if s, created, err := again.EnsureAdmin(); s != "" || created || err != nil {
			t.Errorf("second time: %v %v", created, err)
		}
	}
}

func TestAdminTokenFromElsewhere(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	if a.SetAdminToken("short") == nil {
		t.Error("a short token passes")
	}
	const secret = "0123456789abcdef0123"
	if err := a.SetAdminToken(secret + "\n"); err != nil {
		t.Fatal(err)
	}
	if _, created, err := a.EnsureAdmin(); created || err != nil {
		t.Error(created, err)
	}
	session, p, err := a.Login(secret)
	if err != nil || !p.May(Admin) {
		t.Fatal(p, err)
	}
	if _, err := a.Session(session); err != nil {
		t.Error(err)
	}
	if _, err := a.Session(secret); err == nil {
		t.Error("a token is no session")
	}
	changed := open(t, dir, c) // a start with another secret, because this one was told
	if err := changed.SetAdminToken("another" + secret); err != nil {
		t.Fatal(err)
	}
	if _, _, err := changed.Login("another" + secret); err != nil {
		t.Error(err)
	}
	if _, err := changed.Session(session); !errors.Is(err, ErrUnknown) {
		t.Errorf("a session of the secret before: %v", err)
	}
	again := open(t, dir, c)
	if err := again.SetAdminToken(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Session(session); err != nil {
		t.Errorf("a start with the same secret ends its session: %v", err)
	}
	other := open(t, dir, c) // a start without the file: its token and sessions are over
	if _, err := other.Authenticate(secret); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := other.Session(session); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestLinks(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, command := open(t, dir, c), open(t, dir, c)
	code, err := command.CreateLink(LinkLife)
	if err != nil {
		t.Fatal(err)
	}
	session, p, err := server.Redeem(code)
	if err != nil || !p.May(Admin) {
		t.Fatal(p, err)
	}
	for _, a := range []*Auth{server, command} {
		if _, _, err := a.Redeem(code); !errors.Is(err, ErrUsed) {
			t.Errorf("second use: %v", err)
		}
		if _, err := a.Session(session); err != nil {
			t.Error(err)
		}
	}
	late, err := command.CreateLink(LinkLife)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(LinkLife)
	if _, _, err := server.Redeem(late); !errors.Is(err, ErrUsed) {
		t.Errorf("late: %v", err)
	}
	if _, _, err := server.Redeem(""); !errors.Is(err, ErrUsed) {
		t.Errorf("empty: %v", err)
	}
	if _, err := server.CreateLink(0); err == nil {
		t.Error("a link without life")
	}
}

// Of many who redeem one code at once exactly one succeeds.
func TestLinkIsRedeemedOnce(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	code, err := a.CreateLink(LinkLife)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error)
	for range 8 {
		b := open(t, dir, c)
		go func() {
			_, _, err := b.Redeem(code)
			results <- err
		}()
	}
	won := 0
	for range 8 {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, ErrUsed) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d redeemed one code", won)
	}
}

func TestSessions(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	token, info := create(t, a, TokenSpec{Name: "ann", Scopes: []Scope{Read}})
	login := func() string {
		t.Helper()
		s, p, err := a.Login(token)
		if err != nil || p.Name != "ann" {
			t.Fatal(p, err)
		}
		return s
	}
	check := func(s string, want error) {
		t.Helper()
		p, err := a.Session(s)
		if !errors.Is(err, want) {
			t.Errorf("session: %v, want %v", err, want)
		}
		if err == nil && (p.Name != "ann" || p.May(Ingest)) {
			t.Errorf("%+v", p)
		}
	}
	s := login()
	check(s, nil)
	check("js_x", ErrUnknown)
	if err := a.Logout(s); err != nil {
		t.Fatal(err)
	}
	check(s, ErrUnknown)
	if err := a.Logout(s); err != nil {
		t.Errorf("second log-out: %v", err)
	}

	idle := login()
	for range 8 { // use keeps it alive
		c.advance(3 * 24 * time.Hour)
		check(idle, nil)
	}
	// What expired may be cleaned away before it is asked for.
	over := func(s string) {
		t.Helper()
		if _, err := a.Session(s); !errors.Is(err, ErrExpired) && !errors.Is(err, ErrUnknown) {
			t.Errorf("session: %v, want one that is over", err)
		}
	}
	c.advance(7 * 24 * time.Hour)
	over(idle)

	old := login()
	for range 11 {
		c.advance(3*24*time.Hour - time.Second)
		if _, err := a.Session(old); err != nil {
			break
		}
	}
	over(old)

	s1, s2 := login(), login()
	if err := open(t, dir, c).LogoutAll(); err != nil {
		t.Fatal(err)
	}
	check(s1, ErrUnknown)
	check(s2, ErrUnknown)

	s = login()
	if err := a.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	check(s, ErrUnknown)
	if _, _, err := a.Login(token); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestSessionEndsWithItsToken(t *testing.T) {
	c := newClock()
	a := open(t, t.TempDir(), c)
	token, _ := create(t, a, TokenSpec{Name: "ann", Scopes: []Scope{Read}, Expires: c.now().Add(time.Hour)})
	s, _, err := a.Login(token)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	if _, err := a.Session(s); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
}

func TestLastUse(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	token, _ := create(t, a, TokenSpec{Name: "ann", Scopes: []Scope{Read}})
	lastUse := func(a *Auth) time.Time {
		t.Helper()
		tokens, err := a.List()
		if err != nil || len(tokens) != 1 {
			t.Fatal(tokens, err)
		}
		return tokens[0].LastUse
	}
	c.advance(time.Minute)
	if _, err := a.Authenticate(token); err != nil {
		t.Fatal(err)
	}
	if got := lastUse(a); !got.Equal(c.now()) {
		t.Errorf("last use %v", got)
	}
	if got := lastUse(open(t, dir, c)); !got.IsZero() {
		t.Errorf("written at once: %v", got)
	}
	c.advance(flushEvery)
	if _, err := a.Authenticate(token); err != nil {
		t.Fatal(err)
	}
	a.flushing.Wait()
	if got := lastUse(open(t, dir, c)); !got.Equal(c.now().Truncate(time.Second)) {
		t.Errorf("after %v: %v", flushEvery, got)
	}
}

func TestOtherProcess(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	server, command := open(t, dir, c), open(t, dir, c)
	secret, info := create(t, command, TokenSpec{Name: "x", Scopes: []Scope{Read}})
	if _, err := server.Authenticate(secret); err != nil {
		t.Errorf("made beside the server: %v", err)
	}
	if err := command.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Authenticate(secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked beside the server: %v", err)
	}
}

func TestConcurrentChanges(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	done := make(chan error)
	for i := range 4 {
		a := open(t, dir, c)
		go func() {
			var err error
			for j := range 5 {
				_, _, e := a.CreateToken(TokenSpec{Name: fmt.Sprint(i, j), Scopes: []Scope{Read}})
				err = errors.Join(err, e)
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	tokens, err := open(t, dir, c).List()
	if err != nil || len(tokens) != 20 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestDamagedFile(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	secret, _ := create(t, a, TokenSpec{Name: "x", Scopes: []Scope{Read}})
	for _, content := range []string{"", "{", `{"version":2}`, `{"version":1,"tokens":[{"hash":"zz"}]}`} {
		if err := os.WriteFile(a.name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(vfs.OS, dir); err == nil {
			t.Errorf("%q opens", content)
		}
		if _, err := a.Authenticate(secret); err != nil {
			t.Errorf("%q: a running server forgets its tokens: %v", content, err)
		}
		if _, _, err := a.CreateToken(TokenSpec{Name: "y", Scopes: []Scope{Read}}); err == nil {
			t.Errorf("%q was overwritten", content)
		}
	}
	if _, err := Open(vfs.OS, filepath.Join(a.name, "x")); err == nil {
		t.Error("a folder below a file")
	}
	if err := os.Remove(a.name); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("removed by the operator: %v", err)
	}
}

// A file that cannot be written changes nothing in memory either.
func TestFailedWrite(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a := open(t, dir, c)
	secret, info := create(t, a, TokenSpec{Name: "x", Scopes: []Scope{Read}})
	if err := os.Mkdir(a.name+".tmp", 0o700); err != nil { // in the way of the temporary file
		t.Fatal(err)
	}
	if err := a.Revoke(info.ID); err == nil {
		t.Fatal("revoked without a write")
	}
	if _, err := a.Authenticate(secret); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(a.name + ".tmp"); err != nil {
		t.Fatal(err)
	}
}
