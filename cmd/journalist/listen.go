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
	"strings"
	"syscall"
	"time"

	"journalist/internal/api"
	"journalist/internal/cli"
	"journalist/internal/pki"
)

// listeners are all sockets of the server, open before anything is announced.
type listeners struct {
	http       net.Listener
	url        string       // how this machine reaches it
	lumberjack net.Listener // nil when it is off
	clientCAs  *x509.CertPool
}

// listen opens all sockets, or none.
func listen(o serveOptions, authority *pki.PKI) (l *listeners, err error) {
	l = &listeners{}
	opened := l
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if l.http, l.url, err = listenHTTP(o, authority); err != nil || o.Lumberjack.Addr == "off" {
		return l, err
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
// a unix socket, with TLS on every other address. url is how this machine reaches
// it, "" for a unix socket.
func listenHTTP(o serveOptions, authority *pki.PKI) (l net.Listener, url string, err error) {
	if path, ok := strings.CutPrefix(o.HTTP.Addr, "unix:"); ok {
		if o.httpTLS == "on" {
			return nil, "", cli.Exit(cli.ExitUsage, errors.New("--http-tls on: a unix socket has no TLS; the proxy in front of it has"))
		}
		l, err = listenUnix(path)
		return l, "unix:" + path, err
	}
	secure := o.httpTLS == "on" || o.httpTLS == "auto" && api.CheckListen(o.HTTP.Addr, false) != nil
	if o.HTTP.TLS.Cert != "" && o.httpTLS != "off" {
		secure = true
	}
	if err := api.CheckListen(o.HTTP.Addr, secure); err != nil {
		return nil, "", cli.Exit(cli.ExitUsage, err)
	}
	l, err = listenTCP("http", o.HTTP.Addr)
	if err != nil {
		return nil, "", err
	}
	host := "127.0.0.1"
	if secure {
		host = "localhost" // our certificate names both, one from elsewhere neither
		if name, err := os.Hostname(); err == nil && name != "" {
			host = name
		}
	}
	if len(o.HTTP.Names) > 0 && secure {
		host = o.HTTP.Names[0]
	}
	addr := cli.HostPort(l.Addr().String(), host)
	if !secure {
		return l, "http://" + addr, nil
	}
	return tls.NewListener(l, httpTLSConfig(authority)), "https://" + addr, nil
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
	if path == "" {
		return nil, cli.Exit(cli.ExitUsage, errors.New("--http unix: needs the path of a socket"))
	}
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
	// The socket must never be open to everybody, not even for a moment.
	old := syscall.Umask(0o117)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
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
