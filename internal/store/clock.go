package store

import "time"

// A clock that jumps forward makes everything look old. After a jump nothing is
// dropped for its age until somebody has had the time to repair the clock; a
// machine that was only asleep loses nothing by it.
const (
	clockJump = time.Hour
	clockHold = 6 * time.Hour
)

// clockGuard compares the time of day with a clock that only runs forward. One
// goroutine uses it at a time.
type clockGuard struct {
	set  bool
	wall time.Time
	mono time.Duration
	held time.Duration // until when of mono
	jump time.Duration
}

// check takes both clocks' times and tells by how much the time of day has jumped
// forward lately, 0 when it has not.
func (g *clockGuard) check(wall time.Time, mono time.Duration) time.Duration {
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
