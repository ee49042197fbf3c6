package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"journalist/internal/metrics"
)

// DefaultPort is taken where a server is given without one.
const DefaultPort = "5043"

// Options of a Shipper. Zero values mean the defaults given.
type Options struct {
	// Servers are the addresses, host:port. Mode says which of them are used.
	// Required.
	Servers []string
	// Mode is how several servers are used (ModeRandom).
	Mode Mode
	// Protocol is what is spoken (ProtocolAuto).
	Protocol Protocol
	// Rebalance is how often sources are spread anew over the servers of
	// ModeBalance (10 min).
	Rebalance time.Duration
	// Probe is how long a server of ModeFailover that failed is left alone before it
	// is tried whether those before others in the order are well again (30 s); each
	// time that it fails soon after, twice as long.
	Probe time.Duration
	// Bandwidth is the most bytes per second that go over the wire to all servers
	// together, after compression; 0 means no limit. Less than 8 KiB count as these:
	// servers end connections that are slower.
	Bandwidth int64
	// TLS is what TLSConfig makes. Required: lines never travel in the clear.
	TLS *tls.Config
	// Timeout is how long a server may be silent while lines wait for its
	// acknowledgement, and how long connecting may take (15 s).
	Timeout time.Duration
	// Progress is how long a server may show signs of life without acknowledging
	// anything (10 times Timeout).
	Progress time.Duration
	// Linger is how long lines may wait for more of them while others are under
	// way (25 ms); without others under way they leave at once.
	Linger time.Duration
	// MaxBackoff is the longest pause between two attempts to connect (15 s).
	MaxBackoff time.Duration
	// QueueBytes bounds the lines that are queued and under way together (8 MiB).
	QueueBytes int64
	// WindowBytes and WindowLines bound one window (512 KiB, 8192 lines with
	// journalist and 2048 with other servers). More than 4 MiB or 10,000 lines
	// count as these: servers refuse larger windows, each time anew.
	WindowBytes int
	WindowLines int
	// InFlight is how many windows may be under way (4).
	InFlight int
	// Dial opens the connections that TLS runs over; a net.Dialer's by default.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	Logger  *slog.Logger
	Metrics *metrics.Set
}

// dialFunc is Options.Dial.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Mode is how several servers are used.
type Mode string

// The modes. The empty one is ModeRandom.
const (
	// ModeRandom uses one server, at first a random one, until it fails; then the
	// next takes over. It is logstash-forwarder's.
	ModeRandom Mode = "random"
	// ModeFailover uses the first server of the list that is well, and goes back to
	// one before it as soon as that is well again.
	ModeFailover Mode = "failover"
	// ModeBalance uses all servers at once: each source goes to one of them, and to
	// another one when it fails.
	ModeBalance Mode = "balance"
)

// Protocol is what is spoken with servers.
type Protocol string

// The protocols. The empty one is ProtocolAuto.
const (
	// ProtocolAuto is blocks where the server knows them, else version 2.
	ProtocolAuto Protocol = "auto"
	ProtocolV2   Protocol = "v2"
	// ProtocolV1 is what logstash-forwarder speaks: text without types, zlib.
	ProtocolV1 Protocol = "v1"
)

const (
	plainWindowLines = 2048 // what Filebeat sends at most; every server takes it
	blockWindowLines = 8192
	mostWindowLines  = 10000   // what go-lumber's server takes; journalist takes more
	mostBlockLines   = 16384   // what journalist takes
	mostWindowBytes  = 1 << 20 // larger ones have to queue at journalist
	leastBandwidth   = 8 << 10
)

func (o Options) withDefaults() (Options, error) {
	if len(o.Servers) == 0 {
		return o, errors.New("ship: no servers")
	}
	if o.TLS == nil {
		return o, errors.New("ship: no TLS configuration")
	}
	servers := make([]string, len(o.Servers))
	for i, s := range o.Servers {
		var err error
		if servers[i], err = ServerAddress(s); err != nil {
			return o, err
		}
	}
	o.Servers = servers
	if err := o.choices(); err != nil {
		return o, err
	}
	durations := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	durations(&o.Timeout, 15*time.Second)
	durations(&o.Progress, 10*o.Timeout)
	durations(&o.Linger, 25*time.Millisecond)
	durations(&o.MaxBackoff, 15*time.Second)
	durations(&o.Rebalance, 10*time.Minute)
	durations(&o.Probe, 30*time.Second)
	if o.QueueBytes <= 0 {
		o.QueueBytes = 8 << 20
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 512 << 10
	}
	o.WindowBytes = min(o.WindowBytes, 4<<20)
	o.WindowLines = min(o.WindowLines, mostWindowLines)
	if o.InFlight <= 0 {
		o.InFlight = 4
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// choices sets what is chosen by name.
func (o *Options) choices() error {
	switch o.Mode {
	case "":
		o.Mode = ModeRandom
	case ModeRandom, ModeFailover, ModeBalance:
	default:
		return fmt.Errorf("ship: mode %q: write %s, %s or %s", o.Mode, ModeFailover, ModeBalance, ModeRandom)
	}
	switch o.Protocol {
	case "":
		o.Protocol = ProtocolAuto
	case ProtocolAuto, ProtocolV2, ProtocolV1:
	default:
		return fmt.Errorf("ship: protocol %q: write %s, %s or %s", o.Protocol, ProtocolAuto, ProtocolV2, ProtocolV1)
	}
	if o.Bandwidth > 0 {
		o.Bandwidth = max(o.Bandwidth, leastBandwidth)
	}
	return nil
}

// ServerAddress checks a configured server and adds the port where it is missing.
func ServerAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if h, p, err2 := net.SplitHostPort(net.JoinHostPort(s, DefaultPort)); err2 == nil && net.ParseIP(s) != nil || err2 == nil && !strings.Contains(s, ":") {
			host, port, err = h, p, nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("ship: server %q: %w (expected host:port)", s, err)
	}
	if host == "" {
		return "", fmt.Errorf("ship: server %q has no host (expected host:port)", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("ship: server %q: port %q is not a number from 1 to 65535", s, port)
	}
	return net.JoinHostPort(host, port), nil
}

// counters are the shipper's metrics.
type counters struct {
	linesSent, linesAcked, bytesAcked, wireBytes, windows, resent *metrics.Counter
	connects, failures, timeouts                                  *metrics.Counter
}

func newCounters(m *metrics.Set) counters {
	return counters{
		linesSent:  m.Counter("scribe_ship_lines_sent_total"),
		linesAcked: m.Counter("scribe_ship_lines_acked_total"),
		bytesAcked: m.Counter("scribe_ship_bytes_acked_total"),
		wireBytes:  m.Counter("scribe_ship_wire_bytes_total"),
		windows:    m.Counter("scribe_ship_windows_total"),
		resent:     m.Counter("scribe_ship_lines_resent_total"),
		connects:   m.Counter("scribe_ship_connects_total"),
		failures:   m.Counter("scribe_ship_failures_total"),
		timeouts:   m.Counter("scribe_ship_timeouts_total"),
	}
}
