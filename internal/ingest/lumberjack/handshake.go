package lumberjack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"journalist/internal/lumberjack"
)

// handshake does the TLS handshake and finds out who the client is and whether it
// speaks blocks.
func (c *conn) handshake() error {
	if c.s.o.TLS == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.s.o.Handshake)
	defer cancel()
	t := tls.Server(c.nc, c.s.tlsConfig())
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	state := t.ConnectionState()
	c.nc, c.tls, c.verified = t, state, time.Now()
	c.blocks = state.NegotiatedProtocol == lumberjack.ALPN
	if len(state.PeerCertificates) > 0 {
		c.client = clientName(state.PeerCertificates[0])
	}
	if c.client == "" {
		return errNameless
	}
	return nil
}

// certError is why a certificate that was good at the handshake is not any more.
type certError struct{ err error }

func (e *certError) Error() string {
	return "the client's certificate is no longer accepted: " + e.err.Error()
}
func (e *certError) Unwrap() error { return e.err }

// verify looks again, every Options.Recheck, whether the client's certificate is
// good: connections live for months, and one that was revoked or has expired in
// between must not write any more.
func (c *conn) verify(now time.Time) error {
	if c.s.o.TLS == nil || c.s.o.TLS.VerifyConnection == nil || now.Sub(c.verified) < c.s.o.Recheck {
		return nil
	}
	c.verified = now
	if err := c.s.o.TLS.VerifyConnection(c.tls); err != nil {
		return &certError{err}
	}
	return nil
}

var errNameless = errors.New("the client's certificate has no name: neither a common name nor an alternative one")

// clientName is the name that source positions and windows are bound to.
func clientName(cert *x509.Certificate) string {
	switch {
	case cert.Subject.CommonName != "":
		return cert.Subject.CommonName
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	case len(cert.EmailAddresses) > 0:
		return cert.EmailAddresses[0]
	case len(cert.IPAddresses) > 0:
		return cert.IPAddresses[0].String()
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	}
	return ""
}

// handshakeFailed counts and logs why a client did not get in, and what to do.
func (c *conn) handshakeFailed(err error) {
	kind, remedy := handshakeKind(err)
	c.s.m.refused(kind)
	if kind == "closed" {
		c.s.o.Logger.Debug("lumberjack: connection closed during the TLS handshake", "address", c.addr, "error", err)
		return
	}
	c.s.log.warn("tls_"+kind, "lumberjack: TLS handshake failed: "+remedy, "address", c.addr, "reason", kind, "error", err)
}

// handshakeKind classes a failed handshake and says what to do about it.
func handshakeKind(err error) (kind, remedy string) {
	var (
		header  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		netErr  net.Error
	)
	text := err.Error()
	switch {
	case errors.Is(err, errNameless):
		return "nameless", "the client's certificate needs a name; issue one with 'journalist cert issue NAME'"
	case errors.As(err, &header):
		return "plain_text", "the client does not speak TLS on this port; give it the servers' TLS settings"
	case strings.Contains(text, "revoked"):
		return "revoked", "the client's certificate was revoked; issue a new one with 'journalist cert issue NAME'"
	case strings.Contains(text, "didn't provide a certificate"):
		return "no_certificate", "the client sent no certificate; set its certificate and key"
	case errors.As(err, &unknown):
		return "unknown_ca", "the client's certificate is not from this server's CA; issue one with 'journalist cert issue NAME'"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore):
		return "not_yet_valid", "the client's certificate is not valid yet; set the clock that is wrong, the client's or this machine's"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired", "the client's certificate is expired; issue a new one, or set this machine's clock if it is not old"
	case errors.As(err, &invalid):
		return "bad_certificate", "the client's certificate is not fit for a client"
	case strings.Contains(text, "remote error: tls: ") && strings.Contains(text, "certificate"):
		return "not_trusted", "the client does not accept this server's certificate; give it the server's ca.crt and connect by a name in the server's certificate"
	case strings.Contains(text, "protocol version") || strings.Contains(text, "unsupported versions"):
		return "tls_version", "the client's TLS is older than 1.2; update it"
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || strings.Contains(text, "connection reset"):
		return "closed", "the client went away"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout():
		return "handshake_timeout", "the client took too long"
	}
	return "handshake", "see the error"
}

// deadlineFor is how long the next read inside a window may take: never longer
// than stall, and a window as a whole no longer than a slow line needs.
func deadlineFor(now, began time.Time, got int64, stall time.Duration) time.Time {
	const slowest = 4 << 10 // bytes per second
	whole := began.Add(2*stall + time.Duration(got/slowest)*time.Second)
	if d := now.Add(stall); d.Before(whole) {
		return d
	}
	return whole
}
