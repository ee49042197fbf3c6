package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"journalist/internal/api"
	"journalist/internal/cli"
	"journalist/internal/metrics"
	"journalist/internal/pki"
)

// listeners are all sockets of the server, open before anything is announced.
type listeners struct {
	http       net.Listener
	url        string       // how this machine reaches it
	page       string       // how others reach it, "" for a unix socket
	lumberjack net.Listener // nil when it is off
	clientCAs  *x509.CertPool
}

// listen opens all sockets, or none.
func listen(o serveOptions, authority *pki.PKI, set *metrics.Set) (l *listeners, err error) {
	l = &listeners{}
	opened := l
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if err := l.listenHTTP(o, authority, set); err != nil {
		return nil, err
	}
	if o.Lumberjack.Addr == "off" {
		return l, nil
	}
	if l.clientCAs, err = clientCAs(o.Lumberjack.ClientCA); err != nil {
		return nil, err
	}
	if l.lumberjack, err = listenTCP("lumberjack", o.Lumberjack.Addr); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *listeners) lumberjackAddr() string {
	if l.lumberjack == nil {
		return ""
	}
	return l.lumberjack.Addr().String()
}

// close closes the sockets, also those that their servers have closed already.
func (l *listeners) close() {
	for _, one := range []net.Listener{l.http, l.lumberjack} {
		if one != nil {
			_ = one.Close() // nothing is lost with it
		}
	}
}

// listenHTTP opens the listener of the page and the API: plain on loopback and on
// a unix socket, with TLS on every other address.
func (l *listeners) listenHTTP(o serveOptions, authority *pki.PKI, set *metrics.Set) (err error) {
	if path, ok := strings.CutPrefix(o.HTTP.Addr, "unix:"); ok {
		if o.httpTLS == "on" {
			return cli.Exit(cli.ExitUsage, errors.New("--http-tls on: a unix socket has no TLS; the proxy in front of it has"))
		}
		if path == "" {
			return cli.Exit(cli.ExitUsage, errors.New("--http unix: needs the path of a socket"))
		}
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		l.url = "unix:" + path
		if l.http, err = listenUnix(path); err != nil {
			return err
		}
		l.http = api.LimitConns(l.http, set)
		return nil
	}
	secure := o.httpTLS == "on" || o.httpTLS == "auto" && api.CheckListen(o.HTTP.Addr, false) != nil
	if o.HTTP.TLS.Cert != "" && o.httpTLS != "off" {
		secure = true
	}
	if err := api.CheckListen(o.HTTP.Addr, secure); err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	if l.http, err = listenTCP("http", o.HTTP.Addr); err != nil {
		return err
	}
	l.http = api.LimitConns(l.http, set)
	addr := l.http.Addr().String()
	// "localhost" is what the resolver says it is.
	if err := api.CheckListen(addr, secure); err != nil {
		return cli.Exit(cli.ExitUsage, err)
	}
	if !secure {
		l.url = "http://" + cli.HostPort(addr, "127.0.0.1")
		l.page = l.url
		return nil
	}
	l.http = tls.NewListener(l.http, httpTLSConfig(authority))
	// Our own certificate names localhost; one from elsewhere names what the site
	// calls the server.
	public := publicName(o.HTTP.Names)
	local := "localhost"
	if o.HTTP.TLS.Cert != "" {
		local = public
	}
	l.url, l.page = "https://"+cli.HostPort(addr, local), "https://"+cli.HostPort(addr, public)
	return nil
}

// publicName is what others call this machine: the first name that was given for
// it, else its own.
func publicName(names []string) string {
	if len(names) > 0 {
		return names[0]
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// httpTLSConfig is the authority's configuration, with the authority's own
// certificate sent along: `journalist login` elsewhere shows its fingerprint.
func httpTLSConfig(authority *pki.PKI) *tls.Config {
	conf := authority.ServerConfig()
	conf.NextProtos = []string{"h2", "http/1.1"}
	ca, err := x509.ParseCertificate(pemBlock(authority.CAPEM()))
	get := conf.GetCertificate
	if err != nil || get == nil {
		return conf
	}
	conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := get(hello)
		if err != nil || len(cert.Certificate) != 1 || cert.Leaf == nil || cert.Leaf.CheckSignatureFrom(ca) != nil {
			return cert, err
		}
		chain := *cert
		chain.Certificate = [][]byte{cert.Certificate[0], ca.Raw}
		return &chain, nil
	}
	return conf
}

// listenTCP listens and says in words why it cannot.
func listenTCP(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program, perhaps another journalist: stop it, or choose another address with --%s", addr, flag)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w: ports below 1024 are for root or a capability: choose another with --%s", addr, fs.ErrPermission, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: this machine has no such address: choose another with --%s", addr, flag)
	}
	return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("--%s %s: %w", flag, addr, err))
}

// listenUnix listens on a socket that owner and group may use, in place of one
// that a server left which is gone.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			_ = c.Close() // nothing was sent
			return nil, fmt.Errorf("%s is in use by another program, perhaps another journalist", path)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(path) // else listening fails with the reason
		}
	}
	// The socket must never be open to everybody, not even for a moment. The mask is
	// the whole process's: it must take nothing from the owner, whose store makes
	// folders at the same time.
	old := syscall.Umask(0o007)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), l.Close())
	}
	return l, nil
}

// clientCAs reads further authorities for forwarders' certificates; "" means none.
func clientCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--lumberjack-client-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("--lumberjack-client-ca %s: the file holds no PEM certificate", path)
	}
	return pool, nil
}

// pemBlock returns the content of the first PEM block.
func pemBlock(data []byte) []byte {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil
	}
	return block.Bytes
}
