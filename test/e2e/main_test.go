// Package e2e starts the real binaries, cmd/journalist and cmd/scribe, on loopback
// with real TLS and follows lines from files through internal/tail, internal/ship,
// internal/ingest and internal/store to the answers of internal/api.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

var bin proc.Binaries

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if bin, err = proc.Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// deadline is the time a test may wait for anything; only a broken program takes
// it all.
func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// drawSeed is what a random run draws its numbers from: JOURNALIST_SEED, else the
// time. What the machine does at the same time is not repeated with it.
func drawSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("JOURNALIST_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("JOURNALIST_SEED: %v", err)
		}
	}
	t.Logf("JOURNALIST_SEED=%d", seed)
	return seed
}

// soakNumber is what a variable that make soak sets says, else the usual number.
func soakNumber(t *testing.T, variable string, usual int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number above 0", variable, s)
	}
	return n
}

// startJournalist starts a server that ends with the test, whose data must then
// pass `journalist verify`.
func startJournalist(t *testing.T, ctx context.Context, args ...string) *proc.Journalist {
	t.Helper()
	j, err := proc.NewJournalist(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j.Args = args
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		verify(t, j.Data)
		if t.Failed() {
			t.Logf("journalist's output:\n%s", tailOf(j.Output()))
		}
	})
	return j
}

// verify runs `journalist verify` over a stopped server's data.
func verify(t *testing.T, data string) {
	t.Helper()
	p, err := proc.Start(t.TempDir(), nil, bin.Journalist, "verify", "--data", data)
	if err != nil {
		t.Error(err)
		return
	}
	<-p.Done()
	if p.ExitCode() != 0 {
		t.Errorf("journalist verify ended with %d:\n%s", p.ExitCode(), p.Output())
	}
}

// newScribe writes a configuration that ships paths to server; the scribe is
// killed when the test ends.
func newScribe(t *testing.T, ctx context.Context, j *proc.Journalist, server string, fields map[string]string, paths ...string) *proc.Scribe {
	t.Helper()
	certs, err := j.IssueCert(ctx, "web-01")
	if err != nil {
		t.Fatal(err)
	}
	s, err := proc.NewScribe(bin, filepath.Join(t.TempDir(), "scribe"), proc.ScribeConfig{
		Servers: []string{server}, Certs: certs, Name: "web-01", Paths: paths, Fields: fields, Timeout: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.Process == nil {
			return
		}
		s.Kill()
		if t.Failed() {
			t.Logf("scribe's output:\n%s", tailOf(s.Output()))
		}
	})
	return s
}

func tailOf(s string) string {
	const keep = 8 << 10
	if len(s) > keep {
		return "…" + s[len(s)-keep:]
	}
	return s
}

// run runs a program to its end and returns what it printed on both streams.
func run(t *testing.T, dir string, env []string, program string, args ...string) (code int, output string) {
	t.Helper()
	p, err := proc.Start(dir, env, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		p.Kill()
		t.Fatalf("%s %v did not end; its output:\n%s", program, args, p.Output())
	}
	return p.ExitCode(), p.Output()
}
