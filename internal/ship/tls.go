package ship

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/lumberjack"
)

// TLSFiles are the paths from the configuration, PEM files all.
type TLSFiles struct {
	// CA holds the roots that servers are checked against, all of them; "" means
	// the system's.
	CA string
	// Cert and Key are the client's pair; both or none.
	Cert, Key string
}

// TLSConfig makes the client's side of TLS. The files are read now, so that a
// mistake shows at the start, and again whenever they changed, at the next
// connection; changed files that cannot be used are reported and the ones before
// stay in use.
//
// The server's certificate is checked as usual, with one addition for
// certificates made by logstash-forwarder's instructions: where it has no
// alternative names at all and chains to the configured CA, its common name is
// compared instead, with a warning. logger may be nil.
func TLSConfig(f TLSFiles, logger *slog.Logger) (*tls.Config, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("ship: ssl certificate and ssl key are needed together: one of them is missing")
	}
	t := &trust{files: f, logger: logger, warned: map[string]bool{}}
	if _, err := t.roots(); err != nil {
		return nil, err
	}
	if _, err := t.pair(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Go's own check has no place for the common name; VerifyConnection does all
		// of it.
		InsecureSkipVerify:   true,
		VerifyConnection:     t.verify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.pair() },
	}, nil
}

// clientConfig is cfg for one server. VerifyConnection learns the server's name
// from here, because Go leaves it out where it is an IP address.
func clientConfig(cfg *tls.Config, addr string, offerBlocks bool) *tls.Config {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	cfg = cfg.Clone()
	if cfg.ServerName != "" {
		host = cfg.ServerName // configured
	}
	cfg.ServerName = host
	cfg.NextProtos = nil
	if offerBlocks {
		cfg.NextProtos = []string{lumberjack.ALPN}
	}
	if verify := cfg.VerifyConnection; verify != nil {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			cs.ServerName = host
			return verify(cs)
		}
	}
	return cfg
}

// trust holds what was read from the files.
type trust struct {
	files  TLSFiles
	logger *slog.Logger

	mu        sync.Mutex
	caStamp   stamp
	pool      *x509.CertPool
	pairStamp [2]stamp
	client    *tls.Certificate
	warned    map[string]bool // servers whose common name was used
}

// stamp tells a changed file.
type stamp struct {
	mod  time.Time
	size int64
}

func stampOf(name string) (stamp, error) {
	st, err := os.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	return stamp{st.ModTime(), st.Size()}, nil
}

// roots returns the roots to check servers against.
func (t *trust) roots() (*x509.CertPool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files.CA == "" {
		return nil, nil // the system's
	}
	st, err := stampOf(t.files.CA)
	if err == nil && t.pool != nil && st == t.caStamp {
		return t.pool, nil
	}
	var pool *x509.CertPool
	if err == nil {
		pool, err = readRoots(t.files.CA)
	}
	if err != nil {
		if t.pool != nil {
			t.logger.Warn("ssl ca cannot be read again, the one read before stays in use", "error", err)
			return t.pool, nil
		}
		return nil, fmt.Errorf("ship: ssl ca: %w", err)
	}
	t.pool, t.caStamp = pool, st
	return pool, nil
}

// readRoots reads every certificate of a PEM file.
func readRoots(name string) (*x509.CertPool, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", name, n+1, err)
		}
		pool.AddCert(cert)
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("%s holds no certificate: a PEM file with BEGIN CERTIFICATE is expected", name)
	}
	return pool, nil
}

// pair returns the client's certificate; without one it is empty, which tells the
// server that there is none.
func (t *trust) pair() (*tls.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files.Cert == "" {
		return &tls.Certificate{}, nil
	}
	var now [2]stamp
	var err error
	if now[0], err = stampOf(t.files.Cert); err == nil {
		now[1], err = stampOf(t.files.Key)
	}
	if err == nil && t.client != nil && now == t.pairStamp {
		return t.client, nil
	}
	var c tls.Certificate
	if err == nil {
		c, err = tls.LoadX509KeyPair(t.files.Cert, t.files.Key)
	}
	if err != nil {
		if t.client != nil {
			t.logger.Warn("ssl certificate cannot be read again, the one read before stays in use", "error", err)
			return t.client, nil
		}
		return nil, fmt.Errorf("ship: ssl certificate %s with ssl key %s: %w", t.files.Cert, t.files.Key, err)
	}
	if left := time.Until(c.Leaf.NotAfter); left < 0 {
		t.logger.Warn("our ssl certificate is expired, servers will refuse it", "file", t.files.Cert, "expired", c.Leaf.NotAfter)
	} else if left < 14*24*time.Hour {
		t.logger.Warn("our ssl certificate expires soon", "file", t.files.Cert, "expires", c.Leaf.NotAfter)
	}
	t.client, t.pairStamp = &c, now
	return t.client, nil
}

// verify checks the server's certificate: chain, time, purpose, name.
func (t *trust) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 || cs.ServerName == "" {
		return errors.New("no server certificate, or no server name to compare it with")
	}
	roots, err := t.roots()
	if err != nil {
		return err
	}
	leaf := cs.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(opts); err != nil {
		return t.chainError(cs.ServerName, leaf, err)
	}
	err = leaf.VerifyHostname(cs.ServerName)
	if err == nil {
		return nil
	}
	if t.files.CA != "" && nameless(leaf) && commonNameIs(leaf.Subject.CommonName, cs.ServerName) {
		t.mu.Lock()
		said := t.warned[cs.ServerName]
		t.warned[cs.ServerName] = true
		t.mu.Unlock()
		if !said {
			t.logger.Warn("the server's certificate has only a common name, which is obsolete and accepted here because it comes from the configured ssl ca: make one with a subject alternative name",
				"server", cs.ServerName, "common_name", leaf.Subject.CommonName)
		}
		return nil
	}
	return &CertError{
		Kind: "name", Err: err,
		Text: fmt.Sprintf("the server's certificate is for %s, not for %s", strings.Join(namesOf(leaf), ", "), cs.ServerName),
		Hint: "connect by one of these names, or give the server a certificate with this one",
	}
}

// chainError says what is wrong with a chain, and what to do.
func (t *trust) chainError(server string, leaf *x509.Certificate, err error) error {
	e := &CertError{Kind: "certificate", Err: err, Text: "the certificate of " + server + " is not good"}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	now := time.Now()
	switch {
	case errors.As(err, &unknown):
		e.Kind = "unknown_ca"
		with := "the system's CAs (no ssl ca is configured)"
		if t.files.CA != "" {
			with = "ssl ca " + t.files.CA
		}
		e.Text = fmt.Sprintf("the certificate of %s was issued by %q, which %s does not vouch for", server, leaf.Issuer.String(), with)
		e.Hint = "put the server's ca.crt there"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Kind = "expired"
		cert := invalid.Cert
		if cert == nil {
			cert = leaf
		}
		if now.Before(cert.NotBefore) {
			e.Text = fmt.Sprintf("the certificate of %s is valid only from %s on", server, cert.NotBefore.UTC().Format(time.RFC3339))
			e.Hint = "check the clock of this machine"
		} else {
			e.Text = fmt.Sprintf("the certificate of %s is expired since %s", server, cert.NotAfter.UTC().Format(time.RFC3339))
			e.Hint = "renew it on the server; if it is not old, check the clock of this machine"
		}
	}
	return e
}

// nameless tells that a certificate has no alternative name of any kind.
func nameless(c *x509.Certificate) bool {
	return len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) == 0 &&
		!slices.ContainsFunc(c.Extensions, func(e pkixExtension) bool { return e.Id.String() == "2.5.29.17" })
}

// commonNameIs compares a common name as it was done before alternative names:
// letters of any case, and a star for the first label.
func commonNameIs(cn, host string) bool {
	cn, host = strings.ToLower(strings.TrimSuffix(cn, ".")), strings.ToLower(strings.TrimSuffix(host, "."))
	if cn == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(cn, "*."); ok {
		_, domain, found := strings.Cut(host, ".")
		return found && net.ParseIP(host) == nil && strings.Contains(rest, ".") && domain == rest
	}
	return cn == host
}

// namesOf lists the names that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = append(names, "the common name "+c.Subject.CommonName)
	}
	if len(names) == 0 {
		names = append(names, "no name at all")
	}
	return names
}
