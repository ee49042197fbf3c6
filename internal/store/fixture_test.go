package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/filter"
	"journalist/internal/store/part"
	nodes "journalist/internal/store/text"
	"journalist/internal/store/typed"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
)

// Fixtures are data directories that some version of the program wrote:
// testdata/NAME/store, and in testdata/NAME/answers what it answered. This program
// must open them, answer the same and go on with them. A fixture is never changed;
// when the format changes, the new one gets its own:
//
//	JOURNALIST_FIXTURE=v3 go test -run TestFixtures ./internal/store
const fixtures = "testdata"

// fixtureFields are fields whose columns cover all forms.
var fixtureFields = []struct {
	name string
	make func(m *maker) (v record.Value, ok bool)
}{
	{"constant", func(*maker) (record.Value, bool) { return text("always the same"), true }},
	{"dictionary", func(m *maker) (record.Value, bool) { return text(m.pick("info", "warn", "error")), true }},
	{"few", func(m *maker) (record.Value, bool) { return record.IntValue(int64(200 + 100*m.rng.IntN(4))), true }},
	{"ascending", func(m *maker) (record.Value, bool) { return record.IntValue(int64(m.next) * 97), true }},
	{"random", func(m *maker) (record.Value, bool) { return record.IntValue(m.rng.Int64()), true }},
	{"third", func(m *maker) (record.Value, bool) { return text(fmt.Sprint("t", m.rng.IntN(999))), m.next%3 == 0 }},
	{"seldom", func(m *maker) (record.Value, bool) { return record.IntValue(int64(m.next)), m.next%40 == 0 }},
	{"mixed", func(m *maker) (record.Value, bool) { return m.value(), m.next%2 == 0 }},
	{"array", func(m *maker) (record.Value, bool) {
		return record.Value{Kind: record.JSON, Bytes: []byte(m.array())}, true
	}},
	{"nested\x00inner", func(m *maker) (record.Value, bool) { return record.BoolValue(m.chance(2)), true }},
	{"number", func(m *maker) (record.Value, bool) {
		return record.NumberValue(fmt.Appendf(nil, "%.4f", m.rng.Float64())), true
	}},
	{"text.int", func(m *maker) (record.Value, bool) { return text(fmt.Sprint(m.rng.IntN(1e6) - 5e5)), true }},
	{"text.digits", func(m *maker) (record.Value, bool) { return text(fmt.Sprintf("%09d", m.rng.IntN(1e8))), true }},
	{"text.decimal", func(m *maker) (record.Value, bool) { return text(fmt.Sprintf("%.3fms", 1e3*m.rng.Float64())), true }},
	{"text.time", func(m *maker) (record.Value, bool) { return text(m.clock("2006-01-02T15:04:05.000Z")), true }},
	{"text.ipv4", func(m *maker) (record.Value, bool) { return text(m.ip()), true }},
	{"text.hex", func(m *maker) (record.Value, bool) { return text(fmt.Sprintf("0x%08x", m.rng.Uint32())), true }},
	{"text.hash", func(m *maker) (record.Value, bool) {
		return text(fmt.Sprintf("%016x%016x%016x%016x", m.rng.Uint64(), m.rng.Uint64(), m.rng.Uint64(), m.rng.Uint64())), true
	}},
	{"text.uuid", func(m *maker) (record.Value, bool) { return text(m.uuid()), true }},
	{"text.free", func(m *maker) (record.Value, bool) { return text(lineKinds[11](m)), true }},
	{"text.bytes", func(m *maker) (record.Value, bool) { return text(m.bytes(m.rng.IntN(24))), true }},
	{"text.entries", func(m *maker) (record.Value, bool) {
		return text(fmt.Sprintf("/srv/%s/%d/index.html", m.pick("shop", "pay"), m.rng.IntN(60))), true
	}},
	{"message", func(m *maker) (record.Value, bool) { return text(lineKinds[m.rng.IntN(5)](m)), true }},
}

// fixture makes a data directory that has everything a data directory may have, as
// a crash leaves it: parts of all forms, one that was merged, one with deleted rows,
// an overflow partition, positions, and rows that are in the log only.
func fixture(t testing.TB) *crashfs.FS {
	t.Helper()
	fsys := newFS()
	s := mustOpen(t, options(fsys))
	m := &maker{rng: rand.New(rand.NewPCG(20, 26)), now: start.UnixNano() - 30e9}
	sent := map[string]uint64{}
	add := func(dataset string, n int, at int64) {
		b := &record.Batch{Client: "web-01", Dataset: dataset}
		b.Position = record.Position{ID: record.SourceID{byte(len(dataset))}, From: sent[dataset], To: sent[dataset] + uint64(n), Resume: sent[dataset] == 0}
		b.AddCommon(b.NameID("host"), text("web-01"))
		for range n {
			m.next++
			m.now += m.rng.Int64N(3) * 1e6
			b.AddRow(m.now + at)
			b.SetStart(sent[dataset])
			sent[dataset]++
			for _, f := range fixtureFields {
				if v, ok := f.make(m); ok {
					b.Add(b.NameID(f.name), v)
				}
			}
			b.Add(b.NameID(fmt.Sprintf("rare%d", m.rng.IntN(90))), m.value())
			b.Add(b.NameID("n"), record.IntValue(int64(m.next)))
		}
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	for range mergeLeast {
		add("merged", 12, 0)
		flush()
	}
	add("Logs/Ünïcode", 300, 0)
	add("web", 100, 0)
	add("web", 3, -1<<61) // far in the past
	flush()
	waitFor(t, func() bool { return pickMergeNow(s) == 0 })
	add("web", 40, 0) // these stay in the log
	add("merged", 20, 0)
	// The power goes before the merger takes the bytes of deleted rows away.
	d := &deletion{store: s, req: deletionOf(fixtureDeletes()), searched: map[*livePart]*foundRows{}}
	d.x = &scanner{store: s, req: &d.req.Request, filter: filter.New(d.req.Request.Filter)}
	defer d.release()
	if err := d.search(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	if _, err := d.apply(); err != nil {
		t.Fatal(err)
	}
	return fsys.CrashClone(1)
}

func fixtureDeletes() scan.Expr {
	return scan.And{
		scan.Compare{Field: record.FieldDataset, Op: scan.Eq, Value: text("Logs/Ünïcode")},
		scan.Compare{Field: "dictionary", Op: scan.Eq, Value: text("error")},
	}
}

// fixtureQuestions are what fixtures are asked. More may be added: a fixture is then
// written anew with the program that is as old as its format.
func fixtureQuestions(t testing.TB) []scan.Expr {
	re := func(expr string) *match.Pattern {
		p, err := match.NewRegexp(expr, false)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	compare := func(f string, op scan.Op, v record.Value) scan.Expr {
		c := scan.Compare{Field: f, Op: op, Value: v}
		c.Number, c.IsNumber = v.Float()
		return c
	}
	out := []scan.Expr{
		nil,
		scan.Exists{Field: "seldom"},
		scan.Exists{Field: "rare7"},
		scan.Not{X: scan.Exists{Field: "mixed"}},
		compare("few", scan.Ge, record.IntValue(400)), compare("number", scan.Lt, record.NumberValue([]byte("0.25"))),
		compare("dictionary", scan.Ne, text("info")), compare("text.int", scan.Gt, record.IntValue(100000)),
		compare("nested.inner", scan.Eq, record.BoolValue(true)), compare("array", scan.Eq, text("error")),
		compare(record.FieldDataset, scan.Eq, text("web")), compare("constant", scan.Eq, text("nothing")),
		scan.Text{Pattern: match.NewWord("failed password")},
		scan.Text{Pattern: match.NewWord("größe geändert")},
		scan.Text{Pattern: match.NewPrefix("java.lang")},
		scan.Text{Pattern: match.NewSubstring("KATZ")},
		scan.Text{Field: "message", Pattern: re(`port 4\d+ ssh2$`)},
		scan.Text{Field: "message", Pattern: match.NewWildcard("*GET*/orders/*")},
		scan.Text{Field: "text.free", Pattern: match.NewWord("東京")},
		scan.Text{Field: "text.bytes", Pattern: match.NewSubstring("\x00")},
		scan.Text{Field: "text.entries", Pattern: match.NewWord("shop/17")},
		scan.Text{Field: "array", Pattern: match.NewWord("r\u00f6ot")},
	}
	for _, f := range fixtureFields {
		if strings.HasPrefix(f.name, "text.") {
			out = append(out, scan.Text{Field: f.name, Pattern: re(`[^1-8]2[5-9]`)}, scan.Text{Field: f.name, Pattern: match.NewPrefix("1")})
		}
	}
	return out
}

// answers asks a store the questions: for each the number of rows and a hash of them
// in their order, and numbers of rows by fields.
func answers(t testing.TB, s *Store) string {
	t.Helper()
	var out strings.Builder
	for _, q := range fixtureQuestions(t) {
		req := all()
		req.Filter = q
		h, n := uint64(0), 0
		for _, d := range []string{"Logs/Ünïcode", "merged", "web"} {
			req.Datasets = []string{d}
			rows, st := collect(t, s, req)
			if len(st.Partial) > 0 {
				t.Fatal(st.Partial)
			}
			for i := range rows {
				h = h*0x9e3779b97f4a7c15 + sum(&rows[i])
			}
			n += len(rows)
		}
		fmt.Fprintf(&out, "%s: %d rows, %016x\n", show(q), n, h)
	}
	for _, name := range []string{"constant", "dictionary", "few", "nested.inner", "rare7", record.FieldDataset} {
		a := &scan.Aggregation{Request: *all(), By: []scan.Key{{Field: name}}, Aggs: []scan.Agg{{Func: "count"}}}
		groups, st, ok, err := s.Aggregate(context.Background(), a)
		if err != nil || !ok || len(st.Partial) > 0 {
			t.Fatal(ok, err, st.Partial)
		}
		lines := make([]string, len(groups))
		for i, g := range groups {
			lines[i] = fmt.Sprintf("%s %s/%q: %d\n", name, g.Keys[0].Kind, g.Keys[0].AppendText(nil), g.Values[0].Int)
		}
		slices.Sort(lines)
		out.WriteString(strings.Join(lines, ""))
	}
	return out.String()
}

// export copies a folder of a file system in memory to the disk.
func export(t testing.TB, fsys *crashfs.FS, from, to string) {
	t.Helper()
	for _, name := range files(t, fsys, from) {
		data, err := vfs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			t.Fatal(err)
		}
		if rel == lockName {
			continue
		}
		name = filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// writeFixture writes a fixture into a folder.
func writeFixture(t testing.TB, dir string) {
	t.Helper()
	image := fixture(t)
	export(t, image, "/data", filepath.Join(dir, "store"))
	s := mustOpen(t, options(image))
	if err := os.WriteFile(filepath.Join(dir, "answers"), []byte(answers(t, s)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFixtures opens what this and other versions wrote.
func TestFixtures(t *testing.T) {
	if name := os.Getenv("JOURNALIST_FIXTURE"); name != "" {
		writeFixture(t, filepath.Join(fixtures, name))
	}
	fresh := t.TempDir()
	writeFixture(t, fresh)
	dirs, err := filepath.Glob(filepath.Join(fixtures, "v*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(dirs, fresh) {
		t.Run(filepath.Base(dir), func(t *testing.T) { checkFixture(t, dir) })
	}
}

func checkFixture(t *testing.T, dir string) {
	want, err := os.ReadFile(filepath.Join(dir, "answers"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(vfs.OS)
	o.Dir = filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(o.Dir, os.DirFS(filepath.Join(dir, "store"))); err != nil {
		t.Fatal(err)
	}
	sum, err := Verify(vfs.OS, o.Dir, func(p Problem) { t.Errorf("%s: %v", p.Path, p.Err) })
	if err != nil || sum.Parts < 4 || sum.Deleted == 0 || sum.WALRows == 0 || sum.Positions != 3 {
		t.Fatalf("%+v, %v", sum, err)
	}
	total := sum.Rows + sum.WALRows
	s := mustOpen(t, o)
	same := func(when string) {
		t.Helper()
		if got := answers(t, s); got != string(want) {
			t.Fatalf("%s: the answers differ: %s", when, firstLine(got, string(want)))
		}
		if st := s.Stats(); st.Rows != total || st.Quarantined > 0 {
			t.Fatalf("%s: %+v, %d rows expected", when, st, total)
		}
	}
	same("as it was")
	waitPurged(t, s)
	same("without the deleted bytes")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	same("with all rows in parts")
	// It goes on where it was: the senders' positions, new rows, merges, deletions.
	if to, known := s.Position("web-01", record.SourceID{3}); !known || to != 143 {
		t.Errorf("position %d, %v", to, known)
	}
	added := text("added by a later version")
	for i := range 2 * mergeLeast {
		b := &record.Batch{Dataset: []string{"merged", "web"}[i%2]}
		b.AddRow(start.UnixNano())
		b.Add(b.NameID("message"), added)
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return pickMergeNow(s) == 0 })
	got, err := s.Delete(t.Context(), deletionOf(scan.Compare{Field: "message", Op: scan.Eq, Value: added}))
	if err != nil || got.Rows != 2*mergeLeast {
		t.Fatalf("%+v %v", got, err)
	}
	waitPurged(t, s)
	same("after merges and deletions")
	checkClean(t, s, o, total)
}

func firstLine(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("got  %s\nwant %s", g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestFixtureCoversAll: every form of a column, kind of a node and of typed texts is
// in what this program writes as a fixture, so that no change of the format goes
// unnoticed.
func TestFixtureCoversAll(t *testing.T) {
	image := fixture(t)
	seen := map[string]int{}
	for _, name := range files(t, image, "/data/data") {
		if !strings.HasSuffix(name, partSuffix) {
			seen["tombstone"]++
			continue
		}
		p, err := part.Open(image, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Reader()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }() // only read
		for i := range p.Groups {
			g, err := r.Group(i)
			if err != nil {
				t.Fatal(err)
			}
			coverGroup(t, g, seen)
		}
	}
	want := []string{"tombstone", "rare", "sparse"}
	for f := scan.Plain; f <= scan.Ints; f++ {
		want = append(want, fmt.Sprint("form ", f))
	}
	for k := nodes.Const; k <= nodes.Plain; k++ {
		want = append(want, "node "+k.String())
	}
	for k := typed.Int; k <= typed.UUID; k++ {
		want = append(want, "typed "+k.String())
	}
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("no %s in the fixture: %v", w, seen)
		}
	}
}

func coverGroup(t *testing.T, g *part.Group, seen map[string]int) {
	t.Helper()
	names, err := g.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		h, err := g.Head(name)
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint("form ", h.Form)]++
		if !h.Full {
			seen["sparse"]++
		}
		if strings.HasPrefix(name, "rare") {
			seen["rare"]++
		}
		texts, err := g.Texts(name)
		if err != nil {
			t.Fatal(err)
		}
		if texts == nil {
			continue
		}
		texts.Node.Walk(func(_ int, n *nodes.Node) {
			seen["node "+n.Kind().String()]++
			if n.Kind() == nodes.Typed {
				seen["typed "+n.TypedKind().String()]++
			}
		})
	}
}
