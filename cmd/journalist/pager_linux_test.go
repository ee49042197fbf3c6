package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"journalist/internal/cli"
)

// endlessServer answers every query with rows without end, and says when the client
// has left.
func endlessServer(t *testing.T, rows int) (left chan struct{}) {
	t.Helper()
	home(t)
	left = make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for n := 0; n < rows && r.Context().Err() == nil; n++ {
			fmt.Fprintf(w, `{"message":"row %d"}`+"\n", n)
		}
		fmt.Fprint(w, `{"stats":{}}`)
		left <- struct{}{}
	}))
	t.Cleanup(s.Close)
	t.Setenv("JOURNALIST_URL", s.URL)
	t.Setenv("JOURNALIST_TOKEN", testToken)
	return left
}

// Whoever leaves the pager ends the query at the server; that is no failure.
func TestPagerOnTerminal(t *testing.T) {
	left := endlessServer(t, 1<<40)
	t.Setenv("JOURNALIST_PAGER", `echo "the pager"; head -n 30; echo "the end"`)
	p := onTerminal(t, "query", "*", "-o", "raw", "-n", "1000000")
	p.expect("the pager\r\nrow 0\r\nrow 1\r\n")
	p.expect("row 29\r\nthe end\r\n")
	<-left
	if code := p.code(); code != 0 {
		t.Errorf("code %d", code)
	}
}

// Ctrl-C in the pager ends the query and not the pager, however often it comes.
func TestInterruptInPager(t *testing.T) {
	left := endlessServer(t, 1<<40)
	t.Setenv("JOURNALIST_PAGER", `trap : INT; echo "the pager"; read line; echo "has $line"; read key < /dev/tty; read key < /dev/tty; read key < /dev/tty; echo "left by $key"`)
	p := onTerminal(t, "query", "*", "-o", "raw", "-n", "1000000")
	p.expect("has row 0")
	p.typed("\x03")
	<-left
	p.typed("\x03\nbye\n")
	p.typed("bye\nbye\n")
	p.expect("left by bye")
	if code := p.code(); code != cli.ExitInterrupted {
		t.Errorf("code %d, %q", code, p.shown())
	}
}

func TestNoPager(t *testing.T) {
	for name, args := range map[string][]string{
		"flag": {"query", "*", "-o", "raw", "--no-pager"},
		"cat":  {"query", "*", "-o", "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			endlessServer(t, 100)
			t.Setenv("JOURNALIST_PAGER", "cat")
			if name == "flag" {
				t.Setenv("JOURNALIST_PAGER", "echo the pager")
			}
			p := onTerminal(t, args...)
			if got := p.expect("row 99"); strings.Contains(got, "the pager") || !strings.HasPrefix(got, "row 0\r\n") {
				t.Errorf("shown %q", got)
			}
			if code := p.code(); code != 0 {
				t.Errorf("code %d", code)
			}
		})
	}
}
