package main

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/oklog/run"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

const (
	// reportFirst is how soon after the start scribe tells journalist how it is.
	reportFirst = time.Second
	// reportPriority: before all lines. It is small and soon stale.
	reportPriority = 9
)

// addReport adds the actor that tells journalist how scribe is. Other servers do
// not know what to do with it, so that they are told nothing.
func (f *forwarder) addReport(g *run.Group) {
	f.add(g, func(ctx context.Context) error {
		id := record.NewSourceID() // nothing of it must survive a restart
		said := uint64(0)
		timer := time.NewTimer(reportFirst)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
			timer.Reset(record.ReportEvery)
			if !f.hasJournalist() {
				continue
			}
			r := f.report()
			fields, err := r.Fields()
			if err != nil {
				return err
			}
			said++
			l := &record.Lines{
				Position: record.Position{ID: id, From: said - 1, To: said},
				ReadTime: time.Now().UnixNano(), Fields: fields, Priority: reportPriority,
			}
			acked := make(chan struct{})
			if err := f.delivery.Send(ctx, l, func(*record.Lines) { close(acked) }); err != nil {
				return nil //nolint:nilerr // the end has come
			}
			select { // no second one before the first has arrived
			case <-acked:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// hasJournalist tells that the server may be a journalist: no other was connected
// last.
func (f *forwarder) hasJournalist() bool {
	p := f.delivery.Status().Protocol
	return p == "" || p == lumberjack.ALPN
}

// report is how scribe is now.
func (f *forwarder) report() record.Report {
	st := f.delivery.Status()
	f.mu.Lock()
	host, config, failed := f.plan.host, f.s.config, f.failed
	f.mu.Unlock()
	r := record.Report{
		Host: host, Version: version, Started: f.started, QueueLines: st.QueueLines, QueueBytes: st.QueueBytes,
		LostBytes: f.lost(), Memory: memory(),
	}
	if time.Since(st.LastErrorAt) < 2*record.ReportEvery { // what is over long ago is over
		r.LastError = st.LastError
	}
	if failed != "" {
		r.LastError = "configuration: " + failed
	}
	if text, err := os.ReadFile(config); err == nil {
		r.Config = fmt.Sprintf("%016x", xxhash.Sum64(text))
	}
	if t := f.tailer(); t != nil {
		lag := t.Lag()
		r.Files, r.OpenFiles, r.LagBytes = lag.Files, lag.Open, lag.Bytes
		if !lag.Since.IsZero() {
			r.LagSeconds = max(0, time.Since(lag.Since)).Round(time.Millisecond).Seconds()
		}
	}
	return r
}

// memory is what the program takes of the system, as Go counts it.
func memory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
