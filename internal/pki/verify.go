package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// PeerKind is why a client's certificate is refused.
type PeerKind string

// The reasons.
const (
	PeerMissing     PeerKind = "missing"
	PeerExpired     PeerKind = "expired"
	PeerNotYetValid PeerKind = "not yet valid"
	PeerUnknownCA   PeerKind = "unknown authority"
	PeerWrongUse    PeerKind = "wrong use"
	PeerRevoked     PeerKind = "revoked"
	PeerInvalid     PeerKind = "invalid"
)

// PeerError says why a client's certificate is refused, in words that name the
// certificate and what to do.
type PeerError struct {
	Kind PeerKind
	// Name is the certificate's own claim, not proven; "" without a certificate.
	Name string
	msg  string
	err  error // what crypto/x509 said; nil where it was not asked
}

func (e *PeerError) Error() string { return e.msg }

// Unwrap returns the error of crypto/x509, by which listeners class the refusal.
func (e *PeerError) Unwrap() error { return e.err }

// MutualConfig is for listeners whose clients prove themselves with a
// certificate (the forwarders): one of ours that was not revoked, or one that
// extraCAs (nil: none) vouches for. The server's own certificate is always ours.
//
// The list of acceptable authorities is not sent: a client with the wrong
// certificate then shows it, and the error can say whose it is.
func (p *PKI) MutualConfig(extraCAs *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: p.getOwn,
		ClientAuth:     tls.RequireAnyClientCert,
		// VerifyConnection, not VerifyPeerCertificate: it is also called for
		// resumed sessions, whose certificate may have been revoked since.
		VerifyConnection: func(cs tls.ConnectionState) error { return p.VerifyPeer(cs, extraCAs) },
	}
}

// VerifyPeer checks the client's certificate of a connection; the error is a
// *PeerError.
func (p *PKI) VerifyPeer(cs tls.ConnectionState, extraCAs *x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return &PeerError{Kind: PeerMissing, msg: "the client showed no certificate: give it one with `journalist cert issue NAME`"}
	}
	leaf := cs.PeerCertificates[0]
	intermediates := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	o := x509.VerifyOptions{
		Roots:         p.CAPool(),
		Intermediates: intermediates,
		CurrentTime:   p.o.Clock(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	_, err := leaf.Verify(o)
	if err != nil && extraCAs != nil {
		o.Roots = extraCAs
		if _, extraErr := leaf.Verify(o); extraErr == nil || !isUnknownCA(extraErr) {
			err = extraErr
		}
	}
	if err != nil {
		return p.peerError(leaf, err)
	}
	if r, yes := p.revocation(leaf); yes {
		return &PeerError{
			Kind: PeerRevoked, Name: leaf.Subject.CommonName,
			msg: fmt.Sprintf("the client's certificate %q (serial %s) was revoked on %s: issue a new one with `journalist cert issue` if that was a mistake", leaf.Subject.CommonName, serialText(leaf), day(r.At)),
		}
	}
	return nil
}

func isUnknownCA(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// peerError puts x509's error into words.
func (p *PKI) peerError(leaf *x509.Certificate, err error) error {
	name := leaf.Subject.CommonName
	e := &PeerError{Kind: PeerInvalid, Name: name, err: err}
	now := p.o.Clock()
	var invalid x509.CertificateInvalidError
	switch {
	case isUnknownCA(err):
		e.Kind = PeerUnknownCA
		e.msg = fmt.Sprintf("the client's certificate %q is signed by an authority that is not trusted (issuer %q): give the client one of ours with `journalist cert issue NAME`, or trust its authority with --lumberjack-client-ca", name, leaf.Issuer.String())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(leaf.NotBefore):
		e.Kind = PeerNotYetValid
		e.msg = fmt.Sprintf("the client's certificate %q is not valid before %s, and this machine's clock says %s: set the clock that is wrong", name, day(leaf.NotBefore), day(now))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.After(leaf.NotAfter):
		e.Kind = PeerExpired
		e.msg = fmt.Sprintf("the client's certificate %q expired on %s (this machine's clock says %s): issue a new one with `journalist cert issue`", name, day(leaf.NotAfter), day(now))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Kind = PeerExpired
		e.msg = fmt.Sprintf("the client's certificate %q is vouched for by a certificate that is not valid now (this machine's clock says %s): %v", name, day(now), err)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		e.Kind = PeerWrongUse
		e.msg = fmt.Sprintf("the client's certificate %q is not made for clients (a server's certificate perhaps): issue one with `journalist cert issue NAME`", name)
	default:
		e.msg = fmt.Sprintf("the client's certificate %q is not valid: %v", name, err)
	}
	return e
}
