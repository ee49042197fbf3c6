package api

import (
	"net/http"
	"time"

	"journalist/internal/fleet"
)

// forwarderAnswer is a forwarder as clients see it.
type forwarderAnswer struct {
	fleet.Forwarder
	// Ago is how many seconds ago it spoke, Silent that it should have since.
	Ago    float64 `json:"ago_s"`
	Silent bool    `json:"silent"`
}

// forwarders tells what the forwarders said of themselves last.
func (s *Server) forwarders(w http.ResponseWriter, _ *http.Request) error {
	list := s.o.Fleet.List()
	out := make([]forwarderAnswer, len(list))
	now := s.o.Clock()
	for i, f := range list {
		ago := max(0, now.Sub(f.At))
		out[i] = forwarderAnswer{f, ago.Round(time.Millisecond).Seconds(), f.Silent(now)}
	}
	return writeValue(w, map[string]any{"forwarders": out})
}
