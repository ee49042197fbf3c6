package ship

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
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
	ours := certificateOf(cfg)
	switch {
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate") && ours == nil:
		return "the server wants a client certificate; set ssl certificate and ssl key to what 'journalist cert issue NAME' wrote"
	case strings.Contains(text, "revoked certificate"):
		return "our ssl certificate was revoked on the server; issue a new one with 'journalist cert issue NAME'"
	case strings.Contains(text, "expired certificate"), strings.Contains(text, "unknown certificate authority"),
		strings.Contains(text, "bad certificate"), strings.Contains(text, "unknown certificate"):
		return refusedHint(ours, time.Now())
	case strings.Contains(text, "protocol version"):
		return "the server's TLS is older than 1.2"
	case strings.Contains(text, alertNoProtocol):
		return "the server speaks another protocol on this port"
	}
	return "the server ended the TLS handshake; its log says why"
}

// refusedHint says what is most likely wrong with our certificate. The server's
// alert is too short for that, so we look at the certificate ourselves.
func refusedHint(ours *x509.Certificate, now time.Time) string {
	switch {
	case ours == nil:
		return "the server does not accept our ssl certificate; its log says why"
	case now.After(ours.NotAfter):
		return fmt.Sprintf("our ssl certificate is expired since %s; issue a new one with 'journalist cert issue NAME'; if it is not old, check the clock of this machine",
			ours.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(ours.NotBefore):
		return fmt.Sprintf("our ssl certificate is valid only from %s on; check the clock of this machine", ours.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the server does not accept our ssl certificate %q issued by %q: it comes from a CA that the server does not trust, was revoked, or is expired there; issue one with 'journalist cert issue NAME'; the server's log says why",
		ours.Subject.CommonName, ours.Issuer.String())
}

// certificateOf returns the certificate that we show, nil when there is none.
func certificateOf(cfg *tls.Config) *x509.Certificate {
	if cfg == nil {
		return nil
	}
	var c *tls.Certificate
	switch {
	case cfg.GetClientCertificate != nil:
		var err error
		if c, err = cfg.GetClientCertificate(&tls.CertificateRequestInfo{}); err != nil {
			return nil
		}
	case len(cfg.Certificates) > 0:
		c = &cfg.Certificates[0]
	}
	if c == nil || len(c.Certificate) == 0 {
		return nil
	}
	if c.Leaf != nil {
		return c.Leaf
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}
