package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"journalist/internal/testkit/proc"
)

// TestBackupWhileLinesArrive backs a server up while lines come in, deletes some,
// kills the server, backs it up again and restores: what is restored is what the
// server has, and what was deleted is gone.
func TestBackupWhileLinesArrive(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	env := []string{"JOURNALIST_URL=" + j.URL(), "JOURNALIST_TOKEN=" + j.Token}
	bak := filepath.Join(dir, "bak")

	send := func(from, n int) {
		var body bytes.Buffer
		for i := from; i < from+n; i++ {
			fmt.Fprintf(&body, `{"@timestamp":"2026-03-%02dT12:00:00Z","message":"line %d of user-%d","n":%d}`+"\n", 1+i%5, i, i%7, i)
		}
		status, answer, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-ndjson", &body)
		if err != nil || status != http.StatusOK {
			t.Errorf("%d %s %v", status, answer, err)
		}
	}
	const each = 700
	send(0, each)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	sent := each
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			send(sent, each)
			sent += each
		}
	})
	for range 3 {
		if code, out := run(t, dir, env, bin.Journalist, "backup", bak); code != 0 || !strings.Contains(out, "no problem found") {
			t.Errorf("backup: %d\n%s", code, out)
		}
	}
	if code, out := run(t, dir, env, bin.Journalist, "delete", "--yes", `"user-3"`, "--to", "2026-03-03"); code != 0 {
		t.Errorf("delete: %d\n%s", code, out)
	}
	close(stop)
	wg.Wait()
	if t.Failed() {
		return
	}
	if code, out := run(t, dir, env, bin.Journalist, "delete", "--yes", `"user-3"`); code != 0 {
		t.Fatalf("delete: %d\n%s", code, out)
	}
	j.Kill() // what was said to be deleted stays so
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	want := int64(sent - sent/7)
	if n, err := j.Count(ctx, "*"); err != nil || n != want {
		t.Fatalf("%d records, want %d; %v", n, want, err)
	}
	if code, out := run(t, dir, env, bin.Journalist, "backup", bak); code != 0 {
		t.Fatalf("backup: %d\n%s", code, out)
	}
	other, err := proc.NewJournalist(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if code, out := run(t, dir, nil, bin.Journalist, "restore", bak, "--data", other.Data); code != 0 {
		t.Fatalf("restore: %d\n%s", code, out)
	}
	if err := other.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		verify(t, other.Data)
	})
	for _, filter := range []string{"*", `"user-3"`, `"user-4"`, "n:<1000"} {
		a, err := j.Count(ctx, filter)
		if err != nil {
			t.Fatal(err)
		}
		b, err := other.Count(ctx, filter)
		if err != nil || a != b || filter == `"user-3"` && a != 0 || filter != `"user-3"` && a == 0 {
			t.Errorf("%s: %d records in the server, %d in the restored one, %v", filter, a, b, err)
		}
	}
}
