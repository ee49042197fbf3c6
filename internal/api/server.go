package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// NewServer returns the server for the handler, with the limits that keep slow
// and hostile clients from holding connections. Answers are streams without a
// length, so reading a body and writing an answer have deadlines of their own that
// move with what gets through (internal/ingest/httpbody, stream.go).
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// "OPTIONS *" comes to the handler like everything else.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 250,
			SendPingTimeout:      30 * time.Second,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     time.Minute,
		},
	}
}

// CheckListen refuses to serve plain HTTP to the network: tokens and logs would
// pass readable. Loopback addresses and unix sockets ("unix:/path") are not the
// network.
func CheckListen(addr string, tls bool) error {
	if tls || strings.HasPrefix(addr, "unix:") {
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: %w; write HOST:PORT, for example 127.0.0.1:9292", addr, err)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost") {
		return nil
	}
	return fmt.Errorf("plain HTTP on %s would show tokens and logs to the network: switch TLS on, or listen on 127.0.0.1 or unix:/path and put a proxy with TLS in front", addr)
}
