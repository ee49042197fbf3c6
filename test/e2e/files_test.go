package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scribeRSS is what scribe may take at most, whatever the files hold.
const scribeRSS = 48 << 20

// A line of 100 MB and a sparse file of 1 GB of NUL bytes pass through scribe in its
// usual memory, and what stands behind them arrives.
func TestHugeLines(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	const long, sparse = 100_000_000, 1 << 30
	f, err := os.Create(filepath.Join(dir, "long.log"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	chunk := bytes.Repeat([]byte("0123456789"), 1000)
	for range long / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.WriteString("\nbehind the long one\n"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if f, err = os.Create(filepath.Join(dir, "sparse.log")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\nbehind the hole\n"), sparse); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s := newScribe(t, ctx, j, j.Lumberjack, nil, filepath.Join(dir, "*.log"))
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"behind the long one", "behind the hole"} {
		if n, err := j.WaitCount(ctx, `message="`+text+`"`, 1); err != nil || n != 1 {
			t.Errorf("%q is stored %d times (%v)", text, n, err)
		}
	}
	checkPeak(t, s.Process, scribeRSS)
	checkPeak(t, j.Process, 400<<20)
	var size, pieces int
	if err := j.Query(ctx, "file:*long.log* | fields message", func(r map[string]any) error {
		size += len(r["message"].(string))
		pieces++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := long + len("behind the long one"); size != want || pieces < 3 {
		t.Errorf("long.log has %d bytes in %d records, want %d bytes, the long line in several pieces", size, pieces, want)
	}
}

// lockAway makes a file unreadable for the scribe of this test and gives the way
// back. Root reads every file: for root a folder takes its place.
func lockAway(t *testing.T, name string) (back func()) {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	aside := name + ".aside"
	if err := os.Rename(name, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(os.Remove(name), os.Rename(aside, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that becomes unreadable, vanishes and comes back is reported while it is
// away, and its lines are there once each.
func TestFileGoesAndComesBack(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	dir := t.TempDir()
	name := filepath.Join(dir, "app.log")
	writeFile(t, name, "line 0\n")
	s := newScribe(t, ctx, j, j.Lumberjack, nil, name)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	next := 1
	add := func() {
		t.Helper()
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(f, "line %d\n", next); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		next++
	}
	check := func() {
		t.Helper()
		if n, err := j.WaitCount(ctx, "*", int64(next)); err != nil || n != int64(next) {
			t.Fatalf("%d records, want %d (%v)", n, next, err)
		}
		for i := range next {
			if n, err := j.Count(ctx, fmt.Sprintf(`message="line %d"`, i)); err != nil || n != 1 {
				t.Errorf("line %d is stored %d times (%v)", i, n, err)
			}
		}
	}
	add()
	check()

	// Stopped, locked away, started: the file is there and cannot be read.
	if err := s.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	add()
	back := lockAway(t, name)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	waitOutput(t, ctx, s.Process, "cannot read")
	says(t, "scribe's log", s.Output(), name)
	waitStatus(t, ctx, s.Dir, name, "problem")
	back()
	check()

	// Deleted and made anew.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	waitStatus(t, ctx, s.Dir, "does not exist")
	add()
	check()
	add()
	check()
}

// waitStatus waits until `scribe status` says all of these parts.
func waitStatus(t *testing.T, ctx context.Context, dir string, parts ...string) {
	t.Helper()
	for {
		_, out := run(t, dir, nil, bin.Scribe, "status", "--state-dir", filepath.Join(dir, "state"))
		missing := ""
		for _, p := range parts {
			if !strings.Contains(out, p) {
				missing = p
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("scribe status never said %q:\n%s", missing, out)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Clocks that are far off are kept as they are and can be searched, from files and
// over HTTP; a time that no clock can show is kept as text.
func TestClocksFarOff(t *testing.T) {
	ctx := deadline(t, time.Minute)
	j := startJournalist(t, ctx)
	body := `{"@timestamp":"1970-01-01T00:00:00Z","message":"zero"}
{"@timestamp":"1969-12-31T23:59:59Z","message":"before"}
{"@timestamp":"2100-01-01T00:00:00.5Z","message":"after"}
{"@timestamp":"9999-12-31T23:59:59Z","message":"never"}
{"@timestamp":"yesterday","message":"word"}
{"@timestamp":1e300,"message":"number"}
`
	status, answer, err := j.Do(ctx, http.MethodPost, "/api/v1/ingest/jsonl", "application/x-ndjson", strings.NewReader(body))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %s (%v)", status, answer, err)
	}
	says(t, "the answer", string(answer), `"accepted":6`)
	for query, want := range map[string]int64{
		"_time:[1970-01-01 TO 1970-01-02] tags:_time_odd": 1,
		"_time:[2100-01-01 TO 2100-01-02] tags:_time_odd": 1,
		"@timestamp_raw=yesterday message=word _error:*":  1,
		"@timestamp_raw=1e300 message=number":             1,
		`@timestamp_raw="9999-12-31T23:59:59Z"`:           1,
	} {
		if n, err := j.Count(ctx, query); err != nil || n != want {
			t.Errorf("%s: %d records, want %d (%v)", query, n, want, err)
		}
	}
	status, answer, err = j.Do(ctx, http.MethodPost, "/api/v1/query", "application/json",
		strings.NewReader(`{"query":"message=before","from":"1960-01-01T00:00:00Z","to":"1970-01-01T00:00:00Z"}`))
	if err != nil || status != http.StatusOK {
		t.Errorf("%d (%v)", status, err)
	}
	says(t, "the answer", string(answer), `"@timestamp":"1969-12-31T23:59:59Z"`)
	if odd := metric(t, ctx, j, "journalist_pipeline_odd_times_total"); odd < 3 {
		t.Errorf("%v odd times are counted, want 3 at least", odd)
	}
}
