package tail

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLogrotate lets the real logrotate rotate files that are written to, and
// wants every line once.
func TestLogrotate(t *testing.T) {
	for _, c := range []struct{ name, glob, conf string }{
		{"rename", "*.log", "rotate 10\nnocreate"},
		{"rename, rotated files match", "*.log*", "rotate 3\ncreate"},
		{"copytruncate", "*.log", "rotate 10\ncopytruncate"},
		{"copytruncate, copies match", "*.log*", "rotate 3\ncopytruncate"},
		{"compress", "*.log*", "rotate 3\ncopytruncate\ncompress\ndelaycompress"},
	} {
		t.Run(c.name, func(t *testing.T) { logrotate(t, c.glob, c.conf) })
	}
}

func logrotate(t *testing.T, glob, conf string) {
	dir, etc := t.TempDir(), t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // logrotate refuses folders that others may write to
		t.Fatal(err)
	}
	file := filepath.Join(etc, "logrotate.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%s {\n%s\nmissingok\n}\n", filepath.Join(dir, "app.log"), conf), 0o600); err != nil {
		t.Fatal(err)
	}
	change := func(o *Options) {
		o.Groups[0].Paths = []string{filepath.Join(dir, glob)}
		o.ScanInterval, o.PollInterval = 50*time.Millisecond, 20*time.Millisecond
	}
	l := runLive(t, dir, change)
	l.write("app.log", "ready\n")
	l.want("ready")
	want := make(map[string]bool)
	n := 0
	write := func() {
		var b strings.Builder
		for range 200 {
			n++
			text := fmt.Sprintf("line %d", n)
			want[text] = true
			b.WriteString(text + "\n")
		}
		l.write("app.log", b.String())
	}
	collect := func() {
		for len(want) > 0 {
			select {
			case got := <-l.lines:
				if !want[got] {
					t.Fatalf("line %q came twice or was never written", got)
				}
				delete(want, got)
			case <-time.After(20 * time.Second):
				t.Fatalf("%d lines are missing: %+v", len(want), l.tl.Status().Files)
			}
		}
	}
	rotate := func() {
		out, err := exec.Command("/usr/sbin/logrotate", "-f", "-s", filepath.Join(etc, "state"), file).CombinedOutput()
		if err != nil {
			t.Fatalf("logrotate: %v: %s", err, out)
		}
	}
	for round := range 5 {
		write() // may be read or not when the rotation comes
		rotate()
		write()
		if round == 2 { // once more while scribe is down
			collect()
			l.awaitAcks() // what is not acknowledged would come again
			l.stop()
			write()
			rotate()
			write()
			l = runLive(t, dir, change)
		}
		// What is compressed away before it was read is lost.
		if round%2 == 1 || strings.Contains(conf, "compress\n") {
			collect()
		}
	}
	collect()
	select {
	case got := <-l.lines:
		t.Fatalf("line %q came although all were there", got)
	case <-time.After(100 * time.Millisecond): // longer than a scan: what comes twice comes now
	}
}
