package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"time"
)

// ErrPagerQuit is what Pager.Write returns once the person has left the pager.
var ErrPagerQuit = errors.New("the pager was left")

// PagerCommand is the pager that the environment asks for: $JOURNALIST_PAGER, else
// $PAGER, else less where it is installed; "" where none is wanted: set to nothing or
// to cat, or on a terminal that can do nothing.
func PagerCommand() string {
	if os.Getenv("TERM") == "dumb" {
		return ""
	}
	for _, name := range []string{"JOURNALIST_PAGER", "PAGER"} {
		if v, ok := os.LookupEnv(name); ok {
			if v = strings.TrimSpace(v); v == "cat" {
				return ""
			}
			return v
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less"
}

// PagerOptions are what NewPager needs.
type PagerOptions struct {
	Command       string   // for the shell
	Out           *os.File // the terminal
	Height, Width int      // of the terminal; by 0 it has 24 lines, and lines never wrap
	// Start is called before the pager takes the terminal, Quit when the person has
	// left it before Close was called: both from other goroutines than Write.
	Start, Quit func()
	// Held is how much may wait for the pager, by default 64 MiB: then Write waits, and
	// with it the server.
	Held int
	// Patience is how long the first lines wait for a full screen before they are
	// shown; default 200 ms.
	Patience time.Duration
}

// Pager is a writer that begins a pager as soon as there is more than fits the screen,
// and gives it everything from the beginning. What fits is only printed. While the
// pager runs, Ctrl-C is its own and the query's, and does not end the program. Write
// and Close are called from one goroutine; Close waits until the person has left.
type Pager struct {
	o PagerOptions

	mu      sync.Mutex
	change  *sync.Cond
	held    []byte // before the pager begins: all; then what it has not taken
	printed int    // of held, without a pager
	screen  screenful
	timer   *time.Timer
	patient bool // the first lines still wait
	running bool
	plain   bool // no pager can be begun: everything is printed
	quit    bool
	closed  bool
	err     error // of printing
	done    chan struct{}
}

// NewPager makes a pager.
func NewPager(o PagerOptions) *Pager {
	if o.Height <= 0 {
		o.Height = 24
	}
	if o.Held <= 0 {
		o.Held = 64 << 20
	}
	if o.Patience <= 0 {
		o.Patience = 200 * time.Millisecond
	}
	p := &Pager{o: o, patient: true, done: make(chan struct{})}
	p.screen.width = o.Width
	p.change = sync.NewCond(&p.mu)
	return p
}

// Write passes lines on.
func (p *Pager) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plain && p.err == nil {
		_, p.err = p.o.Out.Write(b)
		return len(b), p.err
	}
	if !p.running && p.err == nil {
		p.held = append(p.held, b...)
		p.screen.add(b)
		switch {
		case p.screen.lines >= p.o.Height-1:
			p.startLocked()
		case !p.patient:
			p.printLocked()
		case p.timer == nil:
			p.timer = time.AfterFunc(p.o.Patience, p.late)
		}
		return len(b), p.err
	}
	for p.running && !p.quit && len(p.held) > p.o.Held {
		p.change.Wait()
	}
	switch {
	case p.err != nil:
		return 0, p.err
	case p.quit:
		return 0, ErrPagerQuit
	}
	p.held = append(p.held, b...)
	p.change.Broadcast()
	return len(b), nil
}

// late shows the first lines although the screen is not full yet.
func (p *Pager) late() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patient = false
	if !p.running && !p.closed {
		p.printLocked()
	}
}

// printLocked prints what is held, and keeps it for a pager that may come yet.
func (p *Pager) printLocked() {
	if p.printed < len(p.held) && p.err == nil {
		_, p.err = p.o.Out.Write(p.held[p.printed:])
		p.printed = len(p.held)
	}
}

// startLocked begins the pager. When that fails everything is printed.
func (p *Pager) startLocked() {
	if p.o.Start != nil {
		p.o.Start()
	}
	cmd := exec.Command("/bin/sh", "-c", p.o.Command)
	cmd.Stdout, cmd.Stderr = p.o.Out, p.o.Out
	cmd.Env = os.Environ()
	for name, v := range map[string]string{
		"LESS": "FRX", // colours as they are, nothing cleared, and no waiting for what fits
		"LV":   "-c",
	} {
		if _, ok := os.LookupEnv(name); !ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.printLocked()
		p.plain, p.held = true, nil
		return
	}
	p.running = true
	keepInterrupts()
	go p.feed(in)
	go func() {
		_ = cmd.Wait() // how it ended is the person's affair
		p.mu.Lock()
		p.quit = true
		early := !p.closed
		p.change.Broadcast()
		p.mu.Unlock()
		if early && p.o.Quit != nil {
			p.o.Quit()
		}
		close(p.done)
	}()
}

// keepInterrupts keeps Ctrl-C from ending the program. A pager handles it its way; the
// second one would otherwise leave the terminal to two readers. It holds from the first
// pager on: a Ctrl-C that was typed in a pager may arrive here when that has ended.
var keepInterrupts = sync.OnceFunc(func() { signal.Notify(make(chan os.Signal, 1), os.Interrupt) })

// feed gives the pager what is held, a piece at a time.
func (p *Pager) feed(in io.WriteCloser) {
	defer func() { _ = in.Close() }() // it may have left
	var piece []byte
	for {
		p.mu.Lock()
		for len(p.held) == 0 && !p.closed && !p.quit {
			p.change.Wait()
		}
		if p.quit || len(p.held) == 0 {
			p.mu.Unlock()
			return
		}
		n := min(len(p.held), 64<<10)
		piece = append(piece[:0], p.held[:n]...)
		if p.held = p.held[n:]; len(p.held) == 0 {
			p.held = nil
		}
		p.change.Broadcast()
		p.mu.Unlock()
		if _, err := in.Write(piece); err != nil {
			return // it has left, as whoever waits for it will say
		}
	}
}

// Close prints what fits the screen, or waits until the person has left the pager.
func (p *Pager) Close() error {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if !p.running {
		defer p.mu.Unlock()
		p.printLocked()
		return p.err
	}
	p.change.Broadcast()
	p.mu.Unlock()
	<-p.done
	return nil
}

// screenful counts the lines that a text takes on a terminal.
type screenful struct {
	width  int
	lines  int
	column int
	escape bool // within the code of a colour
}

func (s *screenful) add(text []byte) {
	if s.width <= 0 {
		s.lines += bytes.Count(text, []byte{'\n'})
		return
	}
	for _, c := range text {
		switch {
		case s.escape:
			s.escape = c == '[' || c < '@'
		case c == 0x1b:
			s.escape = true
		case c == '\n':
			s.lines, s.column = s.lines+1, 0
		case c >= 0x80 && c < 0xc0: // within a rune
		default:
			if s.column++; s.column > s.width {
				s.lines, s.column = s.lines+1, 1
			}
		}
	}
}
