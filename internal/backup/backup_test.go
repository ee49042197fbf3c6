package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, fsys vfs.FS, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{FS: fsys, Dir: filepath.Join(dir, storeDir), RetainEvery: -1, MemtableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// batch is n rows of one source, from row at on.
func batch(at, n int) *record.Batch {
	b := &record.Batch{Client: "web-1", Dataset: "logs"}
	b.Position = record.Position{ID: record.SourceID{1}, From: uint64(at), To: uint64(at + n)}
	for i := range n {
		b.AddRow(int64(at+i) * 1e9)
		b.SetStart(uint64(at + i))
		b.Add(b.NameID("n"), record.IntValue(int64(at+i)))
		b.Add(b.NameID("message"), record.StringValue([]byte(fmt.Sprintf("line %d", at+i))))
	}
	return b
}

func rows(t testing.TB, s *store.Store) map[int64]int {
	t.Helper()
	seen := map[int64]int{}
	st, err := s.Scan(t.Context(), &scan.Request{From: -1 << 63, To: 1<<63 - 1, Columns: []string{"n"}}, func(b *scan.Block) error {
		for i := range b.Len() {
			seen[b.Columns[0].Value(i).Int]++
		}
		return nil
	})
	if err != nil || len(st.Partial) > 0 {
		t.Fatal(err, st.Partial)
	}
	return seen
}

// extras writes tokens and certificates.
func extras(t testing.TB, fsys vfs.FS, data, text string) {
	t.Helper()
	for _, name := range []string{"pki/ca.key", "pki/issued/a.crt", "auth/auth.json", "auth/lock"} {
		name = filepath.Join(data, name)
		if err := fsys.MkdirAll(filepath.Dir(name)); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, name, []byte(text+filepath.Base(name))); err != nil {
			t.Fatal(err)
		}
	}
}

// take makes a backup of a store into a folder.
func take(ctx context.Context, fsys vfs.FS, s *store.Store, data, dir string) (Received, error) {
	f, err := OpenFolder(fsys, dir)
	if err != nil {
		return Received{}, err
	}
	request, err := f.Request()
	if err != nil {
		return Received{}, errors.Join(err, f.Close())
	}
	var stream bytes.Buffer
	if err := Send(ctx, s, SendOptions{FS: fsys, Data: data, Program: "test", Have: request.Have}, &stream); err != nil {
		return Received{}, errors.Join(err, f.Close())
	}
	got, err := f.Receive(&stream, nil)
	return got, errors.Join(err, f.Close())
}

func mustVerify(t testing.TB, fsys vfs.FS, dir string) *Index {
	t.Helper()
	x, sum, err := Verify(fsys, dir, func(path string, err error) { t.Errorf("%s: %v", path, err) })
	if err != nil || sum.Problems > 0 || sum.Rows != x.Rows {
		t.Fatalf("%+v %+v %v", x, sum, err)
	}
	return x
}

// TestBackupAndRestore: full, incremental and after a deletion, while rows come in;
// what is restored is a moment's state, to the row, with the positions of then.
func TestBackupAndRestore(t *testing.T) {
	data, dir := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	s := open(t, vfs.OS, data)
	extras(t, vfs.OS, data, "one ")
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan int)
	var acked atomic.Int64
	go func() {
		at := 0
		defer func() { sent <- at }()
		for ctx.Err() == nil {
			n := 1 + at%37
			if err := s.Append(context.Background(), batch(at, n)); err != nil {
				t.Error(err)
				return
			}
			at += n
			acked.Store(int64(at))
		}
	}()
	received := 0
	for round := range 6 {
		for before := acked.Load(); acked.Load() < before+500; {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		least := acked.Load()
		got, err := take(t.Context(), vfs.OS, s, data, dir)
		if err != nil {
			t.Fatal(err)
		}
		received += got.Files
		x := mustVerify(t, vfs.OS, dir)
		to := filepath.Join(t.TempDir(), "new")
		if _, err := Restore(vfs.OS, dir, to, round%2 == 0, nil); err != nil {
			t.Fatal(err)
		}
		restored := open(t, vfs.OS, to)
		seen := rows(t, restored)
		position, _ := restored.Position("web-1", record.SourceID{1})
		if x.Rows < least || int64(len(seen)) != x.Rows || position != uint64(x.Rows) {
			t.Fatalf("%d rows of %d, at least %d, position %d", len(seen), x.Rows, least, position)
		}
		for n := range x.Rows {
			if seen[n] != 1 {
				t.Fatalf("row %d of %d is there %d times", n, x.Rows, seen[n])
			}
		}
		// Whoever sent goes on where the restored store is.
		if err := restored.Append(t.Context(), batch(int(position), 3)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	total := <-sent
	third := scan.Compare{Field: "n", Op: scan.Lt, Value: record.IntValue(int64(total / 3))}
	if _, err := s.Delete(t.Context(), &scan.Deletion{Request: scan.Request{From: -1 << 63, To: 1<<63 - 1, Filter: third}}); err != nil {
		t.Fatal(err)
	}
	extras(t, vfs.OS, data, "two ")
	if err := os.Remove(filepath.Join(data, "pki/issued/a.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t.Context(), vfs.OS, s, data, dir); err != nil {
		t.Fatal(err)
	}
	if x := mustVerify(t, vfs.OS, dir); x.Rows != int64(total-total/3) {
		t.Fatalf("%d rows of %d after a third was deleted", x.Rows, total)
	}
	again, err := take(t.Context(), vfs.OS, s, data, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range again.Index.Files {
		if f.Name == "auth/lock" || f.Name == "pki/issued/a.crt" {
			t.Errorf("%s is in the backup", f.Name)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "pki/ca.key"))
	if err != nil || string(key) != "two ca.key" {
		t.Errorf("%s %v", key, err)
	}
	checkModes(t, dir)
}

// checkModes: what a backup holds is for its owner alone.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackupCrash cuts the power before every operation of a second backup: what is
// left is the first or the second, whole, and a third one works.
func TestBackupCrash(t *testing.T) {
	const data, dir = "/srv/data", "/srv/backup"
	fsys := crashfs.New()
	s := open(t, fsys, data)
	extras(t, fsys, data, "one ")
	add := func(at int) {
		for i := range 3 {
			if err := s.Append(t.Context(), batch(at+10*i, 10)); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(0)
	stream := func(r Request) []byte {
		var b bytes.Buffer
		if err := Send(t.Context(), s, SendOptions{FS: fsys, Data: data, Have: r.Have}, &b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := stream(Request{})
	add(30)
	extras(t, fsys, data, "two ")
	if _, err := s.Delete(t.Context(), &scan.Deletion{Request: scan.Request{From: 0, To: 5e9}}); err != nil {
		t.Fatal(err)
	}
	receive := func(fsys vfs.FS, stream func(Request) []byte) error {
		f, err := OpenFolder(fsys, dir)
		if err != nil {
			return err
		}
		r, err := f.Request()
		if err != nil {
			return err
		}
		_, err = f.Receive(bytes.NewReader(stream(r)), nil)
		return errors.Join(err, f.Close())
	}
	base := crashfs.New()
	if err := base.MkdirAll("/srv"); err != nil {
		t.Fatal(err)
	}
	if err := base.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if err := receive(base, func(Request) []byte { return first }); err != nil {
		t.Fatal(err)
	}
	base = base.CrashClone(1)
	mustVerify(t, base, dir)
	states := map[int64]int{}
	for at := 1; ; at++ {
		run := base.CrashClone(2)
		run.CrashAt(at, 3)
		if err := receive(run, stream); err != nil {
			t.Fatal(err)
		}
		image := run.Image()
		if image == nil {
			break
		}
		x := mustVerify(t, image, dir)
		states[x.Rows]++
		key, err := vfs.ReadFile(image, dir+"/pki/ca.key")
		if want := map[int64]string{30: "one ca.key", 55: "two ca.key"}[x.Rows]; err != nil || string(key) != want {
			t.Fatalf("crash at %d: %d rows with the key %q, %v", at, x.Rows, key, err)
		}
		if err := receive(image, stream); err != nil {
			t.Fatalf("crash at %d: the next backup: %v", at, err)
		}
		if x := mustVerify(t, image, dir); x.Rows != 55 {
			t.Fatalf("crash at %d: %d rows after the next backup", at, x.Rows)
		}
	}
	if states[30] < 5 || states[55] < 3 || len(states) != 2 {
		t.Errorf("how often which number of rows was there: %v", states)
	}
}

// TestBrokenStreams: a stream that ends early, or is not one, changes nothing.
func TestBrokenStreams(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	s := open(t, vfs.OS, data)
	if err := s.Append(t.Context(), batch(0, 100)); err != nil {
		t.Fatal(err)
	}
	extras(t, vfs.OS, data, "one ")
	var whole bytes.Buffer
	if err := Send(t.Context(), s, SendOptions{FS: vfs.OS, Data: data}, &whole); err != nil {
		t.Fatal(err)
	}
	try := func(what string, stream io.Reader) {
		t.Helper()
		f, err := OpenFolder(vfs.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Receive(stream, nil); err == nil {
			t.Errorf("%s: no error", what)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, _, err := Verify(vfs.OS, dir, func(string, error) {}); !errors.Is(err, ErrNoBackup) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 0; n < whole.Len()-1024; n += 512 {
		try(fmt.Sprintf("%d bytes", n), bytes.NewReader(whole.Bytes()[:n]))
	}
	for at := 600; at < whole.Len()-2000; at += 333 {
		bad := bytes.Clone(whole.Bytes())
		bad[at] ^= 0x10
		f, err := OpenFolder(vfs.OS, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Receive(bytes.NewReader(bad), nil) // padding and the date may differ
		if err == nil {
			_, _, verr := Verify(vfs.OS, f.dir, func(path string, err error) { t.Errorf("byte %d: %s: %v", at, path, err) })
			err = verr
			if err != nil {
				t.Error(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNames: no index makes a file outside of its folder.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"../x", "/etc/passwd", "store/../../x", "store/data/../../x", "auth", "pki/", "store/LOCK", "store/wal/1.wal", "x", "",
		"auth/x.new", "auth/x.tmp", "BACKUP", "server.json", "pki/a\\b", "auth//x", "store/data",
	} {
		data, err := json.Marshal(&Index{Version: version, Files: []File{{Name: "store/MANIFEST"}, {Name: name}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseIndex(data); !errors.Is(err, ErrNoBackup) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, text := range []string{"", "{", `{"version":2,"files":[{"name":"store/MANIFEST"}]}`, `{"version":1}`, `{"version":1,"files":[{"name":"store/MANIFEST","size":-1}]}`} {
		if _, err := parseIndex([]byte(text)); !errors.Is(err, ErrNoBackup) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestFoldersOfOthers are refused.
func TestFoldersOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(vfs.OS, dir); !errors.Is(err, ErrNoBackup) {
		t.Error(err)
	}
	good := t.TempDir()
	s := open(t, vfs.OS, t.TempDir())
	if _, err := take(t.Context(), vfs.OS, s, t.TempDir(), good); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(vfs.OS, good, dir, false, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Error(err)
	}
	f, err := OpenFolder(vfs.OS, good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(vfs.OS, good); !errors.Is(err, vfs.ErrLocked) {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(vfs.OS, dir, filepath.Join(t.TempDir(), "x"), false, nil); !vfs.IsNotExist(err) {
		t.Error(err)
	}
}

// TestDamagedBackup: whatever is changed in a backup is found.
func TestDamagedBackup(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	s := open(t, vfs.OS, data)
	if err := s.Append(t.Context(), batch(0, 100)); err != nil {
		t.Fatal(err)
	}
	extras(t, vfs.OS, data, "one ")
	got, err := take(t.Context(), vfs.OS, s, data, dir)
	if err != nil || got.Removed != 0 || got.Files != len(got.Index.Files) {
		t.Fatalf("%+v %v", got, err)
	}
	for _, f := range got.Index.Files {
		name := filepath.Join(dir, f.Name)
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		for _, content := range [][]byte{bad, good[:len(good)-1], nil} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
			problems := 0
			if _, sum, err := Verify(vfs.OS, dir, func(string, error) { problems++ }); err != nil || problems == 0 || sum.Problems != problems {
				t.Errorf("%s: %d problems, %v", f.Name, problems, err)
			}
		}
		if err := os.WriteFile(name, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustVerify(t, vfs.OS, dir)
}
