package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/vfs"
)

// openServer loads our server certificate and makes a new one where it is
// missing, damaged, about to end, or lacks a name that this machine now has.
// The caller holds the lock.
func (p *PKI) openServer() error {
	names := p.serverNames()
	err := p.own.load()
	if err == nil {
		if reason := p.unfit(p.own.get().Leaf, names); reason != "" {
			err = fmt.Errorf("the server certificate %s", reason)
		}
	}
	if err == nil {
		return nil
	}
	if !vfs.IsNotExist(err) {
		p.log.Info("making a new server certificate", "reason", err)
	}
	return p.makeServer(names)
}

// unfit says why a server certificate must be replaced, "" when it need not.
func (p *PKI) unfit(leaf *x509.Certificate, names []string) string {
	now := p.o.Clock()
	switch {
	case now.Before(leaf.NotBefore):
		return "is not valid before " + day(leaf.NotBefore)
	case leaf.NotAfter.Sub(now) < renewBefore && leaf.NotAfter.Before(p.ca.NotAfter):
		return "ends on " + day(leaf.NotAfter)
	case leaf.CheckSignatureFrom(p.ca) != nil:
		return "is signed by another authority"
	}
	for _, n := range names {
		if leaf.VerifyHostname(n) != nil {
			return "lacks the name " + n
		}
	}
	return ""
}

func (p *PKI) makeServer(names []string) error {
	now := p.o.Clock()
	tmpl := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"journalist"}, CommonName: "journalist server"},
		NotBefore:   now.Add(-backdate),
		NotAfter:    p.until(now, serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	certPEM, err := p.issue(tmpl, key.Public())
	if err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	// A crash between the two leaves a pair that does not fit: the next start
	// makes a new one.
	if err := vfs.WriteFile(p.fs, p.own.key, keyPEM); err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	if err := vfs.WriteFile(p.fs, p.own.cert, certPEM); err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	if err := p.own.load(); err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	return nil
}

// getOwn is GetCertificate with our own certificate, renewing it when it is time.
func (p *PKI) getOwn(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := p.own.get()
	now := p.o.Clock()
	if c.Leaf.NotAfter.Sub(now) >= renewBefore || !p.renewing.TryLock() {
		return c, nil
	}
	defer p.renewing.Unlock()
	if now.Before(p.nextRenewal) {
		return c, nil
	}
	p.nextRenewal = now.Add(time.Hour)
	unlock, err := p.lock()
	if err == nil {
		defer unlock()
		err = p.openServer()
	}
	if err != nil {
		p.log.Error("the server certificate cannot be renewed; next try in an hour", "end", day(c.Leaf.NotAfter), "err", err)
		return c, nil
	}
	return p.own.get(), nil
}

// serverNames lists what the server's certificate must name, sorted.
func (p *PKI) serverNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	for _, n := range slices.Concat(p.o.Local(), p.o.Names) {
		if n = certName(n); n != "" {
			names = append(names, n)
		} else {
			p.log.Warn("a name that no certificate can carry is left out of the server certificate")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// certName brings a host name or address into the form certificates have; ""
// when it is neither.
func certName(n string) string {
	if ip, err := netip.ParseAddr(n); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	n = strings.ToLower(strings.TrimSuffix(n, "."))
	if n == "" || len(n) > 253 {
		return ""
	}
	for i, label := range strings.Split(n, ".") {
		if label == "*" && i == 0 {
			continue
		}
		if label == "" || len(label) > 63 || label[0] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return ""
		}
	}
	return n
}

// localNames asks the machine for its names and addresses.
func localNames() []string {
	var names []string
	if host, err := os.Hostname(); err == nil && certName(host) != "" {
		names = append(names, host)
		if !strings.Contains(host, ".") {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			// The full name is a convenience: without a resolver there is none.
			if full, err := net.DefaultResolver.LookupCNAME(ctx, host); err == nil && strings.HasPrefix(full, host+".") && certName(full) != "" {
				names = append(names, full)
			}
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if ipn, ok := a.(*net.IPNet); ok && !ipn.IP.IsLinkLocalUnicast() && !ipn.IP.IsMulticast() {
			names = append(names, ipn.IP.String())
		}
	}
	return names
}

// reloader keeps a certificate that is read anew when its file changes. A pair
// that cannot be read leaves the one before in place and is told once.
type reloader struct {
	fs        vfs.FS
	cert, key string
	clock     func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]stamp
	checked time.Time
}

// stamp tells one version of a file from another.
type stamp struct {
	mod  time.Time
	size int64
	sys  fs.FileInfo
}

func stampOf(fsys vfs.FS, name string) (stamp, error) {
	fi, err := fsys.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	return stamp{mod: fi.ModTime(), size: fi.Size(), sys: fi}, nil
}

// same holds also when a file was replaced by one of the same size and time.
func (s stamp) same(o stamp) bool {
	if s.sys == nil || o.sys == nil {
		return s.sys == nil && o.sys == nil
	}
	return s.size == o.size && s.mod.Equal(o.mod) && os.SameFile(s.sys, o.sys)
}

func (r *reloader) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loadLocked()
}

func (r *reloader) loadLocked() error {
	var stamps [2]stamp
	var pem [2][]byte
	for i, name := range []string{r.cert, r.key} {
		var err error
		// The stamp first: a change during the reading is noticed the next time.
		if stamps[i], err = stampOf(r.fs, name); err != nil {
			return err
		}
		if pem[i], err = vfs.ReadFile(r.fs, name); err != nil {
			return err
		}
	}
	r.stamp = stamps
	pair, err := tls.X509KeyPair(pem[0], pem[1])
	if err != nil {
		return fmt.Errorf("%s and %s: %w", r.cert, r.key, err)
	}
	r.current = &pair
	return nil
}

// get returns the newest certificate that could be read.
func (r *reloader) get() *tls.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if age := now.Sub(r.checked); age >= 0 && age < checkEvery {
		return r.current
	}
	r.checked = now
	c, err1 := stampOf(r.fs, r.cert)
	k, err2 := stampOf(r.fs, r.key)
	if err1 == nil && err2 == nil && c.same(r.stamp[0]) && k.same(r.stamp[1]) {
		return r.current
	}
	if err := r.loadLocked(); err != nil {
		r.log.Warn("a changed certificate cannot be read; the one before stays in use", "err", err)
		return r.current
	}
	r.log.Info("certificate reloaded", "file", r.cert, "end", day(r.current.Leaf.NotAfter))
	return r.current
}

// warn says what clients will object to in a certificate from elsewhere.
func (r *reloader) warn() {
	leaf := r.get().Leaf
	now := r.clock()
	switch {
	case now.After(leaf.NotAfter):
		r.log.Warn("the server certificate expired", "file", r.cert, "end", day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		r.log.Warn("the server certificate is not valid yet", "file", r.cert, "begin", day(leaf.NotBefore))
	}
}
