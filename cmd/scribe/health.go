package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/oklog/run"
)

// addHealth adds the actor that serves /metrics, /healthz and /readyz, when that is
// asked for: to this machine only, because nobody is asked who he is.
func (f *forwarder) addHealth(g *run.Group) {
	if f.plan.metrics == "" {
		return
	}
	l, err := listenLocal(f.plan.metrics)
	if err != nil {
		g.Add(func() error { return fmt.Errorf("metrics: %w", err) }, func(error) {})
		return
	}
	f.gauges()
	f.log.Info("metrics are served", "address", l.Addr().String())
	srv := &http.Server{Handler: f.healthHandler(), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	g.Add(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // a scraper that does not read is cut off
		}
	})
}

// gauges registers what only the whole knows.
func (f *forwarder) gauges() {
	f.set.Gauge(func() float64 {
		t := f.tailer()
		if t == nil {
			return 0
		}
		return float64(t.Lag().Bytes)
	}, "scribe_lag_bytes")
	f.set.Gauge(func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.failed != "" {
			return 0
		}
		return 1
	}, "scribe_config_good")
	f.set.Gauge(func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return float64(f.reloaded.Unix())
	}, "scribe_config_taken_over_seconds")
}

// listenLocal listens at host:port or unix:///path, which only this user reaches.
func listenLocal(addr string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(addr, "unix://")
	if !isUnix {
		return net.Listen("tcp", addr)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		_ = os.Remove(path) // of a scribe that was killed; Listen tells when it stays
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, err
	}
	return l, nil
}

func (f *forwarder) healthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		f.set.Write(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n") // the asker went away
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := f.unready(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n") // the asker went away
	})
	return mux
}

// unready says why scribe does not do its work, "" when it does: lines wait, and no
// server takes them.
func (f *forwarder) unready() string {
	st := f.delivery.Status()
	switch {
	case st.QueueLines == 0 || (st.Connected && !st.LastAck.IsZero()):
		return ""
	case !st.Connected:
		return "no server is connected and lines wait"
	}
	return "no server has acknowledged anything yet"
}
