package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// addRecords stores n records of now in a dataset.
func addRecords(t *testing.T, ctx context.Context, j *proc.Journalist, dataset string, n int) {
	t.Helper()
	addRecordsOf(t, ctx, j, dataset, n, time.Now())
}

// addRecordsOf stores n records of a time in a dataset.
func addRecordsOf(t *testing.T, ctx context.Context, j *proc.Journalist, dataset string, n int, at time.Time) {
	t.Helper()
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, `{"@timestamp":%q,"message":"record %d of %s","n":%d}`+"\n", at.UTC().Format(time.RFC3339), i, dataset, i)
	}
	status, answer, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl?dataset="+dataset, "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", dataset, status, answer, err)
	}
}

// restart stops a server, which writes its memory to parts, and starts it again.
func restart(t *testing.T, ctx context.Context, j *proc.Journalist, between func()) {
	t.Helper()
	if err := j.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if between != nil {
		between()
	}
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// damage changes a byte here and there in the first half of the only part of a
// dataset, which is where its records are.
func damage(t *testing.T, j *proc.Journalist, dataset string) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(j.Data, "store", "data", dataset, "*", "*.part"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("parts of %s: %v %v", dataset, parts, err)
	}
	data, err := os.ReadFile(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 12; at < len(data)/2; at += 16 {
		data[at] ^= 0x10
	}
	if err := os.WriteFile(parts[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A part that is damaged on the disk is set aside when it is met: the page, status,
// stats, metrics and answers say so, also after a restart, and everything else goes on.
func TestDamageIsShown(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	j := startJournalist(t, ctx)
	addRecords(t, ctx, j, "good", 20)
	addRecordsOf(t, ctx, j, "bad", 30, time.Now().Add(-30*time.Hour)) // not what the page shows first
	restart(t, ctx, j, func() { damage(t, j, "bad") })

	env := []string{"JOURNALIST_URL=" + j.URL(), "JOURNALIST_TOKEN=" + j.Token}
	dir := t.TempDir()
	if code, out := run(t, dir, env, bin.Journalist, "status"); code != 0 || !strings.Contains(out, "no problem found") {
		t.Errorf("status before: %d\n%s", code, out)
	}
	damageInBrowser(t, ctx, j)

	check := func(when string) {
		t.Helper()
		if n, err := j.Count(ctx, "dataset=good"); err != nil || n != 20 {
			t.Errorf("%s: %d records of the sound dataset, %v", when, n, err)
		}
		code, out := run(t, dir, env, bin.Journalist, "status")
		if code != 6 {
			t.Errorf("%s: status ended with %d", when, code)
		}
		says(t, when+": status", out, "takes records", "ERROR: 1 damaged file", "store/quarantine/data+bad+", "dataset bad, 30 records", "do:    Restore")
		code, out = run(t, dir, env, bin.Journalist, "stats")
		if code != 0 {
			t.Errorf("%s: stats ended with %d", when, code)
		}
		says(t, when+": stats", out, "ERROR: 1 damaged file", "quarantine  1 damaged file", "good")
		for series, want := range map[string]float64{
			"journalist_store_quarantine_files": 1, `journalist_store_problem{kind="damaged"}`: 1, `journalist_store_problem{kind="full"}`: 0,
		} {
			if got := metric(t, ctx, j, series); got != want {
				t.Errorf("%s: %s is %v", when, series, got)
			}
		}
	}
	check("after the damage was met")
	addRecords(t, ctx, j, "bad", 5)
	restart(t, ctx, j, nil)
	check("after a restart")
	if n, err := j.Count(ctx, "dataset=bad"); err != nil || n != 5 {
		t.Errorf("%d records of the damaged dataset, %v", n, err)
	}

	// Who has seen to it removes the file, and all is well.
	aside, err := filepath.Glob(filepath.Join(j.Data, "store", "quarantine", "*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v %v", aside, err)
	}
	if err := os.Remove(aside[0]); err != nil {
		t.Fatal(err)
	}
	if code, out := run(t, dir, env, bin.Journalist, "status"); code != 0 || !strings.Contains(out, "no problem found") {
		t.Errorf("status after the repair: %d\n%s", code, out)
	}
	// And a stopped server's folder tells the same.
	restart(t, ctx, j, func() {
		code, out := run(t, dir, nil, bin.Journalist, "stats", "--data", j.Data, "--dataset", "bad")
		if code != 0 {
			t.Errorf("stats --data ended with %d", code)
		}
		says(t, "stats --data", out, "records     5", "bad")
	})
	code, out := run(t, dir, nil, bin.Journalist, "stats", "--data", j.Data)
	if code != 1 {
		t.Errorf("stats --data beside a running server ended with %d", code)
	}
	says(t, "stats --data beside a running server", out, "in use", "without --data")
}

// damageInBrowser meets the damage on the page.
func damageInBrowser(t *testing.T, ctx context.Context, j *proc.Journalist) {
	t.Helper()
	if _, err := os.Stat("../../ui/node_modules/playwright-core"); err != nil {
		t.Fatalf("what the browser test needs is not installed: run make test once, or make tools-test ui-test (%v)", err)
	}
	out, err := exec.CommandContext(ctx, bin.Journalist, "token", "link", "--data", j.Data, "--url", j.URL()).Output()
	if err != nil {
		t.Fatalf("token link: %v\n%s", err, out)
	}
	node := exec.CommandContext(ctx, "node", "--test", "browser/damaged/damage.test.mjs")
	node.Env = append(os.Environ(), "JOURNALIST_URL="+j.URL(), "JOURNALIST_TOKEN="+j.Token, "JOURNALIST_LOGIN_LINK="+strings.TrimSpace(string(out)))
	if report, err := node.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
}

// A disk that is read-only keeps the server from starting, with the reason and what
// to do; what is on it can be looked into all the same.
func TestReadOnlyDisk(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j, disk := startOnSmallDisk(t, ctx)
	if j == nil {
		return
	}
	addRecords(t, ctx, j, "logs", 10)
	restart(t, ctx, j, func() {
		if err := syscall.Mount("none", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=24m"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Mount("none", disk, "tmpfs", syscall.MS_REMOUNT, "size=24m"); err != nil {
				t.Error(err)
			}
		}()
		code, out := run(t, t.TempDir(), nil, bin.Journalist, "serve", "--data", j.Data, "--http", "127.0.0.1:0", "--lumberjack", "off")
		if code != 1 {
			t.Errorf("serve on a read-only disk ended with %d", code)
		}
		says(t, "serve on a read-only disk", out, j.Data, "read-only file system", "--data")
		code, out = run(t, t.TempDir(), nil, bin.Journalist, "stats", "--data", j.Data)
		if code != 0 {
			t.Errorf("stats on a read-only disk ended with %d", code)
		}
		says(t, "stats on a read-only disk", out, "records     10")
	})
	if n, err := j.Count(ctx, "*"); err != nil || n != 10 {
		t.Errorf("%d records, %v", n, err)
	}
}

// A data folder of another user's is refused with what to do.
func TestForeignFolder(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	addRecords(t, ctx, j, "logs", 10)
	if os.Getuid() != 0 {
		t.Log("only root can become another user; the store's own tests refuse each file")
		return
	}
	restart(t, ctx, j, func() {
		// The way to the folder and the program must be open to the other.
		for dir := j.Data; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, info.Mode().Perm()|0o055); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{bin.Journalist, filepath.Dir(bin.Journalist)} {
			if err := os.Chmod(name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(ctx, bin.Journalist, "serve", "--data", j.Data, "--http", "127.0.0.1:0", "--lumberjack", "off")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("serve on another's folder: %v", err)
		}
		says(t, "serve on another's folder", string(out), j.Data, "permission denied", "uid 65534", "--data")
	})
	if n, err := j.Count(ctx, "*"); err != nil || n != 10 {
		t.Errorf("%d records, %v", n, err)
	}
}
