package lumberjack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"journalist/internal/record"
)

func u32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }

func frameD(seq uint32, pairs ...string) []byte {
	p := u32(u32([]byte("1D"), seq), uint32(len(pairs)/2))
	for _, s := range pairs {
		p = append(u32(p, uint32(len(s))), s...)
	}
	return p
}

func frameJ(seq uint32, obj string) []byte {
	return append(u32(u32([]byte("2J"), seq), uint32(len(obj))), obj...)
}

func frameB(seq uint32, block []byte) []byte {
	return append(u32(u32([]byte("2B"), seq), uint32(len(block))), block...)
}

func deflate(version byte, frames ...[]byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	for _, f := range frames {
		if _, err := w.Write(f); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return append(u32([]byte{version, 'C'}, uint32(b.Len())), b.Bytes()...)
}

func frameZ(content []byte) []byte {
	z := newZstdEncoder().EncodeAll(content, nil)
	return append(u32([]byte("2Z"), uint32(len(z))), z...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// readAll reads every window and describes what it found; the error is the one
// that ended reading, io.EOF at a clean end.
func readAll(src io.Reader, blocks bool, limits Limits) (found []string, err error) {
	r := NewReader(src, blocks, limits)
	for {
		w, err := r.Window()
		if err != nil {
			return found, err
		}
		found = append(found, fmt.Sprintf("%cW%d", w.Version, w.Events))
		for {
			ev, err := r.Event()
			if err != nil {
				return found, err
			}
			if ev == nil {
				break
			}
			s := fmt.Sprintf("%d:", ev.Seq)
			switch ev.Kind {
			case EventPairs:
				for _, p := range ev.Pairs {
					s += fmt.Sprintf("%s=%s,", p.Name, p.Value)
				}
			case EventJSON:
				s += string(ev.JSON)
			case EventBlock:
				for i := range ev.Block.Rows {
					s += string(ev.Block.Text(i)) + "|"
				}
			}
			if ev.Cut > 0 {
				s += fmt.Sprintf(" cut from %d", ev.Cut)
			}
			found = append(found, s)
		}
		found = append(found, fmt.Sprintf("seq %d", r.Seq()))
	}
}

func TestReader(t *testing.T) {
	lines := makeLines(1, 0, []byte("one\ntwo\nthree\n"))
	block := AppendBlock(nil, lines, 0, 3, true)
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"nothing", nil, nil},
		{"version 1", join([]byte("1W"), u32(nil, 2), frameD(7, "line", "a", "host", "h"), frameD(8, "line", "b")), []string{"1W2", "7:line=a,host=h,", "8:line=b,", "seq 8"}},
		{"version 1, compressed", join([]byte("1W"), u32(nil, 2), deflate('1', frameD(7, "line", ""), frameD(8))), []string{"1W2", "7:line=,", "8:", "seq 8"}},
		{"version 1, numbers wrap around", join([]byte("1W"), u32(nil, 2), frameD(0xffffffff, "line", "a"), frameD(0, "line", "b")), []string{"1W2", "4294967295:line=a,", "0:line=b,", "seq 0"}},
		{"version 2", join([]byte("2W"), u32(nil, 1), frameJ(1, `{"a":1}`)), []string{"2W1", `1:{"a":1}`, "seq 1"}},
		{"two windows", join([]byte("2W"), u32(nil, 1), frameJ(1, `{}`), []byte("2W"), u32(nil, 1), frameJ(1, `{"b":2}`)), []string{"2W1", `1:{}`, "seq 1", "2W1", `1:{"b":2}`, "seq 1"}},
		{"several compressed frames", join([]byte("2W"), u32(nil, 3), deflate('2', frameJ(1, `1`)), frameJ(2, `2`), deflate('2', frameJ(3, `3`))), []string{"2W3", "1:1", "2:2", "3:3", "seq 3"}},
		{"empty compressed frame", join([]byte("2W"), u32(nil, 1), deflate('2'), frameJ(1, `1`)), []string{"2W1", "1:1", "seq 1"}},
		{"empty window", join([]byte("2W"), u32(nil, 0)), []string{"2W0", "seq 0"}},
		{"block", join([]byte("2W"), u32(nil, 3), frameB(3, block)), []string{"2W3", "3:one|two|three|", "seq 3"}},
		{"block in zstd", join([]byte("2W"), u32(nil, 3), frameZ(frameB(3, block))), []string{"2W3", "3:one|two|three|", "seq 3"}},
		{"block and JSON", join([]byte("2W"), u32(nil, 4), frameZ(join(frameJ(1, `1`), frameB(4, block)))), []string{"2W4", "1:1", "4:one|two|three|", "seq 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{
				"whole":       bytes.NewReader(c.in),
				"byte a time": iotest.OneByteReader(bytes.NewReader(c.in)),
				"data+EOF":    iotest.DataErrReader(bytes.NewReader(c.in)),
			} {
				got, err := readAll(src, true, Limits{})
				if err != io.EOF {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(name, diff)
				}
			}
			for n := 1; n < len(c.in); n++ { // cut anywhere: an error or a clean end between windows
				_, err := readAll(bytes.NewReader(c.in[:n]), true, Limits{})
				var pe *ProtocolError
				if err == io.EOF && c.name == "two windows" && n == len(c.in)/2 {
					continue
				}
				if !errors.As(err, &pe) || pe.Kind != KindTruncated && pe.Kind != KindCompressed && pe.Kind != KindBlock {
					if n < 6 || err != io.EOF {
						t.Fatalf("cut to %d of %d: %v", n, len(c.in), err)
					}
				}
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	block := AppendBlock(nil, makeLines(1, 0, []byte("one\n")), 0, 1, false)
	bomb := bytes.Repeat(frameJ(1, strings.Repeat(" ", 1000)), 100)
	noSize, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var streamed bytes.Buffer
	noSize.Reset(&streamed)
	if _, err := noSize.Write(frameB(1, block)); err != nil {
		t.Fatal(err)
	}
	if err := noSize.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := noSize.Close(); err != nil {
		t.Fatal(err)
	}
	w := func(version string, n uint32, frames ...[]byte) []byte {
		return join(append([][]byte{[]byte(version + "W"), u32(nil, n)}, frames...)...)
	}
	damaged := deflate('2', frameJ(1, `{"a":"a longer text"}`))
	damaged[len(damaged)-1] ^= 1 // its checksum
	for _, c := range []struct {
		name string
		in   []byte
		kind ErrorKind
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), KindVersion},
		{"version 3", []byte("3W\x00\x00\x00\x01"), KindVersion},
		{"no window", frameJ(1, "{}"), KindFrame},
		{"window of 17000", w("2", 17000), KindWindow},
		{"window of 4 billion", w("2", 0xffffffff), KindWindow},
		{"version changes inside", w("2", 1, frameD(1)), KindVersion},
		{"version changes between", join(w("2", 1, frameJ(1, "1")), w("1", 1, frameD(1))), KindVersion},
		{"JSON in version 1", w("1", 1, []byte("1J")), KindFrame},
		{"new window inside", w("2", 2, frameJ(1, "1"), []byte("2W\x00\x00\x00\x01")), KindWindow},
		{"unknown frame", w("2", 1, []byte("2X")), KindFrame},
		{"acknowledgement", w("2", 1, []byte("2A\x00\x00\x00\x00")), KindFrame},
		{"absurd JSON", w("2", 1, []byte("2J"), u32(nil, 1), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd pairs", w("1", 1, []byte("1D"), u32(nil, 1), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd name", w("1", 1, []byte("1D"), u32(nil, 1), u32(nil, 1), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd value", w("1", 1, []byte("1D"), u32(nil, 1), u32(nil, 1), u32(nil, 1), []byte("a"), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd zlib", w("2", 1, []byte("2C"), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd zstd", w("2", 1, []byte("2Z"), u32(nil, 0xfffffff0)), KindLimit},
		{"absurd block", w("2", 1, []byte("2B"), u32(nil, 1), u32(nil, 0xfffffff0)), KindLimit},
		{"zlib bomb", w("2", 100, deflate('2', bomb)), KindLimit},
		{"zlib bomb of empty frames", w("2", 1, deflate('2', bytes.Repeat([]byte{0}, 1<<20))), KindVersion},
		{"zstd bomb", w("2", 100, frameZ(bytes.Repeat(bomb, 2))), KindLimit},
		{"zstd without size", w("2", 1, join([]byte("2Z"), u32(nil, uint32(streamed.Len())), streamed.Bytes())), KindCompressed},
		{"zlib in zlib", w("2", 1, deflate('2', deflate('2', frameJ(1, "1")))), KindCompressed},
		{"zlib in zstd", w("2", 1, frameZ(deflate('2', frameJ(1, "1")))), KindCompressed},
		{"not zlib", w("2", 1, []byte("2C"), u32(nil, 4), []byte("abcd")), KindCompressed},
		{"not zstd", w("2", 1, []byte("2Z"), u32(nil, 4), []byte("abcd")), KindCompressed},
		{"zlib checksum", w("2", 1, damaged), KindCompressed},
		{"zlib ends inside an event", w("2", 1, deflate('2', frameJ(1, "12345")[:12])), KindCompressed},
		{"zstd ends inside an event", w("2", 1, frameZ(frameJ(1, "12345")[:12])), KindTruncated},
		{"zstd ends inside a header", w("2", 1, frameZ([]byte("2"))), KindTruncated},
		{"more events than announced, zlib", w("2", 1, deflate('2', frameJ(1, "1"), frameJ(2, "2"))), KindWindow},
		{"more events than announced, zstd", w("2", 1, frameZ(join(frameJ(1, "1"), frameJ(2, "2")))), KindWindow},
		{"block with a wrong number", w("2", 1, frameB(2, block)), KindBlock},
		{"damaged block", w("2", 1, frameB(1, block[:len(block)-1])), KindBlock},
		{"block larger than its frame", w("2", 1, frameZ(frameB(1, block)[:20])), KindTruncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(c.in), true, Limits{Inflated: 64 << 10, Frame: 128 << 10})
			var pe *ProtocolError
			if !errors.As(err, &pe) || pe.Kind != c.kind {
				t.Fatalf("got %v, want an error of kind %s", err, c.kind)
			}
			if pe.Offset < 0 || pe.Offset > int64(len(c.in)) || !strings.Contains(err.Error(), "byte") {
				t.Errorf("error without a place: %v", err)
			}
		})
	}
	for _, f := range [][]byte{frameB(1, block), frameZ(frameB(1, block))} {
		_, err := readAll(bytes.NewReader(w("2", 1, f)), false, Limits{})
		var pe *ProtocolError
		if !errors.As(err, &pe) || pe.Kind != KindNotAllowed {
			t.Errorf("blocks without agreement: %v", err)
		}
	}
}

func TestReaderCutsWhatIsTooLong(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, wrap := range []func([]byte) []byte{
		func(p []byte) []byte { return p },
		func(p []byte) []byte { return deflate(p[0], p) },
	} {
		got, err := readAll(bytes.NewReader(join([]byte("2W"), u32(nil, 2), wrap(join(frameJ(1, long), frameJ(2, "2"))))), false, Limits{Record: 1000})
		if err != io.EOF {
			t.Fatal(err)
		}
		if want := []string{"2W2", "1:" + long[:1000] + " cut from 5000", "2:2", "seq 2"}; !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
		got, err = readAll(bytes.NewReader(join([]byte("1W"), u32(nil, 2), wrap(join(frameD(1, "line", long, "host", "web"), frameD(2, "line", "b"))))), false, Limits{Record: 1004})
		if err != io.EOF {
			t.Fatal(err)
		}
		if want := []string{"1W2", "1:line=" + long[:1000] + ",host=, cut from 5003", "2:line=b,", "seq 2"}; !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
	}
}

func TestReaderHash(t *testing.T) {
	hash := func(in []byte) uint64 {
		r := NewReader(bytes.NewReader(in), true, Limits{})
		if _, err := r.Window(); err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := r.Event()
			if err != nil {
				t.Fatal(err)
			}
			if ev == nil {
				return r.Hash()
			}
		}
	}
	w := func(frames ...[]byte) []byte { return join(append([][]byte{[]byte("2W"), u32(nil, 1)}, frames...)...) }
	a := hash(w(frameJ(1, `{"a":1}`)))
	if a == 0 || a != hash(w(deflate('2', frameJ(1, `{"a":1}`)))) {
		t.Error("the same content compressed has another hash")
	}
	if a == hash(w(frameJ(1, `{"a":2}`))) || a == hash(w(frameJ(2, `{"a":1}`))) {
		t.Error("other content has the same hash")
	}
	if hash(w(frameB(1, AppendBlock(nil, makeLines(1, 0, []byte("a\n")), 0, 1, false)))) != 0 {
		t.Error("blocks have a hash")
	}
}

// TestReaderAllocatesLate sends large lengths with little behind them.
func TestReaderAllocatesLate(t *testing.T) {
	for name, in := range map[string][]byte{
		"JSON": join([]byte("2W"), u32(nil, 1), []byte("2J"), u32(nil, 1), u32(nil, 60<<20), []byte("{")),
		"zlib": join([]byte("2W"), u32(nil, 1), []byte("2C"), u32(nil, 60<<20), []byte("x\x9c")),
		"zstd": join([]byte("2W"), u32(nil, 1), []byte("2Z"), u32(nil, 8<<20), []byte("(")),
		"B":    join([]byte("2W"), u32(nil, 1), []byte("2B"), u32(nil, 1), u32(nil, 8<<20), []byte("(")),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := readAll(bytes.NewReader(in), true, Limits{}); err == io.EOF {
			t.Errorf("%s: no error", name)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

func TestReaderTimeoutIsKept(t *testing.T) {
	in := join([]byte("2W"), u32(nil, 1), deflate('2', frameJ(1, "12345")))
	for n := 6; n < len(in); n++ {
		_, err := readAll(io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(os.ErrDeadlineExceeded)), false, Limits{})
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	r := NewReader(io.MultiReader(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(in)))), false, Limits{})
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestEncoder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.Bool().Draw(t, "blocks")
		enc := NewEncoder(blocks)
		var wire []byte
		var want []string
		for range rapid.IntRange(1, 3).Draw(t, "windows") {
			enc.Begin()
			for range rapid.IntRange(0, 3).Draw(t, "runs") {
				l := drawLines(t)
				enc.Add(l, 0, len(l.Rows), true)
				for i := range l.Rows {
					want = append(want, string(l.Text(i)))
				}
			}
			out, err := enc.Finish()
			if err != nil {
				t.Fatal(err)
			}
			wire = append(wire, out...)
		}
		var got []string
		r := NewReader(bytes.NewReader(wire), blocks, Limits{})
		for {
			if _, err := r.Window(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for {
				ev, err := r.Event()
				if err != nil {
					t.Fatal(err)
				}
				if ev == nil {
					break
				}
				if ev.Kind == EventBlock {
					for i := range ev.Block.Rows {
						got = append(got, string(ev.Block.Text(i)))
					}
					continue
				}
				var obj struct{ Message string }
				if err := json.Unmarshal(ev.JSON, &obj); err != nil {
					t.Fatalf("%s: %v", ev.JSON, err)
				}
				got = append(got, obj.Message)
			}
		}
		if !blocks { // JSON cannot carry other bytes than UTF-8
			for i := range want {
				want[i] = string([]rune(want[i]))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAppendEvent(t *testing.T) {
	l := makeLines(1, 5, []byte("a \"b\"\nrest"),
		record.Pair{Name: "host", Value: "web"}, record.Pair{Name: "offset", Value: "no"}, record.Pair{Name: "tags", Value: "mine"})
	for i, want := range []string{
		`{"@timestamp":"2023-11-14T22:13:20.123Z","message":"a \"b\"","offset":5,"host":"web","tags":"mine"}`,
		`{"@timestamp":"2023-11-14T22:13:20.123Z","message":"rest","offset":11,"host":"web","tags":["mine","_unterminated"]}`,
	} {
		if got := string(AppendEvent(nil, l, i)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAckReader(t *testing.T) {
	in := AppendAck(AppendAck(nil, Version2, 0), Version2, 77)
	r := NewAckReader(iotest.OneByteReader(bytes.NewReader(in)))
	for _, want := range []uint32{0, 77} {
		if got, err := r.Next(); got != want || err != nil {
			t.Fatal(got, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
	for _, bad := range []string{"1A\x00\x00\x00\x01", "HTTP/1.1 400", "2A\x00"} {
		_, err := NewAckReader(strings.NewReader(bad)).Next()
		var pe *ProtocolError
		if !errors.As(err, &pe) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	block := AppendBlock(nil, makeLines(1, 0, []byte("one\ntwo\nthree\n"), record.Pair{Name: "host", Value: "web"}), 0, 3, true)
	f.Add([]byte("1W\x00\x00\x00\x02"), true)
	f.Add(join([]byte("1W"), u32(nil, 2), frameD(7, "line", "a", "host", "h"), frameD(8, "line", "b")), false)
	f.Add(join([]byte("1W"), u32(nil, 2), deflate('1', frameD(7, "line", "a"), frameD(8))), false)
	f.Add(join([]byte("2W"), u32(nil, 1), frameJ(1, `{"a":1}`), []byte("2W\x00\x00\x00\x00")), true)
	f.Add(join([]byte("2W"), u32(nil, 2), deflate('2', frameJ(1, `1`)), deflate('2', frameJ(2, `2`))), true)
	f.Add(join([]byte("2W"), u32(nil, 3), frameZ(frameB(3, block))), true)
	f.Add(join([]byte("2W"), u32(nil, 3), frameB(3, block)), true)
	with := makeLines(1, 0, []byte("one\ntwo\nthree\n"))
	addExtra(with, 1, `{"a":1}`)
	f.Add(join([]byte("2W"), u32(nil, 3), frameB(3, AppendBlock(nil, with, 0, 3, true))), true)
	f.Fuzz(func(t *testing.T, in []byte, blocks bool) {
		limits := Limits{Window: 100, Inflated: 1 << 20, Frame: 256 << 10, Record: 64 << 10}
		_, err := readAll(bytes.NewReader(in), blocks, limits)
		var pe *ProtocolError
		if err != io.EOF && !errors.As(err, &pe) {
			t.Fatalf("%T %v", err, err)
		}
	})
}
