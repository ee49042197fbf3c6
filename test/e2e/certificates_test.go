package e2e

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/testkit/certs"
	"journalist/internal/testkit/proc"
)

// certFolder writes what a forwarder needs, as `journalist cert issue` does.
func certFolder(t *testing.T, dir string, pair certs.Pair, authorities ...[]byte) {
	t.Helper()
	var ca []byte
	for _, a := range authorities {
		ca = append(ca, a...)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"web.crt": pair.Cert, "web.key": pair.Key, "ca.crt": ca} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func writeFile(t *testing.T, name string, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// startScribe makes and starts a scribe with the certificates of a folder that
// certFolder wrote.
func startScribe(t *testing.T, certs, server string, paths ...string) *proc.Scribe {
	t.Helper()
	s, err := proc.NewScribe(bin, filepath.Join(t.TempDir(), "scribe"), proc.ScribeConfig{
		Servers: []string{server}, Certs: certs, Name: "web", Paths: paths, Timeout: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("scribe's output:\n%s", tailOf(s.Output()))
		}
	})
	return s
}

// says checks that a text has all of these parts.
func says(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s does not say %q:\n%s", what, p, tailOf(text))
		}
	}
}

// What is wrong with a forwarder's certificate is said at both ends and counted;
// the forwarder waits, and sends everything once its certificate is good.
func TestForwarderCertificates(t *testing.T) {
	ctx := deadline(t, time.Minute)
	site, stranger := certs.NewCA(t, "site CA"), certs.NewCA(t, "stranger CA")
	dir := t.TempDir()
	authority := writeFile(t, filepath.Join(dir, "site.crt"), string(site.PEM))
	j := startJournalist(t, ctx, "--lumberjack-client-ca", authority)
	ca := readFile(t, filepath.Join(j.Data, "pki", "ca.crt"))
	now := time.Now()
	for _, c := range []struct {
		name, reason string
		pair         certs.Pair
		scribe, log  []string
	}{
		{
			"expired", "expired", site.Issue(certs.Spec{CommonName: "web", NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(0, 0, -3)}),
			[]string{"our ssl certificate", "expired", now.AddDate(0, 0, -3).UTC().Format("2006-01-02"), "journalist cert issue"},
			[]string{"expired", `\"web\"`, "issue a new one"},
		},
		{
			"early", "not_yet_valid", site.Issue(certs.Spec{CommonName: "web", NotBefore: now.AddDate(0, 0, 3), NotAfter: now.AddDate(1, 0, 0)}),
			[]string{"our ssl certificate", "valid only from", now.AddDate(0, 0, 3).UTC().Format("2006-01-02"), "clock"},
			[]string{"not valid before", "clock"},
		},
		{
			"foreign", "unknown_ca", stranger.Issue(certs.Spec{CommonName: "web"}),
			[]string{"does not accept our ssl certificate", "stranger CA"},
			[]string{"authority that is not trusted", "stranger CA", "--lumberjack-client-ca"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "certs")
			certFolder(t, folder, c.pair, ca)
			log := writeFile(t, filepath.Join(t.TempDir(), c.name+".log"), "one\ntwo\n")
			s := startScribe(t, folder, j.Lumberjack, log)
			series := `journalist_lumberjack_refused_total{reason="` + c.reason + `"}`
			waitMetric(t, ctx, j, series, 1)
			waitOutput(t, ctx, s.Process, "server not usable")
			says(t, "scribe's log", s.Output(), c.scribe...)
			says(t, "journalist's log", j.Output(), c.log...)
			says(t, "journalist's log", j.Output(), "reason="+c.reason)
			code, out := run(t, dir, nil, bin.Scribe, "check", s.Config)
			if code != 6 {
				t.Errorf("scribe check ended with %d", code)
			}
			says(t, "scribe check", out, c.scribe...)
			if n, err := j.Count(ctx, "file:*"+c.name+".log"); err != nil || n != 0 {
				t.Errorf("%d records came in with a bad certificate (%v)", n, err)
			}

			// The certificate is mended in place; scribe is not started again.
			certFolder(t, folder, site.Issue(certs.Spec{CommonName: "web"}), ca)
			if n, err := j.WaitCount(ctx, "file:*"+c.name+".log*", 2); err != nil || n != 2 {
				t.Errorf("%d records, want 2 (%v)", n, err)
			}
		})
	}
}

// A server whose certificate is bad gets nothing; scribe says what is wrong with
// it and goes on as soon as it is good.
func TestServerCertificates(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	issued, err := j.IssueCert(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	client := certs.Pair{Cert: readFile(t, filepath.Join(issued, "web.crt")), Key: readFile(t, filepath.Join(issued, "web.key"))}
	own := readFile(t, filepath.Join(issued, "ca.crt"))
	site, stranger := certs.NewCA(t, "site CA"), certs.NewCA(t, "stranger CA")
	local, now := []net.IP{net.IPv4(127, 0, 0, 1)}, time.Now()
	for _, c := range []struct {
		name string
		pair certs.Pair
		want []string
	}{
		{"expired", site.Issue(certs.Spec{CommonName: "logs", IPs: local, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(0, 0, -3)}), []string{"the certificate of 127.0.0.1 is expired since " + now.AddDate(0, 0, -3).UTC().Format("2006-01-02"), "renew"}},
		{"early", site.Issue(certs.Spec{CommonName: "logs", IPs: local, NotBefore: now.AddDate(0, 0, 3), NotAfter: now.AddDate(1, 0, 0)}), []string{"valid only from " + now.AddDate(0, 0, 3).UTC().Format("2006-01-02"), "clock"}},
		{"name", site.Issue(certs.Spec{CommonName: "logs", DNS: []string{"logs.example.com", "logs"}, IPs: []net.IP{net.IPv4(192, 0, 2, 7)}}), []string{"logs.example.com, logs, 192.0.2.7, not for 127.0.0.1", "connect by one of these names"}},
		{"foreign", stranger.Issue(certs.Spec{CommonName: "logs", IPs: local}), []string{"stranger CA", "does not vouch", "ca.crt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			front := newFront(t, c.pair.TLS, j.Lumberjack)
			folder := filepath.Join(t.TempDir(), "certs")
			certFolder(t, folder, client, own, site.PEM)
			log := writeFile(t, filepath.Join(t.TempDir(), c.name+".log"), "one\ntwo\n")
			s := startScribe(t, folder, front.addr, log)
			waitOutput(t, ctx, s.Process, "server not usable")
			says(t, "scribe's log", s.Output(), c.want...)
			code, out := run(t, folder, nil, bin.Scribe, "check", s.Config)
			if code != 6 {
				t.Errorf("scribe check ended with %d", code)
			}
			says(t, "scribe check", out, c.want...)
			code, out = run(t, folder, nil, bin.Scribe, "status", "--state-dir", filepath.Join(s.Dir, "state"))
			if code != 0 {
				t.Errorf("scribe status ended with %d", code)
			}
			says(t, "scribe status", out, c.want...)
			if got := front.got.Load(); got != 0 {
				t.Errorf("the bad server was sent %d bytes", got)
			}
			front.good.Store(true)
			if n, err := j.WaitCount(ctx, "file:*"+c.name+".log*", 2); err != nil || n != 2 {
				t.Errorf("%d records, want 2 (%v)", n, err)
			}
		})
	}
}

// front is a server with a bad certificate which, once good, hands its connections
// on to journalist.
type front struct {
	addr string
	good atomic.Bool
	got  atomic.Int64 // bytes that clients sent to the bad server
}

func newFront(t *testing.T, cert tls.Certificate, behind string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		_ = l.Close() // ends Accept
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(ctx, c, cert, behind)
		}
	}()
	return f
}

func (f *front) serve(ctx context.Context, c net.Conn, cert tls.Certificate, behind string) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer func() { _ = c.Close() }()
	if !f.good.Load() {
		t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert})
		n, _ := io.Copy(io.Discard, t) // until the client has seen the certificate and left
		f.got.Add(n)
		return
	}
	to, err := net.Dial("tcp", behind)
	if err != nil {
		return
	}
	stopTo := context.AfterFunc(ctx, func() { _ = to.Close() })
	defer stopTo()
	go func() {
		_, _ = io.Copy(to, c) // either end may break off
		_ = to.Close()
	}()
	_, _ = io.Copy(c, to)
}
