package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fullServer is the first server without room: what it cannot take goes to the other
// one. It has no parts, because it would drop them to make room: it is never stopped
// in order, and gets too little to write any.
func (c *scarce) fullServer(during func(*scarceServer)) {
	c.t.Helper()
	v := c.servers[0]
	if parts, err := filepath.Glob(filepath.Join(v.j.Data, "store", "data", "*", "*", "*.part")); err != nil || len(parts) > 0 {
		c.t.Fatalf("the server has %d parts that it may drop (%v)", len(parts), err)
	}
	c.moveTo(v)
	v.disk.fill(v.j.Process)
	said := len(v.j.Output())
	c.trickle(c.while(), "a server says that it has no room", func() bool {
		out := v.j.Output()
		out = out[min(said, len(out)):]
		if strings.Contains(out, "reason=full") || strings.Contains(out, "not committed") {
			return true
		}
		if !v.proxy.Busy() { // it failed lately, and the other one was well
			c.servers[1].proxy.Cut()
		}
		return false
	})
	c.servers[1].proxy.Heal()
	during(v)
	v.disk.free(v.j.Process)
}

// fullScribe is scribe without room for what it has to note.
func (c *scarce) fullScribe(during func()) {
	c.t.Helper()
	c.state.fill(c.s.Process)
	c.trickle(c.while(), "scribe says that it cannot note what is acknowledged", c.registryFails)
	during()
	c.trickle(c.while(), "", nil)
	c.state.free(c.s.Process)
	c.trickle(0, "scribe notes again what is acknowledged", func() bool { return !c.registryFails() })
}

// fewHandles is scribe without a handle for the logs and connections to come.
func (c *scarce) fewHandles(during func()) {
	c.t.Helper()
	release := c.squeeze()
	defer release()
	for _, l := range c.logs {
		l.rename(c.t)
	}
	for _, v := range c.servers {
		v.proxy.Reset()
	}
	c.trickle(c.while(), "", nil)
	during()
}

// fewServerHandles is a server whose handles others have taken, while scribe connects
// anew and parts are to be written.
func (c *scarce) fewServerHandles(v *scarceServer, during func()) {
	c.t.Helper()
	c.moveTo(v)
	release := c.hog(v)
	defer release()
	if v.disk == nil {
		c.writeParts(v)
	}
	v.proxy.Reset()
	c.trickle(c.while(), "", nil)
	during()
}

// slowServer is one to which some kilobytes per second get through.
func (c *scarce) slowServer(during func(*scarceServer)) {
	c.t.Helper()
	v := c.inUse()
	v.proxy.Throttle(2000 + c.rnd.IntN(6000))
	c.burst()
	c.trickle(time.Second, "", nil)
	during(v)
	v.proxy.Heal()
}

// failover is the end of a server in the middle of what it is sent.
func (c *scarce) failover(how func(*scarceServer)) {
	c.t.Helper()
	c.burst()
	time.Sleep(time.Duration(c.rnd.IntN(20)) * time.Millisecond) // the moment is left to chance
	how(c.inUse())
}

// A scarcity is one thing that is scarce, or fails, for a while.
type scarcity struct {
	name string
	do   func()
}

// scarcities are all of them.
func (c *scarce) scarcities() []scarcity {
	rotate := func() { c.logs[c.rnd.IntN(len(c.logs))].rename(c.t) }
	again := func(v *scarceServer) { c.killServer(v); c.trickle(c.while(), "", nil); c.startServer(v) }
	return []scarcity{
		{"server full", func() { c.fullServer(func(*scarceServer) {}) }},
		{"server full, killed", func() { c.fullServer(again) }},
		{"server full, other one away", func() {
			c.fullServer(func(*scarceServer) { again(c.servers[1]) })
		}},
		{"scribe full, rotation", func() { c.fullScribe(rotate) }},
		{"scribe full, rotation, killed", func() { c.fullScribe(func() { rotate(); c.killScribe() }) }},
		{"scribe full, killed, failover", func() { c.fullScribe(func() { c.killScribe(); c.failover(again) }) }},
		{"few handles of scribe", func() { c.fewHandles(func() {}) }},
		{"few handles of scribe, killed", func() { c.fewHandles(c.killScribe) }},
		{"few handles of a server", func() { c.fewServerHandles(c.servers[0], func() {}) }},
		{"few handles of a server that writes parts, killed", func() {
			c.fewServerHandles(c.servers[1], func() { again(c.servers[1]) })
		}},
		{"slow server", func() { c.slowServer(func(*scarceServer) {}) }},
		{"slow server, rotation, reset", func() { c.slowServer(func(v *scarceServer) { rotate(); v.proxy.Reset() }) }},
		{"failover by kill", func() { c.failover(again) }},
		{"failover by cut", func() {
			c.failover(func(v *scarceServer) { v.proxy.Cut(); c.trickle(c.while(), "", nil); v.proxy.Heal() })
		}},
		{"failover by lost acknowledgements", func() {
			v := c.inUse()
			v.proxy.DropAcks()
			c.trickle(c.while(), "", nil)
			v.proxy.Cut()
			c.trickle(c.while(), "", nil)
			v.proxy.Heal()
		}},
		{"failover by stall", func() {
			c.failover(func(v *scarceServer) { v.proxy.Stall(); c.trickle(2*time.Second, "", nil); v.proxy.Heal() })
		}},
		{"failover and back, scribe killed", func() {
			c.failover(again)
			c.killScribe()
		}},
		{"second server stopped and started", func() {
			v := c.servers[1]
			v.said += v.j.Output()
			c.must(v.j.Stop(20 * time.Second))
			c.trickle(c.while(), "", nil)
			c.startServer(v)
		}},
	}
}

// TestNothingLostWhenScarce is a scribe with two servers, with too little of what they
// need: room on the disk, file handles, speed, servers. SCARCE_RUNS runs, each with
// everything once, in the order that its seed gives; SCARCE_MODE is how the servers are
// used, failover if it is not set.
func TestNothingLostWhenScarce(t *testing.T) {
	runs := soakNumber(t, "SCARCE_RUNS", 1)
	mode := os.Getenv("SCARCE_MODE")
	if mode == "" {
		mode = "failover"
	}
	seed := drawSeed(t)
	for i := range uint64(runs) {
		t.Run(fmt.Sprintf("seed=%d", seed+i), func(t *testing.T) { runScarce(t, seed+i, mode) })
		if t.Failed() {
			break
		}
	}
}

// runScarce is one run.
func runScarce(t *testing.T, seed uint64, mode string) {
	c := newScarce(t, deadline(t, 4*time.Minute), seed, mode)
	c.checkpoint()
	todo := c.scarcities()
	c.rnd.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	began := time.Now()
	for i, e := range todo {
		c.burst()
		e.do()
		c.alive(e.name)
		t.Logf("%5.1fs %s", time.Since(began).Seconds(), e.name)
		if i%3 == 2 || i == len(todo)-1 {
			both := c.checkpoint()
			t.Logf("%5.1fs all acknowledged; %d lines more are at both servers", time.Since(began).Seconds(), both)
		}
	}
	// And when nothing fails, nothing is anywhere twice.
	c.trickle(300*time.Millisecond, "", nil)
	if both := c.checkpoint(); both != 0 {
		t.Errorf("%d lines are at both servers though nothing failed", both)
	}
	c.checkSaid()
	for i, lines := range c.before {
		if lines.lines(1) == 0 {
			t.Errorf("server %d never got a line", i)
		}
	}
	t.Logf("%d lines, each at a server and none twice at one; %d at both", written(c.all()), c.before[0].add(c.before[1]).lines(2))
}
