package discover

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"journalist/internal/vfs"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func file(text string, age time.Duration) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(text), ModTime: now.Add(-age), Mode: 0o644}
}

func machine() fstest.MapFS {
	return fstest.MapFS{
		"var/log/syslog":                             file("Mar  1 11:00:00 web kernel: x\n", time.Minute),
		"var/log/nginx/access.log":                   file("1.2.3.4 - - [x] \"GET /\" 200\n", time.Minute),
		"var/log/nginx/error.log":                    file("2026/03/01 x\n", time.Hour),
		"var/log/postgresql/postgresql-16.log":       file("2026-03-01 LOG: x\n\tmore\n", time.Hour),
		"var/log/shop/shop.log":                      file("2026-03-01 ERROR x\njava.lang.E: y\n\tat com.shop.A.b(A.java:1)\n\tat com.shop.A.c(A.java:2)\n", time.Hour),
		"var/log/shop/audit.log":                     file("a\n", time.Hour),
		"var/log/shop/old.log.1.gz":                  file("x", time.Hour),
		"var/log/forgotten/x.log":                    file("x\n", 30*24*time.Hour),
		"var/log/journal/abc/system.journal":         file("\x00", 0),
		"srv/api/logs/api.log":                       file(`{"a":1}`+"\n"+`{"a":2}`+"\n", time.Hour),
		"srv/api/data/not.log":                       file("x\n", time.Hour),
		"opt/tool/log/tool.log":                      file("ts=1 level=info msg=\"a b\"\nts=2 level=warn msg=c\n", 48*time.Hour),
		"var/lib/docker/containers/abc/abc-json.log": file(`{"log":"x\n","stream":"stdout","time":"t"}`+"\n", time.Minute),
		"var/run/docker.sock":                        &fstest.MapFile{Mode: fs.ModeSocket},
		"var/log/windows/app.log":                    file("\xff\xfea\x00\n\x00", time.Minute),
		"proc/12/comm":                               file("worker\n", 0),
		"proc/12/fd/3":                               &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/data/worker/out.log")},
		"proc/12/fd/4":                               &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/var/log/nginx/access.log")},
		"proc/13/comm":                               file("scribe\n", 0),
		"proc/13/fd/3":                               &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/data/scribe/registry-1.log")},
		"data/scribe/registry-1.log":                 file("x", time.Minute),
		"data/worker/out.log":                        file("Traceback (most recent call last):\n  File x\nE: y\n", time.Minute),
	}
}

func TestLook(t *testing.T) {
	got := Look(Options{Root: machine(), Now: func() time.Time { return now }})
	type short struct {
		Type, Paths, Multiline, Start, Format, Encoding, Why string
		Files                                                int
	}
	var list []short
	for _, g := range got.Groups {
		list = append(list, short{g.Type, strings.Join(g.Paths, " "), g.Multiline, g.Start, g.Format, g.Encoding, g.Why, g.Files})
	}
	want := []short{
		{Type: "syslog", Paths: "/var/log/syslog", Why: "known place", Files: 1},
		{Type: "nginx", Paths: "/var/log/nginx/*.log", Why: "known place", Files: 2},
		{Type: "postgresql", Paths: "/var/log/postgresql/*.log", Start: dated, Why: "known place", Files: 1},
		{Type: "docker", Paths: "/var/lib/docker/containers/*/*-json.log", Format: "docker", Why: "known place", Files: 1},
		{Type: "tool", Paths: "/opt/tool/log/tool.log", Format: "logfmt", Why: "written to lately", Files: 1},
		{Type: "api", Paths: "/srv/api/logs/api.log", Format: "json", Why: "written to lately", Files: 1},
		{Type: "shop", Paths: "/var/log/shop/*.log", Multiline: "java", Why: "written to lately", Files: 2},
		{Type: "windows", Paths: "/var/log/windows/app.log", Encoding: "utf-16le", Why: "written to lately", Files: 1},
		{Type: "worker", Paths: "/data/worker/out.log", Multiline: "python", Why: "open in worker (12)", Files: 1},
	}
	if d := cmp.Diff(want, list); d != "" {
		t.Error(d)
	}
	if !got.Journal || !got.Docker {
		t.Errorf("journal %v, docker %v", got.Journal, got.Docker)
	}
}

// The proposal is YAML that says what was found.
func TestWrite(t *testing.T) {
	f := Look(Options{Root: machine(), Now: func() time.Time { return now }})
	var b bytes.Buffer
	if err := f.Write(&b, Output{Servers: []string{"logs:5043"}}, now); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Output struct{ Servers []string }
		Files  []struct {
			Paths     []string
			Fields    map[string]string
			Multiline any
		}
	}
	if err := yaml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if len(doc.Files) != len(f.Groups) || doc.Output.Servers[0] != "logs:5043" || doc.Files[1].Fields["type"] != "nginx" {
		t.Errorf("%+v", doc)
	}
	empty := &Findings{}
	b.Reset()
	if err := empty.Write(&b, Output{}, now); err != nil || yaml.Unmarshal(b.Bytes(), &doc) != nil || !strings.Contains(b.String(), "No log file") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// On a real file system, what may not be read is named with the group that may.
func TestUnreadable(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "var/log")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "syslog")
	if err := os.WriteFile(name, bytes.Repeat([]byte("0123456789abcde\n"), 8<<10), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	var groups []string // that may read it; none where files have no owners
	if _, gid, ok := vfs.OwnerOf(info); ok {
		groups = []string{"readers"}
		etc := filepath.Join(root, "etc")
		if err := errors.Join(os.Mkdir(etc, 0o755), os.WriteFile(filepath.Join(etc, "group"), fmt.Appendf(nil, "none:x:\nreaders:x:%d:a,b\n", gid), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	got := Look(Options{Root: closed{os.DirFS(root), "var/log/syslog"}})
	if len(got.Groups) != 1 || len(got.Groups[0].Unreadable) != 1 || got.Groups[0].Unreadable[0] != "/var/log/syslog" {
		t.Fatalf("%+v", got.Groups)
	}
	if !slices.Equal(got.Groups[0].Groups, groups) {
		t.Errorf("groups %v, want %v", got.Groups[0].Groups, groups)
	}
	got = Look(Options{Root: os.DirFS(root)})
	if len(got.Groups) != 1 || len(got.Groups[0].Unreadable) != 0 {
		t.Fatalf("%+v", got.Groups)
	}
}

// closed refuses to open one file, as the kernel does those without the right.
type closed struct {
	fs.FS
	name string
}

func (c closed) Open(name string) (fs.File, error) {
	if name == c.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.FS.Open(name)
}

func (c closed) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }
