package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Step is one thing that Check tried.
type Step struct {
	Name   string `json:"name"` // dns, tcp, tls, name, protocol
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do when it is not OK
}

// checkTimeout bounds each step of Check.
const checkTimeout = 10 * time.Second

// Check tries to reach a server as Run would that speaks p with it, step by step, and
// stops at the first step that fails. It sends no lines.
func Check(ctx context.Context, server string, cfg *tls.Config, p Protocol) []Step {
	c := checker{cfg: cfg, speaks: p}
	addr, err := ServerAddress(server)
	if err != nil {
		c.step("dns", err, "")
		return c.steps
	}
	if c.dns(ctx, addr) && c.tcp(ctx, addr) {
		defer func() { _ = c.nc.Close() }() // only tried
		if t := c.handshake(ctx, addr); t != nil {
			c.protocol(t)
		}
	}
	return c.steps
}

type checker struct {
	cfg    *tls.Config
	speaks Protocol
	nc     net.Conn
	steps  []Step
}

// step notes a result; the remedy comes from the error.
func (c *checker) step(name string, err error, detail string) bool {
	if err == nil {
		c.steps = append(c.steps, Step{Name: name, OK: true, Detail: detail})
		return true
	}
	s := Step{Name: name, Detail: err.Error(), Remedy: hint(err, c.cfg)}
	var ce *CertError
	if errors.As(err, &ce) {
		s.Detail, s.Remedy = ce.Text, ce.Hint
	}
	c.steps = append(c.steps, s)
	return false
}

func (c *checker) dns(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return c.step("dns", err, "")
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	return c.step("dns", err, strings.Join(ips, ", "))
}

func (c *checker) tcp(ctx context.Context, addr string) bool {
	d := net.Dialer{Timeout: checkTimeout}
	var err error
	if c.nc, err = d.DialContext(ctx, "tcp", addr); err != nil {
		return c.step("tcp", err, "")
	}
	return c.step("tcp", nil, "connected to "+c.nc.RemoteAddr().String())
}

// handshake notes TLS and name apart, because they are mended in different
// places.
func (c *checker) handshake(ctx context.Context, addr string) *tls.Conn {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	t := tls.Client(c.nc, clientConfig(c.cfg, addr, c.speaks == ProtocolAuto || c.speaks == ""))
	err := t.HandshakeContext(ctx)
	if err != nil && strings.Contains(err.Error(), alertNoProtocol) {
		_ = c.nc.Close()
		d := net.Dialer{Timeout: checkTimeout}
		nc, derr := d.DialContext(ctx, "tcp", addr)
		if derr != nil {
			c.step("tcp", derr, "")
			return nil
		}
		c.nc = nc
		t = tls.Client(nc, clientConfig(c.cfg, addr, false))
		err = t.HandshakeContext(ctx)
	}
	var ce *CertError
	if errors.As(err, &ce) && ce.Kind == "name" {
		c.step("tls", nil, "the server's certificate comes from a CA we trust")
		c.step("name", err, "")
		return nil
	}
	if err != nil {
		c.step("tls", err, "")
		return nil
	}
	cs := t.ConnectionState()
	leaf := cs.PeerCertificates[0]
	c.step("tls", nil, fmt.Sprintf("%s, certificate valid until %s", tls.VersionName(cs.Version), leaf.NotAfter.UTC().Format("2006-01-02")))
	c.step("name", nil, "the certificate is for "+strings.Join(namesOf(leaf), ", "))
	return t
}

// protocol asks for a sign of life. A server that refuses our certificate says so
// only now, because TLS 1.3 clients are done before the server looks at it.
func (c *checker) protocol(t *tls.Conn) {
	speaks := dialectOf(c.speaks, t)
	what := [...]string{"lumberjack with blocks (journalist)", "lumberjack version 2", "lumberjack version 1"}[speaks]
	switch seq, answered, err := speaks.greet(t, checkTimeout); {
	case err != nil:
		c.step("protocol", err, "")
	case !answered:
		c.step("protocol", nil, what+" as far as can be told without sending a line")
	case seq != 0:
		c.step("protocol", fmt.Errorf("the server acknowledged %d events, none was sent", seq), "")
	default:
		c.step("protocol", nil, what)
	}
}
