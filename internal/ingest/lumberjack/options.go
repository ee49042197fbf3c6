package lumberjack

import (
	"crypto/tls"
	"log/slog"
	"time"

	"journalist/internal/ingest"
	"journalist/internal/lumberjack"
	"journalist/internal/metrics"
	"journalist/internal/record"
)

// Positions tells how much of a source is committed; internal/store satisfies
// it.
type Positions interface {
	Position(client string, id record.SourceID) (to uint64, known bool)
}

// Reports hears what forwarders say of themselves; *fleet.Fleet is one.
type Reports interface {
	Heard(client, address string, r record.Report)
}

// Options of a Server. Zero values mean the defaults given.
type Options struct {
	// Sink takes the batches; required.
	Sink ingest.Sink
	// Positions recognises blocks that are committed already before the pipeline
	// parses them again; nil leaves that to the Sink.
	Positions Positions
	// Reports hears what forwarders say of themselves; nil means nobody does.
	Reports Reports
	// TLS demands and verifies client certificates; it is ready-made. Its
	// VerifyConnection is asked again while a connection is open. Without TLS
	// Serve takes only loopback listeners, and clients have no name.
	TLS *tls.Config
	// Limits of the protocol reader.
	Limits lumberjack.Limits

	MaxConns        int           // connections at the same time (1024)
	MaxConnsPerAddr int           // connections from one address (128)
	InFlight        int           // windows of one connection that are read but not yet durable (4)
	MaxBytes        int64         // bytes of all windows that are read but not yet durable (128 MiB)
	Handshake       time.Duration // time for the TLS handshake (10 s)
	Idle            time.Duration // time between two windows (60 s)
	Stall           time.Duration // time without any byte inside a window (30 s)
	Keepalive       time.Duration // between signs of life to version 2 clients (3 s)
	Recheck         time.Duration // between two looks at the certificate of an open connection (1 s)

	// Clock gives the time of arrival (time.Now).
	Clock   func() time.Time
	Logger  *slog.Logger
	Metrics *metrics.Set
}

func (o Options) withDefaults() Options {
	ints := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	durations := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	ints(&o.MaxConns, 1024)
	ints(&o.MaxConnsPerAddr, 128)
	ints(&o.InFlight, 4)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 128 << 20
	}
	durations(&o.Handshake, 10*time.Second)
	durations(&o.Idle, 60*time.Second)
	durations(&o.Stall, 30*time.Second)
	durations(&o.Keepalive, 3*time.Second)
	durations(&o.Recheck, time.Second)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// counters are the server's metrics.
type counters struct {
	conns, windows, events, bytes, duplicates *metrics.Counter
	badJSON, cut, windowErrors                *metrics.Counter
	set                                       *metrics.Set
}

func newCounters(m *metrics.Set) counters {
	return counters{
		set:          m,
		conns:        m.Counter("journalist_lumberjack_connections_total"),
		windows:      m.Counter("journalist_lumberjack_windows_total"),
		events:       m.Counter("journalist_lumberjack_events_total"),
		bytes:        m.Counter("journalist_lumberjack_received_bytes_total"),
		duplicates:   m.Counter("journalist_lumberjack_duplicate_blocks_total"),
		badJSON:      m.Counter("journalist_lumberjack_bad_json_total"),
		cut:          m.Counter("journalist_lumberjack_cut_events_total"),
		windowErrors: m.Counter("journalist_lumberjack_failed_windows_total"),
	}
}

// refused counts a connection that was refused or broken off.
func (c counters) refused(reason string) {
	c.set.Counter("journalist_lumberjack_refused_total", "reason", reason).Inc()
}
