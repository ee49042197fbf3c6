// Package pki is journalist's own certificate authority: made on the first start,
// it signs the server's certificate and one client certificate for each forwarder,
// and tells whose certificates were revoked.
//
// It stands beside the way and writes through internal/vfs. cmd/journalist hands
// its TLS configurations to the listeners of internal/ingest/lumberjack and
// internal/api; internal/ship, on the other side, trusts the authority's
// certificate.
//
// The folder may be used by several processes at once: `journalist cert issue`
// works beside a running server, which notices changed files at the next
// handshake.
//
//	ca.crt, ca.key          the authority; ca.crt is written last and is the one
//	                        that counts
//	server.crt, server.key  renewed by themselves
//	issued/SERIAL.crt       every client certificate that was issued
//	revoked.json            the serials that are refused
//	lock                    held while one process changes any of these
package pki

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"journalist/internal/vfs"
)

// How long certificates last.
const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 398 * 24 * time.Hour // the longest that browsers and Apple's TLS accept
	clientLife = 2 * 365 * 24 * time.Hour
	// renewBefore is how long before its end the server's certificate is renewed.
	renewBefore = 30 * 24 * time.Hour
	// backdate lets clients whose clocks run behind accept a new certificate.
	backdate = time.Hour
	// lockPatience is how long another process may keep the lock.
	lockPatience = 10 * time.Second
	// checkEvery bounds how often the server's certificate files are looked at.
	checkEvery = time.Second
)

// clockFloor is a time that has passed for certain. A machine without a clock
// battery starts in 1970: what it signs lasts from there, but its end is counted
// from here, so that it is still valid once the clock is right.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Options configure Open; the zero value is good.
type Options struct {
	// Names are more host names and IP addresses for the server's certificate.
	Names []string
	// CertFile and KeyFile are a certificate that the site has from elsewhere;
	// ServerConfig uses it instead of our own and picks up its renewals.
	// MutualConfig does not: forwarders trust our authority.
	CertFile, KeyFile string
	// Local returns the names and addresses of this machine; nil asks it.
	Local func() []string
	// Clock is the time; nil means time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
}

// PKI is an open authority. All methods may be called from several goroutines.
// There is nothing to close.
type PKI struct {
	fs    vfs.FS
	dir   string
	o     Options
	log   *slog.Logger
	ca    *x509.Certificate
	caPEM []byte
	caKey caSigner

	own      reloader // our server certificate
	foreign  *reloader
	renewing sync.Mutex
	// nextRenewal keeps a renewal that fails from being tried at every handshake.
	nextRenewal time.Time

	revoked revocations
}

// Open opens the authority in the folder dir and makes it, with the server's
// certificate, where there is none yet.
func Open(fsys vfs.FS, dir string, o Options) (*PKI, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Local == nil {
		o.Local = localNames
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a server certificate needs both its certificate file and its key file")
	}
	p := &PKI{fs: fsys, dir: dir, o: o, log: log}
	p.revoked = revocations{fs: fsys, name: p.path("revoked.json"), log: log}
	if err := fsys.MkdirAll(p.path("issued")); err != nil {
		return nil, fmt.Errorf("certificate folder: %w", err)
	}
	for _, made := range []string{dir, p.path("issued")} {
		if err := fsys.SyncDir(filepath.Dir(made)); err != nil && !errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("certificate folder: %w", err)
		}
	}
	unlock, err := p.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := p.openCA(); err != nil {
		return nil, err
	}
	if err := p.revoked.load(); err != nil {
		return nil, err
	}
	p.own = reloader{fs: fsys, cert: p.path("server.crt"), key: p.path("server.key"), clock: o.Clock, log: log}
	if err := p.openServer(); err != nil {
		return nil, err
	}
	if o.CertFile != "" {
		p.foreign = &reloader{fs: fsys, cert: o.CertFile, key: o.KeyFile, clock: o.Clock, log: log}
		if err := p.foreign.load(); err != nil {
			return nil, fmt.Errorf("server certificate: %w", err)
		}
		p.foreign.warn()
	}
	return p, nil
}

func (p *PKI) path(name string) string { return filepath.Join(p.dir, name) }

// lock excludes other processes; unlock never fails in a way that matters.
func (p *PKI) lock() (unlock func(), err error) {
	release, err := vfs.Lock(p.fs, p.path("lock"), lockPatience)
	if err != nil {
		return nil, fmt.Errorf("certificate folder: %w", err)
	}
	return func() { _ = release() }, nil // closing a file that was only locked
}

// CAPEM is the authority's certificate for those who shall trust it.
func (p *PKI) CAPEM() []byte { return append([]byte(nil), p.caPEM...) }

// CAFingerprint is the SHA-256 of the authority's certificate in hexadecimal.
func (p *PKI) CAFingerprint() string {
	sum := sha256.Sum256(p.ca.Raw)
	return hex.EncodeToString(sum[:])
}

// CAPool is a pool that trusts the authority alone.
func (p *PKI) CAPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	return pool
}

// Reload reads certificates and revocations anew, for SIGHUP. They are noticed
// at the next handshake anyway; this one tells what is wrong with them.
func (p *PKI) Reload() error {
	errs := []error{p.revoked.load(), p.own.load()}
	if p.foreign != nil {
		errs = append(errs, p.foreign.load())
	}
	return errors.Join(errs...)
}

// ServerConfig is for listeners whose clients prove themselves otherwise (the
// page and its API). The certificate is picked up anew when its file changes.
func (p *PKI) ServerConfig() *tls.Config {
	get := p.getOwn
	if p.foreign != nil {
		get = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.foreign.get(), nil }
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get}
}
