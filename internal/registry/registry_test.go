package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"journalist/internal/record"
	"journalist/internal/vfs"
	"journalist/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func gen(i int) record.Generation {
	return record.Generation{
		ID: record.NewSourceID(), Path: fmt.Sprintf("/var/log/%d.log", i), Dev: 1, Ino: uint64(100 + i),
		Head: record.MakeFingerprint([]byte{byte(i), 1}),
	}
}

func fp(s string) record.Fingerprint { return record.MakeFingerprint([]byte(s)) }

func open(t testing.TB, fsys vfs.FS, dir string) *Registry {
	t.Helper()
	r, err := Open(fsys, dir, Options{FlushInterval: time.Hour, retryAfter: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func register(t testing.TB, r *Registry, gens ...record.Generation) {
	t.Helper()
	res := make(chan error, 1)
	r.Register(func(err error) { res <- err }, gens...)
	if err := <-res; err != nil {
		t.Fatal(err)
	}
}

func closeIt(t testing.TB, r *Registry) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// normal puts generations into an order and leaves out what a test does not set.
func normal(gens []record.Generation) []record.Generation {
	for i := range gens {
		gens[i].SeenAt, gens[i].AckedAt = 0, 0
	}
	slices.SortFunc(gens, func(a, b record.Generation) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return gens
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	r := open(t, vfs.OS, dir)
	a, b := gen(1), gen(2)
	register(t, r, a, b)
	r.Ack(a.ID, 10, fp("head"), fp("tail"))
	r.Ack(a.ID, 5, fp("x"), fp("y")) // not ahead: nothing
	r.Note(b.ID, 7, 700, 99, record.Rotated)
	r.Ack(record.NewSourceID(), 1, fp("x"), fp("y")) // unknown: nothing
	closeIt(t, r)
	if err := r.Close(); !errors.Is(err, ErrClosed) {
		t.Fatalf("second Close: %v", err)
	}
	r = open(t, vfs.OS, dir)
	defer closeIt(t, r)
	a.To, a.Tail, a.Size = 10, fp("tail"), 10
	a.Head = fp("head")
	b.Dev, b.Ino, b.Size, b.State = 7, 700, 99, record.Rotated
	if got, want := normal(r.All()), normal([]record.Generation{a, b}); !slices.Equal(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
	if g := r.Inode(700); len(g) != 1 || g[0].ID != b.ID || len(r.Inode(b.Ino+1)) != 0 {
		t.Fatalf("inode 700 gives %+v", g)
	}
	if g := r.Path(a.Path); len(g) != 1 || g[0].ID != a.ID {
		t.Fatalf("path gives %+v", g)
	}
}

func TestAcksAreFlushedAfterTheInterval(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(vfs.OS, dir, Options{FlushInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, r)
	a := gen(1)
	register(t, r, a)
	r.Ack(a.ID, 10, fp("head"), fp("tail"))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		st, err := Load(vfs.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Generations) == 1 && st.Generations[0].To == 10 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("loaded %+v", st)
		}
	}
}

func TestLoadOfNothing(t *testing.T) {
	st, err := Load(vfs.OS, filepath.Join(t.TempDir(), "none"))
	if err != nil || len(st.Generations) != 0 || len(st.Problems) != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
}

// files returns the registry's files of one kind, oldest first.
func files(t *testing.T, dir, ext string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil || len(names) == 0 {
		t.Fatalf("files %v, %v", names, err)
	}
	return names
}

func TestCorruptSnapshotFallsBack(t *testing.T) {
	dir := t.TempDir()
	r := open(t, vfs.OS, dir)
	a := gen(1)
	register(t, r, a)
	r.Ack(a.ID, 10, fp("head"), fp("tail"))
	closeIt(t, r)
	r = open(t, vfs.OS, dir) // writes the second snapshot
	r.Ack(a.ID, 20, fp("head"), fp("tail"))
	closeIt(t, r)
	snaps := files(t, dir, ".snap")
	if len(snaps) != 2 {
		t.Fatalf("snapshots are %v", snaps)
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		func(b []byte) []byte { return b[:len(b)-3] },
		func(b []byte) []byte { return nil },
	} {
		good, err := os.ReadFile(snaps[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(snaps[1], damage(slices.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := Load(vfs.OS, dir)
		if err != nil || len(st.Problems) != 1 || len(st.Generations) != 1 || st.Generations[0].To != 20 {
			t.Fatalf("%+v, %v", st, err)
		}
		if err := os.WriteFile(snaps[1], good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(snaps[1], []byte("SCRIBE junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = open(t, vfs.OS, dir)
	if g := r.All(); len(g) != 1 || g[0].To != 20 {
		t.Fatalf("got %+v", g)
	}
	closeIt(t, r)
	if _, err := os.Stat(snaps[1] + ".corrupt"); err != nil {
		t.Fatal(err)
	}
	if st, err := Load(vfs.OS, dir); err != nil || len(st.Problems) != 0 {
		t.Fatalf("after the repair: %+v, %v", st, err)
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, vfs.OS, dir))
	name := files(t, dir, ".snap")[0]
	head := appendHeader(nil, typeSnapshot, 1)
	head[len(magic)] = formatVersion + 1
	b := appendHeader(nil, typeSnapshot, 1)
	copy(b, head[:headerSize-4])
	b = resum(b)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, dir, Options{}); !errors.Is(err, ErrVersion) {
		t.Fatalf("error is %v", err)
	}
}

func TestTornLogIsCut(t *testing.T) {
	dir := t.TempDir()
	r := open(t, vfs.OS, dir)
	a := gen(1)
	register(t, r, a)
	var sizes []int64
	name := files(t, dir, ".log")[0]
	for i := range 5 {
		r.Ack(a.ID, uint64(10*(i+1)), fp("head"), fp("tail"))
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, fi.Size())
	}
	closeIt(t, r)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(len(whole)) + 1 {
		if err := os.WriteFile(name, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := Load(vfs.OS, dir)
		if err != nil || len(st.Problems) != 0 {
			t.Fatalf("cut at %d: %+v, %v", n, st, err)
		}
		want := uint64(0)
		for i, s := range sizes {
			if n >= s {
				want = uint64(10 * (i + 1))
			}
		}
		if want > 0 && (len(st.Generations) != 1 || st.Generations[0].To != want) {
			t.Fatalf("cut at %d: %+v, want position %d", n, st.Generations, want)
		}
	}
	// Damage in the middle is told.
	bad := slices.Clone(whole)
	bad[sizes[1]+frameHeader+3] ^= 4
	if err := os.WriteFile(name, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := Load(vfs.OS, dir)
	if err != nil || len(st.Problems) != 1 || st.Generations[0].To != 20 {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestCompaction(t *testing.T) {
	dir := t.TempDir()
	r := open(t, vfs.OS, dir)
	var gens []record.Generation
	for i := range 500 {
		gens = append(gens, gen(i))
	}
	register(t, r, gens...)
	for i := range 100 {
		for j := range gens {
			r.Ack(gens[j].ID, uint64(i+1), fp("head"), fp("tail"))
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += fi.Size()
	}
	if total > 4*minCompact || len(entries) > 4 {
		t.Fatalf("%d bytes in %d files", total, len(entries))
	}
	closeIt(t, r)
	r = open(t, vfs.OS, dir)
	defer closeIt(t, r)
	for _, g := range r.All() {
		if g.To != 100 {
			t.Fatalf("position is %d", g.To)
		}
	}
	if r.Len() != len(gens) {
		t.Fatalf("%d generations", r.Len())
	}
}

func TestGoneAreForgotten(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	o := Options{FlushInterval: time.Hour, MaxGone: 3, TTL: 24 * time.Hour, Clock: clock}
	r, err := Open(vfs.OS, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var ids []record.SourceID
	for i := range 6 {
		g := gen(i)
		register(t, r, g)
		ids = append(ids, g.ID)
		if i > 0 {
			r.Note(g.ID, g.Dev, g.Ino, 1, record.Gone)
		}
	}
	r.collect()
	if r.Len() != 4 || r.gens[ids[1]] != nil || r.gens[ids[5]] == nil {
		t.Fatalf("%d generations are left", r.Len())
	}
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	r.collect()
	if r.Len() != 1 || r.gens[ids[0]] == nil {
		t.Fatalf("%d generations are left", r.Len())
	}
	closeIt(t, r)
	st, err := Load(vfs.OS, dir)
	if err != nil || len(st.Generations) != 1 {
		t.Fatalf("%+v, %v", st, err)
	}
}

// flaky fails the n-th write, sync, create or rename, and all others after it
// while stuck.
type flaky struct {
	vfs.FS
	mu    sync.Mutex
	n     int
	stuck bool
	hit   bool
}

func (f *flaky) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == -1 || (f.n < 0 && f.stuck) {
		f.hit = true
		return syscall.ENOSPC
	}
	return nil
}

func (f *flaky) fill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n = 0
}

func (f *flaky) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.stuck = 1<<30, false
}

func (f *flaky) Create(name string) (vfs.File, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name)
	return flakyFile{file, f}, err
}

func (f *flaky) Rename(a, b string) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.FS.Rename(a, b)
}

func (f *flaky) SyncDir(name string) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type flakyFile struct {
	vfs.File
	fs *flaky
}

func (f flakyFile) Write(b []byte) (int, error) {
	if err := f.fs.fail(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f flakyFile) Sync() error {
	if err := f.fs.fail(); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestEveryFailure fails operation 0, 1, 2 … and checks that what was promised is
// there afterwards, and that the registry works again when the disk does.
func TestEveryFailure(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		for n := 0; ; n++ {
			fsys := &flaky{FS: vfs.OS, n: n, stuck: stuck}
			dir := t.TempDir()
			promised := failingRun(t, fsys, dir)
			st, err := Load(vfs.OS, dir)
			if err != nil {
				t.Fatal(err)
			}
			for id, to := range promised {
				ok := slices.ContainsFunc(st.Generations, func(g record.Generation) bool { return g.ID == id && g.To >= to })
				if !ok {
					t.Fatalf("operation %d (stuck %v): %s at %d was promised, there is %+v", n, stuck, id, to, st.Generations)
				}
			}
			if !fsys.hit {
				if n < 10 {
					t.Fatalf("only %d operations", n)
				}
				break
			}
		}
	}
}

func failingRun(t *testing.T, fsys *flaky, dir string) map[record.SourceID]uint64 {
	promised := make(map[record.SourceID]uint64)
	r, err := Open(fsys, dir, Options{FlushInterval: time.Hour, retryAfter: time.Nanosecond})
	if err != nil {
		fsys.heal()
		if r, err = Open(fsys, dir, Options{FlushInterval: time.Hour, retryAfter: time.Nanosecond}); err != nil {
			t.Fatal(err)
		}
	}
	var gens []record.Generation
	for i := range 4 {
		g := gen(i)
		res := make(chan error, 1)
		r.Register(func(err error) { res <- err }, g)
		if err := <-res; err == nil {
			promised[g.ID] = 0
			gens = append(gens, g)
		}
		for _, g := range gens {
			r.Ack(g.ID, uint64(10*(i+1)), fp("head"), fp("tail"))
		}
		if err := r.Flush(); err == nil {
			for _, g := range gens {
				promised[g.ID] = uint64(10 * (i + 1))
			}
		}
	}
	fsys.heal()
	g := gen(9)
	register(t, r, g)
	promised[g.ID] = 0
	for _, g := range gens {
		promised[g.ID] = 40 // acks survive in memory
	}
	closeIt(t, r)
	return promised
}

// TestOpenOnFullDisk opens a registry that cannot be written: what is known is known,
// acks are kept, and all is durable once there is room. A damaged one waits for room,
// so that what is left of it is not lost.
func TestOpenOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	known := gen(1)
	r := open(t, vfs.OS, dir)
	register(t, r, known)
	r.Ack(known.ID, 20, fp("head"), fp("tail"))
	closeIt(t, r)

	for _, text := range []string{"", "junk"} {
		log := files(t, dir, ".log")
		f, err := os.OpenFile(log[len(log)-1], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(strings.Repeat(text, 20)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		fsys := &flaky{FS: vfs.OS, n: 1, stuck: true} // the folder can be synced
		r, err := Open(fsys, dir, Options{})
		if text != "" {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("a damaged registry on a full disk: %v", err)
			}
			fsys.heal()
			r, err = Open(fsys, dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if g := r.All(); len(g) != 2 || g[0].To != 30 && g[1].To != 30 {
				t.Fatalf("after the damage there is %+v", g)
			}
			if _, err := os.Stat(log[len(log)-1] + ".corrupt"); err != nil {
				t.Error(err)
			}
			closeIt(t, r)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Ack(known.ID, 30, fp("head"), fp("tail"))
		if err := r.Flush(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("flush on a full disk: %v", err)
		}
		if st, err := Load(vfs.OS, dir); err != nil || len(st.Generations) != 1 || st.Generations[0].To != 20 {
			t.Fatalf("%+v, %v", st, err)
		}
		fsys.heal()
		register(t, r, gen(2))
		if st, err := Load(vfs.OS, dir); err != nil || len(st.Generations) != 2 {
			t.Fatalf("%+v, %v", st, err)
		}
		closeIt(t, r)
	}
}

// TestFailingWritesPause: while the disk is full, those who ask again at once do not
// have everything written again each time, nor the log filled.
func TestFailingWritesPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		fsys := &flaky{FS: vfs.OS, n: 1 << 30, stuck: true}
		r, err := Open(fsys, t.TempDir(), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		try := func() error {
			res := make(chan error, 1)
			r.Register(func(err error) { res <- err }, gen(1))
			return <-res
		}
		fsys.fill()
		began, tries := time.Now(), 0
		for ; time.Since(began) < 2*tellAgain-retryAfter; tries++ {
			if try() == nil {
				t.Fatal("registered on a full disk")
			}
		}
		if most := int(2 * tellAgain / retryAfter); tries > most+2 || tries < most-2 {
			t.Errorf("%d tries in %s", tries, 2*tellAgain)
		}
		fsys.heal()
		if err := try(); err != nil {
			t.Error(err)
		}
		closeIt(t, r)
		if n := strings.Count(log.String(), "cannot write"); n != 2 {
			t.Errorf("it was said %d times:\n%s", n, &log)
		}
		if !strings.Contains(log.String(), "can be written again") {
			t.Errorf("the end was not said:\n%s", &log)
		}
	})
}

func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fpGen := func(limit uint32) record.Fingerprint {
			return record.Fingerprint{Len: rapid.Uint32Range(0, limit).Draw(t, "len"), Sum: rapid.Uint64().Draw(t, "sum")}
		}
		want := record.Generation{
			ID: record.NewSourceID(), Path: rapid.String().Draw(t, "path"), Dev: rapid.Uint64().Draw(t, "dev"), Ino: rapid.Uint64().Draw(t, "ino"),
			Head: fpGen(record.HeadMax), Tail: fpGen(record.TailMax), To: rapid.Uint64().Draw(t, "to"), Size: rapid.Uint64().Draw(t, "size"),
			AckedAt: rapid.Int64().Draw(t, "acked"), SeenAt: rapid.Int64().Draw(t, "seen"),
			State: record.GenerationState(rapid.IntRange(0, 2).Draw(t, "state")),
		}
		d := decoder{wire.Decoder{Data: appendFull(nil, &want), Kind: ErrCorrupt}}
		if e, ok := d.next(); !ok || e.kind != entryFull || e.g != want || len(d.Data) != 0 {
			t.Fatalf("got %+v, %v, want %+v", e.g, d.Err(), want)
		}
		d = decoder{wire.Decoder{Data: appendUpdate(nil, &want), Kind: ErrCorrupt}}
		want.Path, want.Dev, want.Ino = "", 0, 0
		if e, ok := d.next(); !ok || e.kind != entryUpdate || e.g != want || len(d.Data) != 0 {
			t.Fatalf("got %+v, %v, want %+v", e.g, d.Err(), want)
		}
	})
}

func resum(b []byte) []byte {
	return appendSum(b[:headerSize-4], b[headerSize:])
}

func FuzzReadFrames(f *testing.F) {
	g := gen(1)
	b := appendHeader(nil, typeLog, 1)
	start := len(b)
	b = appendForget(appendUpdate(appendFull(startFrame(b), &g), &g), g.ID)
	endFrame(b, start)
	f.Add(b)
	f.Add(b[:len(b)-2])
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := readFrames(bytes.NewReader(b), typeLog, 1, func(e *entry) error { n++; return nil })
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("error of no known kind: %v", err)
		}
		if n > len(b) {
			t.Fatalf("%d entries in %d bytes", n, len(b))
		}
		d := decoder{wire.Decoder{Data: b, Kind: ErrCorrupt}}
		for {
			if _, ok := d.next(); !ok {
				break
			}
		}
	})
}

func TestProblemsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, vfs.OS, dir))
	name := files(t, dir, ".snap")[0]
	if err := os.WriteFile(name, []byte(strings.Repeat("x", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := Load(vfs.OS, dir)
	if err != nil || len(st.Problems) != 2 || !strings.Contains(st.Problems[0], name) {
		t.Fatalf("%+v, %v", st, err)
	}
}

// appendSum puts the right checksum between a header's fields and what follows.
func appendSum(fields, rest []byte) []byte {
	b := binary.LittleEndian.AppendUint32(slices.Clone(fields), crc32.Checksum(fields, castagnoli))
	return append(b, rest...)
}
