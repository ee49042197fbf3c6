package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"journalist/internal/vfs"
)

type caSigner = crypto.Signer

// openCA loads the authority or makes it; the caller holds the lock.
func (p *PKI) openCA() error {
	certPEM, err := vfs.ReadFile(p.fs, p.path("ca.crt"))
	if vfs.IsNotExist(err) {
		return p.makeCA()
	}
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	keyPEM, err := vfs.ReadFile(p.fs, p.path("ca.key"))
	if err != nil {
		return fmt.Errorf("certificate authority: its key is missing (restore it from a backup, or remove %s to make a new authority, which every forwarder must then be given): %w", p.dir, err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("certificate authority: %s and ca.key: %w", p.path("ca.crt"), err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return fmt.Errorf("certificate authority: %s is not the certificate of an authority", p.path("ca.crt"))
	}
	p.ca, p.caPEM, p.caKey = pair.Leaf, certPEM, signer
	now := p.o.Clock()
	switch {
	case now.Before(p.ca.NotBefore):
		return fmt.Errorf("certificate authority: %s is valid only from %s, and this machine's clock says %s: set the clock; if it was wrong when the authority was made, remove %s to make a new one",
			p.path("ca.crt"), day(p.ca.NotBefore), day(now), p.dir)
	case now.After(p.ca.NotAfter):
		return fmt.Errorf("certificate authority: %s expired on %s, and this machine's clock says %s: if the clock is right, remove %s to make a new authority and give every forwarder a new certificate",
			p.path("ca.crt"), day(p.ca.NotAfter), day(now), p.dir)
	case p.ca.NotAfter.Sub(now) < 365*24*time.Hour:
		p.log.Warn("the certificate authority ends within a year; plan new certificates for all forwarders", "end", day(p.ca.NotAfter))
	}
	return nil
}

func (p *PKI) makeCA() error {
	host, err := os.Hostname()
	if err != nil || checkName(host) != nil {
		host = "journalist"
	}
	if len(host) > 40 {
		host = host[:40]
	}
	now := p.o.Clock()
	tmpl := &x509.Certificate{
		// The serial in the name keeps two authorities of one machine apart.
		Subject:               pkix.Name{Organization: []string{"journalist"}, CommonName: "journalist CA " + host},
		NotBefore:             now.Add(-backdate),
		NotAfter:              p.until(now, caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	tmpl.SerialNumber = newSerial()
	tmpl.Subject.SerialNumber = fmt.Sprintf("%x", tmpl.SerialNumber)[:8]
	key, keyPEM, err := newKey()
	if err != nil {
		return fmt.Errorf("make certificate authority: %w", err)
	}
	certPEM, err := sign(tmpl, tmpl, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make certificate authority: %w", err)
	}
	// The key first: a certificate without its key would have to be an error.
	if err := vfs.WriteFile(p.fs, p.path("ca.key"), keyPEM); err != nil {
		return fmt.Errorf("make certificate authority: %w", err)
	}
	if err := vfs.WriteFile(p.fs, p.path("ca.crt"), certPEM); err != nil {
		return fmt.Errorf("make certificate authority: %w", err)
	}
	block, _ := pem.Decode(certPEM)
	if p.ca, err = x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("make certificate authority: %w", err)
	}
	p.caPEM, p.caKey = certPEM, key
	return nil
}

// until is the end of something that lasts for life from now on.
func (p *PKI) until(now time.Time, life time.Duration) time.Time {
	if now.Before(clockFloor) {
		now = clockFloor
	}
	end := now.Add(life)
	if p.ca != nil && end.After(p.ca.NotAfter) {
		end = p.ca.NotAfter
	}
	return end
}

// issue signs tmpl for a public key, with a serial of its own.
func (p *PKI) issue(tmpl *x509.Certificate, public crypto.PublicKey) (certPEM []byte, err error) {
	tmpl.SerialNumber = newSerial()
	return sign(tmpl, p.ca, public, p.caKey)
}

// newKey makes a key and its PEM form.
func newKey() (key *ecdsa.PrivateKey, keyPEM []byte, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func sign(tmpl, parent *x509.Certificate, public crypto.PublicKey, parentKey crypto.Signer) (certPEM []byte, err error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, public, parentKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// newSerial makes 127 random bits, never 0: nobody can guess or repeat a serial,
// and two processes need not agree on the next one.
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends if there is no randomness
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func parseCert(certPEM []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
