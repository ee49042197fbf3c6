package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

// expectNumbers checks that exactly the lines 0 … n-1 of a log are stored, each
// once.
func expectNumbers(t *testing.T, ctx context.Context, j *proc.Journalist, tag string, n int) {
	t.Helper()
	if _, err := j.WaitCount(ctx, "type="+tag, int64(n)); err != nil {
		t.Fatal(err)
	}
	seen := make([]int, n)
	if err := j.Query(ctx, "type="+tag+" | fields message", func(r map[string]any) error {
		got, i, ok := loggen.Number(r["message"].(string))
		if !ok || got != tag || i < 0 || i >= n {
			return fmt.Errorf("a line that nobody wrote: %v", r)
		}
		seen[i]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, times := range seen {
		if times != 1 {
			t.Errorf("line %d of %s is stored %d times", i, tag, times)
		}
	}
}

// refusedWhileFull checks what senders are told by a server without room.
func refusedWhileFull(t *testing.T, ctx context.Context, j *proc.Journalist) {
	t.Helper()
	before := metric(t, ctx, j, `journalist_store_refused_batches_total{reason="full"}`)
	status, body, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-ndjson", strings.NewReader(`{"message":"refused"}`+"\n"))
	if err != nil || status != http.StatusTooManyRequests {
		t.Errorf("jsonl: %d, want 429 (%v)", status, err)
	}
	says(t, "the answer of jsonl", string(body), `"accepted":0`, `"kind":"full"`, "room")
	status, body, err = j.Do(ctx, http.MethodPost, "/elastic/_bulk", "application/x-ndjson", strings.NewReader(`{"create":{}}`+"\n"+`{"message":"refused"}`+"\n"))
	if err != nil || status != http.StatusOK && status != http.StatusTooManyRequests {
		t.Errorf("bulk: %d (%v)", status, err)
	}
	says(t, "the answer of bulk", string(body), `"status":429`, "es_rejected_execution_exception", "room")
	if got := waitMetric(t, ctx, j, `journalist_store_refused_batches_total{reason="full"}`, before+2); got < before+2 {
		t.Errorf("refused batches went from %v to %v", before, got)
	}
}

// A server below its disk floor with nothing to drop takes no batch, says so to
// every sender and in its log and metrics, and still answers queries; forwarders
// keep their lines and ship them, each once, when there is room.
func TestDiskFloor(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx, "--disk-floor", "1000TB")
	l := openLog(t, t.TempDir(), "app")
	s := newScribe(t, ctx, j, j.Lumberjack, map[string]string{"type": "app"}, l.path)
	l.write(t, 500)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	waitMetric(t, ctx, j, `journalist_lumberjack_refused_total{reason="full"}`, 1)
	says(t, "journalist's log", j.Output(), "taking no more batches", "disk floor", "reason=full", "client=web-01")
	if v := metric(t, ctx, j, "journalist_store_full"); v != 1 {
		t.Errorf("journalist_store_full is %v", v)
	}
	refusedWhileFull(t, ctx, j)
	if n, err := j.Count(ctx, "*"); err != nil || n != 0 {
		t.Errorf("%d records in a full store (%v)", n, err)
	}
	waitOutput(t, ctx, s.Process, "server not usable")
	says(t, "scribe's log", s.Output(), "the server's log says why", "lines_waiting=500")
	code, out := run(t, t.TempDir(), nil, bin.Scribe, "status", "--state-dir", filepath.Join(s.Dir, "state"))
	if code != 0 {
		t.Errorf("scribe status ended with %d", code)
	}
	says(t, "scribe status", out, "queue    500 lines", "the server's log says why", "failures")

	// The operator lowers the floor.
	if err := j.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	j.Args = nil
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	l.write(t, 10)
	expectNumbers(t, ctx, j, "app", 510)
}

// A disk that is really full (ENOSPC) in the middle of the work. Where no small
// disk can be mounted, what TestDiskFloor does has to do.
func TestFullDisk(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j, disk := startOnSmallDisk(t, ctx)
	if j == nil {
		return
	}
	l := openLog(t, t.TempDir(), "app")
	s := newScribe(t, ctx, j, j.Lumberjack, map[string]string{"type": "app"}, l.path)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	l.write(t, 300)
	expectNumbers(t, ctx, j, "app", 300)

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	l.write(t, 300)
	waitMetric(t, ctx, j, `journalist_lumberjack_refused_total{reason="full"}`, 1)
	says(t, "journalist's log", j.Output(), "no space left", "reason=full")
	refusedWhileFull(t, ctx, j)
	expectNumbers(t, ctx, j, "app", 300) // what is there can still be asked

	// Killed and started on the full disk: nothing that was acknowledged is lost.
	j.Kill()
	if err := j.Start(ctx); err != nil {
		t.Fatalf("start on a full disk: %v", err)
	}
	expectNumbers(t, ctx, j, "app", 300)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	l.write(t, 10)
	expectNumbers(t, ctx, j, "app", 610)
}

// startOnSmallDisk starts a server whose data folder has a disk of 24 MiB of its own;
// nil where none can be mounted.
func startOnSmallDisk(t *testing.T, ctx context.Context) (_ *proc.Journalist, disk string) {
	t.Helper()
	disk = t.TempDir()
	if err := mountDisk(t, disk, "24m"); err != nil {
		t.Logf("no disk of its own: %v", err)
		return nil, ""
	}
	j, err := proc.NewJournalist(bin, disk)
	if err != nil {
		t.Fatal(err)
	}
	j.Args = []string{"--disk-floor", "1MB"}
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		verify(t, j.Data)
		if t.Failed() {
			t.Logf("journalist's output:\n%s", tailOf(j.Output()))
		}
	})
	return j, disk
}

// A disk that others fill to the last byte: the oldest data goes, which takes no
// room of its own, and then there is room again.
func TestFullDiskDropsTheOldest(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j, disk := startOnSmallDisk(t, ctx)
	if j == nil {
		return
	}
	send := func(message string) int {
		t.Helper()
		var body strings.Builder
		random := rand.New(rand.NewPCG(1, uint64(len(message))))
		for range 2000 {
			fmt.Fprintf(&body, `{"message":"%s","noise":"`, message)
			for range 100 { // more than the disk floor in each part, however small hexadecimal digits get
				fmt.Fprintf(&body, "%016x", random.Uint64())
			}
			body.WriteString("\"}\n")
		}
		status, _, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-ndjson", strings.NewReader(body.String()))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	for _, message := range []string{"oldest", "older"} {
		if status := send(message); status != http.StatusOK {
			t.Fatalf("%s: %d", message, status)
		}
		if err := j.Stop(20 * time.Second); err != nil { // writes a part
			t.Fatal(err)
		}
		if err := j.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, filepath.Join(disk, "ballast"))
	if status := send("new"); status != http.StatusTooManyRequests {
		t.Fatalf("on a full disk: %d", status)
	}
	waitMetric(t, ctx, j, "journalist_store_dropped_parts_total", 1)
	says(t, "journalist's log", j.Output(), "dropping the oldest data", "disk floor")
	for {
		status, _, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-ndjson", strings.NewReader(`{"message":"taken"}`+"\n"))
		if err == nil && status == http.StatusOK {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still %d (%v)", status, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	for message, want := range map[string]int64{"oldest": 0, "older": 2000, "taken": 1} {
		if n, err := j.Count(ctx, "message="+message); err != nil || n != want {
			t.Errorf("%s: %d records, want %d (%v)", message, n, want, err)
		}
	}
}

// A server that is down, also for long, costs no line; the forwarder says what it
// waits for.
func TestServerDownThenUp(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	l := openLog(t, t.TempDir(), "app")
	s := newScribe(t, ctx, j, j.Lumberjack, map[string]string{"type": "app"}, l.path)
	if err := j.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	l.write(t, 200)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	waitOutput(t, ctx, s.Process, "server not usable")
	says(t, "scribe's log", s.Output(), "connection refused", "check that the server runs", j.Lumberjack)
	code, out := run(t, t.TempDir(), nil, bin.Scribe, "status", "--state-dir", filepath.Join(s.Dir, "state"))
	if code != 0 {
		t.Errorf("scribe status ended with %d", code)
	}
	says(t, "scribe status", out, "not connected", "connection refused")
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expectNumbers(t, ctx, j, "app", 200)
	j.Kill()
	l.write(t, 100)
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expectNumbers(t, ctx, j, "app", 300)
}

// A folder that cannot be written is named, with what to do.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if os.Getuid() == 0 {
		closed = "/proc" // nobody makes a folder there
	} else if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(closed, "data")
	code, out := run(t, dir, nil, bin.Journalist, "serve", "--data", folder, "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0")
	if code != 1 {
		t.Errorf("journalist serve ended with %d", code)
	}
	says(t, "journalist serve", out, folder, "--data")
	conf := writeFile(t, filepath.Join(dir, "scribe.conf"), `{"network":{"servers":["127.0.0.1:1"]},"files":[{"paths":["`+filepath.Join(dir, "x.log")+`"]}]}`)
	code, out = run(t, dir, nil, bin.Scribe, "run", "--config", conf, "--state-dir", folder)
	if code != 1 {
		t.Errorf("scribe run ended with %d", code)
	}
	says(t, "scribe run", out, folder, "--state-dir")
	plain := writeFile(t, filepath.Join(dir, "file"), "no folder")
	if code, out = run(t, dir, nil, bin.Journalist, "serve", "--data", plain, "--http", "127.0.0.1:0", "--lumberjack", "127.0.0.1:0"); code != 1 {
		t.Errorf("journalist serve in a file ended with %d", code)
	}
	says(t, "journalist serve", out, plain, "not a directory")
}
