package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"journalist/internal/registry"
	"journalist/internal/testkit/proc"
	"journalist/internal/vfs"
)

const (
	// serverFiles and scribeFiles are what the programs may have open from their
	// start to their end. scribe follows more files than that.
	serverFiles = 64
	scribeFiles = 40
	crowded     = 40 // logs to which little is written
)

// scarceServer is one of two servers, and what stands before it.
type scarceServer struct {
	j     *proc.Journalist
	proxy *faultyProxy
	disk  *smallDisk // nil where there is as much room as there is
	said  string     // by those that were killed
}

// scarce is a run in which there is too little of everything.
type scarce struct {
	t       *testing.T
	ctx     context.Context
	rnd     *rand.Rand
	servers [2]*scarceServer
	s       *proc.Scribe
	state   *smallDisk
	said    string // by the scribes that were killed
	logs    []*logFile
	crowd   []*logFile

	// before is what each server had at the last checkpoint.
	before [2]account
	// open is how many lines, as scribe says, were not acknowledged when something
	// failed since the last checkpoint; heard is how much of its output that is of.
	open, heard int
}

// newScarce starts two servers and a scribe that knows its files. All ends with
// the test.
func newScarce(t *testing.T, ctx context.Context, seed uint64, mode string) *scarce {
	t.Helper()
	c := &scarce{t: t, ctx: ctx, rnd: rand.New(rand.NewPCG(seed, 4))}
	dir := t.TempDir()
	c.servers[0] = c.newServer(newSmallDisk)
	certs, err := c.servers[0].j.IssueCert(ctx, "web-01")
	c.must(err)
	c.servers[1] = c.newServer(nil, "--lumberjack-client-ca", filepath.Join(certs, "ca.crt"))
	c.joinAuthorities(certs)
	c.s, err = proc.NewScribe(bin, filepath.Join(t.TempDir(), "scribe"), proc.ScribeConfig{
		Servers: []string{c.servers[0].proxy.Addr(), c.servers[1].proxy.Addr()}, Mode: mode,
		Certs: certs, Name: "web-01", Paths: []string{filepath.Join(dir, "*.log")}, Timeout: 2,
	})
	c.must(err)
	c.s.Under = proc.FewFiles(scribeFiles)
	state := filepath.Join(c.s.Dir, "state")
	c.must(os.Mkdir(state, 0o700))
	c.state = newSmallDisk(t, state, "2m")
	for _, tag := range []string{"web", "shop", "database"} {
		c.logs = append(c.logs, openLog(t, dir, tag))
	}
	for i := range crowded {
		c.crowd = append(c.crowd, openLog(t, dir, fmt.Sprintf("crowd%02d", i)))
	}
	for _, l := range c.all() {
		l.write(t, 1)
	}
	c.must(c.s.Start())
	t.Cleanup(func() {
		c.s.Kill()
		if t.Failed() {
			t.Logf("scribe's output:\n%s", tailOf(c.said+c.s.Output()))
		}
	})
	return c
}

// newServer starts a server, on a disk of its own if disk makes one.
func (c *scarce) newServer(disk func(*testing.T, string, string) *smallDisk, args ...string) *scarceServer {
	c.t.Helper()
	v, dir := new(scarceServer), c.t.TempDir()
	if disk != nil {
		v.disk = disk(c.t, dir, "24m")
	}
	var err error
	v.j, err = proc.NewJournalist(bin, dir)
	c.must(err)
	v.j.Args, v.j.Under = append([]string{"--disk-floor", "1MB"}, args...), proc.FewFiles(serverFiles)
	c.must(v.j.Start(c.ctx))
	c.t.Cleanup(func() {
		if v.disk != nil && v.disk.full {
			v.disk.free(v.j.Process)
		}
		if err := v.j.Stop(20 * time.Second); err != nil {
			c.t.Error(err)
		}
		verify(c.t, v.j.Data)
		if c.t.Failed() {
			c.t.Logf("journalist's output:\n%s", tailOf(v.said+v.j.Output()))
		}
	})
	v.proxy = startProxy(c.t, v.j.Lumberjack)
	return v
}

// joinAuthorities adds the second server's authority to those that scribe trusts.
func (c *scarce) joinAuthorities(certs string) {
	c.t.Helper()
	other, err := os.ReadFile(filepath.Join(c.servers[1].j.Data, "pki", "ca.crt"))
	c.must(err)
	f, err := os.OpenFile(filepath.Join(certs, "ca.crt"), os.O_APPEND|os.O_WRONLY, 0)
	c.must(err)
	_, err = f.Write(other)
	c.must(err)
	c.must(f.Close())
}

func (c *scarce) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// all are all logs.
func (c *scarce) all() []*logFile { return append(c.logs[:len(c.logs):len(c.logs)], c.crowd...) }

// trickle writes to all logs for about this long, and until done, if it is given,
// which has to come true.
func (c *scarce) trickle(d time.Duration, what string, done func() bool) {
	c.t.Helper()
	giveUp := time.Now().Add(d + 30*time.Second) // scribe may wait 15 s until it connects again
	for end := time.Now().Add(d); time.Now().Before(end) || done != nil && !done(); time.Sleep(40 * time.Millisecond) {
		for _, l := range c.logs {
			l.write(c.t, c.rnd.IntN(4))
		}
		for range 4 {
			c.crowd[c.rnd.IntN(crowded)].write(c.t, 1)
		}
		if time.Now().After(giveUp) {
			c.t.Fatalf("never came to pass: %s", what)
		}
	}
}

// while is how long a condition lasts.
func (c *scarce) while() time.Duration {
	return time.Duration(300+c.rnd.IntN(500)) * time.Millisecond
}

// burst writes what takes more than a moment to go out. All bursts of a run are less
// than what a server writes to parts by itself: see fullServer.
func (c *scarce) burst() {
	c.t.Helper()
	for _, l := range c.logs {
		l.write(c.t, 20+c.rnd.IntN(80))
	}
}

// inUse is a server that scribe uses just now, if there is one.
func (c *scarce) inUse() *scarceServer {
	first := c.rnd.IntN(2)
	if v := c.servers[first]; v.proxy.Busy() {
		return v
	}
	return c.servers[1-first]
}

// moveTo has scribe use this server, by cutting it off from the other one.
func (c *scarce) moveTo(v *scarceServer) {
	c.t.Helper()
	for _, o := range c.servers {
		if o != v && !v.proxy.Busy() {
			o.proxy.Cut()
			c.trickle(0, "scribe uses the other server", v.proxy.Busy)
			o.proxy.Heal()
		}
	}
}

func (c *scarce) killServer(v *scarceServer) {
	v.said += v.j.Output()
	v.j.Kill()
}

func (c *scarce) startServer(v *scarceServer) {
	c.t.Helper()
	c.must(v.j.Start(c.ctx))
	if v.disk != nil {
		v.disk.started(v.j.Process)
	}
}

func (c *scarce) killScribe() {
	c.t.Helper()
	c.s.Kill()
	c.countOpen()
	c.open += c.unnoted()
	c.said += c.s.Output()
	c.heard = 0
	c.must(c.s.Start())
	if c.state.full {
		c.trickle(0, "scribe starts", func() bool {
			c.alive("start on a full disk")
			return strings.Contains(c.s.Output(), "scribe starts")
		})
		c.state.started(c.s.Process)
	}
}

// hog takes handles of a server until it has none, and returns what gives them back.
func (c *scarce) hog(v *scarceServer) (release func()) {
	c.t.Helper()
	var held []net.Conn
	c.trickle(0, "a server is out of handles", func() bool {
		for range 8 {
			if n, err := net.DialTimeout("tcp", v.j.Lumberjack, time.Second); err == nil {
				held = append(held, n)
			}
		}
		n, err := v.j.OpenFiles()
		c.must(err)
		return n >= serverFiles
	})
	return func() {
		for _, n := range held {
			_ = n.Close()
		}
	}
}

// writeParts has a server write all its rows to parts, as a deletion does.
func (c *scarce) writeParts(v *scarceServer) {
	ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second)
	defer cancel()
	// What it answers does not matter: it may have no handle for any of it.
	_, _, _ = v.j.Do(ctx, http.MethodPost, "/api/v1/delete", "application/json", strings.NewReader(`{"query":"message:nobody"}`))
}

// squeeze leaves scribe fewer handles than it has, until release.
func (c *scarce) squeeze() (release func()) {
	c.t.Helper()
	n, err := c.s.OpenFiles()
	c.must(err)
	p := c.s.Process
	c.must(p.LimitFiles(uint64(max(8, n-4))))
	return func() {
		select {
		case <-p.Done(): // killed, or reported by alive
		default:
			c.must(p.LimitFiles(proc.Unlimited))
		}
	}
}

// alive checks that nobody ended by itself: all that is scarce must be outlived.
func (c *scarce) alive(after string) {
	c.t.Helper()
	for _, p := range []*proc.Process{c.s.Process, c.servers[0].j.Process, c.servers[1].j.Process} {
		select {
		case <-p.Done():
			c.t.Fatalf("%s: a program ended by itself with code %d:\n%s", after, p.ExitCode(), tailOf(p.Output()))
		default:
		}
	}
}

// waiting is what scribe says of the lines that are not acknowledged when a connection
// fails.
var waiting = regexp.MustCompile(`msg="server not usable.* lines_waiting=(\d+)`)

// countOpen adds up what scribe has said since it was asked last.
func (c *scarce) countOpen() {
	c.t.Helper()
	said := c.s.Output()[c.heard:]
	c.heard += len(said)
	for _, m := range waiting.FindAllStringSubmatch(said, -1) {
		n, err := strconv.Atoi(m[1])
		c.must(err)
		c.open += n
	}
}

// unnoted is how many lines there are of which scribe has not noted that they are
// acknowledged.
func (c *scarce) unnoted() (lines int) {
	c.t.Helper()
	state, err := registry.Load(vfs.OS, filepath.Join(c.s.Dir, "state"))
	c.must(err)
	acked := map[uint64]uint64{}
	for _, g := range state.Generations {
		acked[g.Ino] = max(acked[g.Ino], g.To)
	}
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(c.logs[0].path), "*.log*"))
	c.must(err)
	for _, path := range paths {
		fi, err := vfs.OS.Stat(path)
		c.must(err)
		node, _, ok := vfs.InodeOf(fi)
		if !ok {
			c.t.Fatalf("no inode of %s", path)
		}
		if to := acked[node.Ino]; uint64(fi.Size()) > to {
			text, err := os.ReadFile(path)
			c.must(err)
			lines += bytes.Count(text[to:], []byte("\n"))
		}
	}
	return lines
}

// checkpoint waits until scribe has noted that all lines are acknowledged, and holds
// what the servers have against it: each line is somewhere, at each server at most
// once, and what was acknowledged at the checkpoint before is where it was then. At
// both servers are no more lines than were not acknowledged, or that not noted, when
// something failed.
func (c *scarce) checkpoint() (both int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, arrival)
	defer cancel()
	for n := c.unnoted(); n > 0; n = c.unnoted() {
		select {
		case <-ctx.Done():
			c.t.Errorf("%d lines are not acknowledged", n)
			c.compare() // says which are missing
			c.t.FailNow()
		case <-time.After(30 * time.Millisecond):
		}
	}
	both = c.compare()
	if c.countOpen(); both > c.open {
		c.t.Fatalf("%d lines more are at both servers, but only %d were not acknowledged when something failed", both, c.open)
	}
	c.open = 0
	return both
}

// compare is the part of checkpoint that asks the servers. It returns how many lines
// more than before are at both.
func (c *scarce) compare() (both int) {
	c.t.Helper()
	var now [2]account
	for i, v := range c.servers {
		now[i] = takeAccount(c.t, c.ctx, v.j, c.all())
		for tag, lines := range c.before[i] {
			for n, times := range lines {
				if got := now[i][tag][n]; got != times {
					c.t.Errorf("server %d had %s-%d, which was acknowledged, %d times at the last checkpoint and has it %d times", i, tag, n, times, got)
				}
			}
		}
	}
	union := now[0].add(now[1])
	union.reportMissing(c.t)
	if c.t.Failed() {
		c.t.FailNow()
	}
	both = union.lines(2) - c.before[0].add(c.before[1]).lines(2)
	c.before = now
	return both
}

// registryFails tells that the scribe that runs could not write its registry when it
// tried last.
func (c *scarce) registryFails() bool {
	said := c.s.Output()
	failed := max(strings.LastIndex(said, "cannot write the registry"), strings.LastIndex(said, "the disk is full"))
	return failed > strings.LastIndex(said, "the registry can be written again")
}

// checkSaid checks that what was scarce was felt.
func (c *scarce) checkSaid() {
	c.t.Helper()
	const handles = "too many open files"
	if !strings.Contains(c.said+c.s.Output(), handles) {
		c.t.Error("scribe never said that it had too few handles")
	}
	servers := ""
	for _, v := range c.servers {
		servers += v.said + v.j.Output()
	}
	if !strings.Contains(servers, handles) {
		c.t.Error("no server ever said that it had too few handles")
	}
}
