package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/run"

	"journalist/internal/cli"
)

// progressInterval is how often a running scribe says what it shipped.
const progressInterval = 10 * time.Second

// addProgress adds the actor that tells, when something moved, how much.
func (f *forwarder) addProgress(g *run.Group) {
	f.add(g, func(ctx context.Context) error {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		before := f.delivery.Status()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			now := f.delivery.Status()
			if now.LinesAcked != before.LinesAcked {
				f.log.Info(fmt.Sprintf("shipped %s lines, %s; queue %s", cli.Thousands(now.LinesAcked-before.LinesAcked),
					cli.Bytes(now.BytesAcked-before.BytesAcked), cli.Thousands(now.QueueLines)))
			}
			before = now
		}
	})
}
