package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"testing"
	"time"
)

// request is a request for a certificate in PEM form, that says another name.
func request(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "somebody-else"}, DNSNames: []string{"example.com"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func must[K any](t *testing.T) func(K, error) K {
	return func(k K, err error) K {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

func TestCheckRequest(t *testing.T) {
	good := request(t, must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte(nil), good...)
	block, _ := pem.Decode(forged)
	block.Bytes[len(block.Bytes)-1] ^= 1 // of the signature
	for what, c := range map[string]struct {
		name string
		csr  []byte
		ok   bool
	}{
		"ECDSA":          {"web-01", good, true},
		"Ed25519":        {"web-01", request(t, ed), true},
		"RSA, 2048":      {"web-01", request(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))), true},
		"RSA, 1024":      {"web-01", request(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))), false},
		"a bad name":     {"../web", good, false},
		"nothing":        {"web-01", nil, false},
		"no PEM":         {"web-01", block.Bytes, false},
		"two":            {"web-01", append(append([]byte(nil), good...), good...), false},
		"another type":   {"web-01", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes}), false},
		"no request":     {"web-01", pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: []byte("x")}), false},
		"a foreign sign": {"web-01", pem.EncodeToMemory(block), false},
	} {
		if _, err := CheckRequest(c.name, c.csr); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A name is given once over the network, until its certificate is revoked or over; of
// the request only the key counts.
func TestSign(t *testing.T) {
	clock := newClock(today)
	p := open(t, t.TempDir(), testOptions(clock))
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	r, err := CheckRequest("web-01", request(t, key))
	if err != nil {
		t.Fatal(err)
	}
	sign := func() *x509.Certificate {
		t.Helper()
		certPEM, err := p.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCert(certPEM)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	taken := func() {
		t.Helper()
		if _, err := p.Sign(r); !errors.Is(err, ErrTaken) {
			t.Errorf("a name that is taken: %v", err)
		}
	}
	c := sign()
	if c.Subject.CommonName != "web-01" || len(c.DNSNames) != 1 || c.DNSNames[0] != "web-01" || !key.PublicKey.Equal(c.PublicKey) {
		t.Errorf("certificate of %v, %v", c.Subject, c.DNSNames)
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: p.CAPool(), CurrentTime: today, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	taken()
	if err := p.Revoke(serialText(c)); err != nil {
		t.Fatal(err)
	}
	c = sign()
	taken()
	clock.set(c.NotAfter.Add(time.Second))
	sign()
	if certs, err := p.List(); err != nil || len(certs) != 3 {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
}
