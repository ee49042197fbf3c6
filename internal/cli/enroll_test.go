package cli

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"journalist/internal/pki"
	"journalist/internal/vfs"
)

func openPKI(t *testing.T) *pki.PKI {
	t.Helper()
	p, err := pki.Open(vfs.OS, t.TempDir(), pki.Options{Names: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Over TLS nothing is sent to a server that is not of the token's authority, and
// nothing is kept that another authority signed.
func TestEnrollPinsTheAuthority(t *testing.T) {
	authority, stranger := openPKI(t), openPKI(t)
	var asked atomic.Int32
	var signs atomic.Pointer[pki.PKI]
	signs.Store(authority)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var in struct{ Name, CSR string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Authorization") != "Bearer jt_secret" {
			t.Errorf("request %v, %v", r.Header, err)
		}
		req, err := pki.CheckRequest(in.Name, []byte(in.CSR))
		if err != nil {
			t.Error(err)
			return
		}
		cert, err := signs.Load().Sign(req)
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"certificate": string(cert), "ca": string(authority.CAPEM()), "servers": []string{":5043"}})
	}))
	conf := authority.ServerConfig()
	get := conf.GetCertificate
	block, _ := pem.Decode(authority.CAPEM())
	conf.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := get(h)
		if err != nil {
			return nil, err
		}
		chain := *c
		chain.Certificate = [][]byte{c.Certificate[0], block.Bytes}
		return &chain, nil
	}
	srv.Listener = tls.NewListener(srv.Listener, conf) // StartTLS would show a certificate of its own
	srv.Start()
	defer srv.Close()
	url := "https://" + srv.Listener.Addr().String()

	e, err := Enroll(t.Context(), url, "jt_secret."+authority.CAFingerprint(), "web-01", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Servers) != 1 || e.Servers[0] != "127.0.0.1:5043" || asked.Load() != 1 {
		t.Errorf("servers %q, asked %d times", e.Servers, asked.Load())
	}
	if _, err := tls.X509KeyPair(e.Cert, e.Key); err != nil {
		t.Error(err)
	}
	_, err = Enroll(t.Context(), url, "jt_secret."+stranger.CAFingerprint(), "web-02", "v1")
	if err == nil || !strings.Contains(err.Error(), "nothing was sent") || asked.Load() != 1 {
		t.Errorf("a server of another authority: %v, asked %d times", err, asked.Load())
	}
	signs.Store(stranger)
	if _, err = Enroll(t.Context(), url, "jt_secret."+authority.CAFingerprint(), "web-03", "v1"); err == nil {
		t.Error("a certificate of another authority was kept")
	}
}
