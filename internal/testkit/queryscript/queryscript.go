// Package queryscript runs test scripts that load records, ask queries and show
// the expected answers, against any source: the one in memory or a real store. Only
// tests import it; internal/query/exec/testdata has the scripts.
//
// A script is a list of blocks with empty lines between them. The first line of a
// block says what it is; what is behind ---- is the expected answer, and running
// the test with -rewrite writes the answers that came.
//
//	load [dataset=nginx]     JSON records, one a line
//	now TIME                 the clock, for all that follows
//	query [from=T to=T limit=N zone=Z unordered]
//	error                    the query's error
//	notes [as query]         the notes of the query's statistics
//	histogram [buckets=N by=FIELD from=T to=T zone=Z]
//	fields [sample=N top=N]
//
// Lines that begin with # are comments. An answer has one JSON object a row, with
// dotted names; whole rows begin with their time and dataset.
package queryscript

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

var rewrite = flag.Bool("rewrite", false, "write the answers that came into the query scripts")

// Run runs the scripts *.txt in a directory, each as a subtest. newSource makes a
// source that holds the batches, in this order of arrival.
func Run(t *testing.T, dir string, newSource func(t *testing.T, batches []*record.Batch) exec.Source) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, newSource: newSource, now: time.Date(2026, 3, 18, 15, 0, 0, 0, time.UTC)}
			out := s.run(string(text))
			if *rewrite && out != string(text) {
				if err := os.WriteFile(f, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

type script struct {
	t         *testing.T
	newSource func(*testing.T, []*record.Batch) exec.Source
	now       time.Time
	batches   []*record.Batch
	source    exec.Source
}

// run runs the blocks and returns the script with the answers that came.
func (s *script) run(text string) string {
	blocks := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, b := range blocks {
		var lines []string
		for l := range strings.SplitSeq(b, "\n") {
			if !strings.HasPrefix(l, "#") && l != "" {
				lines = append(lines, l)
			}
		}
		if len(lines) == 0 {
			continue
		}
		input, want, expects := strings.Cut(strings.Join(lines, "\n")+"\n", "----\n")
		got := s.block(input)
		if !expects {
			continue
		}
		if got != want && !*rewrite {
			s.t.Errorf("%s\ngot:\n%swant:\n%s", input, got, want)
		}
		before, _, _ := strings.Cut(b, "----")
		blocks[i] = strings.TrimSuffix(before+"----\n"+got, "\n")
	}
	return strings.Join(blocks, "\n\n") + "\n"
}

// block runs one block and returns its answer.
func (s *script) block(input string) string {
	head, body, _ := strings.Cut(input, "\n")
	words := strings.Fields(head)
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	body = strings.TrimSuffix(body, "\n")
	switch words[0] {
	case "load":
		s.load(args["dataset"], body)
		return ""
	case "now":
		now, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = now
		return ""
	case "query", "error":
		return s.query(words[0] == "error", body, args)
	case "notes":
		return s.notes(body, args)
	case "histogram":
		return s.histogram(body, args)
	case "fields":
		return s.fields(body, args)
	}
	s.t.Fatalf("there is no command %q", words[0])
	return ""
}

func (s *script) load(dataset, body string) {
	b := &record.Batch{Dataset: dataset}
	for l := range strings.SplitSeq(body, "\n") {
		if err := b.AppendJSON([]byte(l), s.now.UnixNano()); err != nil {
			s.t.Fatalf("%s: %v", l, err)
		}
	}
	s.batches, s.source = append(s.batches, b), nil
}

func (s *script) engine() *exec.Engine {
	if s.source == nil {
		s.source = s.newSource(s.t, s.batches)
	}
	return exec.New(exec.Options{Source: s.source, Parallel: 4, Clock: func() time.Time { return s.now }})
}

func (s *script) request(text string, args map[string]string) (lang.Request, error) {
	q, err := lang.Parse(text)
	if err != nil {
		return lang.Request{}, err
	}
	req := lang.Request{Query: q, Zone: time.UTC, Limit: s.number(args, "limit")}
	if z := args["zone"]; z != "" {
		if req.Zone, err = time.LoadLocation(z); err != nil {
			s.t.Fatal(err)
		}
	}
	for name, to := range map[string]*int64{"from": &req.From, "to": &req.To} {
		if args[name] == "" {
			continue
		}
		at, err := lang.ParseTime(args[name], s.now.In(req.Zone))
		if err != nil {
			s.t.Fatal(err)
		}
		*to = at.UnixNano()
	}
	return req, nil
}

func (s *script) number(args map[string]string, name string) int {
	if args[name] == "" {
		return 0
	}
	n, err := strconv.Atoi(args[name])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) query(wantError bool, text string, args map[string]string) string {
	req, err := s.request(text, args)
	var lines []string
	if err == nil {
		_, err = s.engine().Run(context.Background(), req, func(b *scan.Block) error {
			for i := range b.Len() {
				lines = append(lines, row(b, i))
			}
			return nil
		})
	}
	if wantError {
		if err == nil {
			return "no error\n"
		}
		return err.Error() + "\n"
	}
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	if _, ok := args["unordered"]; ok {
		slices.Sort(lines)
	}
	return joinLines(lines)
}

func (s *script) notes(text string, args map[string]string) string {
	req, err := s.request(text, args)
	if err != nil {
		return err.Error() + "\n"
	}
	st, err := s.engine().Run(context.Background(), req, func(*scan.Block) error { return nil })
	if err != nil {
		return err.Error() + "\n"
	}
	return joinLines(append(st.Notes, st.Partial...))
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *script) histogram(text string, args map[string]string) string {
	req, err := s.request(text, args)
	if err != nil {
		return err.Error() + "\n"
	}
	buckets, span, _, err := s.engine().Histogram(context.Background(), req, s.number(args, "buckets"), args["by"])
	if err != nil {
		return err.Error() + "\n"
	}
	lines := []string{"span " + lang.FormatSpan(span)}
	for _, b := range buckets {
		l := fmt.Sprintf("%s %d", time.Unix(0, b.Start).In(req.Zone).Format(time.RFC3339Nano), b.Count)
		for _, n := range slices.Sorted(maps.Keys(b.By)) {
			l += fmt.Sprintf(" %s=%d", n, b.By[n])
		}
		lines = append(lines, l)
	}
	return joinLines(lines)
}

func (s *script) fields(text string, args map[string]string) string {
	req, err := s.request(text, args)
	if err != nil {
		return err.Error() + "\n"
	}
	list, sampled, _, err := s.engine().Fields(context.Background(), req, s.number(args, "sample"), s.number(args, "top"))
	if err != nil {
		return err.Error() + "\n"
	}
	lines := []string{fmt.Sprintf("sampled %d", sampled)}
	for _, f := range list {
		l := fmt.Sprintf("%s %s count=%d distinct=%d", f.Name, f.Kind, f.Count, f.Distinct)
		for _, v := range f.Top {
			l += fmt.Sprintf(" %q=%d", v.Value, v.Count)
		}
		lines = append(lines, l)
	}
	return joinLines(lines)
}

// row writes row i of an answer as JSON with dotted names.
func row(b *scan.Block, i int) string {
	out := []byte{'{'}
	add := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = record.AppendJSONString(out, name)
		out = append(append(out, ':'), value...)
	}
	text := func(t int64) []byte {
		return record.AppendJSONString(nil, time.Unix(0, t).UTC().Format(time.RFC3339Nano))
	}
	if b.Times == nil {
		for j := range b.Columns {
			c := &b.Columns[j]
			v := c.Value(i)
			switch {
			case v.Kind == record.Missing:
			case c.Time && v.Kind == record.Int:
				add(c.Name, text(v.Int))
			default:
				add(c.Name, v.AppendJSON(nil))
			}
		}
		return string(append(out, '}'))
	}
	add(record.FieldTime, text(b.Times[i]))
	add(record.FieldDataset, record.AppendJSONString(nil, b.Dataset))
	for _, n := range b.Shapes[b.ShapeOf[i]] {
		for j := range b.Columns {
			if b.Columns[j].Name == n.Dotted {
				add(n.Dotted, b.Columns[j].Value(i).AppendJSON(nil))
				break
			}
		}
	}
	return string(append(out, '}'))
}
