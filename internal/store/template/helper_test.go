package template

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/store/texts"
)

// vector makes texts of lines.
func vector(lines ...string) texts.Vector {
	var v texts.Vector
	v.Reset()
	for _, l := range lines {
		v.Add([]byte(l))
	}
	return v
}

// vectors reads the lines of a file as vectors of at most n lines.
func vectors(tb testing.TB, path string, n int) []texts.Vector {
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var out []texts.Vector
	var v texts.Vector
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		v.Add(line)
		if data = rest; v.Len() == n || len(data) == 0 {
			out = append(out, v)
			v = texts.Vector{}
		}
	}
	return out
}

// corpus returns the log files in the folder that JOURNALIST_CORPUS names, if any.
func corpus(tb testing.TB) []string {
	dir := os.Getenv("JOURNALIST_CORPUS")
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no files in %s: %v", dir, err)
	}
	return files
}

// show writes a template with its slots as {column} or {=copy}.
func show(t Template) string {
	var b strings.Builder
	for k, p := range t.Pieces {
		b.Write(p)
		if k < len(t.Slots) {
			if s := t.Slots[k]; s.Copy >= 0 {
				fmt.Fprintf(&b, "{=%d}", s.Copy)
			} else {
				fmt.Fprintf(&b, "{%d}", s.Column)
			}
		}
	}
	return b.String()
}

// check holds a Set to all it promises.
func check(tb testing.TB, v texts.Vector, o Options, s *Set) {
	tb.Helper()
	o = o.withDefaults()
	if s == nil {
		tb.Fatal("no templates")
		return
	}
	if len(s.IDs) != v.Len() {
		tb.Fatalf("%d ids of %d texts", len(s.IDs), v.Len())
	}
	if len(s.Templates) > o.MaxTemplates {
		tb.Fatalf("%d templates", len(s.Templates))
	}
	rows := make([]int, len(s.Templates))
	for _, id := range s.IDs {
		rows[id]++
	}
	values := make([]int, len(s.Columns))
	for i, t := range s.Templates {
		if rows[i] != t.Rows || t.Rows == 0 {
			tb.Fatalf("template %d: %d rows, says %d", i, rows[i], t.Rows)
		}
		if i > 0 && t.Rows > s.Templates[i-1].Rows {
			tb.Fatalf("template %d has more rows than the one before", i)
		}
		if len(t.Pieces) != len(t.Slots)+1 || len(t.Slots) > maxSlots {
			tb.Fatalf("template %d: %d pieces, %d slots", i, len(t.Pieces), len(t.Slots))
		}
		for k, slot := range t.Slots {
			switch {
			case slot.Copy < 0:
				values[slot.Column] += t.Rows
			case slot.Copy >= k || t.Slots[slot.Copy].Copy >= 0:
				tb.Fatalf("template %d: slot %d is a copy of %d", i, k, slot.Copy)
			}
		}
	}
	for i, c := range s.Columns {
		if c.Len() != values[i] || c.Len() == 0 {
			tb.Fatalf("column %d: %d values, want %d", i, c.Len(), values[i])
		}
	}
	got := s.Texts()
	if got.Len() != v.Len() {
		tb.Fatalf("%d texts of %d", got.Len(), v.Len())
	}
	for i := range v.Len() {
		if !bytes.Equal(got.At(i), v.At(i)) {
			tb.Fatalf("text %d of %s is\n%q, want\n%q", i, show(s.Templates[s.IDs[i]]), got.At(i), v.At(i))
		}
	}
	checkEdges(tb, s, o)
}

// checkEdges demands that no slot begins or ends between two bytes of a token, and
// that no digit is static.
func checkEdges(tb testing.TB, s *Set, o Options) {
	tb.Helper()
	token := tokens
	if o.Punct {
		token = words
	}
	next := make([]int, len(s.Columns))
	for _, id := range s.IDs {
		t := &s.Templates[id]
		parts := [][]byte{t.Pieces[0]}
		for k, slot := range t.Slots {
			var value []byte
			if slot.Copy >= 0 {
				value = parts[2*slot.Copy+1]
			} else {
				value = s.Columns[slot.Column].At(next[slot.Column])
				next[slot.Column]++
			}
			parts = append(parts, value, t.Pieces[k+1])
		}
		last := byte(' ')
		for k, p := range parts {
			if k%2 == 0 && bytes.ContainsAny(p, "0123456789") {
				tb.Fatalf("%s: a static digit", show(*t))
			}
			if len(p) == 0 {
				continue
			}
			if token[last] && token[p[0]] {
				tb.Fatalf("%s: an edge within a token: %q", show(*t), parts)
			}
			last = p[len(p)-1]
		}
	}
}
