package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"journalist/internal/vfs"
)

// Pair is what a forwarder is given, all PEM.
type Pair struct{ Cert, Key, CA []byte }

// Cert describes a client certificate that was issued.
type Cert struct {
	Name      string
	Serial    string // hexadecimal
	NotBefore time.Time
	NotAfter  time.Time
	Revoked   time.Time // zero when it is not
}

// ErrUnknown is wrapped by Revoke when there is no such certificate.
var ErrUnknown = errors.New("no such certificate was issued")

// Issue makes a client certificate for the forwarder with this name. Its key is
// handed out and not kept. Issuing a name again gives a second certificate; the
// first one stays valid, so that a forwarder can be changed over in peace.
func (p *PKI) Issue(name string) (Pair, error) {
	if err := checkName(name); err != nil {
		return Pair{}, err
	}
	unlock, err := p.lock()
	if err != nil {
		return Pair{}, err
	}
	defer unlock()
	key, keyPEM, err := newKey()
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate for %s: %w", name, err)
	}
	certPEM, err := p.issueClient(name, key.Public())
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: certPEM, Key: keyPEM, CA: p.CAPEM()}, nil
}

// issueClient signs and keeps the certificate of the forwarder with this name and key.
// The caller holds the lock.
func (p *PKI) issueClient(name string, public crypto.PublicKey) ([]byte, error) {
	now := p.o.Clock()
	tmpl := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"journalist"}, CommonName: name},
		NotBefore:   now.Add(-backdate),
		NotAfter:    p.until(now, clientLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if certName(name) == name {
		tmpl.DNSNames = []string{name}
	}
	certPEM, err := p.issue(tmpl, public)
	if err == nil {
		err = vfs.WriteFile(p.fs, p.path("issued/"+serialText(tmpl)+".crt"), certPEM)
	}
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", name, err)
	}
	return certPEM, nil
}

// List returns the issued client certificates by name, the oldest first.
func (p *PKI) List() ([]Cert, error) {
	entries, err := p.fs.ReadDir(p.path("issued"))
	if err != nil {
		return nil, fmt.Errorf("issued certificates: %w", err)
	}
	revoked := p.revoked.current()
	var certs []Cert
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".crt") {
			continue
		}
		name := p.path("issued/" + e.Name())
		data, err := vfs.ReadFile(p.fs, name)
		if err != nil {
			return nil, fmt.Errorf("issued certificates: %w", err)
		}
		c, err := parseCert(data)
		if err != nil {
			return nil, fmt.Errorf("issued certificates: %s: %w", name, err)
		}
		serial := serialText(c)
		certs = append(certs, Cert{
			Name: c.Subject.CommonName, Serial: serial,
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, Revoked: revoked[serial].At,
		})
	}
	slices.SortFunc(certs, func(a, b Cert) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		if c := a.NotBefore.Compare(b.NotBefore); c != 0 {
			return c
		}
		return strings.Compare(a.Serial, b.Serial)
	})
	return certs, nil
}

// Revoke makes every certificate of this name, or the one with this serial,
// refused from the next handshake on, also by a server that is running. What was
// revoked before counts as done.
func (p *PKI) Revoke(nameOrSerial string) error {
	unlock, err := p.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := p.revoked.load(); err != nil {
		return err
	}
	certs, err := p.List()
	if err != nil {
		return err
	}
	serial := strings.ToLower(strings.ReplaceAll(nameOrSerial, ":", ""))
	found := false
	list := p.revoked.current()
	now := p.o.Clock().UTC().Truncate(time.Second)
	for _, c := range certs {
		if c.Name != nameOrSerial && c.Serial != serial {
			continue
		}
		found = true
		if c.Revoked.IsZero() {
			list[c.Serial] = revocation{Name: c.Name, At: now}
		}
	}
	if !found {
		return fmt.Errorf("revoke %q: %w; `journalist cert list` shows those that were", nameOrSerial, ErrUnknown)
	}
	return p.revoked.save(list)
}

// Revoked tells whether a certificate was revoked; listeners ask it for
// connections that are open already. It looks at the file each time.
func (p *PKI) Revoked(c *x509.Certificate) bool {
	_, yes := p.revocation(c)
	return yes
}

func (p *PKI) revocation(c *x509.Certificate) (revocation, bool) {
	if !bytes.Equal(c.RawIssuer, p.ca.RawSubject) {
		return revocation{}, false // another authority's serials are not ours
	}
	return p.revoked.find(serialText(c))
}

func serialText(c *x509.Certificate) string { return fmt.Sprintf("%032x", c.SerialNumber) }

// checkName says what is wrong with a forwarder's name: it becomes a file name of
// `journalist cert issue` and stands in logs.
func checkName(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("certificate name %q: it must have 1 to 64 characters", name)
	}
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			continue
		}
		if i == 0 || !strings.ContainsRune("._-", rune(c)) {
			return fmt.Errorf("certificate name %q: use letters, digits, '.', '_' and '-', beginning with a letter or digit", name)
		}
	}
	if strings.Contains(name, "..") {
		return fmt.Errorf("certificate name %q: two dots in a row are not allowed", name)
	}
	return nil
}
