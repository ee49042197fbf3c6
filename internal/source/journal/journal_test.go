package journal

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// The test's own program is also the journalctl of some tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake-journalctl" {
		os.Exit(fakeJournalctl(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// server takes runs as a journalist does: what it has of a source it does not take
// again.
type server struct {
	t      *testing.T
	mu     sync.Mutex
	to     map[record.SourceID]uint64
	rows   []string
	hold   bool // acknowledge nothing
	change chan struct{}
}

func newServer(t *testing.T) *server {
	return &server{t: t, to: map[record.SourceID]uint64{}, change: make(chan struct{})}
}

func (s *server) take(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range l.Rows {
		if r.Start >= s.to[l.Position.ID] {
			s.rows = append(s.rows, fmt.Sprintf("%.60s %s%v", l.Text(i), l.ExtraOf(i), r.Marks.Tags()))
		}
	}
	s.to[l.Position.ID] = max(s.to[l.Position.ID], l.Position.To)
	close(s.change)
	s.change = make(chan struct{})
	if !s.hold {
		go acked(l)
	}
	return nil
}

func (s *server) wait(n int) []string {
	s.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		rows, change := slices.Clone(s.rows), s.change
		s.mu.Unlock()
		if len(rows) >= n {
			return rows
		}
		select {
		case <-change:
		case <-timeout:
			s.t.Fatalf("%d rows came, want %d: %.300q", len(rows), n, rows)
		}
	}
}

// reading runs a reader; stop ends it in peace, kill without noting anything.
func reading(t *testing.T, o Options) (r *Reader, stop, kill func()) {
	t.Helper()
	o.SaveInterval = time.Millisecond
	o.MinBackoff = time.Millisecond
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	kill = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	stop = func() {
		kill()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(kill)
	return r, stop, kill
}

// unpack puts a journal into the folder, whole at once.
func unpack(t *testing.T, dir, name string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestJournalctl reads real journals with the real journalctl: first what is
// there, then what comes, with restarts between.
func TestJournalctl(t *testing.T) {
	journal, s := t.TempDir(), newServer(t)
	unpack(t, journal, "first.journal")
	o := Options{Dir: t.TempDir(), Command: []string{"journalctl", "--directory=" + journal}, Since: "beginning", Output: s.take, All: true}
	_, stop, _ := reading(t, o)
	rows := s.wait(40)
	for i, want := range map[int]string{
		0:  `message number 0 {"@timestamp":"2026-01-01T00:00:00Z","level":"emergency","facility":"daemon","host":"db-01","unit":"ssh.service","identifier":"sshd","pid":"1000","journal":{`,
		3:  `message number 3 {"@timestamp":"2026-01-01T00:00:03Z","level":"error","facility":"daemon","host":"db-01","unit":"nginx.service","identifier":"nginx","pid":"1003","journal":{`,
		5:  "two\nlines {",
		6:  "bytes \xff\xfe\x00 end {",
		7:  "Grüße aus dem Journal {",
		8:  strings.Repeat("x", 60) + " {",
		9:  `message number 9 {"@timestamp":"2026-01-01T00:00:08.99975Z",`,
		10: `message number 10 {`,
	} {
		if !strings.HasPrefix(rows[i], want) {
			t.Errorf("row %d: %s\nwant %s", i, rows[i], want)
		}
	}
	for _, want := range []string{`"_TRANSPORT":"syslog"`, `"_MACHINE_ID":"fedcba9876543210fedcba9876543210"`, `"TAG":["a","b"]`} {
		if !strings.Contains(rows[10], want) {
			t.Errorf("%s is not in %s", want, rows[10])
		}
	}
	stop()
	// Nothing new, then something while it runs.
	r, stop, _ := reading(t, o)
	unpack(t, journal, "second.journal")
	rows = s.wait(60)
	for i := 40; i < 60; i++ {
		if !strings.HasPrefix(rows[i], fmt.Sprintf("message number %d ", i)) {
			t.Errorf("row %d: %s", i, rows[i])
		}
	}
	stop()
	if st := r.Status(); len(rows) != 60 || st.Entries != 20 || st.Gaps != 0 {
		t.Errorf("%d rows, %+v", len(rows), st)
	}
	// Other entries are chosen: it goes on behind the last one.
	o.Units, o.Matches = []string{"nginx.service"}, []string{"PRIORITY=3"}
	if err := os.Remove(filepath.Join(o.Dir, "journal.state")); err != nil {
		t.Fatal(err)
	}
	s = newServer(t)
	o.Output, o.All = s.take, false
	_, stop, _ = reading(t, o)
	rows = s.wait(7)
	for i, row := range rows {
		if want := fmt.Sprintf(`message number %d {"@timestamp":"2026-01-01T00:00:%02dZ","level":"error","facility":"daemon","host":"db-01","unit":"nginx.service","identifier":"nginx","pid":"%d"}[]`, 3+8*i, 3+8*i, 1003+8*i); row != want {
			t.Errorf("row %d: %s, want %s", i, row, want)
		}
	}
	stop()
}

// fakeJournalctl writes the entries of a folder: "entries" has one a line, "die"
// says after how many it ends, "mute" after how many it falls silent.
func fakeJournalctl(dir string, args []string) int {
	log, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 3
	}
	_, _ = fmt.Fprintln(log, strings.Join(args, " ")) // the test sees what is missing
	_ = log.Close()
	number := func(name string) int {
		n := -1
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			_, _ = fmt.Sscan(string(data), &n)
		}
		return n
	}
	entries := func() []string {
		data, _ := os.ReadFile(filepath.Join(dir, "entries"))
		return strings.Fields(string(data))
	}
	put := func(name string) {
		fmt.Printf("__CURSOR=c%s\n__REALTIME_TIMESTAMP=1767225600000000\nMESSAGE=%s\n\n", name, name)
	}
	if slices.Contains(args, "--lines=1") {
		if all := entries(); len(all) > 0 {
			put(all[len(all)-1])
		}
		return 0
	}
	at := 0
	for _, a := range args {
		if c, ok := strings.CutPrefix(a, "--cursor=c"); ok {
			if at = slices.Index(entries(), c); at < 0 {
				at = 0
			}
		}
	}
	for n := 0; ; {
		all := entries()
		for ; at < len(all); at++ {
			if number("die") == n {
				_ = os.Remove(filepath.Join(dir, "die"))
				fmt.Fprintln(os.Stderr, "journal file corrupted, dying")
				return 1
			}
			if number("mute") == n {
				_ = os.Remove(filepath.Join(dir, "mute"))
				time.Sleep(time.Hour)
			}
			put(all[at])
			n++
		}
		if os.Getppid() == 1 {
			return 0
		}
		time.Sleep(time.Millisecond)
	}
}

// fake makes the folder of a fake journalctl.
func fake(t *testing.T) (dir string, o Options) {
	dir = t.TempDir()
	return dir, Options{Dir: t.TempDir(), Command: []string{os.Args[0], "fake-journalctl", dir}}
}

// oneLife is a fake journalctl, of which 20 entries were read before.
func oneLife(t *testing.T) (dir string, o Options, s *server) {
	t.Helper()
	dir, o = fake(t)
	s = newServer(t)
	o.Output = s.take
	put(t, dir, "entries", entries(0, 20))
	_, stop, _ := reading(t, o)
	s.wait(20)
	stop()
	return dir, o, s
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := vfs.WriteFile(vfs.OS, filepath.Join(dir, name), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func entries(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "e%03d\n", i)
	}
	return b.String()
}

func check(t *testing.T, rows []string, from, to int) {
	t.Helper()
	if len(rows) != to-from {
		t.Errorf("%d rows, want %d: %q", len(rows), to-from, rows)
		return
	}
	for i, row := range rows {
		if !strings.HasPrefix(row, fmt.Sprintf("e%03d ", from+i)) {
			t.Errorf("row %d is %s", i, row)
		}
	}
}

// A journalctl that dies is started again behind what it wrote.
func TestChildDies(t *testing.T) {
	dir, o := fake(t)
	s := newServer(t)
	o.Output = s.take
	put(t, dir, "entries", entries(0, 50))
	put(t, dir, "die", "20")
	r, stop, _ := reading(t, o)
	check(t, s.wait(50), 0, 50)
	if st := r.Status(); st.Restarts != 1 || !strings.Contains(st.LastError, "dying") || !st.Running {
		t.Errorf("%+v", st)
	}
	stop()
	if data, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || !strings.Contains(string(data), "--boot\n") || !strings.Contains(string(data), "--cursor=ce019\n") {
		t.Errorf("%s, %v", data, err)
	}
}

// One that falls silent is noticed.
func TestChildSilent(t *testing.T) {
	dir, o := fake(t)
	s := newServer(t)
	o.Output, o.Probe = s.take, 50*time.Millisecond
	put(t, dir, "entries", entries(0, 30))
	put(t, dir, "mute", "10")
	r, stop, _ := reading(t, o)
	check(t, s.wait(30), 0, 30)
	stop()
	if st := r.Status(); !strings.Contains(st.LastError, "silent") {
		t.Errorf("%+v", st)
	}
}

// scribe is killed again and again, with everything acknowledged, some of it or
// nothing: the server has every entry once.
func TestKilled(t *testing.T) {
	dir, o := fake(t)
	s := newServer(t)
	o.Output = s.take
	total := 0
	for life := range 8 {
		s.mu.Lock()
		s.hold = life%3 != 2
		s.mu.Unlock()
		_, stop, kill := reading(t, o)
		total += 10
		put(t, dir, "entries", entries(0, total))
		check(t, s.wait(total), 0, total)
		if life%2 == 0 {
			kill()
		} else {
			stop()
		}
	}
}

// What the journal lost cannot be counted on: what it still has is sent under
// another identity, at least once.
func TestVacuumed(t *testing.T) {
	dir, o, s := oneLife(t)
	put(t, dir, "entries", entries(30, 50))
	r, stop, _ := reading(t, o)
	check(t, s.wait(40)[20:], 30, 50)
	stop()
	if st := r.Status(); st.Gaps != 1 {
		t.Errorf("%+v", st)
	}
}

// Another choice of entries has other numbers.
func TestOtherFilter(t *testing.T) {
	dir, o, s := oneLife(t)
	put(t, dir, "entries", entries(0, 30))
	o.Units = []string{"x.service"}
	r, stop, _ := reading(t, o)
	rows := s.wait(30)
	stop()
	// The last acknowledgements may not have been noted: at least once.
	if last := rows[len(rows)-10:]; r.Status().Gaps != 0 {
		t.Errorf("%+v", r.Status())
	} else {
		check(t, last, 20, 30)
	}
}

func TestStateFile(t *testing.T) {
	m := mark{id: record.NewSourceID(), next: 7, at: true, cursor: "s=1;i=2", filter: 9}
	data := m.encode()
	if back, err := decodeMark(data); err != nil || back != m {
		t.Errorf("%+v, %v", back, err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x40
		if _, err := decodeMark(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := decodeMark(data[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	dir := t.TempDir()
	put(t, dir, "journal.state", "nonsense")
	if _, err := Open(Options{Dir: dir, Output: newServer(t).take}); err != nil {
		t.Error(err)
	}
	data[len(markMagic)] = 2
	put(t, dir, "journal.state", string(data))
	if _, err := Open(Options{Dir: dir, Output: newServer(t).take}); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	out := newServer(t).take
	for _, o := range []Options{{Output: out}, {Dir: "x"}, {Dir: "x", Output: out, Matches: []string{"--file=/etc/shadow"}}, {Dir: "x", Output: out, Matches: []string{"nothing"}}, {Dir: "x", Output: out, Units: []string{""}}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestCheck(t *testing.T) {
	journal := t.TempDir()
	unpack(t, journal, "first.journal")
	command := []string{"journalctl", "--directory=" + journal}
	if err := Check(t.Context(), Options{Command: command, Since: "2026-01-01"}); err != nil {
		t.Error(err)
	}
	for what, o := range map[string]Options{
		"no such program": {Command: []string{filepath.Join(journal, "nothing")}},
		"no date":         {Command: command, Since: "the day before"},
		"no match":        {Command: command, Matches: []string{"nonsense"}},
		"no folder":       {Command: []string{"journalctl", "--directory=" + filepath.Join(journal, "nothing")}},
	} {
		if err := Check(t.Context(), o); err == nil {
			t.Errorf("%s: nothing is wrong", what)
		} else {
			t.Log(err)
		}
	}
}

func TestExport(t *testing.T) {
	long := strings.Repeat("a", 200_000)
	in := "\n\n__CURSOR=c\nMESSAGE=one\nX=" + long + "\n\nB\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\nMESSAGE\n" +
		"\x40\x0d\x03\x00\x00\x00\x00\x00" + long + "\nE=\n\n"
	r := bufio.NewReader(strings.NewReader(in))
	var e entry
	if err := e.read(r); err != nil {
		t.Fatal(err)
	}
	if string(e.get("MESSAGE")) != "one" || len(e.get("X")) != maxOther || !e.fields[2].cut {
		t.Errorf("%d fields", len(e.fields))
	}
	if err := e.read(r); err != nil {
		t.Fatal(err)
	}
	if string(e.get("B")) != "a\nb" || string(e.get("MESSAGE")) != long || e.get("E") == nil {
		t.Errorf("%d fields", len(e.fields))
	}
	if err := e.read(r); err != io.EOF {
		t.Error(err)
	}
	for in, want := range map[string]error{
		"A=b\n": io.ErrUnexpectedEOF, "A=b": io.ErrUnexpectedEOF, "A\n\x01": io.ErrUnexpectedEOF,
		"A\n\x01\x00\x00\x00\x00\x00\x00\x00xy\n": errFormat, "A\n\xff\xff\xff\xff\xff\xff\xff\xffxy\n": errFormat,
		strings.Repeat("A", 300) + "\n": errFormat,
		strings.Repeat("A=1\n", 3000):   errFormat,
	} {
		if err := e.read(bufio.NewReader(strings.NewReader(in))); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", in, err, want)
		}
	}
}

// What systemd says of a unit belongs to the unit; nobody else can claim one.
func TestUnits(t *testing.T) {
	for in, want := range map[string]string{
		"_PID=1\n_SYSTEMD_UNIT=init.scope\nUNIT=nginx.service\n\n":                          `{"unit":"nginx.service","pid":"1"}`,
		"_PID=9\n_SYSTEMD_UNIT=evil.service\nUNIT=nginx.service\n\n":                        `{"unit":"evil.service","pid":"9"}`,
		"_PID=9\n_SYSTEMD_UNIT=user@1000.service\n_SYSTEMD_USER_UNIT=x.service\n\n":         `{"unit":"x.service","pid":"9"}`,
		"SYSLOG_PID=7\n_COMM=cron\nPRIORITY=9\nSYSLOG_FACILITY=x\n\n":                       `{"identifier":"cron","pid":"7"}`,
		"_SOURCE_REALTIME_TIMESTAMP=-5\n__REALTIME_TIMESTAMP=99999999999999999999\nX=1\n\n": ``,
	} {
		var e entry
		if err := e.read(bufio.NewReader(strings.NewReader(in))); err != nil {
			t.Fatal(err)
		}
		if got := string(e.appendExtra(nil, false)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte("__CURSOR=c\nMESSAGE=one\nB\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(in), 16)
		var e entry
		for e.read(r) == nil {
			if len(e.arena) > len(in) {
				t.Fatalf("%d bytes of %d", len(e.arena), len(in))
			}
			e.appendExtra(nil, true)
		}
	})
}

func BenchmarkExport(b *testing.B) {
	one := "__CURSOR=s=55255c0ab09744358e4f063591905c90;i=26;b=0123456789abcdef0123456789abcdef;m=280de80;t=647484854d340;x=c3e0f366c820888e\n" +
		"__REALTIME_TIMESTAMP=1767225637000000\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=db-01\n_TRANSPORT=syslog\nSYSLOG_FACILITY=3\n" +
		"_SYSTEMD_UNIT=nginx.service\nSYSLOG_IDENTIFIER=nginx\nPRIORITY=5\n_PID=1037\n_UID=33\n_GID=33\n_COMM=nginx\n_EXE=/usr/sbin/nginx\n_CMDLINE=nginx: worker process\n" +
		"_CAP_EFFECTIVE=0\n_SYSTEMD_CGROUP=/system.slice/nginx.service\nMESSAGE=10.0.0.1 - - GET /index.html HTTP/1.1 200 1234\n\n"
	in := strings.Repeat(one, 100)
	var e entry
	buf := make([]byte, 0, 4096)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := bufio.NewReader(strings.NewReader(in))
		for e.read(r) == nil {
			buf = e.appendExtra(buf[:0], false)
		}
	}
}
