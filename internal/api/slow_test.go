package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener hands out one end of a pipe.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Net: "pipe"} }

// pipe serves a connection in memory, which keeps to the clock of a synctest
// bubble. stop ends the server.
func (w *world) pipe() (client net.Conn, stop func()) {
	s := NewServer("x", w.handler)
	l := &pipeListener{make(chan net.Conn), make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	client, server := net.Pipe()
	l.conns <- server
	return client, func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			w.t.Error(err)
		}
		_ = client.Close() // the server's end is closed
	}
}

// TestBodyThatNeverComes holds that nobody keeps a connection, or an answer, by
// announcing a body and not sending it.
func TestBodyThatNeverComes(t *testing.T) {
	for name, request := range map[string]string{
		"without credentials":         "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"without credentials, chunks": "POST /api/v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"page":                        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"nothing":                     "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"log-in":                      "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"with credentials":            "POST /api/v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"wrong kind of body":          "POST /api/v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				client, stop := w.pipe()
				defer stop()
				start := time.Now()
				if _, err := io.WriteString(client, strings.Replace(request, "TOKEN", w.tokens["ingest"], 1)); err != nil {
					t.Fatal(err)
				}
				if err := client.SetReadDeadline(start.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(client)
				if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") || time.Since(start) > 2*time.Minute {
					t.Errorf("after %v: %q %v", time.Since(start), answer, err)
				}
			})
		})
	}
}
