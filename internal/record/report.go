package record

import (
	"encoding/json"
	"fmt"
	"time"
)

// ReportField is the first field of a run without rows that carries a forwarder's
// Report; its value is JSON. Servers that do not know it see a run that only moves
// a position.
const ReportField = "@report"

// MaxReport is how large a report may be, in bytes of JSON.
const MaxReport = 16 << 10

// ReportEvery is how often a forwarder sends its report.
const ReportEvery = 30 * time.Second

// Report is what a forwarder says of itself.
type Report struct {
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Config tells one configuration from another.
	Config string `json:"config,omitempty"`
	// Files are those that are followed, OpenFiles those that are open.
	Files     int `json:"files"`
	OpenFiles int `json:"open_files"`
	// LagBytes is what stands in files and was not acknowledged, LagSeconds how long
	// the oldest of it has waited.
	LagBytes   int64   `json:"lag_bytes"`
	LagSeconds float64 `json:"lag_s"`
	QueueLines int64   `json:"queue_lines"`
	QueueBytes int64   `json:"queue_bytes"`
	// LostBytes is what no server will ever get, since the start.
	LostBytes int64  `json:"lost_bytes"`
	Memory    int64  `json:"memory_bytes"`
	LastError string `json:"last_error,omitempty"`
}

// Fields are the fields of a run that carries the report.
func (r *Report) Fields() ([]Pair, error) {
	const longest = 1024 // of a text in it
	c := *r
	for _, s := range []*string{&c.Host, &c.Version, &c.Config, &c.LastError} {
		if len(*s) > longest {
			*s = (*s)[:longest]
		}
	}
	text, err := json.Marshal(&c)
	if err != nil {
		return nil, err
	}
	return []Pair{{Name: ReportField, Value: string(text)}}, nil
}

// ReportOf returns the report that a run carries; ok is false when it carries none.
func ReportOf(l *Lines) (r Report, ok bool, err error) {
	if len(l.Rows) > 0 || len(l.Fields) == 0 || l.Fields[0].Name != ReportField {
		return Report{}, false, nil
	}
	text := l.Fields[0].Value
	if len(text) > MaxReport {
		return Report{}, true, fmt.Errorf("report of %d bytes, %d are allowed", len(text), MaxReport)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Report{}, true, fmt.Errorf("report: %w", err)
	}
	return r, true, nil
}
