package registry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/record"
	"journalist/internal/vfs"
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
