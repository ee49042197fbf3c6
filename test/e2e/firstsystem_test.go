package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// The two files of a system that logstash-forwarder and logrotate served. Only the
// places are replaced.
const (
	firstForwarder = `{
  "network": {
    "servers": [ "logs.example.com:5043" ],
    "ssl certificate": "/etc/pki/tls/certs/web-01.crt",
    "ssl key": "/etc/pki/tls/certs/web-01.key",
    "ssl ca": "/etc/pki/tls/certs/ca.crt",
    "timeout": 15
  },
  "files": [
    {
      "paths": [ "/var/log/app/*.log" ],
      "fields": { "type": "app" }
    }
  ]
}
`
	firstRotation = `/var/log/app/*.log {
  daily
  dateext
  size 100M
  copytruncate
  notifempty
  compress
  rotate 7
}
`
)

// dayLasts is how long a day is for the rotations of fastScribe.
const dayLasts = 3 * time.Second

// fastScribe builds a scribe whose rotations have a fast clock.
func fastScribe(t *testing.T, ctx context.Context) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scribe")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "-ldflags", "-X main.dayLasts="+dayLasts.String(), "journalist/cmd/scribe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// longLines writes lines of 16 KiB, so that 100 MB do not take a million of them.
type longLines struct {
	tag  string
	path string
	next int
	fill []byte
}

func (l *longLines) write(t *testing.T, f *os.File, lines int) {
	t.Helper()
	var b bytes.Buffer
	for range lines {
		fmt.Fprintf(&b, "2026-01-31T12:00:00.000Z INFO n=%s-%d ", l.tag, l.next)
		at := l.next % 100
		b.Write(l.fill[at : at+16<<10])
		b.WriteByte('\n')
		l.next++
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// TestFirstSystem: the first system's two files run as they are; eight days of
// rotation under load, of which each begins when 100 MB are written, show every line
// once.
func TestFirstSystem(t *testing.T) {
	ctx := deadline(t, 6*time.Minute)
	j := startJournalist(t, ctx)
	certs, err := j.IssueCert(ctx, "web-01")
	if err != nil {
		t.Fatal(err)
	}
	root, logs := t.TempDir(), filepath.Join(t.TempDir(), "app")
	place := strings.NewReplacer("/var/log/app", logs, "/etc/pki/tls/certs", certs, "logs.example.com:5043", j.Lumberjack)
	conf, rotation := filepath.Join(root, "logstash-forwarder.conf"), filepath.Join(root, "app.logrotate")
	for path, text := range map[string]string{conf: firstForwarder, rotation: firstRotation} {
		if err := os.WriteFile(path, []byte(place.Replace(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &proc.Scribe{Binary: fastScribe(t, ctx), Dir: root, Config: conf, Args: []string{"--rotate", rotation}}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("scribe's output:\n%s", tailOf(s.Output()))
		}
	})
	big := &longLines{tag: "app", path: filepath.Join(logs, "app.log")}
	for i := range 400 {
		big.fill = fmt.Appendf(big.fill, "%d words of a long message, %x; ", i, i*i*7919)
	}
	big.fill = bytes.Repeat(big.fill, 1+17<<10/len(big.fill))
	small := openLog(t, logs, "small")
	names := map[string]bool{}
	f, err := os.OpenFile(big.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only written, checked by what arrives
	for day := 0; day < 8; day++ {
		rotateUnderLoad(t, ctx, f, big, small)
		for _, name := range rotations(t, logs) {
			names[strings.TrimSuffix(name, ".gz")] = true
		}
	}
	f2 := filepath.Join(logs, "small.log")
	if m, _ := filepath.Glob(f2 + "-*"); len(m) > 0 {
		t.Errorf("a log under 100 MB was rotated: %v", m)
	}
	waitNumbers(t, ctx, j, big.tag, big.next)
	if n, err := j.WaitCount(ctx, "file:*small.log type:app", int64(small.gen.Next())); err != nil || n != int64(small.gen.Next()) {
		t.Errorf("small.log has %d of %d lines: %v", n, small.gen.Next(), err)
	}
	kept := rotations(t, logs)
	for end := time.Now().Add(arrival); uncompressed(kept) > 0 && time.Now().Before(end); kept = rotations(t, logs) {
		time.Sleep(50 * time.Millisecond)
	}
	dated := regexp.MustCompile(`^app\.log-\d{8}\.gz$`)
	for _, name := range kept {
		if !dated.MatchString(name) {
			t.Errorf("a rotation is called %s", name)
		}
	}
	if len(kept) != 7 || len(names) < 8 {
		t.Errorf("%d rotations are kept of %d: %v", len(kept), len(names), kept)
	}
}

// rotateUnderLoad writes 100 MB, and on, until the log has been rotated.
func rotateUnderLoad(t *testing.T, ctx context.Context, f *os.File, big *longLines, small *logFile) {
	t.Helper()
	last, lines := int64(0), 64
	for ctx.Err() == nil {
		big.write(t, f, lines)
		fi, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if fi.Size() < last {
			return
		}
		if last = fi.Size(); last > 105_000_000 {
			lines = 1
			small.write(t, 1)
			time.Sleep(2 * time.Millisecond)
		}
	}
	t.Fatal("the log is not rotated")
}

// rotations are the rotated files of app.log.
func rotations(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "app.log-") {
			names = append(names, e.Name())
		}
	}
	return names
}

func uncompressed(names []string) (n int) {
	for _, name := range names {
		if !strings.HasSuffix(name, ".gz") {
			n++
		}
	}
	return n
}

// waitNumbers waits for all lines n=TAG-NUMBER and holds them against a bitmap.
func waitNumbers(t *testing.T, ctx context.Context, j *proc.Journalist, tag string, total int) {
	t.Helper()
	waiting, cancel := context.WithTimeout(ctx, 3*arrival)
	defer cancel()
	if _, err := j.WaitCount(waiting, "\"n="+tag+"\"", int64(total)); err != nil {
		t.Error(err) // and go on to say which are missing
	}
	seen := make([]byte, total)
	strange := 0
	err := j.Query(ctx, `* | extract "n=<id> " | where id:`+tag+`-* | fields id, file, offset`, func(r map[string]any) error {
		id, _ := r["id"].(string)
		n, err := strconv.Atoi(strings.TrimPrefix(id, tag+"-"))
		file, _ := r["file"].(string)
		if err != nil || n < 0 || n >= total || !strings.HasSuffix(file, "/"+tag+".log") {
			if strange++; strange <= 5 {
				t.Errorf("a line that nobody wrote so: %v", r)
			}
			return nil
		}
		if seen[n]++; seen[n] == 2 {
			t.Errorf("twice: %v", r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	account{tag: seen}.reportMissing(t)
	t.Logf("%s: %d lines", tag, total)
}
