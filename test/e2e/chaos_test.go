package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// chaos is a run in which everything fails that may fail.
type chaos struct {
	t     *testing.T
	ctx   context.Context
	rnd   *rand.Rand
	j     *proc.Journalist
	s     *proc.Scribe
	proxy *faultyProxy
	logs  []*logFile
	cut   *logFile // rotated by scribe rotate, with copytruncate
	moved *logFile // rotated by logrotate, with create and, if asked for, compress

	cutConf, movedConf string

	count map[string]int
}

// all are all logs.
func (c *chaos) all() []*logFile { return append(slices.Clone(c.logs), c.cut, c.moved) }

// rotation writes logrotate's configuration for one log.
func (c *chaos) rotation(l *logFile, directives string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), l.tag+".conf")
	c.must(os.WriteFile(path, []byte(l.path+" {\n"+directives+"\n}\n"), 0o644))
	return path
}

// rotateByScribe has scribe rotate a log that is written to without a pause.
func (c *chaos) rotateByScribe(conf string) {
	c.t.Helper()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for range 2000 {
			select {
			case <-stop:
				return
			default:
				if _, err := c.cut.gen.Write(c.cut.f, 1); err != nil {
					c.t.Error(err)
				}
				time.Sleep(200 * time.Microsecond)
			}
		}
	})
	p, err := proc.Start(c.s.Dir, nil, bin.Scribe, "rotate", "--force", "--gate-wait", "2s", "--state-dir", filepath.Join(c.s.Dir, "state"), conf)
	c.must(err)
	<-p.Done() // a rotation that has to wait is made by the next one
	close(stop)
	writing.Wait()
	if strings.Contains(p.Output(), "unsafe") {
		c.t.Fatalf("the test needs a file system that can remove the head of a file:\n%s", p.Output())
	}
}

// rotateByLogrotate has logrotate rotate a log, and the service open the new one.
func (c *chaos) rotateByLogrotate(conf string) {
	c.t.Helper()
	code, out := run(c.t, filepath.Dir(conf), nil, logrotate(c.t), "--force", "--state", conf+".state", conf)
	if code != 0 {
		c.t.Fatalf("logrotate ended with %d:\n%s", code, out)
	}
	c.moved.write(c.t, 20) // the old file is still open
	c.must(c.moved.f.Close())
	c.moved.reopen(c.t)
}

// logrotate is where the program lies.
func logrotate(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"/usr/sbin/logrotate", "/usr/bin/logrotate"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatal("there is no logrotate; make tools-test installs it")
	return ""
}

func (c *chaos) step() {
	c.t.Helper()
	for _, l := range c.all() {
		l.write(c.t, c.rnd.IntN(400))
	}
	events := []struct {
		name string
		do   func()
	}{
		{"kill journalist", c.killJournalist},
		{"kill scribe", c.killScribe},
		{"kill both", func() { c.s.Kill(); c.killJournalist(); c.must(c.s.Start()) }},
		{"rename", func() { c.logs[c.rnd.IntN(len(c.logs))].rename(c.t) }},
		{"rename and kill scribe", func() {
			l := c.logs[c.rnd.IntN(len(c.logs))]
			c.s.Kill()
			l.write(c.t, 50)
			l.rename(c.t)
			l.write(c.t, 50)
			c.must(c.s.Start())
		}},
		{"truncate", c.truncate},
		{"reset", c.proxy.Reset},
		{"stall", func() { c.proxy.Stall(); c.pause(); c.proxy.Heal() }},
		{"drop acks", func() { c.proxy.DropAcks(); c.pause(); c.proxy.Heal() }},
		{"scribe rotate", func() { c.rotateByScribe(c.cutConf) }},
		{"scribe rotate, kill scribe", func() { c.rotateByScribe(c.cutConf); c.killScribe() }},
		{"logrotate", func() { c.rotateByLogrotate(c.movedConf) }},
		{"logrotate, kill scribe", func() { c.s.Kill(); c.rotateByLogrotate(c.movedConf); c.must(c.s.Start()) }},
		{"reload", c.reload},
		{"calm", c.pause},
	}
	e := events[c.rnd.IntN(len(events))]
	c.count[e.name]++
	e.do()
	if err := c.ctx.Err(); err != nil {
		c.t.Fatalf("%s: %v", e.name, err)
	}
}

func (c *chaos) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// pause lets time pass with a fault in force; nothing waits for its result.
func (c *chaos) pause() {
	time.Sleep(time.Duration(c.rnd.IntN(400)) * time.Millisecond)
}

// reload has scribe read its configuration anew. One that has only just started may
// end by the signal instead.
func (c *chaos) reload() {
	c.must(c.s.Signal(syscall.SIGHUP))
	select {
	case <-c.s.Done():
		c.must(c.s.Start())
	case <-time.After(200 * time.Millisecond):
	}
}

func (c *chaos) killJournalist() {
	c.j.Kill()
	c.must(c.j.Start(c.ctx))
}

func (c *chaos) killScribe() {
	c.s.Kill()
	c.must(c.s.Start())
}

func (c *chaos) truncate() {
	l := c.logs[c.rnd.IntN(len(c.logs))]
	ctx, cancel := context.WithTimeout(c.ctx, arrival)
	defer cancel()
	if _, err := c.j.WaitCount(ctx, "file:*"+l.tag+".log*", int64(l.gen.Next())); err != nil {
		c.t.Errorf("before %s is truncated: %v", l.path, err)
		return // and the check at the end says which are missing
	}
	l.truncate(c.t)
}

// arrival is how long calm lines may take; only lost ones take it all.
const arrival = 40 * time.Second

func TestNothingLostNothingTwice(t *testing.T) {
	steps := soakNumber(t, "CHAOS_STEPS", 45)
	ctx := deadline(t, 2*time.Minute+time.Duration(steps)*2*time.Second)
	j := startJournalist(t, ctx)
	proxy := startProxy(t, j.Lumberjack)
	dir, cut, moved := t.TempDir(), t.TempDir(), t.TempDir()
	seed := drawSeed(t)
	c := &chaos{
		t: t, ctx: ctx, j: j, proxy: proxy,
		rnd:   rand.New(rand.NewPCG(seed, 1)),
		s:     newScribe(t, ctx, j, proxy.Addr(), nil, filepath.Join(dir, "*.log"), filepath.Join(cut, "*.log"), filepath.Join(moved, "*.log")),
		count: map[string]int{},
	}
	for _, tag := range []string{"web", "shop", "database"} {
		c.logs = append(c.logs, openLog(t, dir, tag))
	}
	c.cut, c.moved = openLog(t, cut, "cut"), openLog(t, moved, "moved")
	c.cutConf = c.rotation(c.cut, "copytruncate\nrotate 100\ncompress\nnodateext")
	c.movedConf = c.rotation(c.moved, "create\nrotate 100\nnodateext\ncompress\ndelaycompress")
	// A file that was rotated away before scribe ever looked is not known to it: the
	// faults begin when it knows all of them.
	for _, l := range c.all() {
		l.write(t, 10)
	}
	if err := c.s.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.WaitCount(ctx, "*", 50); err != nil {
		t.Fatal(err)
	}
	for range steps {
		if c.step(); t.Failed() {
			break
		}
	}
	t.Logf("events: %v", c.count)
	c.proxy.Heal()
	checkEveryLineOnce(t, ctx, j, c.all())
}
