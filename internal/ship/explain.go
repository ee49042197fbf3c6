package ship

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

type pkixExtension = pkix.Extension

// CertError tells what is wrong with the server's certificate.
type CertError struct {
	Kind string // name, unknown_ca, expired, certificate
	Text string
	Hint string
	Err  error
}

func (e *CertError) Error() string {
	if e.Hint == "" {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *CertError) Unwrap() error { return e.Err }

// hinted is an error with something to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() + ": " + h.hint }
func (h *hinted) Unwrap() error { return h.err }

// explain adds what a connection's error means to what it says.
func explain(err error, cfg *tls.Config) error {
	if h := hint(err, cfg); h != "" {
		return &hinted{err, h}
	}
	return err
}

// hint says what to do about an error; "" when the error says it or nobody
// knows.
func hint(err error, cfg *tls.Config) string {
	var (
		cert   *CertError
		dns    *net.DNSError
		header tls.RecordHeaderError
	)
	text := err.Error()
	switch {
	case errors.As(err, &cert):
		return ""
	case errors.As(err, &dns):
		return "the name cannot be resolved; check its spelling and this machine's DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; check that the server runs, and the port"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to that host; check routes and firewalls"
	case errors.As(err, &header):
		return "the server does not speak TLS on this port"
	case strings.Contains(text, "remote error: tls: "):
		return alertHint(text, cfg)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the server hung up; its log says why"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "no answer in time; check firewalls, and whether the server is overloaded"
	}
	return ""
}

// alertHint explains an alert that the server sent about us.
func alertHint(text string, cfg *tls.Config) string {
	has := hasCertificate(cfg)
	switch {
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate") && !has:
		return "the server wants a client certificate; set ssl certificate and ssl key to what 'journalist cert issue NAME' wrote"
	case strings.Contains(text, "expired certificate"):
		return "our ssl certificate is expired; issue a new one with 'journalist cert issue NAME'"
	case strings.Contains(text, "revoked certificate"):
		return "our ssl certificate was revoked on the server; issue a new one with 'journalist cert issue NAME'"
	case strings.Contains(text, "unknown certificate authority"), strings.Contains(text, "bad certificate"), strings.Contains(text, "unknown certificate"):
		return "the server does not accept our ssl certificate (issued by another CA, revoked or expired); its log says why"
	case strings.Contains(text, "protocol version"):
		return "the server's TLS is older than 1.2"
	case strings.Contains(text, alertNoProtocol):
		return "the server speaks another protocol on this port"
	}
	return "the server ended the TLS handshake; its log says why"
}

func hasCertificate(cfg *tls.Config) bool {
	if cfg == nil {
		return false
	}
	if cfg.GetClientCertificate != nil {
		c, err := cfg.GetClientCertificate(&tls.CertificateRequestInfo{})
		return err == nil && c != nil && len(c.Certificate) > 0
	}
	return len(cfg.Certificates) > 0
}
