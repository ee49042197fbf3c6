package ship

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/testkit/certs"
)

// TestSelfSigned: logstash-forwarder's instructions make one certificate that has
// only a common name, signs itself and is its own ssl ca.
func TestSelfSigned(t *testing.T) {
	for _, isCA := range []bool{true, false} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "logs.example"}, BasicConstraintsValid: isCA, IsCA: isCA,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		ca := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := TLSConfig(TLSFiles{CA: ca}, nil)
		if err != nil {
			t.Fatal(err)
		}
		server := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		if err := handshake(t, server, cfg, "logs.example"); err != nil {
			t.Errorf("CA %t: %v", isCA, err)
		}
		if err := handshake(t, server, cfg, "other.example"); err == nil {
			t.Errorf("CA %t: another name passes", isCA)
		}
	}
}

// handshake connects to a server that shows this certificate.
func handshake(t *testing.T, server tls.Certificate, cfg *tls.Config, name string) error {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := ln.Accept(); err == nil {
			_ = c.(*tls.Conn).Handshake() // the client's view is what counts
			_ = c.Close()
		}
	}()
	defer func() { _ = ln.Close(); <-done }()
	c, err := tls.Dial("tcp", ln.Addr().String(), clientConfig(cfg, net.JoinHostPort(name, "1"), false))
	if err == nil {
		_ = c.Close()
	}
	return err
}

func TestServerVerification(t *testing.T) {
	ca, other := certs.NewCA(t, "our CA"), certs.NewCA(t, "other CA")
	expired := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	later := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	for _, c := range []struct {
		name   string
		server certs.Pair
		host   string
		kind   string // "" = accepted
		says   []string
		warns  bool
	}{
		{"good", ca.Issue(certs.Spec{DNS: []string{"logs.example"}}), "logs.example", "", nil, false},
		{"good address", ca.Issue(certs.Spec{IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}), "10.0.0.1", "", nil, false},
		{"other name", ca.Issue(certs.Spec{CommonName: "logs.example", DNS: []string{"a.example", "b.example"}, IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}), "logs.example", "name", []string{"a.example, b.example, 10.0.0.1", "not for logs.example"}, false},
		{"other address", ca.Issue(certs.Spec{IPs: []net.IP{net.IPv4(10, 0, 0, 1)}}), "10.0.0.2", "name", []string{"10.0.0.1", "not for 10.0.0.2"}, false},
		{"common name only", ca.Issue(certs.Spec{CommonName: "Logs.example"}), "logs.example", "", nil, true},
		{"common name with a star", ca.Issue(certs.Spec{CommonName: "*.example.org"}), "logs.example.org", "", nil, true},
		{"star is one label", ca.Issue(certs.Spec{CommonName: "*.example.org"}), "a.logs.example.org", "name", []string{"common name *.example.org"}, false},
		{"star is not a domain", ca.Issue(certs.Spec{CommonName: "*.org"}), "logs.org", "name", nil, false},
		{"other common name", ca.Issue(certs.Spec{CommonName: "logs"}), "logs.example", "name", []string{"the common name logs, not for logs.example"}, false},
		{"no name", ca.Issue(certs.Spec{}), "logs.example", "name", []string{"no name at all"}, false},
		{"unknown CA", other.Issue(certs.Spec{DNS: []string{"logs.example"}}), "logs.example", "unknown_ca", []string{"CN=other CA", "ca.crt"}, false},
		{"unknown CA, common name", other.Issue(certs.Spec{CommonName: "logs.example"}), "logs.example", "unknown_ca", nil, false},
		{"expired", ca.Issue(certs.Spec{DNS: []string{"logs.example"}, NotBefore: expired.Add(-time.Hour), NotAfter: expired}), "logs.example", "expired", []string{"expired since " + expired.UTC().Format(time.RFC3339)}, false},
		{"not yet valid", ca.Issue(certs.Spec{DNS: []string{"logs.example"}, NotBefore: later, NotAfter: later.Add(time.Hour)}), "logs.example", "expired", []string{"only from " + later.UTC().Format(time.RFC3339), "clock"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &logBuffer{}
			f := files(t, ca, certs.Spec{CommonName: "web-01"})
			cfg, err := TLSConfig(f, log.logger())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err = handshake(t, c.server.TLS, cfg, c.host)
			}
			if n := strings.Count(log.String(), "only a common name"); n != map[bool]int{true: 1}[c.warns] {
				t.Errorf("%d warnings: %s", n, log)
			}
			if c.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var ce *CertError
			if !errors.As(err, &ce) || ce.Kind != c.kind || ce.Hint == "" {
				t.Fatalf("got %v, want an error of kind %s", err, c.kind)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), strings.ReplaceAll(s, "ca.crt", f.CA)) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
}

func TestSystemRoots(t *testing.T) {
	ca := certs.NewCA(t, "our CA")
	f := files(t, ca, certs.Spec{CommonName: "web-01"})
	cfg, err := TLSConfig(TLSFiles{Cert: f.Cert, Key: f.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = handshake(t, ca.Issue(certs.Spec{CommonName: "logs.example"}).TLS, cfg, "logs.example")
	if err == nil || !strings.Contains(err.Error(), "system's CAs") {
		t.Errorf("a certificate of an unknown CA: %v", err)
	}
}

func TestTLSFiles(t *testing.T) {
	ca, second := certs.NewCA(t, "our CA"), certs.NewCA(t, "second CA")
	good := files(t, ca, certs.Spec{CommonName: "web-01"})
	junk := filepath.Join(t.TempDir(), "junk")
	write := func(name string, data ...[]byte) {
		t.Helper()
		var all []byte
		for _, d := range data {
			all = append(append(all, "a comment before\n"...), d...)
		}
		if err := os.WriteFile(name, all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(junk, []byte("no PEM"))
	for name, f := range map[string]TLSFiles{
		"no key":         {CA: good.CA, Cert: good.Cert},
		"no certificate": {CA: good.CA, Key: good.Key},
		"ca is missing":  {CA: junk + "x", Cert: good.Cert, Key: good.Key},
		"ca is junk":     {CA: junk, Cert: good.Cert, Key: good.Key},
		"ca is a key":    {CA: good.Key, Cert: good.Cert, Key: good.Key},
		"pair is junk":   {CA: good.CA, Cert: junk, Key: good.Key},
		"pair is mixed":  {CA: good.CA, Cert: good.CA, Key: good.Key},
	} {
		if _, err := TLSConfig(f, nil); err == nil {
			t.Errorf("%s: passes", name)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: error shows a key: %v", name, err)
		}
	}
	write(good.CA, ca.PEM, second.PEM) // all certificates of a file count
	log := &logBuffer{}
	cfg, err := TLSConfig(good, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	server := certs.Spec{DNS: []string{"logs"}}
	for _, c := range []*certs.CA{ca, second} {
		if err := handshake(t, c.Issue(server).TLS, cfg, "logs"); err != nil {
			t.Error(err)
		}
	}
	// Changed files count from the next connection on; spoilt ones do not.
	third := certs.NewCA(t, "third CA")
	write(good.CA, third.PEM)
	if err := handshake(t, third.Issue(server).TLS, cfg, "logs"); err != nil {
		t.Error(err)
	}
	if err := handshake(t, ca.Issue(server).TLS, cfg, "logs"); err == nil {
		t.Error("the CA that was replaced still counts")
	}
	write(good.CA, []byte("spoilt"))
	write(good.Cert, []byte("spoilt"))
	if err := handshake(t, third.Issue(server).TLS, cfg, "logs"); err != nil {
		t.Error(err)
	}
	pair, err := cfg.GetClientCertificate(&tls.CertificateRequestInfo{})
	if err != nil || pair.Leaf.Subject.CommonName != "web-01" {
		t.Errorf("%v %v", pair, err)
	}
	if !strings.Contains(log.String(), "ssl ca cannot be read again") || !strings.Contains(log.String(), "ssl certificate cannot be read again") {
		t.Errorf("log: %s", log)
	}
	renewed := ca.Issue(certs.Spec{CommonName: "web-02"})
	write(good.Cert, renewed.Cert)
	write(good.Key, renewed.Key)
	if pair, err = cfg.GetClientCertificate(&tls.CertificateRequestInfo{}); err != nil || pair.Leaf.Subject.CommonName != "web-02" {
		t.Errorf("%v %v", pair, err)
	}
}

func TestCheck(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	srv := serve(t, ca, newSink(t), "")
	good := clientTLS(t, ca)
	noCert, err := TLSConfig(TLSFiles{CA: files(t, ca, certs.Spec{CommonName: "x"}).CA}, nil)
	if err != nil {
		t.Fatal(err)
	}
	silent := fake(t, ca, func(_ int, c *tls.Conn) { _, _ = io.Copy(io.Discard, c) })
	hangsUp := fake(t, ca, func(_ int, c *tls.Conn) { _ = c.Handshake() })
	var other atomic.Bool
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			other.Store(true)
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = c.Close()
		}
	}()
	defer func() { _ = plain.Close(); <-served }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	_, port, _ := net.SplitHostPort(srv.addr)
	named := ca.Server()
	named.Certificates = []tls.Certificate{ca.Issue(certs.Spec{DNS: []string{"logs.example"}}).TLS}
	misnamed, err := tls.Listen("tcp", "127.0.0.1:0", named)
	if err != nil {
		t.Fatal(err)
	}
	misnamedDone := make(chan struct{})
	go func() {
		defer close(misnamedDone)
		for {
			c, err := misnamed.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	defer func() { _ = misnamed.Close(); <-misnamedDone }()
	for _, c := range []struct {
		name, server string
		cfg          *tls.Config
		ok           string // the steps that pass
		failed       string // the one that does not, and what it says
		says         string
	}{
		{"journalist", srv.addr, good, "dns tcp tls name protocol", "", ""},
		{"by name", net.JoinHostPort("localhost", port), good, "dns tcp tls name protocol", "", ""},
		{"silent server", silent, good, "dns tcp tls name protocol", "", ""},
		{"hangs up", hangsUp, good, "dns tcp tls name", "protocol", "hung up"},
		{"nonsense", "a:b:c", good, "", "dns", "host:port"},
		{"no such name", "no-such-host.invalid:5043", good, "", "dns", "spelling"},
		{"nothing listens", gone.Addr().String(), good, "dns", "tcp", "nothing listens"},
		{"no TLS", plain.Addr().String(), good, "dns tcp", "tls", "does not speak TLS"},
		{"name mismatch", misnamed.Addr().String(), good, "dns tcp tls", "name", "logs.example"},
		{"no client certificate", srv.addr, noCert, "dns tcp tls name", "protocol", "journalist cert issue"},
		{"unknown CA", srv.addr, clientTLS(t, certs.NewCA(t, "elsewhere")), "dns tcp", "tls", "does not vouch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ok []string
			failed, says := "", ""
			for _, s := range Check(context.Background(), c.server, c.cfg, ProtocolAuto) {
				if s.OK {
					ok = append(ok, s.Name)
					if s.Detail == "" || s.Remedy != "" {
						t.Errorf("step %+v", s)
					}
					continue
				}
				failed, says = s.Name, s.Detail+" | "+s.Remedy
			}
			if strings.Join(ok, " ") != c.ok || failed != c.failed || !strings.Contains(says, c.says) {
				t.Errorf("passed %v; failed %q: %s", ok, failed, says)
			}
		})
	}
	if srv.sink.Len() != 0 || !other.Load() {
		t.Error("a check sent lines, or did not try")
	}
}

// TestRefusedClient: a server that refuses our certificate is named as the reason,
// although a TLS 1.3 client hears of it only after its handshake.
func TestRefusedClient(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	srv := serve(t, ca, newSink(t), "")
	f := files(t, ca, certs.Spec{CommonName: "x", NotAfter: time.Now().Add(-time.Minute)})
	log := &logBuffer{}
	cfg, err := TLSConfig(f, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "our ssl certificate is expired") {
		t.Errorf("log: %s", log)
	}
	r := ship(t, Options{Servers: []string{srv.addr}, TLS: cfg})
	r.send(newSource(1).lines(1))
	eventually(t, "the reason is known", func() bool { return strings.Contains(r.Status().LastError, "expired") })
	if srv.sink.Len() != 0 {
		t.Error("lines were taken")
	}
}

func TestEmptyServerNameIsRefused(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	cfg := clientTLS(t, ca)
	if err := cfg.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{ca.Issue(certs.Spec{}).TLS.Leaf}}); err == nil {
		t.Error("a server without a name to compare passes")
	}
}

// TestCheckProtocol: a server is asked in the way that it will be spoken with.
func TestCheckProtocol(t *testing.T) {
	ca := certs.NewCA(t, "CA")
	srv := serve(t, ca, newSink(t), "")
	for p, want := range map[Protocol]string{"": "blocks", ProtocolAuto: "blocks", ProtocolV2: "version 2", ProtocolV1: "version 1"} {
		steps := Check(context.Background(), srv.addr, clientTLS(t, ca), p)
		last := steps[len(steps)-1]
		if last.Name != "protocol" || !last.OK || !strings.Contains(last.Detail, want) || strings.Contains(last.Detail, "without") {
			t.Errorf("%q: %+v", p, last)
		}
	}
}
