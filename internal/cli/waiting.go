package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Waiting draws a line on a terminal while somebody waits: it appears when nothing
// was shown for a second and says how far it is. A nil *Waiting does nothing. Its
// methods may be called from several goroutines; Stop waits for its goroutine.
type Waiting struct {
	w    io.Writer
	text func(elapsed time.Duration) string

	mu    sync.Mutex
	quiet time.Time // since when nothing was shown
	width int       // of the line that stands there
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// How long it is quiet before the line appears, and how often it is drawn then.
const (
	waitingAfter = time.Second
	waitingEvery = 250 * time.Millisecond
)

// StartWaiting begins; text is asked from another goroutine.
func StartWaiting(w io.Writer, text func(elapsed time.Duration) string) *Waiting {
	p := &Waiting{w: w, text: text, quiet: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run(time.Now())
	return p
}

func (p *Waiting) run(began time.Time) {
	defer close(p.done)
	t := time.NewTicker(waitingEvery)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-t.C:
			p.mu.Lock()
			if now.Sub(p.quiet) >= waitingAfter {
				line := Safe(p.text(now.Sub(began)))
				n := utf8.RuneCountInString(line)
				// Nobody to tell when the terminal is gone.
				_, _ = fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-n)))
				p.width = n
			}
			p.mu.Unlock()
		}
	}
}

// Hide takes the line away, because something is about to be shown.
func (p *Waiting) Hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = time.Now()
	p.clearLocked()
}

func (p *Waiting) clearLocked() {
	if p.width > 0 {
		_, _ = fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width)) // as above
		p.width = 0
	}
}

// Stop ends it and takes the line away. It may be called again.
func (p *Waiting) Stop() {
	if p == nil {
		return
	}
	p.once.Do(func() { close(p.stop) })
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}
