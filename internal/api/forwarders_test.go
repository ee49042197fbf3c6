package api

import (
	"encoding/json"
	"testing"
	"time"

	"journalist/internal/fleet"
	"journalist/internal/record"
)

func TestForwarders(t *testing.T) {
	var f *fleet.Fleet
	w := newWorld(t, func(o *Options) {
		f = fleet.New(o.Clock, nil)
		o.Fleet = f
	})
	f.Heard("web-01", "10.0.0.1", record.Report{Host: "web-01", Version: "1.2", LagBytes: 7})
	w.now = w.now.Add(5 * time.Minute)
	f.Heard("web-02", "10.0.0.2", record.Report{Host: "web-02"})
	got := w.do("read", "GET", "/api/v1/forwarders", "")
	var answer struct{ Forwarders []map[string]any }
	if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil || len(answer.Forwarders) != 2 {
		t.Fatalf("%d %s: %v", got.Code, got.Body, err)
	}
	first := answer.Forwarders[0]
	if first["name"] != "web-01" || first["version"] != "1.2" || first["lag_bytes"] != 7.0 || first["silent"] != true || first["ago_s"] != 300.0 {
		t.Errorf("%v", first)
	}
	if answer.Forwarders[1]["silent"] != false {
		t.Errorf("%v", answer.Forwarders[1])
	}
}
