package api

import (
	"bytes"
	"net/http"
)

// healthz says that the process lives, readyz that it can work. Neither says why
// not: they answer anybody.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { status(w, http.StatusOK, "ok\n") }

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.o.Health == nil {
		status(w, http.StatusOK, "ok\n")
		return
	}
	if err := s.o.Health(); err != nil {
		s.log.Warn("not ready", "err", err)
		status(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	status(w, http.StatusOK, "ok\n")
}

func status(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the client is gone: nobody to tell
}

// metrics writes all figures in Prometheus' text form.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	if s.o.Metrics != nil {
		s.o.Metrics.Write(&out)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(out.Bytes()) // the client is gone: nobody to tell
}
