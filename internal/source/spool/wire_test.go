package spool

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/source"
)

// TestOverTheWire sends any lines through a queue, cuts the runs that come out into
// blocks in any way, as internal/ship does, and wants the rows back with positions
// that a server can compare.
func TestOverTheWire(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want, got []string
		var runs []*record.Lines
		for range rapid.IntRange(1, 6).Draw(rt, "runs") {
			b := source.NewBuilder(record.SourceID{9}, 0)
			fields := []record.Pair{{Name: "type", Value: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "type")}}
			for range rapid.IntRange(0, 8).Draw(rt, "rows") {
				text := strings.Repeat(rapid.SampledFrom([]string{"", "x", "line of text ", "\xff\x00\n"}).Draw(rt, "text"), rapid.IntRange(0, 40).Draw(rt, "times"))
				extra := rapid.SampledFrom([]string{"", `{"a":1}`, `{"message":"m"}`}).Draw(rt, "extra")
				marks := record.LineMarks(rapid.IntRange(0, 7).Draw(rt, "marks"))
				b.Add([]byte(text), 1, marks, func(dst []byte) []byte { return append(dst, extra...) })
				want = append(want, fmt.Sprintf("%q %s %d %v", text, extra, marks, fields))
			}
			runs = append(runs, b.Take(5, fields, uint8(rapid.IntRange(0, 1).Draw(rt, "priority"))))
		}
		var at uint64
		var decoder lumberjack.BlockDecoder
		q, stop := running(t, Options{Dir: t.TempDir(), Priority: 4, SegmentBytes: 200, Bytes: 1 << 20, Output: func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
			if l.Priority != 4 {
				t.Errorf("priority %d", l.Priority)
			}
			for lo := 0; lo < len(l.Rows); {
				hi := min(len(l.Rows), lo+3)
				block, err := decoder.Decode(lumberjack.AppendBlock(nil, l, lo, hi, false), 1<<16)
				if err != nil {
					t.Fatal(err)
				}
				if block.Position.From != at || block.Position.ID != l.Position.ID {
					t.Errorf("block at %+v after %d", block.Position, at)
				}
				at = block.Position.To
				for i, r := range block.Rows {
					if s := l.Rows[lo+i]; r.Start != s.Start || r.Span != s.Span {
						t.Errorf("row %+v was %+v", r, s)
					}
					got = append(got, fmt.Sprintf("%q %s %d %v", block.Text(i), block.ExtraOf(i), r.Marks, block.Fields))
				}
				lo = hi
			}
			go acked(l)
			return nil
		}})
		for _, l := range runs {
			if err := q.Send(t.Context(), l, nil); err != nil {
				t.Fatal(err)
			}
		}
		drain(t, q)
		stop()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("got %q\nwant %q", got, want)
		}
	})
}
