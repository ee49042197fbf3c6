package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"journalist/internal/testkit/loggen"
	"journalist/internal/testkit/proc"
)

var bin proc.Binaries

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "engine-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if bin, err = proc.Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

const (
	textRows = 4000
	jsonRows = 1500
)

// writeCorpus makes a folder with a packed text log and a JSON log and returns how
// many lines of the text hold the word Failed.
func writeCorpus(t *testing.T) (dir string, failed int) {
	t.Helper()
	dir = t.TempDir()
	var text bytes.Buffer
	if _, err := loggen.New(1, "bench", epoch, time.Second).Write(&text, textRows); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if strings.Contains(strings.ToLower(line), "failed") {
			failed++
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var events bytes.Buffer
	for i := range jsonRows {
		fmt.Fprintf(&events, "{\"EventID\":%d,\"host\":\"other\",\"user\":{\"name\":\"u%d\"}}\n", 10+i%3, i%50)
	}
	events.WriteString("no object\n")
	for name, data := range map[string][]byte{"auth.log.gz": packed.Bytes(), "windows.json": events.Bytes(), "README.md": []byte("text\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, failed
}

func testOptions(t *testing.T, corpus string) options {
	t.Helper()
	return options{
		corpus: corpus, bin: bin.Journalist, dir: t.TempDir(), out: filepath.Join(t.TempDir(), "report.json"),
		made: 2000, conns: 2, runs: 2, probes: 2, settle: 300 * time.Millisecond, groups: true, alone: true,
		stdout: io.Discard, progress: io.Discard,
	}
}

func runBench(t *testing.T, o options) *report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := bench(ctx, o); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(o.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind in the working folder: %v %v", left, err)
	}
	text, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// The whole run on a tiny corpus: files, bodies, server, questions, report.
func TestBench(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir, failed := writeCorpus(t)
	o := testOptions(t, dir)
	var printed bytes.Buffer
	o.stdout = &printed
	r := runBench(t, o)

	j := r.Journalist
	if j.All.Rows != textRows+jsonRows || j.Sets["auth"].Rows != textRows || j.Sets["otrf"].Rows != jsonRows {
		t.Errorf("rows: %+v", j.Sets)
	}
	want := map[string]string{
		"count_all":     fmt.Sprintf(`{"n":%d}`, textRows+jsonRows),
		"word_common":   fmt.Sprintf(`{"n":%d}`, failed),
		"needle_absent": `{"n":0}`,
		"json_field_eq": fmt.Sprintf(`{"n":%d}`, jsonRows/3),
		"by_app":        fmt.Sprintf(`{"app":"auth","n":%d} {"app":"otrf","n":%d}`, textRows, jsonRows),
	}
	for name, answer := range want {
		if q := j.Questions[name]; q == nil || q.Answer != answer {
			t.Errorf("%s: %+v, want %s", name, q, answer)
		}
	}
	if _, ok := j.Questions["uniq_hi"]; ok {
		t.Error("uniq_hi was asked without the set that it needs")
	}
	for name, f := range map[string]sizeFigures{"text": j.Groups["text"], "json": j.Groups["json"], "auth": j.Alone["auth"], "otrf": j.Alone["otrf"]} {
		if f.DiskStopped <= 0 || f.Rows == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	want = map[string]string{
		"uniq_millions": `{"n":2000}`,
	}
	for _, q := range furtherQuestions {
		x := j.Questions[q.name]
		if x == nil || x.Error != "" || x.Answer == "" {
			t.Errorf("%s: %+v", q.name, x)
		} else if answer := want[q.name]; answer != "" && x.Answer != answer {
			t.Errorf("%s: %s, want %s", q.name, x.Answer, answer)
		}
	}
	if j.Further == nil || j.Further.Rows != textRows+jsonRows+2000 || j.Further.RSS <= 0 {
		t.Errorf("further: %+v", j.Further)
	}
	if j.Readable.Probes != 2 || j.Readable.Worst <= 0 || j.All.RSS <= 0 || j.All.DiskStopped <= 0 {
		t.Errorf("figures: %+v %+v", j.Readable, j.All)
	}
	for _, part := range []string{"word_common", "only auth", "peak RSS, load and questions", "readable after the ack"} {
		if !strings.Contains(printed.String(), part) {
			t.Errorf("the tables do not show %q:\n%s", part, printed.String())
		}
	}
}

// Growth loads copies behind each other: every count grows with them.
func TestGrowth(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir, failed := writeCorpus(t)
	o := testOptions(t, dir)
	o.growth, o.steps = true, []int{1, 3}
	r := runBench(t, o)
	if len(r.Growth) != 2 {
		t.Fatalf("%d steps", len(r.Growth))
	}
	for _, g := range r.Growth {
		if want := int64(g.Copies) * (textRows + jsonRows); g.Load.Rows != want || g.DiskStopped <= 0 || g.Questions["count_all"].Answer != fmt.Sprintf(`{"n":%d}`, want) {
			t.Errorf("%d copies: %d rows, counted %s", g.Copies, g.Load.Rows, g.Questions["count_all"].Answer)
		}
		if got, want := g.Questions["word_common"].Answer, fmt.Sprintf(`{"n":%d}`, g.Copies*failed); got != want {
			t.Errorf("%d copies: %s, want %s", g.Copies, got, want)
		}
	}
	// Shifted copies do not lie over each other: each has hours of its own.
	if a, b := r.Growth[0].Questions["by_minute"].Answer, r.Growth[1].Questions["by_minute"].Answer; strings.Count(b, `"n"`) != 3*strings.Count(a, `"n"`) {
		t.Errorf("hours of 1 copy: %s, of 3: %s", a, b)
	}
}

// A store that answers something else than the rival fails the run.
func TestVerdict(t *testing.T) {
	answer := func(n float64) *questionReport {
		return &questionReport{Best: 10, answer: rows{{"n": n}}}
	}
	made := func(ours, rival float64) *report {
		return &report{
			Journalist: &storeReport{All: allFigures{loadFigures: loadFigures{Rows: 5, CPU: 1, Disk: 50}, RSS: 1}, Questions: map[string]*questionReport{"count_all": answer(5), "word_common": answer(ours)}},
			Rival:      &storeReport{All: allFigures{loadFigures: loadFigures{Rows: 5, CPU: 2, Disk: 100}}, Questions: map[string]*questionReport{"count_all": answer(5), "word_common": answer(rival)}},
		}
	}
	r := made(3, 3)
	r.compare()
	if err := r.verdict(false); err != nil {
		t.Error(err)
	}
	if err := r.verdict(true); err == nil || !strings.Contains(err.Error(), "questions, geometric mean") {
		t.Errorf("strict: %v, the mean is 1 and must be 0.4", err)
	}
	r = made(3, 4)
	r.compare()
	if err := r.verdict(false); err == nil || !strings.Contains(err.Error(), "word_common") {
		t.Errorf("a wrong answer gave %v", err)
	}
	r = made(3, 3)
	r.Journalist.Questions["count_all"] = answer(4)
	r.compare()
	if err := r.verdict(false); err == nil || !strings.Contains(err.Error(), "5 were sent") {
		t.Errorf("a lost row gave %v", err)
	}
	// What the rival lost is no mistake of ours.
	r = made(3, 2)
	r.Rival.Questions["count_all"] = answer(4)
	r.compare()
	if err := r.verdict(false); err != nil || len(r.Notes) != 1 {
		t.Errorf("the rival lost a row: %v, notes %q", err, r.Notes)
	}
}
