package ship

import (
	"math/rand/v2"
	"time"
)

// peer is what the Shipper knows about one of the configured servers. The
// Shipper's lock guards it.
type peer struct {
	addr      string
	connected bool
	protocol  string
	since     time.Time
	noALPN    bool // refuses a handshake that names our protocol

	failures int       // in a row, since it acknowledged anything
	nextTry  time.Time // not before
	// probeAt is when ModeFailover looks whether it is well again, hold after it
	// failed.
	probeAt time.Time
	hold    time.Duration
	left    time.Time // when it was left the last time

	// health falls with each failure and rises while the server acknowledges;
	// latency is how long it takes to do that, on the average.
	health  float64
	scored  time.Time
	latency time.Duration
	// shift halves windows (or, below zero, doubles them) to what the server
	// acknowledges in good time.
	shift int

	lines, bytes int64 // acknowledged
	faults       int64
	lastError    string
	lastErrorAt  time.Time
}

const (
	worstHealth = 1.0 / 64
	// recovery is how long a server has to work well until its faults are nearly
	// forgotten.
	recovery = 20 * time.Second

	mostShift  = 13
	leastShift = -1
	// slowPipe is an acknowledgement's latency from where on larger windows fill the
	// connection better.
	slowPipe = 100 * time.Millisecond
)

// weight is what part of the work the server should get, compared with others.
func (sv *peer) weight(fastest time.Duration) float64 {
	w := max(sv.health, worstHealth)
	if sv.latency > 4*fastest && fastest > 0 {
		w *= max(0.1, 4*float64(fastest)/float64(sv.latency))
	}
	return w
}

// ackedWindow learns from a window that was acknowledged whole after d; full tells
// that it was as large as windows may be and that more waits.
func (sv *peer) ackedWindow(now time.Time, d, timeout time.Duration, full, room bool) {
	if sv.latency == 0 {
		sv.latency = d
	}
	sv.latency += (d - sv.latency) / 8
	passed := min(now.Sub(sv.scored), time.Second)
	sv.scored = now
	sv.health += (1 - sv.health) * float64(passed) / float64(recovery)
	switch {
	case d > timeout/4:
		sv.shift = min(sv.shift+1, mostShift)
		sv.health *= 0.9
	case d > timeout/8:
	case sv.shift > 0:
		sv.shift--
	case full && room && d > slowPipe && sv.shift > leastShift:
		sv.shift--
	case sv.shift < 0 && d < slowPipe/2:
		sv.shift++
	}
}

// shrink halves the windows to come.
func (sv *peer) shrink() { sv.shift = min(max(sv.shift, 0)+1, mostShift) }

// failedWith notes a fault.
func (sv *peer) failedWith(err error, acked bool, now time.Time) {
	sv.faults++
	sv.lastError, sv.lastErrorAt = err.Error(), now
	sv.health = max(sv.health/2, worstHealth)
	if acked {
		sv.failures = 0
	} else {
		sv.failures++
	}
}

// backoff is the pause after so many failures of a server in a row. The jitter
// keeps a fleet from knocking in step.
func (s *Shipper) backoff(failures int) time.Duration {
	d := min(200*time.Millisecond<<min(max(failures-1, 0), 20), s.o.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}
