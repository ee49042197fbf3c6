package search

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"journalist/internal/store/stream"
	"journalist/internal/store/text"
	"journalist/internal/store/texts"
	"journalist/internal/store/words"
	"journalist/internal/testkit/loggen"
)

// shapes are what lines of many systems look like. In them {n} is a number, {i} an
// address, {h} some hex digits, {w} a word, {t} a time of day, {d} a decimal, {o}
// something odd.
var shapes = map[string][]string{
	"auth": {
		"Dec 10 {t} LabSZ sshd[{n}]: Failed password for invalid user {w} from {i} port {n} ssh2",
		"Dec 10 {t} LabSZ sshd[{n}]: Failed password for root from {i} port {n} ssh2",
		"Dec 10 {t} LabSZ sshd[{n}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={i}  user=root",
		"Dec 10 {t} LabSZ sshd[{n}]: Connection closed by {i} [preauth]",
		"Dec 10 {t} LabSZ sshd[{n}]: error: Received disconnect from {i}: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]",
	},
	"web": {
		`{i} - - [22/Nov/2023:{t} +0100] "GET /wp-content/{w}/{w}.php?id={n} HTTP/1.1" 404 {n} "-" "Mozilla/5.0 (X11; Linux x86_64) {w}/{d}"`,
		`{i} - {w} [22/Nov/2023:{t} +0100] "POST /api/v{n}/{w} HTTP/1.1" 200 {n} "https://example.org/{w}" "curl/8.{n}"`,
		`{i} - - [22/Nov/2023:{t} +0100] "\x16\x03\x01" 400 0 "-" "-"`,
	},
	"database": {
		"2023-11-22 {t}.{n} UTC [{n}] LOG:  duration: {d} ms  statement: SELECT * FROM {w} WHERE id = {n}",
		"2023-11-22 {t}.{n} UTC [{n}] ERROR:  duplicate key value violates unique constraint \"{w}_pkey\"",
		"2023-11-22 {t}.{n} UTC [{n}] DETAIL:  Key (id)=({n}) already exists.",
	},
	"kernel": {
		"[{d}] usb {n}-{n}: new high-speed USB device number {n} using xhci_hcd",
		"[{d}] {w}: link is up at {n} Mbps, full-duplex, id {h}-{h}-{h}",
		"[{d}] BIOS-e820: [mem 0x{h}-0x{h}] usable",
	},
	"odd": {
		"naïve {w} café {n} Ünter {o} ſtraße", "{o}{o} {n}{o}", "{o}", "", " ", "\t{n}", "{n}", "{w}{n}{w}",
		"k{n}s \u212aelvin {w}-{n}.{n}", "two\nlines {n}\nand {w}", "日本語 {n} ログ {w}", "{n}\xff\xfe {w}\xc3", "\x00{n}\x00{w}\x01\x02",
	},
	"numbers": {"{n}", "{d}", "{i}", "{h}", "{t}"},
	"words":   {"{w}", "{w} {w}", "{w}-{n}"},
}

var vocabulary = []string{
	"admin", "root", "oracle", "Error", "error", "ERROR", "fatal", "panic", "session", "sess", "kiss", "task", "user_name", "eth0", "Straße",
	"orders", "customers", "index", "login", "a", "b", "ab", "x1", "v2", "0x1f", "deadbeef", "guest", "ask", "SKY",
}

var odd = []string{"ä", "Σ", "ς", "İ", "ı", "\u212a", "ſ", "\xff", "\xc3", "\xe2\x84", "é", "e\u0301", "\ufffd", "_", "-", ".", "::", "\n", "\x00", "K", "s", "7", " ", "世"}

func fill(r *rand.Rand, shape string) []byte {
	var b []byte
	for len(shape) > 0 {
		if len(shape) < 3 || shape[0] != '{' || shape[2] != '}' {
			b = append(b, shape[0])
			shape = shape[1:]
			continue
		}
		switch shape[1] {
		case 'n':
			b = fmt.Appendf(b, "%d", r.IntN(1<<r.IntN(20)))
		case 'i':
			b = fmt.Appendf(b, "%d.%d.0.%d", 10+r.IntN(3), r.IntN(4), r.IntN(200))
		case 'h':
			b = fmt.Appendf(b, "%08x", r.Uint32())
		case 'w':
			b = append(b, vocabulary[r.IntN(len(vocabulary))]...)
		case 't':
			b = fmt.Appendf(b, "%02d:%02d:%02d", r.IntN(24), r.IntN(60), r.IntN(60))
		case 'd':
			b = fmt.Appendf(b, "%d.%03d", r.IntN(300), r.IntN(1000))
		case 'o':
			b = append(b, odd[r.IntN(len(odd))]...)
		}
		shape = shape[3:]
	}
	return b
}

// sample is a column under test.
type sample struct {
	name   string
	rows   texts.Vector
	node   *text.Node
	src    stream.Source
	filter *words.Filter
}

func encoded(t testing.TB, name string, v texts.Vector) *sample {
	t.Helper()
	m := stream.NewMemory()
	var set words.Set
	id := text.Encode(m.Writer, v, text.Options{Variable: set.AddValues})
	src, _ := m.Source()
	node, err := text.Open(src, id, v.Len())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &sample{name: name, rows: v, node: node, src: src, filter: &words.Filter{Words: set.Bloom(0), Grams: set.Grams()}}
}

// samples are columns of every shape, and the lines of real logs where there are
// some.
func samples(t testing.TB, rows int) []*sample {
	t.Helper()
	var all []*sample
	r := rand.New(rand.NewPCG(1, 2))
	var mixed texts.Vector
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		shape := shapes[name]
		var v texts.Vector
		for range rows {
			v.Add(fill(r, shape[r.IntN(len(shape))]))
		}
		for i := range min(300, rows) {
			mixed.Add(v.At(i))
		}
		all = append(all, encoded(t, name, v))
	}
	all = append(all, encoded(t, "mixed", mixed))
	var lines texts.Vector
	g := loggen.New(3, "t", time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), time.Second)
	for range rows {
		lines.Add(bytes.TrimRight(g.AppendLine(nil), "\n"))
	}
	all = append(all, encoded(t, "generated", lines))
	var same, few, empty texts.Vector
	for range 100 {
		same.Add([]byte("connection refused by 10.1.0.7"))
		few.Add(lines.At(r.IntN(5)))
		empty.Add(nil)
	}
	all = append(all, encoded(t, "same", same), encoded(t, "few", few), encoded(t, "empty", empty))
	var repeated texts.Vector
	for range rows {
		repeated.Add(lines.At(r.IntN(lines.Len() / 5)))
	}
	return append(append(all, encoded(t, "repeated", repeated)), corpus(t, rows, 1)...)
}

// corpus are vectors of lines of the logs in the directory that JOURNALIST_CORPUS
// names: of each up to so many from its middle, or, with one of 0, all.
func corpus(t testing.TB, rows, most int) []*sample {
	t.Helper()
	dir := os.Getenv("JOURNALIST_CORPUS")
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*sample
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if most == 1 {
			raw = raw[len(raw)/3:]
			raw = raw[bytes.IndexByte(raw, '\n')+1:]
		}
		var v texts.Vector
		for line := range bytes.Lines(raw) {
			v.Add(bytes.TrimSuffix(line, []byte("\n")))
			if v.Len() == rows {
				all = append(all, encoded(t, name, v))
				if len(all) == most {
					break
				}
				v = texts.Vector{}
			}
			if most == 1 && len(all) > 0 && all[len(all)-1].name == name {
				break
			}
		}
		if v.Len() > 0 && v.Len() < rows {
			all = append(all, encoded(t, name, v))
		}
	}
	return all
}

func (s *sample) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v of %d", s.name, s.node.Kind(), s.node.Len())
	return b.String()
}
