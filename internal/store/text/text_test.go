package text

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/testkit/loggen"
)

func vector(ss ...string) texts.Vector {
	var v texts.Vector
	v.Reset()
	for _, s := range ss {
		v.Add([]byte(s))
	}
	return v
}

// repeat makes n texts of f.
func repeat(n int, f func(i int) string) texts.Vector {
	var v texts.Vector
	v.Reset()
	for i := range n {
		v.Add([]byte(f(i)))
	}
	return v
}

// logLines are lines as servers write them.
func logLines(seed uint64, n int) texts.Vector {
	g := loggen.New(seed, "t", time.Unix(1_700_000_000, 0), 40*time.Millisecond)
	var v texts.Vector
	v.Reset()
	for range n {
		for line := range bytes.Lines(g.AppendLine(nil)) {
			v.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	return v
}

// samples are vectors of every sort, as the seed says.
func samples(seed uint64) map[string]texts.Vector {
	r := rand.New(rand.NewPCG(seed, 1))
	words := strings.Fields("accepted closed root admin sshd kernel port from to user GET POST error héllo 日本語 x")
	word := func() string { return words[r.IntN(len(words))] }
	n := 1 + r.IntN(900)
	return map[string]texts.Vector{
		"none":      vector(),
		"one":       vector("a b 1"),
		"empty":     repeat(n, func(int) string { return "" }),
		"const":     repeat(n, func(int) string { return "the same 17" }),
		"long":      repeat(3, func(int) string { return strings.Repeat("long ", 400) }),
		"ints":      repeat(n, func(i int) string { return fmt.Sprint(i*i - r.IntN(3)) }),
		"times":     repeat(n, func(i int) string { return time.Unix(int64(1e9+i*7), 0).UTC().Format(time.RFC3339) }),
		"few":       repeat(n, func(int) string { return word() }),
		"lines":     logLines(seed, n/2+1),
		"sentences": repeat(n, func(i int) string { return fmt.Sprintf("%s from 10.%d.3.4 port %d: %s", word(), r.IntN(3), i, word()) }),
		"copies":    repeat(n, func(i int) string { return fmt.Sprintf("begin job %d of job %d at job %d", i, i, i) }),
		"names":     repeat(n, func(i int) string { return fmt.Sprintf("host-%d.rack%d.example.com", i, r.IntN(9)) }),
		"messages":  repeat(n, func(i int) string { return fmt.Sprintf("user %s closed connection %d", word(), i/3) }),
		"bytes": repeat(n, func(int) string {
			b := make([]byte, r.IntN(12))
			for i := range b {
				b[i] = "\x00\x01\x02\x030 aZ.\n\xff\x80"[r.IntN(12)]
			}
			return string(b)
		}),
		"pieces":  repeat(n, func(i int) string { return fmt.Sprintf("\x00a \x01 \x02b %d \x00\x02", i) }),
		"zeros":   repeat(n, func(i int) string { return fmt.Sprintf("%c\x00%c", 'a'+r.IntN(26), rune(r.IntN(0x3000))) }),
		"unique":  repeat(n, func(int) string { return fmt.Sprintf("%x%x", r.Uint64(), r.Uint64())[:10+r.IntN(9)] }),
		"offset":  logLines(seed, 40).Slice(7, 31),
		"newline": repeat(n, func(i int) string { return fmt.Sprintf("at %s\n\tcause %d\n", word(), i) }),
	}
}

func equal(t *testing.T, got, want texts.Vector) {
	t.Helper()
	if got.Len() != want.Len() {
		t.Fatalf("%d texts, want %d", got.Len(), want.Len())
	}
	for i := range want.Len() {
		if !bytes.Equal(got.At(i), want.At(i)) {
			t.Fatalf("text %d is %q, want %q", i, got.At(i), want.At(i))
		}
	}
}

// encoded encodes v in a group of its own and opens it.
func encoded(t testing.TB, v texts.Vector, o Options) (*Node, stream.Source) {
	t.Helper()
	m := stream.NewMemory()
	id := Encode(m.Writer, v, o)
	src, _ := m.Source()
	n, err := Open(src, id, v.Len())
	if err != nil {
		t.Fatal(err)
	}
	return n, src
}

// Every vector comes back, whole and in parts, and lies within its bounds.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(25) {
		for name, v := range samples(seed) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				n, src := encoded(t, v, Options{})
				all, err := n.Texts(src)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, all, v)
				checkBounds(t, n, v)
				r := rand.New(rand.NewPCG(seed, 2))
				for _, share := range []int{1, 2, 10, 200} {
					checkTake(t, n, src, v, r, share)
				}
				n.Walk(func(_ int, n *Node) { checkNode(t, n, src) })
			})
		}
	}
}

// checkBounds demands that no value lies outside of what the node says.
func checkBounds(t *testing.T, n *Node, v texts.Vector) {
	t.Helper()
	for i := range v.Len() {
		b := v.At(i)
		if len(b) < n.MinLen() || len(b) > n.MaxLen() || match.CharsOf(b)&^n.Chars() != 0 {
			t.Fatalf("%s node: %q is not within %d to %d bytes of classes %b", n.Kind(), b, n.MinLen(), n.MaxLen(), n.Chars())
		}
	}
}

// checkTake takes about every share-th row.
func checkTake(t *testing.T, n *Node, src stream.Source, v texts.Vector, r *rand.Rand, share int) {
	t.Helper()
	var rows []uint32
	want := vector()
	for i := range v.Len() {
		if r.IntN(share) == 0 {
			rows = append(rows, uint32(i))
			want.Add(v.At(i))
		}
	}
	got, err := n.Take(src, rows)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
}

// checkNode compares what a node's parts say with its values.
func checkNode(t *testing.T, n *Node, src stream.Source) {
	t.Helper()
	v, err := n.Texts(src)
	if err != nil {
		t.Fatal(err)
	}
	checkBounds(t, n, v)
	switch n.Kind() {
	case Const:
		if v.Len() > 0 && !bytes.Equal(v.At(0), n.Text()) {
			t.Fatalf("constant %q is %q", n.Text(), v.At(0))
		}
	case Dict:
		entries, err := n.Entries().Texts(src)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := n.Codes(src, nil)
		if err != nil || len(codes) != n.Len() {
			t.Fatalf("%d codes, error %v", len(codes), err)
		}
		for i, c := range codes {
			if !bytes.Equal(entries.At(int(c)), v.At(i)) {
				t.Fatalf("entry %d is %q, want %q", c, entries.At(int(c)), v.At(i))
			}
		}
	case Template:
		checkTemplates(t, n, src, v)
	}
}

// checkTemplates puts the texts together the simple way.
func checkTemplates(t *testing.T, n *Node, src stream.Source, want texts.Vector) {
	t.Helper()
	ids, err := n.IDs(src, nil)
	if err != nil || len(ids) != n.Len() {
		t.Fatalf("%d templates of rows, error %v", len(ids), err)
	}
	columns := make([]texts.Vector, len(n.Columns()))
	for i, c := range n.Columns() {
		if columns[i], err = c.Texts(src); err != nil {
			t.Fatal(err)
		}
	}
	static, ends := n.Static()
	from := uint32(0)
	for i, form := range n.Templates() {
		joined := append(bytes.Join(form.Pieces, []byte{0}), 0)
		if !bytes.Equal(static[from:ends[i]], joined) {
			t.Fatalf("static text %q, want %q", static[from:ends[i]], joined)
		}
		from = ends[i]
	}
	next := make([]int, len(columns))
	for i, id := range ids {
		form := n.Templates()[id]
		text := slices.Clone(form.Pieces[0])
		var values [][]byte
		for k, s := range form.Slots {
			if s.Copy >= 0 {
				values = append(values, values[s.Copy])
			} else {
				values = append(values, columns[s.Column].At(next[s.Column]))
				next[s.Column]++
			}
			text = append(append(text, values[k]...), form.Pieces[k+1]...)
		}
		if !bytes.Equal(text, want.At(i)) {
			t.Fatalf("text %d of templates is %q, want %q", i, text, want.At(i))
		}
	}
	for i, c := range columns {
		if next[i] != c.Len() {
			t.Fatalf("column %d has %d values, %d are used", i, c.Len(), next[i])
		}
	}
}

// Each word of each text is in a value that Variable got or, whole, in the static
// text of the templates of the root or of its dictionary's entries.
func TestVariableGetsWhatNoTemplateSays(t *testing.T) {
	for seed := range uint64(10) {
		for name, v := range samples(seed) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				known := map[string]bool{}
				note := func(word []byte) { known[string(word)] = true }
				n, _ := encoded(t, v, Options{Variable: func(v texts.Vector) {
					for i := range v.Len() {
						match.EachWord(v.At(i), note)
					}
				}})
				if n.Kind() == Dict {
					n = n.Entries()
				}
				if n.Kind() == Template {
					static, _ := n.Static()
					match.EachWord(static, note)
				}
				for i := range v.Len() {
					match.EachWord(v.At(i), func(word []byte) {
						if !known[string(word)] {
							t.Fatalf("word %q of %q was not given", word, v.At(i))
						}
					})
				}
			})
		}
	}
}

// The same texts give the same bytes.
func TestEncodeIsDeterministic(t *testing.T) {
	v := logLines(3, 3000)
	sum := func() []byte {
		var all []byte
		w := stream.NewWriter(func(block []byte) stream.Ref {
			all = append(all, block...)
			return stream.Ref{Len: uint32(len(block)), Sum: stream.Checksum(block)}
		})
		Encode(w, v, Options{})
		return w.Finish(all)
	}
	if !bytes.Equal(sum(), sum()) {
		t.Error("two encodings of the same texts differ")
	}
}

func TestTakeRefusesRowsThatAreNone(t *testing.T) {
	n, src := encoded(t, vector("a", "b", "c"), Options{})
	for _, rows := range [][]uint32{{3}, {1, 1}, {2, 0}} {
		if _, err := n.Take(src, rows); err == nil {
			t.Errorf("rows %v were taken", rows)
		}
	}
}

// Which kind is chosen for what.
func TestKinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name string
		kind Kind
		f    func(i int) string
	}{
		{"constant", Const, func(int) string { return "same" }},
		{"numbers", Typed, func(int) string { return fmt.Sprint(r.IntN(1e6)) }},
		{"levels", Dict, func(int) string { return []string{"info", "warn", "error"}[r.IntN(3)] }},
		{"messages", Template, func(i int) string { return fmt.Sprintf("accepted connection %d from port %d", i, r.IntN(1e5)) }},
		{"noise", Plain, func(int) string {
			b := make([]byte, 9)
			for i := range b {
				b[i] = byte('g' + r.IntN(20))
			}
			return string(b)
		}},
	} {
		if n, _ := encoded(t, repeat(1000, c.f), Options{}); n.Kind() != c.kind {
			t.Errorf("%s: %s, want %s", c.name, n.Kind(), c.kind)
		}
	}
}

func TestDescribe(t *testing.T) {
	v := repeat(500, func(i int) string {
		return fmt.Sprintf("%s accepted connection %d from port %d", []string{"info", "warn1", "error"}[i%3], i, i*7919%65536)
	})
	n, src := encoded(t, v, Options{})
	s, err := n.Describe(src)
	if err != nil {
		t.Fatal(err)
	}
	if s.Values != 500 || s.Templates != len(n.Templates()) || s.Kinds[Template].Nodes != 1 {
		t.Errorf("summary %+v", s)
	}
	if k := s.Kinds[Typed]; k.Nodes == 0 || k.Values < 500 || k.Bytes == 0 {
		t.Errorf("typed nodes %+v", k)
	}
	nodes := 0
	n.Walk(func(int, *Node) { nodes++ })
	for _, k := range s.Kinds {
		nodes -= k.Nodes
	}
	if nodes != 0 {
		t.Errorf("%d nodes are of no kind", nodes)
	}
}
