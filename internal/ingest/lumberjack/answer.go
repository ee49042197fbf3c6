package lumberjack

import (
	"errors"
	"time"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// answer acknowledges the connection's windows in order, each once it is durable,
// and tells version 2 clients every few seconds that work goes on. After the first
// window that failed nothing is acknowledged any more and the connection is
// closed; the windows behind it are still waited for, because their batches belong
// to the sink until then. Only this goroutine writes to the connection.
func (c *conn) answer() {
	alive := time.NewTicker(c.s.o.Keepalive)
	defer alive.Stop()
	ok := true
	for {
		select {
		case w, more := <-c.queue:
			if !more {
				return
			}
			err := c.await(w, alive, &ok)
			switch {
			case !ok:
			case err != nil:
				ok = false
				c.failed(w, err)
			case w.broken:
				ok = false // the reader says why
			default:
				ok = c.write(w.version, w.seq)
				c.s.m.windows.Inc()
				c.s.m.events.Add(w.events)
			}
			c.release(w)
		case <-alive.C:
			c.keepalive(&ok)
		}
	}
}

// await waits for all batches of a window and returns the first error.
func (c *conn) await(w *window, alive *time.Ticker, ok *bool) (first error) {
	for _, r := range w.results {
		for waiting := true; waiting; {
			select {
			case err := <-r.done:
				waiting = false
				if err != nil && first == nil {
					first = err
				}
				putBatch(r.batch)
			case <-alive.C:
				c.keepalive(ok)
			}
		}
	}
	return first
}

// keepalive tells a version 2 client that its window is being worked on. A
// version 1 client would take it for the acknowledgement.
func (c *conn) keepalive(ok *bool) {
	if *ok && c.v2.Load() && c.active.Load() > 0 {
		*ok = c.write(lumberjack.Version2, 0)
	}
}

// write sends an answer. A client that does not take it is cut off.
func (c *conn) write(version byte, seq uint32) bool {
	var buf [6]byte
	err := c.under.SetWriteDeadline(time.Now().Add(c.s.o.Stall))
	if err == nil {
		_, err = c.nc.Write(lumberjack.AppendAck(buf[:0], version, seq))
	}
	if err != nil {
		c.close()
		return false
	}
	return true
}

// failed counts and logs a window that is not kept, and breaks the connection off:
// the client sends it again.
func (c *conn) failed(w *window, err error) {
	c.s.m.windowErrors.Inc()
	reason := "internal"
	switch {
	case c.ctx.Err() != nil:
		c.close()
		return // broken off by Shutdown or by the client: nothing to report
	case errors.Is(err, record.ErrFull):
		reason = "full"
	case errors.Is(err, record.ErrGap):
		reason = "gap"
	case errors.Is(err, record.ErrClosed):
		reason = "closed"
	case errors.Is(err, record.ErrTooLarge):
		reason = "too_large"
	}
	c.s.m.refused(reason)
	c.s.log.warn("window_"+reason+"\x00"+c.client, "lumberjack: window not kept and not acknowledged; the client will send it again",
		"client", c.client, "address", c.addr, "events", w.events, "reason", reason, "error", err)
	c.close()
}

// release gives back what the window held.
func (c *conn) release(w *window) {
	c.active.Add(-1)
	if w.charged > 0 {
		c.s.budget.give(w.charged)
	}
	if w.large {
		<-c.s.large
	}
	if w.slot {
		<-c.slots
	}
}
