package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ErrTaken is wrapped by Sign when a forwarder of that name has a certificate.
var ErrTaken = errors.New("this name has a certificate already")

// Request is a request for a certificate that was checked: whoever made it has the
// key.
type Request struct {
	name string
	key  crypto.PublicKey
}

// CheckRequest reads a PKCS #10 request in PEM form. Of what it says only the key
// counts; the name is the one given.
func CheckRequest(name string, csrPEM []byte) (*Request, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	block, rest := pem.Decode(csrPEM)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) > 0 && len(rest) != len("\n") {
		return nil, errors.New("no certificate request in PEM form")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	switch k := csr.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 || k.N.BitLen() > 8192 {
			return nil, fmt.Errorf("certificate request: an RSA key of %d bits: use 2048 to 8192, or an ECDSA key", k.N.BitLen())
		}
	default:
		return nil, fmt.Errorf("certificate request: keys of type %T are not taken: use ECDSA", k)
	}
	return &Request{name, csr.PublicKey}, nil
}

// Sign issues the certificate of a request. Unlike with Issue, a name that has a
// certificate that is still good is refused: a forwarder that asks over the network
// must not take another one's place.
func (p *PKI) Sign(r *Request) (certPEM []byte, err error) {
	unlock, err := p.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := p.Free(r.name); err != nil {
		return nil, err
	}
	return p.issueClient(r.name, r.key)
}

// Free tells that no forwarder has this name; the error wraps ErrTaken when one has.
func (p *PKI) Free(name string) error {
	if err := p.revoked.load(); err != nil {
		return err
	}
	certs, err := p.List()
	if err != nil {
		return err
	}
	now := p.o.Clock()
	for _, c := range certs {
		if c.Name == name && c.Revoked.IsZero() && now.Before(c.NotAfter) {
			return fmt.Errorf("%s: %w", name, ErrTaken)
		}
	}
	return nil
}
