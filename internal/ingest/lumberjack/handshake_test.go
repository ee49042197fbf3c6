package lumberjack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/testkit/certs"
)

func TestHandshakeFailures(t *testing.T) {
	h := start(t, func(o *Options) {
		o.Handshake = 200 * time.Millisecond
		verify := o.TLS
		verify.VerifyConnection = func(cs tls.ConnectionState) error {
			if cs.PeerCertificates[0].Subject.CommonName == "revoked" {
				return errors.New("certificate of revoked was revoked")
			}
			return nil
		}
	})
	with := func(change func(*tls.Config)) func() {
		return func() {
			cfg := h.ca.Client("web-01")
			change(cfg)
			c, err := tls.Dial("tcp", h.addr, cfg)
			if err == nil {
				_, _ = io.Copy(io.Discard, c) // TLS 1.3 clients hear of it at the first read
				_ = c.Close()
			}
		}
	}
	other := certs.NewCA(t, "other CA")
	use := func(ca *certs.CA, s certs.Spec) func() {
		pair := ca.Issue(s).TLS
		return with(func(c *tls.Config) { // sent whatever CAs the server names
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		})
	}
	for _, c := range []struct {
		kind string
		try  func()
		says string
	}{
		{"no_certificate", with(func(c *tls.Config) { c.Certificates = nil }), "set its certificate"},
		{"unknown_ca", use(other, certs.Spec{CommonName: "web-01"}), "journalist cert issue"},
		{"expired", use(h.ca, certs.Spec{CommonName: "web-01", NotAfter: time.Now().Add(-time.Minute)}), "expired"},
		{"not_yet_valid", use(h.ca, certs.Spec{CommonName: "web-01", NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}), "clock"},
		{"revoked", use(h.ca, certs.Spec{CommonName: "revoked"}), "revoked"},
		{"nameless", use(h.ca, certs.Spec{}), "needs a name"},
		{"not_trusted", with(func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }), "ca.crt"},
		{"tls_version", with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }), "older than 1.2"},
		{"plain_text", func() {
			nc, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = nc.Write([]byte("1W\x00\x00\x00\x01 and more"))
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}, "does not speak TLS"},
		{"handshake_timeout", func() {
			nc, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}, "too long"},
		{"closed", func() {
			nc, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = nc.Close()
		}, "closed during the TLS handshake"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			c.try()
			eventually(t, c.kind+" is counted", func() bool {
				return h.metric("journalist_lumberjack_refused_total", "reason", c.kind) == 1
			})
			eventually(t, c.kind+" is logged", func() bool { return strings.Contains(h.log.String(), c.says) })
		})
	}
	if h.sink.Len() != 0 {
		t.Error("rows were kept")
	}
}

func TestPlainListenersStayOnLoopback(t *testing.T) {
	s := New(Options{Sink: nil})
	defer func() { _ = s.Shutdown(t.Context()) }() // nothing was started
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); !errors.Is(err, errPlain) {
		t.Errorf("served on all addresses without TLS: %v", err)
	}
}

func TestPlainOnLoopback(t *testing.T) {
	h := start(t, func(o *Options) { o.TLS = nil })
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the test is over
	send(t, c, v2Window(`{"message":"a"}`))
	if seq, _ := acked(t, c); seq != 1 {
		t.Error(seq)
	}
	if r := h.sink.Rows()[0]; r.Client != "" {
		t.Errorf("client %q", r.Client)
	}
}

func TestClientName(t *testing.T) {
	u := &url.URL{Scheme: "spiffe", Host: "x", Path: "/y"}
	for want, cert := range map[string]*x509.Certificate{
		"":             {},
		"dns.example":  {DNSNames: []string{"dns.example", "b"}, EmailAddresses: []string{"a@b"}},
		"a@b":          {EmailAddresses: []string{"a@b"}},
		"10.1.2.3":     {IPAddresses: []net.IP{net.IPv4(10, 1, 2, 3)}},
		"spiffe://x/y": {URIs: []*url.URL{u}},
	} {
		if got := clientName(cert); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDeadline(t *testing.T) {
	began := time.Unix(1000, 0)
	stall := 30 * time.Second
	for _, c := range []struct {
		after time.Duration
		got   int64
		want  time.Duration // after now
	}{
		{0, 0, stall},
		{45 * time.Second, 10, 15 * time.Second},        // a byte now and then is not progress
		{45 * time.Second, 1 << 20, stall},              // a slow line is
		{100 * time.Second, 10, -40 * time.Second},      // over
		{400 * time.Second, 1 << 20, -84 * time.Second}, // 1 MiB takes 256 s at the slowest
	} {
		now := began.Add(c.after)
		if got := deadlineFor(now, began, c.got, stall).Sub(now); got != c.want {
			t.Errorf("after %s and %d bytes: %s, want %s", c.after, c.got, got, c.want)
		}
	}
}

// TestRevokedWhileConnected holds that an open connection ends with its
// certificate, also in the middle of a window.
func TestRevokedWhileConnected(t *testing.T) {
	for _, middle := range []bool{false, true} {
		var revoked atomic.Bool
		h := start(t, func(o *Options) {
			o.Recheck = time.Nanosecond
			o.TLS.VerifyConnection = func(tls.ConnectionState) error {
				if revoked.Load() {
					return errors.New("the certificate was revoked")
				}
				return nil
			}
		})
		c := h.dial("web")
		send(t, c, v2Window(`{"message":"before"}`))
		if seq, _ := acked(t, c); seq != 1 {
			t.Fatalf("acknowledged %d", seq)
		}
		window := v2Window(`{"message":"after"}`)
		if middle {
			send(t, c, window[:len(window)-5])
			h.eventually("the window has begun", func() bool { return h.budget.used() > 0 })
			window = window[len(window)-5:]
		}
		revoked.Store(true)
		send(t, c, window)
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("middle %v: answered %q %v", middle, rest, err)
		}
		if got := messages(h.sink.Rows()); got != "before" {
			t.Errorf("middle %v: kept %q", middle, got)
		}
		if h.metric("journalist_lumberjack_refused_total", "reason", "revoked") != 1 || !strings.Contains(h.log.String(), "cert issue") {
			t.Errorf("middle %v: %s", middle, h.log)
		}
	}
}
