package exec

import (
	"context"
	"time"
)

// stopwatch cancels a query's context, with the cause errTime, when its time is
// over. It stands still while the answer is handed over. One goroutine uses it.
type stopwatch struct {
	timer   *time.Timer // nil: no limit
	left    time.Duration
	resumed time.Time
	cancel  context.CancelCauseFunc
}

func (s *stopwatch) start(ctx context.Context, limit time.Duration) context.Context {
	ctx, s.cancel = context.WithCancelCause(ctx)
	if limit > 0 {
		s.left, s.resumed = limit, time.Now()
		s.timer = time.AfterFunc(limit, func() { s.cancel(errTime) })
	}
	return ctx
}

func (s *stopwatch) pause() {
	if s.timer != nil && s.timer.Stop() {
		s.left -= time.Since(s.resumed)
	}
}

// resume goes on; where the time was over before the pause, it stays over.
func (s *stopwatch) resume() {
	if s.timer != nil {
		s.resumed = time.Now()
		s.timer.Reset(max(s.left, 0))
	}
}

// stop releases the context.
func (s *stopwatch) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.cancel(nil)
}
