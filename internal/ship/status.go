package ship

import "time"

// Status is a snapshot for scribe status.
type Status struct {
	// Server is the one connected to, or tried last; with several at a time, Servers
	// has them all.
	Server    string    `json:"server"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"` // of the connection
	// Protocol is "lumberjack-block/1" with journalist, else "lumberjack/2" or
	// "lumberjack/1".
	Protocol string `json:"protocol,omitempty"`

	LinesSent  int64     `json:"lines_sent"`  // again ones included
	LinesAcked int64     `json:"lines_acked"` // text without line ends
	BytesAcked int64     `json:"bytes_acked"`
	WireBytes  int64     `json:"wire_bytes"` // after compression
	LastAck    time.Time `json:"last_ack,omitzero"`

	QueueLines int64 `json:"queue_lines"` // queued and under way
	QueueBytes int64 `json:"queue_bytes"`
	InFlight   int   `json:"in_flight"` // windows

	Failures    int64     `json:"failures"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	NextTry     time.Time `json:"next_try,omitzero"` // while not connected

	Servers []ServerStatus `json:"servers"` // in the configured order
}

// ServerStatus is how one server is.
type ServerStatus struct {
	Address string `json:"address"`
	// State is connected, failed (it will be tried again) or idle (not in use now).
	State    string    `json:"state"`
	Protocol string    `json:"protocol,omitempty"`
	Since    time.Time `json:"since,omitzero"` // of the connection
	// Latency is how long the server takes to acknowledge a window, on the average.
	Latency time.Duration `json:"latency_ns"`
	// Score goes from 1, well, down to 0.
	Score   float64 `json:"score"`
	Sources int     `json:"sources"` // that go to it

	InFlight    int       `json:"in_flight"` // windows
	WindowBytes int       `json:"window_bytes,omitempty"`
	LinesAcked  int64     `json:"lines_acked"`
	BytesAcked  int64     `json:"bytes_acked"`
	Failures    int64     `json:"failures"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	NextTry     time.Time `json:"next_try,omitzero"`
}

// The states of a server.
const (
	ServerConnected = "connected"
	ServerFailed    = "failed"
	ServerIdle      = "idle"
)

// Status returns how things are.
func (s *Shipper) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.mu.status
	st.QueueLines, st.QueueBytes = s.mu.rows, s.mu.bytes
	fastest := s.fastestLocked()
	for _, sv := range s.servers {
		c := ServerStatus{
			Address: sv.addr, State: ServerIdle, Protocol: sv.protocol, Latency: sv.latency, Score: sv.weight(fastest),
			LinesAcked: sv.lines, BytesAcked: sv.bytes, Failures: sv.faults, LastError: sv.lastError, LastErrorAt: sv.lastErrorAt,
		}
		switch {
		case sv.connected:
			c.State, c.Since = ServerConnected, sv.since
			st.Connected = true
		case sv.failures > 0 || !sv.nextTry.IsZero():
			c.State, c.NextTry = ServerFailed, sv.nextTry
		}
		for _, ln := range s.mu.lanes {
			if ln.server != sv {
				continue
			}
			c.Sources = ln.streams
			if ln.session != nil {
				c.InFlight = len(ln.session.flights)
				_, c.WindowBytes = ln.session.windowLocked()
				st.InFlight += c.InFlight
			}
		}
		st.Servers = append(st.Servers, c)
	}
	st.showConnected()
	return st
}

// showConnected makes Server one that is connected, where the one tried last is not.
func (st *Status) showConnected() {
	var other *ServerStatus
	for i := range st.Servers {
		switch sv := &st.Servers[i]; {
		case sv.State != ServerConnected:
		case sv.Address == st.Server:
			return
		case other == nil:
			other = sv
		}
	}
	if other != nil {
		st.Server, st.Since, st.Protocol = other.Address, other.Since, other.Protocol
	}
}
