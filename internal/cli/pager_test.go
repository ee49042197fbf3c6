package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pagerWorld is a screen that is a file, and what a pager got.
func pagerWorld(t *testing.T) (screen *os.File, shown, got func() string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GOT", filepath.Join(dir, "got"))
	screen, err := os.Create(filepath.Join(dir, "screen"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() }) // only read by now
	read := func(name string) func() string {
		return func() string {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	return screen, read("screen"), read("got")
}

func TestPagerBeginsWithMoreThanTheScreen(t *testing.T) {
	for text, paged := range map[string]bool{
		"":                                     false,
		"1\n2\n3\n":                            false,
		"1\n2\n3\n4\n":                         true,
		"1\n" + strings.Repeat("x", 31) + "\n": true, // four lines of ten columns
		"1\n" + strings.Repeat("x", 20) + "\n": false,
		"\x1b[1;31m1234567890\x1b[0m\näöüäöüäöüä\n": false,
	} {
		screen, shown, got := pagerWorld(t)
		starts := 0
		p := NewPager(PagerOptions{Command: `cat > "$GOT"; echo "$LESS"`, Out: screen, Height: 5, Width: 10, Start: func() { starts++ }})
		for line := range strings.SplitAfterSeq(text, "\n") {
			if n, err := p.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if paged && (!strings.HasSuffix(shown(), "FRX\n") || got() != text || starts != 1) || !paged && (shown() != text || got() != "" || starts != 0) {
			t.Errorf("%q: shown %q, paged %q, %d starts", text, shown(), got(), starts)
		}
	}
}

// What comes slowly is shown as it comes, and the pager has it all the same.
func TestPagerDoesNotWaitForAFullScreen(t *testing.T) {
	screen, shown, got := pagerWorld(t)
	p := NewPager(PagerOptions{Command: `cat > "$GOT"`, Out: screen, Height: 5, Patience: time.Millisecond})
	write := func(text string) {
		t.Helper()
		if _, err := p.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("1\n")
	until(t, func() bool { return shown() == "1\n" })
	write("2\n")
	if shown() != "1\n2\n" {
		t.Errorf("shown %q", shown())
	}
	write("3\n4\n5\n")
	if err := p.Close(); err != nil || got() != "1\n2\n3\n4\n5\n" {
		t.Errorf("paged %q %v", got(), err)
	}
}

func TestPagerThatIsLeft(t *testing.T) {
	screen, shown, _ := pagerWorld(t)
	quit := make(chan struct{})
	p := NewPager(PagerOptions{Command: "head -n 2", Out: screen, Height: 3, Quit: func() { close(quit) }})
	var err error
	for n := 0; err == nil; n++ {
		_, err = fmt.Fprintf(p, "line %d\n", n)
	}
	<-quit
	if cerr := p.Close(); !errors.Is(err, ErrPagerQuit) || cerr != nil || shown() != "line 0\nline 1\n" {
		t.Errorf("%v, %v, shown %q", err, cerr, shown())
	}
}

// A pager that does not read holds the writer up, in bounded memory.
func TestPagerThatDoesNotRead(t *testing.T) {
	screen, _, got := pagerWorld(t)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GATE", gate)
	const held, total, line = 10_000, 2_000_000, "0123456789\n"
	p := NewPager(PagerOptions{Command: `read x < "$GATE"; cat > "$GOT"`, Out: screen, Height: 3, Held: held})
	written := make(chan error, 1)
	go func() {
		for n := 0; n < total; n += len(line) {
			if _, err := p.Write([]byte(line)); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	until(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.held) > held
	})
	p.mu.Lock()
	if len(p.held) > held+len(line) {
		t.Errorf("%d bytes wait", len(p.held))
	}
	p.mu.Unlock()
	if err := os.WriteFile(gate, []byte("open\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil || len(got()) < total || strings.ReplaceAll(got(), line, "") != "" {
		t.Errorf("%d bytes came, %v", len(got()), err)
	}
}

// Without a pager everything is printed as it comes, and nothing is kept.
func TestPagerThatCannotBegin(t *testing.T) {
	screen, shown, _ := pagerWorld(t)
	p := NewPager(PagerOptions{Command: "no\x00command", Out: screen, Height: 3, Patience: time.Millisecond})
	want := ""
	for n := range 1000 {
		line := fmt.Sprintf("line %d\n", n)
		want += line
		if _, err := p.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if shown() != want || len(p.held) > 0 {
		t.Errorf("shown %d bytes of %d, %d kept", len(shown()), len(want), len(p.held))
	}
	if err := p.Close(); err != nil || shown() != want {
		t.Errorf("%v, shown %d bytes of %d", err, len(shown()), len(want))
	}
	if err := screen.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("x\n")); err == nil {
		t.Error("written to a screen that is closed")
	}
}

func TestPagerCommand(t *testing.T) {
	for _, c := range []struct{ own, pager, term, want string }{
		{"", "", "xterm", ""},
		{"most -s", "less", "xterm", "most -s"},
		{"-", "more", "xterm", "more"},
		{"-", "cat", "xterm", ""},
		{"cat", "less", "xterm", ""},
		{"less", "less", "dumb", ""},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("PAGER", c.pager)
		t.Setenv("JOURNALIST_PAGER", c.own)
		if c.own == "-" {
			if err := os.Unsetenv("JOURNALIST_PAGER"); err != nil { // until the test's end
				t.Fatal(err)
			}
		}
		if got := PagerCommand(); got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
