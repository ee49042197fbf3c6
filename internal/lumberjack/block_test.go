package lumberjack

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"journalist/internal/record"
)

// makeLines cuts text into the lines of a source that begins at from, as
// internal/tail does: the texts stay where they are, with their line ends between
// them.
func makeLines(id byte, from uint64, text []byte, fields ...record.Pair) *record.Lines {
	l := &record.Lines{ReadTime: 1_700_000_000_123_456_789, Fields: fields, Data: text}
	l.Position = record.Position{ID: record.SourceID{id}, From: from, To: from + uint64(len(text))}
	for off := 0; off < len(text); {
		n := bytes.IndexByte(text[off:], '\n')
		row := record.Line{Start: from + uint64(off), Off: uint32(off)}
		if n < 0 {
			row.Len, row.Span, row.Marks = uint32(len(text)-off), uint32(len(text)-off), record.LineUnterminated
		} else {
			row.Len, row.Span = uint32(n), uint32(n+1)
			if n > 0 && text[off+n-1] == '\r' {
				row.Len--
			}
		}
		off += int(row.Span)
		l.Rows = append(l.Rows, row)
	}
	return l
}

// plain is what must be the same after a journey, whatever lies where in Data.
type plain struct {
	Position record.Position
	ReadTime int64
	Fields   []record.Pair
	Rows     []plainRow
}

type plainRow struct {
	Start uint64
	Span  uint32
	Marks record.LineMarks
	Text  string
	Extra string
}

func plainOf(l *record.Lines, lo, hi int, resume bool) plain {
	p := plain{Position: l.Position, ReadTime: l.ReadTime}
	p.Position.From, p.Position.To = PositionOf(l, lo, hi)
	p.Position.Resume = resume
	p.Fields = append(p.Fields, l.Fields...)
	for i := lo; i < hi; i++ {
		r := l.Rows[i]
		p.Rows = append(p.Rows, plainRow{r.Start, r.Span, r.Marks, string(l.Text(i)), string(l.ExtraOf(i))})
	}
	return p
}

// drawLines draws any run of lines that internal/tail could make.
func drawLines(t *rapid.T) *record.Lines {
	l := &record.Lines{ReadTime: rapid.Int64().Draw(t, "read")}
	id := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")
	copy(l.Position.ID[:], id)
	l.Position.ID[0] |= 1
	for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
		l.Fields = append(l.Fields, record.Pair{Name: fmt.Sprintf("f%d", i), Value: rapid.String().Draw(t, "value")})
	}
	pos := rapid.Uint64Range(0, 1<<40).Draw(t, "from")
	l.Position.From = pos
	for range rapid.IntRange(0, 20).Draw(t, "rows") {
		text := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "text")
		row := record.Line{Start: pos, Off: uint32(len(l.Data)), Len: uint32(len(text))}
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			row.Span = row.Len + 1
		case 1:
			row.Span = row.Len + 2
		case 2:
			row.Span, row.Marks = row.Len, record.LineSplit
		case 3:
			row.Start += rapid.Uint64Range(0, 1000).Draw(t, "gap")
			row.Span = rapid.Uint32Range(0, 5000).Draw(t, "span")
			row.Marks = record.LineMarks(rapid.IntRange(0, int(allMarks)).Draw(t, "marks"))
		}
		pos = row.Start + uint64(row.Span)
		l.Data = append(append(l.Data, text...), "\r\n"[rapid.IntRange(0, 2).Draw(t, "eol"):]...)
		l.Rows = append(l.Rows, row)
		if rapid.IntRange(0, 2).Draw(t, "extra") == 0 {
			addExtra(l, len(l.Rows)-1, rapid.SampledFrom([]string{`{}`, `{"a":1}`, `{"@timestamp":"2026-01-02T03:04:05Z","b":{"c":"d"}}`}).Draw(t, "fields"))
		}
	}
	l.Position.To = pos + rapid.Uint64Range(0, 100).Draw(t, "skipped")
	return l
}

// addExtra gives a row fields of its own; rows come in order.
func addExtra(l *record.Lines, row int, extra string) {
	l.Extras = append(l.Extras, record.Extra{Row: uint32(row), Off: uint32(len(l.Data)), Len: uint32(len(extra))})
	l.Data = append(l.Data, extra...)
}

func TestBlockVersions(t *testing.T) {
	l := makeLines(1, 10, []byte("one\ntwo\nthree\n"))
	addExtra(l, 1, `{"a":1}`)
	for _, c := range []struct{ lo, hi, version int }{{0, 1, 1}, {0, 2, 2}, {1, 2, 2}, {2, 3, 1}, {0, 3, 2}} {
		p := AppendBlock(nil, l, c.lo, c.hi, false)
		if int(p[0]) != c.version {
			t.Errorf("rows %d to %d are version %d", c.lo, c.hi, p[0])
		}
		if len(p) > blockSize(l, c.lo, c.hi) {
			t.Errorf("%d bytes, expected at most %d", len(p), blockSize(l, c.lo, c.hi))
		}
	}
	// The versions differ in nothing but form 3, which version 1 does not have.
	p := AppendBlock(nil, l, 0, 3, false)
	p[0] = blockVersion
	if _, err := new(BlockDecoder).Decode(p, 3); err == nil {
		t.Error("fields of rows pass in version 1")
	}
	plain := AppendBlock(nil, makeLines(1, 10, []byte("one\n")), 0, 1, false)
	plain[0] = blockVersionExtras
	if got, err := new(BlockDecoder).Decode(plain, 1); err != nil || len(got.Extras) != 0 {
		t.Error(got, err)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d BlockDecoder
		for range 3 { // the decoder is reused
			l := drawLines(t)
			cut := rapid.IntRange(0, len(l.Rows)).Draw(t, "cut")
			resume := rapid.Bool().Draw(t, "resume")
			for _, piece := range [][2]int{{0, cut}, {cut, len(l.Rows)}} {
				lo, hi := piece[0], piece[1]
				if lo == hi && len(l.Rows) > 0 {
					continue // no sender cuts an empty piece off
				}
				got, err := d.Decode(AppendBlock(nil, l, lo, hi, resume), 1000)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(plainOf(l, lo, hi, resume), plainOf(got, 0, len(got.Rows), resume)); diff != "" {
					t.Fatal(diff)
				}
				if got.Position.Resume != resume {
					t.Fatal("resume lost")
				}
			}
		}
	})
}

func TestBlockOverhead(t *testing.T) {
	l := makeLines(1, 0, []byte(strings.Repeat("a short line\n", 1000)))
	full := len(AppendBlock(nil, l, 0, 1000, false))
	if per := float64(full-12*1000) / 1000; per > 1.2 {
		t.Errorf("%.2f bytes of overhead for each short line", per)
	}
}

func TestBlockFieldsAreShared(t *testing.T) {
	var d BlockDecoder
	a := makeLines(1, 0, []byte("one\n"), record.Pair{Name: "host", Value: "a"})
	b := makeLines(1, 4, []byte("two\n"), record.Pair{Name: "host", Value: "b"})
	decode := func(l *record.Lines) []record.Pair {
		got, err := d.Decode(AppendBlock(nil, l, 0, 1, false), 1)
		if err != nil {
			t.Fatal(err)
		}
		return got.Fields
	}
	first, second := decode(a), decode(a)
	if &first[0] != &second[0] {
		t.Error("the same fields were decoded again")
	}
	if third := decode(b); third[0].Value != "b" || first[0].Value != "a" {
		t.Errorf("fields %v after %v", third, first)
	}
}

func TestBlockDamaged(t *testing.T) {
	run := makeLines(1, 10, []byte("one\ntwo\r\nthree"), record.Pair{Name: "host", Value: "web"})
	addExtra(run, 0, `{"a":1}`)
	addExtra(run, 2, `{"a":2}`)
	good := AppendBlock(nil, run, 0, 3, true)
	var d BlockDecoder
	if _, err := d.Decode(good, 3); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := d.Decode(good[:n], 3); err == nil {
			t.Fatalf("cut to %d of %d bytes it passes", n, len(good))
		}
	}
	change := func(at int, b byte) []byte {
		p := bytes.Clone(good)
		p[at] = b
		return p
	}
	for name, p := range map[string][]byte{
		"version":  change(0, 3),
		"flags":    change(1, 3),
		"zero id":  append(append(bytes.Clone(good[:2]), make([]byte, 16)...), good[18:]...),
		"trailing": append(bytes.Clone(good), 'x'),
	} {
		if _, err := d.Decode(p, 3); err == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if _, err := d.Decode(good, 2); err == nil {
		t.Error("more rows than the window has left pass")
	}
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendBlock(nil, makeLines(1, 10, []byte("one\ntwo\r\nthree"), record.Pair{Name: "host", Value: "web"}), 0, 3, true))
	f.Add(AppendBlock(nil, makeLines(2, 1<<50, nil), 0, 0, false))
	with := makeLines(1, 10, []byte("one\ntwo\r\nthree"))
	addExtra(with, 0, `{"a":1}`)
	addExtra(with, 2, `{"@timestamp":"2026-01-02T03:04:05Z"}`)
	f.Add(AppendBlock(nil, with, 0, 3, true))
	f.Fuzz(func(t *testing.T, p []byte) {
		var d BlockDecoder
		l, err := d.Decode(p, 1000)
		if err != nil {
			return
		}
		// What decodes is consistent and comes back the same.
		again, err := new(BlockDecoder).Decode(AppendBlock(nil, l, 0, len(l.Rows), l.Position.Resume), 1000)
		if err != nil {
			t.Fatalf("decoded %+v does not decode again: %v", l.Position, err)
		}
		if diff := cmp.Diff(plainOf(l, 0, len(l.Rows), l.Position.Resume), plainOf(again, 0, len(again.Rows), l.Position.Resume)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// benchText is about 120 bytes a line with the variety of a web server's log; a
// real log can be given in LUMBERJACK_BENCH_LOG.
func benchText(b *testing.B, size int) []byte {
	if name := os.Getenv("LUMBERJACK_BENCH_LOG"); name != "" {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return data[:bytes.LastIndexByte(data[:min(size, len(data))], '\n')+1]
	}
	var out []byte
	rng := uint32(1)
	for len(out) < size {
		rng = rng*1664525 + 1013904223
		out = fmt.Appendf(out, "2026-03-01T12:%02d:%02d.%03dZ INFO request id=%08x path=/api/v1/items/%d status=%d took=%dms user=u%04d\n",
			rng>>8%60, rng>>14%60, rng>>20%1000, rng*2654435761, rng>>12%5000, 200+rng>>28*10%5, rng>>10%900, rng>>16%3000)
	}
	return out
}

func BenchmarkBlockEncode(b *testing.B) {
	text := benchText(b, 256<<10)
	l := makeLines(1, 0, text, record.Pair{Name: "host", Value: "web-01"}, record.Pair{Name: "file", Value: "/var/log/app.log"})
	var dst []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendBlock(dst[:0], l, 0, len(l.Rows), false)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(l.Rows)), "ns/line")
}

func BenchmarkBlockDecode(b *testing.B) {
	text := benchText(b, 256<<10)
	l := makeLines(1, 0, text, record.Pair{Name: "host", Value: "web-01"}, record.Pair{Name: "file", Value: "/var/log/app.log"})
	p := AppendBlock(nil, l, 0, len(l.Rows), false)
	var d BlockDecoder
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(p, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(l.Rows)), "ns/line")
}

// BenchmarkWindow is the protocol work of both ends for one window of 512 KiB.
func BenchmarkWindow(b *testing.B) {
	for _, blocks := range []bool{true, false} {
		name := "json"
		if blocks {
			name = "block"
		}
		text := benchText(b, 512<<10)
		l := makeLines(1, 0, text, record.Pair{Name: "host", Value: "web-01"}, record.Pair{Name: "file", Value: "/var/log/app.log"})
		enc := NewEncoder(blocks)
		window := func() []byte {
			enc.Begin()
			enc.Add(l, 0, len(l.Rows), false)
			wire, err := enc.Finish()
			if err != nil {
				b.Fatal(err)
			}
			return wire
		}
		b.Run(name+"/encode", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var n int
			for b.Loop() {
				n = len(window())
			}
			b.ReportMetric(float64(len(text))/float64(n), "ratio")
		})
		b.Run(name+"/decode", func(b *testing.B) {
			src := &loop{p: window()}
			r := NewReader(src, blocks, Limits{})
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Window(); err != nil {
					b.Fatal(err)
				}
				for {
					ev, err := r.Event()
					if err != nil {
						b.Fatal(err)
					}
					if ev == nil {
						break
					}
				}
			}
		})
	}
}

// loop reads the same bytes again and again.
type loop struct {
	p   []byte
	pos int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.p[l.pos:])
	l.pos = (l.pos + n) % len(l.p)
	return n, nil
}
