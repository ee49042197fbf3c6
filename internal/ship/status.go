package ship

import (
	"time"
)

// Status is a snapshot for scribe status.
type Status struct {
	// Server is the one connected to, or tried last.
	Server    string    `json:"server"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"` // of the connection
	// Protocol is "lumberjack-block/1" with journalist, else "lumberjack/2".
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
}

// Status returns how things are.
func (s *Shipper) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.mu.status
	st.QueueLines, st.QueueBytes = s.mu.rows, s.mu.bytes
	if s.mu.session != nil {
		st.InFlight = len(s.mu.session.flights)
	}
	return st
}

// failed notes why there is no connection and when the next attempt comes.
func (s *Shipper) failed(addr string, err error, delay time.Duration) {
	now := time.Now()
	s.mu.Lock()
	s.mu.status.Failures++
	again := s.mu.status.LastError == err.Error()
	s.mu.status.LastError, s.mu.status.LastErrorAt = err.Error(), now
	s.mu.status.NextTry = now.Add(delay)
	queued := s.mu.rows
	s.mu.Unlock()
	log := s.o.Logger.Warn
	if again { // said once loudly; the pauses between are long by now
		log = s.o.Logger.Info
	}
	log("server not usable, lines wait", "server", addr, "error", err, "retry_in", delay.Round(time.Millisecond), "lines_waiting", queued)
}
