package template

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"journalist/internal/store/texts"
)

// shreds are what the rules look at; lines are made of them.
var shreds = []string{
	" ", " ", " ", ":", "\"", "\\", "\\\"", "/", "=", ",", "(", ")", "[", "]", "'", "`", "\t", "\x00", "\xff", "é", "K", "\n",
	"a", "b", "user", "Failed", "GET /", "POST /x", "1", "7", "42", "4711", "x1", "0.5", "10.0.0.1", "_", "-", "%", "+0100", "Z",
	"12:34:56", "12:34:56.789", "2018-09-12T16:08:54", "2018/09/12 16:08:54,5", "29/Jan/2025:00:00:13", "Mar 27 13:06:56", "Mar  7",
	"a rather long quotation without", "deadbeefdeadbeef", "/usr/lib/x.so",
}

// lines draws vectors of lines, of which many are like others.
func lines(t *rapid.T) texts.Vector {
	shred := rapid.SampledFrom(shreds)
	patterns := rapid.SliceOfN(rapid.SliceOfN(shred, 0, 12), 1, 6).Draw(t, "patterns")
	n := rapid.IntRange(0, 80).Draw(t, "n")
	var v texts.Vector
	v.Reset()
	for range n {
		p := rapid.SampledFrom(patterns).Draw(t, "pattern")
		line := strings.Join(p, "")
		if len(p) > 0 && rapid.Bool().Draw(t, "change") {
			q := append([]string{}, p...)
			q[rapid.IntRange(0, len(q)-1).Draw(t, "at")] = shred.Draw(t, "shred")
			line = strings.Join(q, "")
		}
		v.Add([]byte(line))
	}
	return v
}

func options(t *rapid.T) Options {
	return Options{
		Punct:        rapid.Bool().Draw(t, "punct"),
		MinRows:      rapid.IntRange(1, 8).Draw(t, "rows"),
		MaxTemplates: rapid.IntRange(1, 20).Draw(t, "templates"),
		Percent:      rapid.IntRange(1, 100).Draw(t, "percent"),
	}
}

func rapidVectors(t *testing.T, f func(testing.TB, []texts.Vector, Options)) {
	rapid.Check(t, func(rt *rapid.T) {
		vs := []texts.Vector{lines(rt), lines(rt), lines(rt)}
		f(rapidTB{t, rt}, vs, options(rt))
	})
}

// rapidTB lets a check fail the present case only, so that it can be made smaller.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (t rapidTB) Helper()                      {}
func (t rapidTB) Fatalf(f string, args ...any) { t.rt.Fatalf(f, args...) }

// TestScan holds the tokenizer to a plain reading of rule 4 where the others do not
// matter: with Punct, the slots are the tokens with a digit.
func TestScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(shreds), 0, 30).Draw(t, "shreds"), ""))
		lo := rapid.IntRange(0, len(data)).Draw(t, "lo")
		hi := rapid.IntRange(lo, len(data)).Draw(t, "hi")
		m := Miner{punct: true, token: words}
		m.scan(data, lo, hi)
		var want []span
		for i := lo; i < hi; {
			j := i
			for j < hi && words[data[j]] {
				j++
			}
			if bytes.ContainsAny(data[i:j], "0123456789") {
				want = append(want, span{uint32(i), uint32(j)})
			}
			i = max(j, i+1)
		}
		if len(want) != len(m.slots) {
			t.Fatalf("%q: %v, want %v", data[lo:hi], m.slots, want)
		}
		for i, s := range m.slots {
			if s != want[i] {
				t.Fatalf("%q: %v, want %v", data[lo:hi], m.slots, want)
			}
		}
	})
}

// TestMarks holds the search by words of eight bytes to what it says.
func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.ByteRange('.', ':'), rapid.ByteRange('!', '#')), 8, 8).Draw(t, "b")
		got := marks(load(b, 0))
		for i, c := range b {
			want := uint64(0)
			if digit(c) || c == '/' || c == '"' {
				want = 0x80
			}
			if got>>(8*i)&0xff != want {
				t.Fatalf("%q: byte %d is %x", b, i, got>>(8*i)&0xff)
			}
		}
	})
}

// TestQuotation holds quotation to a plain reading of rule 2.
func TestQuotation(t *testing.T) {
	few := rapid.SampledFrom([]byte("\"\\/0aaaa b\x80\xb0\xa2\xdc"))
	rapid.Check(t, func(t *rapid.T) {
		data := append([]byte{'"'}, rapid.SliceOfN(few, 0, 60).Draw(t, "data")...)
		hi := rapid.IntRange(1, len(data)).Draw(t, "hi")
		j, digits, slash := 1, false, false
		for ; j < hi && data[j] != '"'; j++ {
			if data[j] == '\\' {
				j++
				slash = true
				continue
			}
			digits = digits || digit(data[j])
			slash = slash || data[j] == '/'
		}
		end, value, inside := quotation(data, 0, hi)
		if j >= hi {
			if end != hi || value || !inside {
				t.Fatalf("%q: %d %v %v, want none", data[:hi], end, value, inside)
			}
			return
		}
		if end != j || value != (digits || j > longQuote) || inside != (digits || slash) {
			t.Fatalf("%q: %d %v %v, want %d %v %v", data[:hi], end, value, inside, j, digits, slash)
		}
	})
}

func FuzzMine(f *testing.F) {
	f.Add([]byte("a 1\na 2\nb 3 \"x 1\" /y\n"), uint8(3))
	f.Add([]byte(strings.Join(shreds, "\n")), uint8(0))
	f.Add(bytes.Repeat([]byte("Mar 27 13:06:56 a=1 b=1\n"), 20), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		var v texts.Vector
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			for range 1 + mode>>6 {
				v.Add(line)
			}
		}
		o := Options{Punct: mode&1 != 0, MinRows: 1 + int(mode>>1&7), MaxTemplates: 1 + int(mode>>4&15), Percent: 100}
		if s := Mine(v, o); s != nil {
			check(t, v, o, s)
		}
	})
}
