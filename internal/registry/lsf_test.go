package registry

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

func TestImportLSF(t *testing.T) {
	logs, dir := t.TempDir(), t.TempDir()
	path := func(name string) string { return filepath.Join(logs, name) }
	states := make(map[string]map[string]any)
	add := func(name, text string, offset int) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fi, err := vfs.OS.Stat(path(name))
		if err != nil {
			t.Fatal(err)
		}
		n, _, _ := vfs.InodeOf(fi)
		s := map[string]any{"source": path(name), "inode": n.Ino, "device": n.Dev}
		if offset != 0 { // it leaves zero values out
			s["offset"] = offset
		}
		states[path(name)] = s
	}
	add("plain.log", "a\nb\nc\n", 4)
	add("crlf.log", "a\r\nb\r\n", 2) // counts \r\n as one byte
	add("crlfend.log", "a\r\n", 2)
	add("zero.log", "a\n", 0)
	add("short.log", "a\n", 100)
	add("moved.log", "a\nb\n", 2)
	add("gone.log", "a\n", 2)
	if err := os.Rename(path("moved.log"), path("moved.log.1")); err != nil {
		t.Fatal(err)
	}
	add2, err := os.Create(path("moved.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := add2.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path("gone.log")); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(states)
	if err != nil {
		t.Fatal(err)
	}
	lsf := filepath.Join(dir, LSFNames[0])
	if err := os.WriteFile(lsf, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, vfs.OS, filepath.Join(dir, "state"))
	imp, err := r.ImportLSF(lsf)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(imp.Renamed, []string{path("moved.log.1")}) || len(imp.Resumed) != 4 || len(imp.Fresh) != 2 ||
		!strings.Contains(imp.Fresh[path("short.log")], "truncated") {
		t.Fatalf("%+v", imp)
	}
	if again, err := r.ImportLSF(lsf); err != nil || len(again.Fresh) != len(states) {
		t.Fatalf("second import: %+v, %v", again, err)
	}
	closeIt(t, r)
	r = open(t, vfs.OS, filepath.Join(dir, "state"))
	defer closeIt(t, r)
	for name, want := range map[string]uint64{"plain.log": 4, "crlf.log": 3, "crlfend.log": 3, "zero.log": 0, "moved.log": 2} {
		g := r.Path(path(name))
		if len(g) != 1 || g[0].To != want || g[0].Head.Len == 0 || g[0].State != record.Active {
			t.Fatalf("%s: %+v, want position %d", name, g, want)
		}
	}
	if after, err := os.ReadFile(lsf); err != nil || string(after) != string(b) {
		t.Fatalf("the original changed: %v", err)
	}
}

func TestImportLSFRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	r := open(t, vfs.OS, dir)
	defer closeIt(t, r)
	name := filepath.Join(dir, "x")
	if _, err := r.ImportLSF(name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error is %v", err)
	}
	if err := os.WriteFile(name, []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ImportLSF(name); err == nil || !strings.Contains(err.Error(), "not a logstash-forwarder registry") {
		t.Fatalf("error is %v", err)
	}
	if err := os.WriteFile(name, []byte(`{"/a":null}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if imp, err := r.ImportLSF(name); err != nil || len(imp.Resumed) != 0 {
		t.Fatalf("%+v, %v", imp, err)
	}
}
