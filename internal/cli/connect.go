package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Connection is what the flags and the environment say about the server.
type Connection struct {
	Server    string // --server, JOURNALIST_URL
	TokenFile string // --token-file, JOURNALIST_TOKEN_FILE; else JOURNALIST_TOKEN
	CAFile    string // --ca, JOURNALIST_CA
	Version   string
}

// ErrNoServer says that nothing names a server.
var ErrNoServer = errors.New("which server? run journalist login, or name one with --server or JOURNALIST_URL")

// Options resolves flags, environment and the kept login, in this order of
// precedence. The kept token and CA go to no other server than the one they
// belong to.
func (c Connection) Options(profilePath string) (ClientOptions, error) {
	o := ClientOptions{Server: first(c.Server, os.Getenv("JOURNALIST_URL")), Version: c.Version}
	tokenFile := first(c.TokenFile, os.Getenv("JOURNALIST_TOKEN_FILE"))
	if tokenFile != "" {
		token, err := ReadSecret(tokenFile)
		if err != nil {
			return o, err
		}
		o.Token = token
	} else {
		o.Token = strings.TrimSpace(os.Getenv("JOURNALIST_TOKEN"))
	}
	if file := first(c.CAFile, os.Getenv("JOURNALIST_CA")); file != "" {
		ca, err := os.ReadFile(file)
		if err != nil {
			return o, err
		}
		o.CA = ca
	}
	if o.Server != "" && o.Token != "" {
		return o, nil
	}
	p, ok, err := LoadProfile(profilePath)
	if err != nil {
		return o, err
	}
	switch {
	case !ok && o.Server == "":
		return o, Exit(ExitUsage, ErrNoServer)
	case !ok || (o.Server != "" && !SameServer(o.Server, p.Server)):
		return o, Exit(ExitAuth, fmt.Errorf("%s: no token: run journalist login %s, or name a file that holds one with --token-file", o.Server, o.Server))
	}
	o.Server = p.Server
	if o.Token == "" {
		o.Token = p.Token
	}
	if o.CA == nil && p.CA != "" {
		o.CA = []byte(p.CA)
	}
	return o, nil
}

func first(s ...string) string {
	for _, t := range s {
		if t != "" {
			return t
		}
	}
	return ""
}

// SameServer tells that two addresses name the same server, however they are
// written.
func SameServer(a, b string) bool {
	if a == b {
		return true
	}
	ua, errA := ServerURL(a)
	ub, errB := ServerURL(b)
	return errA == nil && errB == nil && ua.Scheme == ub.Scheme && ua.Host == ub.Host
}

// Fingerprint is the SHA-256 of a certificate in hexadecimal, as the server prints
// it when it starts.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ServerCA asks a server for its certificate authority without trusting it yet.
// known is true when the system trusts the server's certificate already, then
// there is nothing to ask a person. The request carries no secret.
func ServerCA(ctx context.Context, server string) (ca *x509.Certificate, known bool, err error) {
	u, err := ServerURL(server)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: u.Hostname(),
		// The chain is only looked at here; the person who compares the
		// fingerprint is who verifies it, and nothing secret is sent before.
		InsecureSkipVerify: true, //nolint:gosec // see above
	}}
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, false, explainConnect(server, err)
	}
	defer func() { _ = conn.Close() }() // nothing was sent
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{DNSName: u.Hostname(), Intermediates: intermediates})
	if err == nil {
		return nil, true, nil
	}
	last := chain[len(chain)-1]
	if !last.IsCA {
		return nil, false, fmt.Errorf("%s does not send its certificate authority: copy ca.crt from the server and name it with --ca", server)
	}
	roots := x509.NewCertPool()
	roots.AddCert(last)
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: u.Hostname(), Roots: roots, Intermediates: intermediates}); err != nil {
		return nil, false, explainConnect(server, err)
	}
	return last, false, nil
}

// CertificatePEM returns a certificate in PEM form.
func CertificatePEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// HostPort returns host and port that other machines reach a listener by: the
// given host in place of "all addresses".
func HostPort(addr, host string) string {
	h, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(h); h == "" || ip != nil && ip.IsUnspecified() {
		h = host
	}
	return net.JoinHostPort(h, port)
}
