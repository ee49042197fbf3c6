package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testClock is a clock that a test moves.
type testClock struct{ ns atomic.Int64 }

func newClock(t time.Time) *testClock {
	c := &testClock{}
	c.set(t)
	return c
}
func (c *testClock) now() time.Time  { return time.Unix(0, c.ns.Load()) }
func (c *testClock) set(t time.Time) { c.ns.Store(t.UnixNano()) }

var today = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

func testOptions(clock *testClock) Options {
	return Options{Clock: clock.now, Local: func() []string { return []string{"logs", "logs.example.test", "192.0.2.7"} }}
}

func open(t *testing.T, dir string, o Options) *PKI {
	t.Helper()
	p, err := Open(vfs.OS, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// handshake connects a client with this certificate and returns the error that
// the server and the client had.
func handshake(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	if err := errors.Join(a.SetDeadline(deadline), b.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	srv, cli := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		err := srv.Handshake()
		if err == nil {
			_, err = srv.Write([]byte("x"))
		}
		_ = a.Close()
		done <- err
	}()
	clientErr = cli.Handshake()
	if clientErr == nil {
		_, clientErr = cli.Read(make([]byte, 1))
	}
	state = cli.ConnectionState()
	_ = b.Close()
	return state, <-done, clientErr
}

func clientConfig(t *testing.T, p *PKI, pair *Pair, clock *testClock) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: p.CAPool(), ServerName: "localhost", Time: clock.now}
	if pair != nil {
		cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c
}

func issue(t *testing.T, p *PKI, name string) *Pair {
	t.Helper()
	pair, err := p.Issue(name)
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

func TestFirstUseAndReopen(t *testing.T) {
	clock := newClock(today)
	dir := filepath.Join(t.TempDir(), "pki")
	p := open(t, dir, testOptions(clock))
	q := open(t, dir, testOptions(clock))
	if p.CAFingerprint() != q.CAFingerprint() || len(p.CAFingerprint()) != 64 {
		t.Errorf("fingerprints %s and %s", p.CAFingerprint(), q.CAFingerprint())
	}
	if !bytes.Equal(p.own.get().Certificate[0], q.own.get().Certificate[0]) {
		t.Error("the second open made another server certificate")
	}
	leaf := p.own.get().Leaf
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "logs", "logs.example.test", "192.0.2.7"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewNameMakesNewServerCertificate(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	o := testOptions(clock)
	open(t, dir, o)
	o.Names = []string{"Logs.Example.COM.", "bad name", "203.0.113.9"}
	p := open(t, dir, o)
	leaf := p.own.get().Leaf
	if leaf.VerifyHostname("logs.example.com") != nil || leaf.VerifyHostname("203.0.113.9") != nil {
		t.Errorf("names: %v %v", leaf.DNSNames, leaf.IPAddresses)
	}
}

func TestMutualTLS(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	server := p.MutualConfig(nil)
	pair := issue(t, p, "web-01")
	if _, sErr, cErr := handshake(t, server, clientConfig(t, p, pair, clock)); sErr != nil || cErr != nil {
		t.Fatalf("good certificate: server %v, client %v", sErr, cErr)
	}
	for version := tls.VersionTLS10; version <= tls.VersionTLS11; version++ {
		c := clientConfig(t, p, pair, clock)
		c.MinVersion, c.MaxVersion = uint16(version), uint16(version)
		if _, sErr, _ := handshake(t, server, c); sErr == nil {
			t.Errorf("%s accepted", tls.VersionName(uint16(version)))
		}
	}
	if _, sErr, _ := handshake(t, server, clientConfig(t, p, nil, clock)); sErr == nil {
		t.Error("no certificate accepted")
	}
}

func TestRefusedPeers(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	other := open(t, t.TempDir(), testOptions(clock))
	serverPEM, err := vfs.ReadFile(vfs.OS, p.path("server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	serverKey, err := vfs.ReadFile(vfs.OS, p.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	revoked := issue(t, p, "web-02")
	if err := p.Revoke("web-02"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		pair *Pair
		at   time.Time
		kind PeerKind
		want string
	}{
		{"expired", issue(t, p, "web-01"), today.Add(3 * 365 * 24 * time.Hour), PeerExpired, `"web-01" expired on 2028-`},
		{"not yet valid", issue(t, p, "web-01"), today.Add(-48 * time.Hour), PeerNotYetValid, "not valid before 2026-10-01T11:00:00Z"},
		{"1970", issue(t, p, "web-01"), time.Unix(0, 0), PeerNotYetValid, "clock says 1970-01-01"},
		{"2100", issue(t, p, "web-01"), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), PeerExpired, "clock says 2100-01-01"},
		{"unknown authority", issue(t, other, "web-01"), today, PeerUnknownCA, "issuer"},
		{"server certificate", &Pair{Cert: serverPEM, Key: serverKey}, today, PeerWrongUse, "not made for clients"},
		{"revoked", revoked, today, PeerRevoked, `"web-02" (serial`},
	} {
		clock.set(c.at)
		config := clientConfig(t, p, c.pair, clock)
		config.InsecureSkipVerify = true // the server's certificate is not what is tested
		_, sErr, _ := handshake(t, p.MutualConfig(nil), config)
		var peer *PeerError
		if !errors.As(sErr, &peer) || peer.Kind != c.kind || !strings.Contains(peer.Error(), c.want) {
			t.Errorf("%s: %v", c.name, sErr)
		}
		clock.set(today)
	}
}

func TestExtraAuthority(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	other := open(t, t.TempDir(), testOptions(clock))
	pair := issue(t, other, "site-host")
	server := p.MutualConfig(other.CAPool())
	if _, sErr, _ := handshake(t, server, clientConfig(t, p, pair, clock)); sErr != nil {
		t.Errorf("certificate of the site's authority: %v", sErr)
	}
	if _, sErr, _ := handshake(t, server, clientConfig(t, p, issue(t, p, "ours"), clock)); sErr != nil {
		t.Errorf("certificate of ours beside the site's: %v", sErr)
	}
	clock.set(today.Add(3 * 365 * 24 * time.Hour))
	c := clientConfig(t, p, pair, clock)
	c.InsecureSkipVerify = true
	_, sErr, _ := handshake(t, server, c)
	var peer *PeerError
	if !errors.As(sErr, &peer) || peer.Kind != PeerExpired {
		t.Errorf("expired certificate of the site's authority: %v", sErr)
	}
}

// A resumed session shows no certificate again; its revocation must count.
func TestRevokedSessionCannotResume(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	p := open(t, dir, testOptions(clock))
	server := p.MutualConfig(nil)
	server.Time = clock.now
	client := clientConfig(t, p, issue(t, p, "web-01"), clock)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if _, sErr, cErr := handshake(t, server, client); sErr != nil || cErr != nil {
		t.Fatal(sErr, cErr)
	}
	state, sErr, cErr := handshake(t, server, client)
	if sErr != nil || cErr != nil || !state.DidResume {
		t.Fatalf("second connection: %v %v, resumed %v", sErr, cErr, state.DidResume)
	}
	// Another process revokes.
	if err := open(t, dir, testOptions(clock)).Revoke("web-01"); err != nil {
		t.Fatal(err)
	}
	_, sErr, _ = handshake(t, server, client)
	var peer *PeerError
	if !errors.As(sErr, &peer) || peer.Kind != PeerRevoked {
		t.Errorf("resumed after revocation: %v", sErr)
	}
}

func TestListAndRevoke(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	issue(t, p, "web-02")
	issue(t, p, "web-01")
	clock.set(today.Add(time.Hour))
	second := issue(t, p, "web-01")
	certs, err := p.List()
	if err != nil || len(certs) != 3 || certs[0].Name != "web-01" || certs[2].Name != "web-02" || !certs[0].NotBefore.Before(certs[1].NotBefore) {
		t.Fatalf("%+v %v", certs, err)
	}
	leaf, err := parseCert(second.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Revoke(strings.ToUpper(certs[1].Serial)); err != nil {
		t.Fatal(err)
	}
	if err := p.Revoke(certs[1].Serial); err != nil {
		t.Errorf("second time: %v", err)
	}
	if !p.Revoked(leaf) {
		t.Error("not revoked")
	}
	certs, err = p.List()
	if err != nil || !certs[0].Revoked.IsZero() || certs[1].Revoked.IsZero() {
		t.Errorf("%+v %v", certs, err)
	}
	for _, bad := range []string{"", "web-03", "00"} {
		if err := p.Revoke(bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("revoke %q: %v", bad, err)
		}
	}
}

func TestDamagedRevocationsKeepRefusing(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	pair := issue(t, p, "web-01")
	leaf, err := parseCert(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Revoke("web-01"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("revoked.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !p.Revoked(leaf) {
		t.Error("a damaged list lets the revoked in")
	}
	if err := p.Reload(); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("reload: %v", err)
	}
	if _, err := Open(vfs.OS, p.dir, testOptions(clock)); err == nil {
		t.Error("open with a damaged list")
	}
	if err := os.Remove(p.path("revoked.json")); err != nil {
		t.Fatal(err)
	}
	if !p.Revoked(leaf) {
		t.Error("a removed list lets the revoked in")
	}
}

func TestNames(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "a\x00", "-a", ".a", "a..b", "a b", "é", strings.Repeat("a", 65)} {
		if _, err := p.Issue(bad); err == nil {
			t.Errorf("%q issued", bad)
		}
	}
	certs, err := p.List()
	if err != nil || len(certs) != 0 {
		t.Errorf("%v %v", certs, err)
	}
}

func TestServerCertificateRenewsItself(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	config := p.ServerConfig()
	first, err := config.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	clock.set(first.Leaf.NotAfter.Add(-renewBefore + time.Minute))
	second, err := config.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("not renewed: ends %v, then %v", first.Leaf.NotAfter, second.Leaf.NotAfter)
	}
}

func TestForeignCertificateReloads(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	site := open(t, t.TempDir(), testOptions(clock))
	o := testOptions(clock)
	o.CertFile, o.KeyFile = filepath.Join(dir, "site.crt"), filepath.Join(dir, "site.key")
	put := func(name string) {
		t.Helper()
		pair := issue(t, site, name)
		if err := errors.Join(os.WriteFile(o.CertFile, pair.Cert, 0o600), os.WriteFile(o.KeyFile, pair.Key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	p := open(t, filepath.Join(dir, "pki"), o)
	name := func() string {
		clock.set(clock.now().Add(2 * checkEvery))
		c, err := p.ServerConfig().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Fatal(got)
	}
	put("the-second")
	if got := name(); got != "the-second" {
		t.Error(got)
	}
	if err := os.WriteFile(o.CertFile, []byte("half a f"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "the-second" {
		t.Error("damaged file:", got)
	}
	if p.Reload() == nil {
		t.Error("reload of a damaged certificate says nothing")
	}
	if _, err := Open(vfs.OS, p.dir, Options{CertFile: o.CertFile}); err == nil {
		t.Error("a certificate without key")
	}
}

// What was made before the clock was set stays valid after.
func TestClockOf1970(t *testing.T) {
	clock := newClock(time.Unix(60, 0))
	dir := t.TempDir()
	p := open(t, dir, testOptions(clock))
	pair := issue(t, p, "web-01")
	clock.set(today)
	p = open(t, dir, testOptions(clock))
	if _, sErr, cErr := handshake(t, p.MutualConfig(nil), clientConfig(t, p, pair, clock)); sErr != nil || cErr != nil {
		t.Error(sErr, cErr)
	}
}

func TestClockOf2100(t *testing.T) {
	clock := newClock(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	open(t, dir, testOptions(clock))
	clock.set(today)
	_, err := Open(vfs.OS, dir, testOptions(clock))
	if err == nil || !strings.Contains(err.Error(), "valid only from 2099-12-31") || !strings.Contains(err.Error(), "set the clock") {
		t.Error(err)
	}
}

func TestDamagedFolder(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	p := open(t, dir, testOptions(clock))
	before := p.CAFingerprint()

	if err := os.WriteFile(p.path("server.key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p = open(t, dir, testOptions(clock)); p.CAFingerprint() != before {
		t.Error("a damaged server key changed the authority")
	}
	if err := os.Rename(p.path("ca.key"), p.path("away")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, dir, testOptions(clock)); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("missing key: %v", err)
	}
	if err := os.WriteFile(p.path("ca.key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, dir, testOptions(clock)); err == nil {
		t.Error("damaged key accepted")
	}
}

// An authority's certificate that was replaced by a leaf must not be used.
func TestCAMustBeCA(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	p := open(t, dir, testOptions(clock))
	key, k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: today.Add(-time.Hour), NotAfter: today.Add(time.Hour)}
	c, err := sign(tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(p.path("ca.crt"), c, 0o600), os.WriteFile(p.path("ca.key"), k, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, dir, testOptions(clock)); err == nil {
		t.Error("a leaf as authority")
	}
}

func TestConcurrentIssue(t *testing.T) {
	clock := newClock(today)
	dir := t.TempDir()
	done := make(chan error)
	for range 4 {
		go func() {
			p, err := Open(vfs.OS, dir, testOptions(clock))
			if err == nil {
				_, err = p.Issue("same-name")
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	p := open(t, dir, testOptions(clock))
	certs, err := p.List()
	serials := map[string]bool{}
	for _, c := range certs {
		serials[c.Serial] = true
	}
	if err != nil || len(certs) != 4 || len(serials) != 4 {
		t.Errorf("%d certificates, %d serials, %v", len(certs), len(serials), err)
	}
	if !slices.IsSortedFunc(certs, func(a, b Cert) int { return strings.Compare(a.Serial, b.Serial) }) {
		t.Error("equal names and times are not sorted by serial")
	}
}
