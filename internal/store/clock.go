package store

import (
	"sync"
	"time"
)

// A clock that jumps forward makes everything look old. After a jump nothing is
// dropped or forgotten for its age until somebody has had the time to repair the clock; a
// machine that was only asleep loses nothing by it.
const (
	clockJump = time.Hour
	clockHold = 6 * time.Hour
)

// clockGuard compares the time of day with a clock that only runs forward. It may be
// used by several goroutines.
type clockGuard struct {
	mu   sync.Mutex
	set  bool
	wall time.Time
	mono time.Duration
	held time.Duration // until when of mono
	jump time.Duration
}

// check takes both clocks' times and tells by how much the time of day has jumped
// forward lately, 0 when it has not.
func (g *clockGuard) check(wall time.Time, mono time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wall = wall.Round(0) // without its own monotonic reading
	if g.set {
		// Sub is bounded, so that a jump over centuries is one, too.
		if jump := wall.Sub(g.wall) - (mono - g.mono); jump >= clockJump {
			g.jump, g.held = jump, mono+clockHold
		}
	}
	g.set, g.wall, g.mono = true, wall, mono
	if mono >= g.held {
		g.jump = 0
	}
	return g.jump
}

// clockJumped tells by how much the clock has jumped forward lately.
func (s *Store) clockJumped(now time.Time) time.Duration {
	jump := s.guard.check(now, s.uptime())
	s.mu.Lock()
	before := s.mu.clockHeld
	s.mu.clockHeld = jump
	s.mu.Unlock()
	if jump != 0 && before == 0 {
		s.o.Logger.Warn("the clock jumped forward: nothing is dropped for its age for some hours", "by", jump, "now", now)
	}
	return jump
}
