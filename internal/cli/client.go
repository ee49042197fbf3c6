package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ClientOptions say which server to ask and as whom.
type ClientOptions struct {
	// Server is http://host:port, https://host:port or unix:/path.
	Server string
	// Token goes into every request; "" for a server that is only asked for its
	// status.
	Token string
	// CA holds the PEM certificates that may have signed the server's; nil means
	// the system's.
	CA []byte
	// Version stands in the User-Agent.
	Version string
}

// Client asks a journalist over its HTTP API. Its methods may be called from
// several goroutines. Close ends idle connections.
type Client struct {
	server string // for messages
	base   string // scheme://host, without a slash at the end
	token  string
	agent  string
	http   *http.Client
}

// NewClient checks the options and makes a client; it does not connect yet.
func NewClient(o ClientOptions) (*Client, error) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          4,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		// The answers are read line by line as they come; compressing them on the
		// way would delay the first rows.
		DisableCompression: true,
	}
	c := &Client{
		server: o.Server, token: o.Token, agent: "journalist-cli/" + o.Version,
		// A redirect would carry the token to wherever it points.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the server redirects elsewhere: name the final address with --server")
		}},
	}
	if path, ok := strings.CutPrefix(o.Server, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return nil, Exit(ExitUsage, errors.New("unix: needs the path of a socket"))
		}
		c.base = "http://localhost"
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	u, err := ServerURL(o.Server)
	if err != nil {
		return nil, err
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	if o.CA != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, Exit(ExitUsage, errors.New("the CA file holds no PEM certificate"))
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	return c, nil
}

// ServerURL parses the address of a server. Without a scheme it is https, except
// on loopback. A token never goes over plain HTTP to another machine.
func ServerURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		host, _, err := net.SplitHostPort(text)
		if err != nil {
			host = text
		}
		if isLoopback(host) {
			text = "http://" + text
		} else {
			text = "https://" + text
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, Exit(ExitUsage, fmt.Errorf("%q is no server address: want https://host:9292, http://127.0.0.1:9292 or unix:/path", text))
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, Exit(ExitUsage, fmt.Errorf("a server address is only scheme, host and port: use --token-file for the token"))
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, Exit(ExitUsage, fmt.Errorf("%s: plain HTTP to another machine would show the token to the network: use https://", u.Host))
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "9292")
	}
	return u, nil
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Server is the address as it was given.
func (c *Client) Server() string { return c.server }

// do sends a request and returns its answer when that is 200; else the error.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explainConnect(c.server, urlCause(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }() // only read
		return nil, answerError(resp)
	}
	return resp, nil
}

// urlCause takes the method and the address off an error of net/http: the
// message names the server already.
func urlCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// getJSON asks for a small JSON answer.
func (c *Client) getJSON(ctx context.Context, path string, into any) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	return c.decode(ctx, resp, into)
}

// maxAnswer bounds answers that are read whole.
const maxAnswer = 64 << 20

func (c *Client) decode(ctx context.Context, resp *http.Response, into any) error {
	defer func() { _ = resp.Body.Close() }() // only read
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: the answer is no JSON (is this a journalist?): %w", c.server, err)
	}
	return nil
}

// post sends v as JSON and returns the answer when that is 200; else the error.
func (c *Client) post(ctx context.Context, path string, v any) (*http.Response, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/x-ndjson, application/json"}}
	return c.do(ctx, http.MethodPost, path, header, bytes.NewReader(data))
}

// Me is who the token belongs to, and what the server is.
type Me struct {
	Name    string   `json:"name"`
	Scopes  []string `json:"scopes"`
	Version string   `json:"version"`
}

// Me asks who the token belongs to: the cheapest way to see that server and token
// are right.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var me Me
	err := c.getJSON(ctx, "/api/v1/me", &me)
	return me, err
}

// Ready tells that the server answers requests.
func (c *Client) Ready(ctx context.Context) error {
	resp, err := c.do(ctx, http.MethodGet, "/readyz", nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
