package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/store"
	"journalist/internal/testkit/memsource"
	"journalist/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the answers that came into docs/coming-from.md")

const comingFrom = "../../docs/coming-from.md"

// TestComingFrom asks every query of docs/coming-from.md of the page's sample, by
// way of the API, and compares with what the page says is the answer.
func TestComingFrom(t *testing.T) {
	text, err := os.ReadFile(comingFrom)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	sample, _, ok := strings.Cut(rest, "\n```")
	if !ok {
		t.Fatal("the page has no sample")
	}
	batch := &record.Batch{Dataset: "logs"}
	for line := range strings.SplitSeq(sample, "\n") {
		if err := batch.AppendJSON([]byte(line), 0); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	for name, source := range map[string]func(t *testing.T) exec.Source{
		"memory": func(*testing.T) exec.Source {
			s := &memsource.Source{}
			s.Add(batch)
			return s
		},
		"store": func(t *testing.T) exec.Source { return storeOf(t, batch) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) {
				o.Clock = func() time.Time { return time.Date(2026, 3, 18, 13, 0, 0, 0, time.UTC) }
				o.Querier = exec.New(exec.Options{Source: source(t), Clock: o.Clock})
			})
			got := w.answerTables(string(text))
			if *rewrite && got != string(text) {
				if err := os.WriteFile(comingFrom, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// storeOf is a store on disk that holds a batch, in a part.
func storeOf(t *testing.T, batches ...*record.Batch) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{FS: vfs.OS, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, b := range batches {
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// cell ends at a bar that is not escaped.
var cell = regexp.MustCompile(`(?:[^|\\]|\\.)*\|`)

// answerTables asks the queries of the tables and returns the page with the answers
// that came. Of each table it wants a dozen.
func (w *world) answerTables(page string) string {
	lines := strings.SplitAfter(page, "\n")
	section, asked := "", map[string]int{}
	for i, line := range lines {
		if strings.HasPrefix(line, "## ") {
			section = strings.TrimSpace(line[3:])
			asked[section] = 0
		}
		if !strings.HasPrefix(line, "| ") || i > 0 && !strings.HasPrefix(lines[i-1], "|") {
			continue
		}
		cells := cell.FindAllString(strings.TrimSpace(line)[1:], -1)
		query := strings.TrimSpace(strings.TrimSuffix(cells[len(cells)-2], "|"))
		query = strings.ReplaceAll(strings.Trim(query, "`"), `\|`, "|")
		want := strings.TrimSpace(strings.TrimSuffix(cells[len(cells)-1], "|"))
		got := w.short(query)
		if got != want && !*rewrite {
			w.t.Errorf("%s: %s\nanswer %s\nwant   %s", section, query, got, want)
		}
		asked[section]++
		cells[len(cells)-1] = " " + got + " |"
		lines[i] = "|" + strings.Join(cells, "") + "\n"
	}
	for section, n := range asked {
		if n < 12 {
			w.t.Errorf("%s: %d queries", section, n)
		}
	}
	if len(asked) != 4 {
		w.t.Errorf("sections %v", asked)
	}
	return strings.Join(lines, "")
}

// short is the answer to a query as the page has it: the n of whole records, else the
// values of each row.
func (w *world) short(query string) string {
	body, err := json.Marshal(map[string]string{"query": query, "from": "2026-03-18"})
	if err != nil {
		w.t.Fatal(err)
	}
	got := w.query(string(body))
	if got.Code != 200 {
		w.t.Errorf("%s: %s", query, got.Body)
		return "error"
	}
	rows, trailer := split(w.t, got.Body.String())
	var stats struct{ Partial, Notes []string }
	if err := json.Unmarshal(trailer["stats"], &stats); err != nil || len(stats.Partial)+len(stats.Notes) > 0 {
		w.t.Errorf("%s: %v %s", query, err, trailer)
	}
	var found, values []string
	for _, r := range rows {
		names, row := members(w.t, r)
		if row["n"] != nil && row["@timestamp"] != nil {
			found = append(found, fmt.Sprint(row["n"]))
			continue
		}
		var list []string
		for _, name := range names {
			list = append(list, shortValue(row[name]))
		}
		values = append(values, strings.Join(list, " "))
	}
	switch {
	case len(found) == 1:
		return "line " + found[0]
	case len(found) > 0:
		return "lines " + strings.Join(found, ", ")
	case len(values) == 0:
		return "nothing"
	}
	answer := strings.Join(values, "; ")
	if strings.Contains(answer, "<") {
		answer = "`" + answer + "`" // else Markdown takes it for a tag
	}
	return answer
}

func shortValue(v any) string {
	if v == nil {
		return "–"
	}
	s := fmt.Sprint(v)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Format("15:04")
	}
	return s
}

// members reads a JSON object and the order of its names.
func members(t *testing.T, text string) (names []string, row map[string]any) {
	t.Helper()
	row = map[string]any{}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		row[name.(string)] = v
	}
	return names, row
}
