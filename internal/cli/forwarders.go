package cli

import (
	"context"
	"time"

	"journalist/internal/record"
)

// Forwarder is what a scribe said of itself last.
type Forwarder struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	At      time.Time `json:"at"`
	Ago     float64   `json:"ago_s"` // seconds
	Silent  bool      `json:"silent"`
	record.Report
}

// Forwarders asks for what the scribes said of themselves, those that have been
// silent longest first.
func (c *Client) Forwarders(ctx context.Context) ([]Forwarder, error) {
	var answer struct {
		Forwarders []Forwarder `json:"forwarders"`
	}
	err := c.getJSON(ctx, "/api/v1/forwarders", &answer)
	return answer.Forwarders, err
}
