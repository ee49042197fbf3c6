package e2e

import (
	"context"
	"strings"
	"testing"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

// account tells how often each line of each log, by its tag, is at a server.
type account map[string][]byte

// takeAccount asks a server for all its lines. A line that nobody wrote, one under
// another file's name and one that is there twice are errors of the test.
func takeAccount(t *testing.T, ctx context.Context, j *proc.Journalist, logs []*logFile) account {
	t.Helper()
	seen := account{}
	for _, l := range logs {
		seen[l.tag] = make([]byte, l.gen.Next())
	}
	strange := 0
	err := j.Query(ctx, "* | fields message, file, offset", func(r map[string]any) error {
		message, _ := r["message"].(string)
		tag, n, ok := loggen.Number(message)
		if !ok || n >= len(seen[tag]) {
			if strange++; strange <= 5 {
				t.Errorf("a line that nobody wrote: %v", r)
			}
			return nil
		}
		if seen[tag][n]++; seen[tag][n] == 2 {
			t.Errorf("twice: %v", r)
		}
		if file, _ := r["file"].(string); !strings.HasSuffix(file, tag+".log") {
			if strange++; strange <= 5 {
				t.Errorf("under another file's name: %v", r)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// add adds what another server has.
func (a account) add(b account) account {
	sum := account{}
	for tag, lines := range a {
		sum[tag] = make([]byte, len(lines))
		for n := range lines {
			sum[tag][n] = lines[n] + b[tag][n]
		}
	}
	return sum
}

// lines is how many lines are there at least so many times.
func (a account) lines(times byte) (count int) {
	for _, lines := range a {
		for _, n := range lines {
			if n >= times {
				count++
			}
		}
	}
	return count
}

// reportMissing makes errors of the lines that are not there.
func (a account) reportMissing(t *testing.T) {
	t.Helper()
	for tag, lines := range a {
		missing := 0
		for n, times := range lines {
			if times == 0 {
				if missing++; missing <= 5 {
					t.Errorf("missing: %s-%d and perhaps more", tag, n)
				}
			}
		}
		if missing > 0 {
			t.Errorf("%s: %d of %d lines are missing", tag, missing, len(lines))
		}
	}
}

// written is how many lines were written to the logs.
func written(logs []*logFile) (total int) {
	for _, l := range logs {
		total += l.gen.Next()
	}
	return total
}

// checkEveryLineOnce waits until all lines are there and holds them against the
// account: none missing, none twice.
func checkEveryLineOnce(t *testing.T, ctx context.Context, j *proc.Journalist, logs []*logFile) {
	t.Helper()
	total := written(logs)
	waiting, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	if _, err := j.WaitCount(waiting, "*", int64(total)); err != nil {
		t.Error(err) // and go on to say which are missing
	}
	takeAccount(t, ctx, j, logs).reportMissing(t)
	for _, l := range logs {
		if n, err := j.Count(ctx, "file:*"+l.tag+".log"); err != nil || n != int64(l.gen.Next()) {
			t.Errorf("file:*%s.log counts %d of %d lines (%v)", l.tag, n, l.gen.Next(), err)
		}
	}
	if !t.Failed() {
		t.Logf("%d lines, each exactly once", total)
	}
}
