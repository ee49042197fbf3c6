package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Enrolment is what a forwarder gets: PEM, and where to send lines.
type Enrolment struct {
	Cert, Key, CA []byte
	Servers       []string
}

// Enroll makes a key here and has the server sign a certificate for it. The token
// is one of `journalist token create --scope enroll`: a secret, a dot, and the
// fingerprint of the server's authority. Neither the secret nor the name is sent
// before the server has proved to be of that authority, or of one that this system
// trusts and that knows the authority.
func Enroll(ctx context.Context, server, token, name, version string) (*Enrolment, error) {
	secret, pin, ok := strings.Cut(token, ".")
	if want, err := hex.DecodeString(pin); !ok || err != nil || len(want) != sha256.Size {
		return nil, Exit(ExitUsage, errors.New("this is no token for enrolling: journalist token create NAME --scope enroll makes one"))
	}
	u, err := ServerURL(server)
	if err != nil {
		return nil, err
	}
	o := ClientOptions{Server: u.String(), Token: secret, Version: version}
	if u.Scheme == "https" {
		if o.CA, err = pinnedCA(ctx, o.Server, pin); err != nil {
			return nil, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, err
	}
	c, err := NewClient(o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var answer struct {
		Certificate string   `json:"certificate"`
		CA          string   `json:"ca"`
		Servers     []string `json:"servers"`
	}
	request := map[string]string{"name": name, "csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))}
	resp, err := c.post(ctx, "/api/v1/enroll", request)
	if err != nil {
		return nil, err
	}
	if err := c.decode(ctx, resp, &answer); err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	e := &Enrolment{
		Cert: []byte(answer.Certificate), CA: []byte(answer.CA), Servers: answer.Servers,
		Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
	for i, s := range e.Servers {
		e.Servers[i] = HostPort(s, u.Hostname())
	}
	return e, e.check(pin)
}

// pinnedCA returns the server's authority if it is the one of the fingerprint; nil
// where the system trusts the server itself.
func pinnedCA(ctx context.Context, server, pin string) ([]byte, error) {
	ca, known, err := ServerCA(ctx, server)
	if err != nil {
		return nil, err
	}
	if known {
		return nil, nil
	}
	if got := Fingerprint(ca); !strings.EqualFold(got, pin) {
		return nil, Exit(ExitAuth, fmt.Errorf("%s is not the server that made the token: its authority has the fingerprint %s, the token says %s; nothing was sent", server, got, pin))
	}
	return CertificatePEM(ca), nil
}

// check makes sure that what came is of the authority that the token names and fits
// the key.
func (e *Enrolment) check(pin string) error {
	block, _ := pem.Decode(e.CA)
	if block == nil {
		return errors.New("the server's answer has no certificate authority")
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("the server's certificate authority: %w", err)
	}
	if !strings.EqualFold(Fingerprint(ca), pin) {
		return Exit(ExitAuth, errors.New("the server's answer has another authority than the token"))
	}
	pair, err := tls.X509KeyPair(e.Cert, e.Key)
	if err != nil {
		return fmt.Errorf("the server's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("the server's certificate: %w", err)
	}
	return nil
}
