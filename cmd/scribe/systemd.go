package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/run"

	"journalist/internal/sdnotify"
)

// addSystemd adds the actor that tells systemd how things are.
func (f *forwarder) addSystemd(g *run.Group) {
	f.add(g, func(ctx context.Context) error {
		if err := sdnotify.Send("READY=1", "STATUS="+f.summary()); err != nil {
			f.log.Warn("systemd does not hear that scribe is ready", "error", err)
		}
		every := sdnotify.Watchdog()
		if every == 0 {
			every = 30 * time.Second
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				_ = sdnotify.Send("STOPPING=1") // systemd only shows it
				return nil
			case <-tick.C:
				// The summary needs the locks that a stuck scribe would not give.
				_ = sdnotify.Send("WATCHDOG=1", "STATUS="+f.summary()) // systemd only shows it
			}
		}
	})
}

// summary says in a line how things are.
func (f *forwarder) summary() string {
	st := f.delivery.Status()
	f.mu.Lock()
	failed := f.failed
	f.mu.Unlock()
	text := fmt.Sprintf("%d lines shipped, %d wait", st.LinesAcked, st.QueueLines)
	switch {
	case failed != "":
		text += "; the changed configuration is wrong"
	case !st.Connected && st.LastError != "":
		text += "; no server: " + st.LastError
	}
	return text
}
