package sim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing/synctest"
	"time"

	"journalist/internal/record"
	"journalist/internal/vfs/faultfs"
)

// A service writes one log. What it began and did not finish lies at the end of
// its file.
type service struct {
	name   string
	n      *inode
	append bool // opened with O_APPEND
	at     int  // where it writes next without
	half   int  // the line it has begun, -1 for none
	// copied: its log is being copied and truncated; nobody else rotates it then.
	copied bool
	rest   string
}

// keep is how many rotations of a log there are.
const keep = 5

func (w *world) newService(name string, appends bool) *service {
	s := &service{name: name, append: appends, half: -1}
	w.open(s)
	w.services = append(w.services, s)
	return s
}

// open has a service open its log, which may be another file than before.
func (w *world) open(s *service) {
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	if s.n != nil {
		s.n.users--
		w.disk.releaseLocked(s.n)
	}
	if s.n = w.disk.names[s.name]; s.n == nil {
		s.n = w.disk.makeLocked(s.name)
	}
	s.n.users++
	s.at = len(s.n.data)
	if s.half >= 0 {
		w.tear(s)
	}
}

// tear notes that the end of the line that a service has begun comes too late, or
// elsewhere.
func (w *world) tear(s *service) {
	if s.half >= 0 {
		w.ledger.update(s.half, func(x *line) { x.torn = true })
	}
}

// put writes bytes into a service's file.
func (w *world) put(s *service, text string) {
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	at := s.at
	if s.append {
		at = len(s.n.data)
	}
	s.n.writeAt([]byte(text), at)
	s.at = at + len(text)
}

// wrote notes that a line is complete in the service's file.
func (w *world) wrote(s *service, number int) {
	why := ""
	w.disk.mu.Lock()
	deleted, here := s.n.links == 0, w.disk.names[s.name] == s.n
	w.disk.mu.Unlock()
	switch {
	case deleted:
		why = "written to a deleted file"
	case !here && !w.o.wide:
		if _, ok := w.knows(s.n); !ok {
			why = "moved before anybody saw it"
		}
	}
	w.ledger.update(number, func(x *line) {
		x.whole = true
		if x.maybe == "" {
			x.maybe = why
		}
	})
}

// complete writes the rest of a line.
func (w *world) complete(s *service) {
	if s.half < 0 {
		return
	}
	w.put(s, s.rest+"\n")
	w.wrote(s, s.half)
	s.half = -1
}

func (w *world) size(rng *rand.Rand) int {
	if w.o.long && rng.IntN(15) == 0 {
		return 100 + rng.IntN(400)
	}
	return rng.IntN(90)
}

func (w *world) write(s *service, rng *rand.Rand, lines int) {
	w.complete(s)
	for range lines {
		n, text := w.ledger.next(s.name, w.size(rng))
		end := "\n"
		if rng.IntN(8) == 0 {
			end = "\r\n"
		}
		w.put(s, text+end)
		w.wrote(s, n)
	}
}

// begin writes the beginning of a line, or more of it.
func (w *world) begin(s *service, rng *rand.Rand) {
	if s.half < 0 {
		s.half, s.rest = w.ledger.next(s.name, w.size(rng))
	}
	w.disk.mu.Lock()
	here := w.disk.names[s.name] == s.n
	w.disk.mu.Unlock()
	if !here { // a moved file is taken for complete after a while
		w.tear(s)
	}
	if k := rng.IntN(len(s.rest) + 1); k > 0 {
		w.put(s, s.rest[:k])
		s.rest = s.rest[k:]
	}
}

// knows tells that scribe has an identity for a file.
func (w *world) knows(n *inode) (record.SourceID, bool) {
	gens := w.known
	if w.scribe != nil {
		gens = w.scribe.reg.All()
	}
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	for _, g := range gens {
		if g.Ino == n.number && g.State != record.Gone && g.Head.Len > 0 && g.Head.MatchesStart(n.data) && !anotherHole(g, n.data) {
			return g.ID, true
		}
	}
	return record.SourceID{}, false
}

// anotherHole tells that data begins as a generation does, but with a hole, which is
// all that is the same.
func anotherHole(g record.Generation, data []byte) bool {
	if len(bytes.Trim(data[:g.Head.Len], "\x00")) > 0 {
		return false
	}
	return g.To > uint64(len(data)) || record.MakeFingerprint(data[g.To-uint64(g.Tail.Len):g.To]) != g.Tail
}

// promise notes that scribe finds what is in a file that it knows, wherever that
// goes.
func (w *world) promise(id record.SourceID, data []byte) {
	w.promises = append(w.promises, promise{id, numbers(data)})
}

// unknown notes that a file goes where nobody finds it that does not know it.
func (w *world) unknown(n *inode) {
	w.ledger.destroyed(n.data, nil, w.sent(), "moved before anybody saw it")
}

// remove deletes a file.
func (w *world) remove(name string) {
	w.disk.mu.Lock()
	n := w.disk.names[name]
	if n == nil {
		w.disk.mu.Unlock()
		return
	}
	w.disk.unlinkLocked(name)
	var others []*inode
	for _, o := range w.disk.names {
		others = append(others, o)
	}
	open := n.open > 0 && w.disk.fault == nil
	data := append(slices.Clone(n.data), n.plain...)
	w.disk.mu.Unlock()
	for _, s := range w.services {
		if s.n == n {
			w.tear(s)
		}
	}
	if w.scribe != nil && open && w.o.maxOpen == 0 {
		w.held = append(w.held, numbers(data)...)
		return
	}
	if !w.o.wide {
		others = nil // a copy is found only with what it is a copy of
	}
	w.ledger.destroyed(data, others, w.sent(), "deleted unread")
}

// shift makes room for the next rotation of a log, and returns its name.
func (w *world) shift(log string) string {
	w.remove(fmt.Sprintf("%s.%d", log, keep))
	w.remove(fmt.Sprintf("%s.%d.gz", log, keep))
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	for i := keep - 1; i >= 1; i-- {
		for _, ext := range []string{"", ".gz"} {
			if from := fmt.Sprintf("%s.%d%s", log, i, ext); w.disk.names[from] != nil {
				w.disk.renameLocked(from, fmt.Sprintf("%s.%d%s", log, i+1, ext))
			}
		}
	}
	return log + ".1"
}

// rename rotates as logrotate's create does. The service goes on in its old file
// until it opens the new one.
func (w *world) rename(s *service, reopen bool) {
	if s.copied {
		return
	}
	w.disk.mu.Lock()
	n := w.disk.names[s.name]
	w.disk.mu.Unlock()
	if n != nil && len(n.data) > 0 {
		if id, ok := w.knows(n); ok {
			w.promise(id, n.data)
		} else if !w.o.wide {
			w.unknown(n)
		}
		if s.n == n {
			w.tear(s)
		}
		to := w.shift(s.name)
		w.disk.mu.Lock()
		w.disk.renameLocked(s.name, to)
		w.disk.mu.Unlock()
	}
	if reopen {
		w.open(s)
	}
}

// truncate cuts a log to nothing.
func (w *world) truncate(s *service) {
	w.disk.mu.Lock()
	n := w.disk.names[s.name]
	w.disk.mu.Unlock()
	if n != nil && !s.copied {
		w.cut(n)
	}
}

// cut cuts a file to nothing.
func (w *world) cut(n *inode) {
	w.disk.mu.Lock()
	var others []*inode
	for _, o := range w.disk.names {
		if o != n {
			others = append(others, o)
		}
	}
	w.disk.mu.Unlock()
	for _, s := range w.services {
		if s.n == n {
			w.tear(s)
		}
	}
	id, known := w.knows(n)
	if known {
		w.promise(id, n.data)
	} else if !w.o.wide {
		others = nil
	}
	w.ledger.destroyed(n.data, others, w.sent(), "truncated unread")
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	n.data, n.mtime = nil, time.Now()
}

// copyTo appends what a log has behind the end of its copy to that, up to a share
// of it.
func (w *world) copyTo(c, n *inode, share float64) {
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	upTo := int(share * float64(len(n.data)))
	if upTo > len(c.data) {
		c.writeAt(n.data[len(c.data):upTo], len(c.data))
	}
}

// compress replaces a rotated log by a compressed one.
func (w *world) compress(s *service, i int) {
	from := fmt.Sprintf("%s.%d", s.name, i)
	w.disk.mu.Lock()
	n := w.disk.names[from]
	if n == nil || n.users > 0 || s.copied || w.disk.names[from+".gz"] != nil {
		w.disk.mu.Unlock()
		return
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(n.data)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // in memory
	}
	c := w.disk.makeLocked(from + ".gz")
	c.writeAt(b.Bytes(), 0)
	c.plain, c.mtime = n.data, n.mtime
	w.disk.unlinkLocked(from)
	w.disk.mu.Unlock()
	if w.o.wide {
		// What was found first under a name that it has no more is not looked for
		// under that.
		for _, n := range numbers(n.data) {
			w.ledger.update(n, func(x *line) { x.again = true })
		}
	}
	if id, ok := w.knows(n); ok {
		w.promise(id, n.data)
	} else if !w.o.wide {
		w.ledger.destroyed(n.data, nil, w.sent(), "compressed before anybody saw it")
	}
}

// An action is something that happens.
type action struct {
	name  string
	share int // of all
	// do does it; what it does to files alone can also happen between two calls of
	// scribe (files).
	do    func(w *world, s *service, rng *rand.Rand)
	files bool
	// rare is what hides files from scribe itself, or when they were written, keeps it
	// from noting them, and half lines in files that are rotated.
	rare bool
}

var actions = []action{
	{"write", 30, func(w *world, s *service, rng *rand.Rand) { w.write(s, rng, 1+rng.IntN(30)) }, true, false},
	{"begin a line", 8, func(w *world, s *service, rng *rand.Rand) { w.begin(s, rng) }, true, true},
	{"rename", 10, func(w *world, s *service, rng *rand.Rand) { w.rename(s, true) }, true, false},
	{"rename, open later", 4, func(w *world, s *service, rng *rand.Rand) { w.rename(s, false) }, true, false},
	{"open", 6, func(w *world, s *service, rng *rand.Rand) { w.open(s) }, true, false},
	{"rotate twice", 3, (*world).twice, true, false},
	{"truncate", 3, func(w *world, s *service, _ *rand.Rand) { w.truncate(s) }, true, false},
	{"delete", 2, func(w *world, s *service, rng *rand.Rand) { w.remove(s.name) }, true, true},
	{"compress", 3, func(w *world, s *service, rng *rand.Rand) { w.compress(s, 1+rng.IntN(keep)) }, true, false},
	{"copytruncate", 10, (*world).copyTruncate, false, false},
	{"handles exhausted", 2, func(w *world, _ *service, rng *rand.Rand) {
		w.disk.fail([]string{"open", "readdir"}[rng.IntN(2)], syscall.EMFILE, 1, rng)
	}, false, true},
	{"logs hard to read", 2, func(w *world, _ *service, rng *rand.Rand) {
		w.disk.fail([]string{"open", "readdir", "stat", "read"}[rng.IntN(4)], syscall.EIO, 0.5, rng)
	}, false, true},
	{"state disk full", 2, func(w *world, _ *service, rng *rand.Rand) {
		if w.scribe != nil {
			w.scribe.faults.FailAt(rng.IntN(4), []faultfs.Kind{faultfs.ENOSPC, faultfs.Short, faultfs.EIO}[rng.IntN(3)], true)
		}
	}, false, true},
	{"stall", 3, func(w *world, _ *service, _ *rand.Rand) { w.net.set(&w.net.stalled, true) }, false, false},
	{"acks lost", 3, func(w *world, _ *service, _ *rand.Rand) { w.net.set(&w.net.mute, true) }, false, false},
	{"slow network", 2, func(w *world, _ *service, _ *rand.Rand) { w.net.set(&w.net.slow, true) }, false, false},
	{"reset", 4, func(w *world, _ *service, _ *rand.Rand) { w.net.reset() }, false, false},
	{"server crashes", 4, func(w *world, _ *service, rng *rand.Rand) { w.server(rng).crash() }, false, false},
	{"server starts", 4, func(w *world, _ *service, rng *rand.Rand) { w.server(rng).start() }, false, false},
	{"server slow", 2, func(w *world, _ *service, rng *rand.Rand) {
		d := time.Duration(rng.IntN(8000)) * time.Millisecond
		w.server(rng).set(func(s *server) { s.slow = d })
	}, false, false},
	{"server full", 2, func(w *world, _ *service, rng *rand.Rand) {
		w.server(rng).set(func(s *server) { s.full = true })
	}, false, false},
	{"kill", 6, func(w *world, _ *service, rng *rand.Rand) { w.kill(false, rng.Uint64()) }, false, false},
	{"power cut", 3, func(w *world, _ *service, rng *rand.Rand) { w.kill(true, rng.Uint64()) }, false, false},
	{"stop", 2, func(w *world, _ *service, _ *rand.Rand) { w.stop() }, false, false},
	{"start", 12, func(w *world, _ *service, _ *rand.Rand) { w.start() }, false, false},
	{"reload", 3, func(w *world, _ *service, _ *rand.Rand) { w.reload() }, false, false},
	{"clock", 2, func(w *world, _ *service, rng *rand.Rand) {
		by := time.Duration(rng.Int64N(int64(60*time.Hour))) - 30*time.Hour
		w.disk.jump(by)
		w.mu.Lock()
		w.skew += by
		w.mu.Unlock()
	}, false, true},
	{"heal", 12, func(w *world, _ *service, _ *rand.Rand) { w.heal() }, false, false},
}

func (w *world) server(rng *rand.Rand) *server { return w.servers[rng.IntN(len(w.servers))] }

// twice has a generation come and go between two looks.
func (w *world) twice(s *service, rng *rand.Rand) {
	w.disk.mu.Lock()
	n := w.disk.names[s.name]
	w.disk.mu.Unlock()
	if n == nil || s.copied {
		return
	}
	id, known := w.knows(n)
	w.mu.Lock()
	known = known && w.skew == 0 // siblings are told by their times
	w.mu.Unlock()
	w.rename(s, true)
	for range 1 + rng.IntN(2) {
		first := len(w.ledger.lines)
		w.write(s, rng, 1+rng.IntN(5))
		w.rename(s, true)
		if !known {
			continue
		}
		// What is moved beside the one that scribe knows is found with it.
		for i := first; i < len(w.ledger.lines); i++ {
			w.ledger.update(i, func(x *line) { x.maybe = "" })
			w.promises = append(w.promises, promise{id, []int{i}})
		}
	}
}

// copyTruncate copies a log and truncates it, with or without a rest between.
func (w *world) copyTruncate(s *service, rng *rand.Rand) {
	w.act.Lock()
	to := w.shift(s.name)
	w.disk.mu.Lock()
	n := w.disk.names[s.name]
	if n == nil {
		w.disk.mu.Unlock()
		w.act.Unlock()
		return
	}
	c := w.disk.makeLocked(to)
	for _, x := range []*inode{n, c} { // both are open until the end
		x.users++
		defer w.leave(x)
	}
	s.copied = true
	w.disk.mu.Unlock()
	w.act.Unlock()
	step := func(f func()) {
		w.act.Lock()
		f()
		w.act.Unlock()
		w.pass(rng)
	}
	if rng.IntN(2) == 0 {
		// A copy that nobody adds to for long counts as one that nobody goes on with.
		w.act.Lock()
		w.copyTo(c, n, rng.Float64())
		w.act.Unlock()
		time.Sleep(time.Duration(rng.IntN(8000)) * time.Millisecond)
		if rng.IntN(2) == 0 {
			w.act.Lock()
			w.write(s, rng, 1+rng.IntN(5))
			w.act.Unlock()
		}
	}
	step(func() { w.copyTo(c, n, 1) })
	complete := time.Now()
	if rng.IntN(2) == 0 {
		step(func() { w.write(s, rng, 1+rng.IntN(5)) })
	}
	w.act.Lock()
	defer w.act.Unlock()
	w.disk.mu.Lock()
	if s.half >= 0 && time.Since(complete) > 10*time.Second {
		// The copy counts as read; that the line it ends in went on in neither file is
		// told and counted.
		w.ledger.update(s.half, func(x *line) { x.maybe = "half a line in a copy that was left for long" })
	}
	for _, m := range lineText.FindAllIndex(n.data, -1) { // the line that the copy ends in, before its end
		if m[0] < len(c.data) && len(c.data) <= m[1] {
			w.ledger.update(numbers(n.data[m[0]:m[1]])[0], func(x *line) { x.torn = true })
		}
	}
	if len(c.data) <= record.HeadMax || bytes.Count(c.data[:record.HeadMax], []byte{0}) >= record.HeadMax/2 {
		// Too short, or too much of a hole, to be known for a copy of what scribe has
		// read further.
		for _, n := range numbers(c.data) {
			w.ledger.update(n, func(x *line) { x.again = true })
		}
	}
	if len(c.data) < min(len(n.data), record.HeadMax) {
		// What scribe knows it by may be longer than the copy; a later scribe does not
		// find that.
		sent := w.sent()
		for _, k := range numbers(c.data) {
			if !sent[k] {
				w.ledger.update(k, func(x *line) { x.maybe = "copied before its beginning was complete" })
			}
		}
	}
	w.disk.mu.Unlock()
	s.copied = false
	w.cut(n)
}

// leave closes a file that somebody has open.
func (w *world) leave(n *inode) {
	w.disk.mu.Lock()
	defer w.disk.mu.Unlock()
	n.users--
	w.disk.releaseLocked(n)
}

// pass lets time pass, or not.
func (w *world) pass(rng *rand.Rand) {
	switch rng.IntN(8) {
	case 0, 1:
	case 2:
		synctest.Wait()
	case 3:
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
	case 4, 5:
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
	case 6:
		time.Sleep(time.Duration(rng.IntN(15000)) * time.Millisecond)
	case 7:
		if rng.IntN(6) == 0 {
			time.Sleep(time.Duration(rng.IntN(400)) * time.Second)
		}
	}
}

// An event is one action of a run; its seed says what it does exactly, whatever
// happens before it.
type event struct {
	action int
	seed   uint64
	// ambush: it happens between two calls of scribe.
	ambush int
}

func (e event) String() string {
	s := actions[e.action].name
	if e.ambush > 0 {
		s += fmt.Sprintf(" (before call %d)", e.ambush)
	}
	return strings.ReplaceAll(s, " ", "-")
}

// events are those of a seed.
func events(rng *rand.Rand, n int, usual bool) (out []event) {
	share := func(a action) int {
		if usual && a.rare {
			return 0
		}
		return a.share
	}
	total := 0
	for _, a := range actions {
		total += share(a)
	}
	for range n {
		at, i := rng.IntN(total), 0
		for at >= share(actions[i]) {
			at -= share(actions[i])
			i++
		}
		e := event{action: i, seed: rng.Uint64()}
		if actions[i].files && rng.IntN(4) == 0 {
			e.ambush = 1 + rng.IntN(12)
		}
		out = append(out, e)
	}
	return out
}

// happen does an event and lets some time pass.
func (w *world) happen(e event) {
	rng := rand.New(rand.NewPCG(e.seed, 1))
	a := actions[e.action]
	s := w.services[rng.IntN(len(w.services))]
	do := func() {
		w.note("%s %s", a.name, s.name)
		a.do(w, s, rng)
	}
	switch {
	case e.ambush > 0:
		w.disk.mu.Lock()
		busy := w.disk.ambush != nil
		if !busy {
			own := rand.New(rand.NewPCG(e.seed, 2))
			w.disk.after = e.ambush
			w.disk.ambush = func() {
				w.act.Lock()
				defer w.act.Unlock()
				w.note("between two calls: %s %s", a.name, s.name)
				a.do(w, s, own)
			}
		}
		w.disk.mu.Unlock()
		if busy {
			return
		}
	case a.files:
		w.act.Lock()
		do()
		w.act.Unlock()
	default:
		do()
	}
	w.pass(rng)
}
