package api

import (
	"context"
	"strconv"
	"time"

	"journalist/internal/scan"
)

// progressPause is how often a query says how far it is.
const progressPause = time.Second

// report writes a line {"progress":…} into a stream every second, about the scans
// that get the context which it returns, where that is wanted. done ends it: afterwards
// no line comes.
func report(ctx context.Context, out *stream, wanted bool) (_ context.Context, done func()) {
	if !wanted {
		return ctx, func() {}
	}
	p := &scan.Progress{}
	start := time.Now()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(progressPause)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-t.C:
			}
			err := out.write(func(dst []byte) []byte { return appendProgress(dst, p.Count(), time.Since(start)) })
			if err == nil {
				err = out.flush()
			}
			if err != nil {
				return // the client is gone
			}
		}
	}()
	return scan.WithProgress(ctx, p), func() {
		close(stop)
		<-stopped
	}
}

func appendProgress(dst []byte, c scan.Count, elapsed time.Duration) []byte {
	dst = append(dst, `{"progress":{"groups":`...)
	dst = strconv.AppendInt(dst, c.Groups, 10)
	dst = append(dst, `,"groups_done":`...)
	dst = strconv.AppendInt(dst, c.GroupsDone, 10)
	dst = append(dst, `,"rows_scanned":`...)
	dst = strconv.AppendInt(dst, c.RowsScanned, 10)
	dst = append(dst, `,"bytes_read":`...)
	dst = strconv.AppendInt(dst, c.BytesRead, 10)
	if c.Reached != 0 {
		dst = appendTime(append(dst, `,"reached":`...), c.Reached)
	}
	dst = append(dst, `,"elapsed_ms":`...)
	dst = strconv.AppendInt(dst, elapsed.Milliseconds(), 10)
	return append(dst, "}}\n"...)
}
