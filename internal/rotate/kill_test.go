//go:build unix

package rotate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The environment of a child that rotates and is killed at a step.
const (
	killAt    = "ROTATE_TEST_KILL_AT"
	killConf  = "ROTATE_TEST_CONF"
	killState = "ROTATE_TEST_STATE"
)

// killedChild rotates with force and kills itself at the n-th hook.
func killedChild() int {
	n, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		return 2
	}
	r, err := New(Options{Configs: []string{os.Getenv(killConf)}, State: os.Getenv(killState), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	r.hook = func(string) {
		if n--; n < 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	if _, err := r.Once(context.Background(), true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// killCases rotate in ways that have different steps.
var killCases = []sideCase{
	{name: "numbers", conf: "DIR/*.log {\nrotate 3\ncreate\ncompress\n}\n", files: oneLog + "\nb.log 0600 2 10\napp.log.1.gz 0640 1 30\napp.log.2.gz 0640 2 20\napp.log.3.gz 0640 3 10"},
	{name: "delaycompress", conf: "DIR/*.log {\nrotate 2\ncreate\ncompress\ndelaycompress\n}\n", files: oneLog + "\napp.log.1 0640 1 30\napp.log.2.gz 0640 2 20"},
	{name: "dateext", conf: "DIR/*.log {\nrotate 2\ncreate\ndateext\n}\n", files: oneLog + "\napp.log-20250101 0640 300 10\napp.log-20250102 0640 299 10\napp.log-20250103 0640 298 10"},
	{name: "copytruncate", conf: "DIR/*.log {\nrotate 2\ncopytruncate\n}\n", files: oneLog + "\napp.log.1 0640 1 30\napp.log.2 0640 2 20"},
	{name: "copytruncate compress", conf: "DIR/*.log {\nrotate 2\ncopytruncate\ncompress\n}\n", files: oneLog + "\napp.log.1 0640 1 30\napp.log.2.gz 0640 2 20"},
	{name: "renamecopy", conf: "DIR/*.log {\nrotate 2\nrenamecopy\n}\n", files: oneLog + "\napp.log.1 0640 1 30\napp.log.2 0640 2 20"},
	{name: "shared", conf: "DIR/*.log {\nrotate 2\nsharedscripts\ncreate\npostrotate\ntrue\nendscript\n}\n", files: oneLog + "\nb.log 0600 2 10\napp.log.1 0640 1 30"},
}

// TestKill kills a rotation at every step and lets the next start complete it: the
// tree is then as if it had not been killed.
func TestKill(t *testing.T) {
	for _, c := range killCases {
		t.Run(c.name, func(t *testing.T) {
			whole := makeTree(t, c)
			if said, failed := whole.rotate(t, true); failed {
				t.Fatal(said)
			}
			want := whole.list(t)
			for at := range 100 {
				tr := makeTree(t, c)
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), killAt+"="+strconv.Itoa(at), killConf+"="+tr.conf, killState+"="+tr.state)
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err == nil {
					if at < 5 {
						t.Fatalf("it ended after %d steps: %s", at, out)
					}
					t.Logf("killed at %d steps", at)
					return
				}
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("killed at %d: %v: %s", at, err, out)
				}
				// What was begun is completed; what was not is not forced again, and
				// then done by hand.
				said, _ := tr.rotate(t, false)
				undone := tr.list(t) != want
				if undone {
					tr.rest(t, c)
				}
				if got := tr.list(t); got != want {
					t.Fatalf("killed at %d: there is\n%s\nwant\n%s\nsaid: %s%s", at, got, want, out, said)
				}
			}
			t.Fatal("never ended")
		})
	}
}

// rest rotates those logs whose rotation was not begun before the kill.
func (tr *tree) rest(t *testing.T, c sideCase) {
	t.Helper()
	text := ""
	for _, log := range []string{"app.log", "b.log"} {
		fi, err := os.Stat(filepath.Join(tr.dir, log))
		if err == nil && fi.Size() > 0 {
			text += filepath.Join(tr.dir, log) + "\n"
		}
	}
	if text == "" {
		return
	}
	conf, err := os.ReadFile(tr.conf)
	if err != nil {
		t.Fatal(err)
	}
	write(t, tr.conf, strings.Replace(string(conf), tr.dir+"/*.log", text, 1), 0o644)
	if said, failed := tr.rotate(t, true); failed {
		t.Fatal(said)
	}
}
