package template

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"journalist/internal/store/texts"
)

// TestSlots shows what becomes a slot: each line, many times over, must give the
// wanted template, whose slots are written <…> around the line's own values.
func TestSlots(t *testing.T) {
	f := func(o Options, line, want string) {
		t.Helper()
		v := texts.Vector{}
		for range 20 {
			v.Add([]byte(line))
		}
		s := Mine(v, o)
		if s == nil {
			t.Errorf("%s: no templates", line)
			return
		}
		check(t, v, o, s)
		var b strings.Builder
		tm := s.Templates[0]
		for k, p := range tm.Pieces {
			b.Write(p)
			if k == len(tm.Slots) {
				break
			}
			slot := tm.Slots[k]
			if slot.Copy >= 0 {
				fmt.Fprintf(&b, "<=%d>", slot.Copy)
			} else {
				// All values of a line's slot are the same, but a column may have several slots.
				before := 0
				for _, other := range tm.Slots[:k] {
					if other.Copy < 0 && other.Column == slot.Column {
						before++
					}
				}
				fmt.Fprintf(&b, "<%s>", s.Columns[slot.Column].At(before))
			}
		}
		if got := b.String(); got != want || len(s.Templates) != 1 {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
	log, punct := Options{}, Options{Punct: true}
	f(log, "Failed password for root from 58.218.211.38 port 4711 ssh2",
		"Failed password for root from <58.218.211.38> port <4711> <ssh2>")
	f(log, "duration: 12.5 ms, user@h1.example id=0x7fc0 e7-a9 (32%)",
		"duration: <12.5> ms, <user@h1.example> id=<0x7fc0> <e7-a9> (<32%>)")
	f(log, "naïve1 Grüße ok", "<naïve1> Grüße ok")
	f(log, "2018-09-12T16:08:54.775Z up", "<2018-09-12T16:08:54.775Z> up")
	f(log, "2018-09-12T16:08:54.775+0100 up", "<2018-09-12T16:08:54.775+0100> up")
	f(log, "2018-09-12T16:08:54+01:00 up", "<2018-09-12T16:08:54+01>:<00> up")
	f(log, "2018-09-12 16:08:54 up", "<2018-09-12 16:08:54> up")
	f(log, "[2018/09/12 16:08:54,775] up", "[<2018/09/12 16:08:54,775>] up")
	f(log, "x2018-09-12 16:08:54 up", "<x2018-09-12> <16:08:54> up")
	f(log, "at [29/Jan/2025:00:00:13 +0000] up", "at [<29/Jan/2025:00:00:13> <+0000>] up")
	f(log, "Mar 27 13:06:56 host up", "<Mar 27 13:06:56> host up")
	f(log, "Mar  7 13:06:56.123 host up", "<Mar  7 13:06:56.123> host up")
	f(log, "on Mar 27 13:06:56 host up", "on Mar <27> <13:06:56> host up")
	f(log, "mac 00:11:22:33:44:55 up", "mac <00>:<11>:<22>:<33>:<44>:<55> up")
	f(log, "12:99 13:06 up", "<12>:<99> <13>:<06> up")
	f(log, `say "GET /a/b?x=1 HTTP/1.1" 200 "curl/8 (x)" "-"`, `say "GET </a/b?x=1> HTTP/<1.1>" <200> "<curl/8 (x)>" "-"`)
	f(log, `{"a":"b","n":17,"s":"x \"1\" y"}`, `{"a":"b","n":<17>,"s":"<x \"1\" y>"}`)
	f(log, `{"text":"a text that is rather long, yes"}`, `{"text":"<a text that is rather long, yes>"}`)
	f(log, `open "a 1`, `open "a <1>`)
	f(log, `load /etc/x.conf, then '/tmp/y' (/z) a/b c=/d;`, `load </etc/x.conf>, then '</tmp/y>' (</z>) a/b c=</d>;`)
	f(log, "GC 17ms of 17ms", "GC <17ms> of <=0>")
	f(punct, "ip-10-77_a.example-x", "ip-<10>-<77_a>.example-x")
	f(punct, `"a 1" /usr/lib/x1`, `"a <1>" /usr/lib/<x1>`)
}

// TestMerge: words that vary at one position become a slot, words that many lines
// have at it stay.
func TestMerge(t *testing.T) {
	var v texts.Vector
	for i := range 400 {
		word := string([]byte{'a' + byte(i%26), 'a' + byte(i/26), 'x'})
		v.Add(fmt.Appendf(nil, "user %s logged in from host %d", word, i))
	}
	for i := range 40 {
		v.Add(fmt.Appendf(nil, "user root logged in from host %d", i))
	}
	v.Add([]byte("unlike"))
	s := Mine(v, Options{})
	if s == nil {
		t.Fatal("no templates")
	}
	check(t, v, Options{}, s)
	var got []string
	for _, tm := range s.Templates {
		got = append(got, fmt.Sprint(tm.Rows, " ", show(tm)))
	}
	want := []string{
		"400 user {0} logged in from host {1}",
		"40 user root logged in from host {1}",
		"1 unlike",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnify: words that vary where others have values give the same template.
func TestUnify(t *testing.T) {
	var v texts.Vector
	for i := range 100 {
		v.Add(fmt.Appendf(nil, "login by user%d now", i))
		v.Add(fmt.Appendf(nil, "login by u%c%c now", 'a'+i%26, 'a'+i/26))
	}
	s := Mine(v, Options{})
	check(t, v, Options{}, s)
	if len(s.Templates) != 1 || len(s.Columns) != 1 {
		t.Errorf("%d templates, the second is %s", len(s.Templates), show(s.Templates[1]))
	}
}

// TestRest: where texts go on each in its own way, what follows is one slot.
func TestRest(t *testing.T) {
	var v texts.Vector
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		b := fmt.Appendf(nil, "12:%02d:%02d job %d: said:", i/60, i%60, i)
		for range 1 + r.IntN(30) {
			b = append(b, "(, ;[=!"[r.IntN(7)], 'a'+byte(r.IntN(26)), 'a'+byte(r.IntN(26)))
		}
		v.Add(b)
	}
	s := Mine(v, Options{})
	check(t, v, Options{}, s)
	if len(s.Templates) > 60 {
		t.Errorf("%d templates, the last is %s", len(s.Templates), show(s.Templates[len(s.Templates)-1]))
	}
}

// TestColumns: slots behind the same word share a column, others do not.
func TestColumns(t *testing.T) {
	var v texts.Vector
	for i := range 50 {
		v.Add(fmt.Appendf(nil, "open port %d", i))
		v.Add(fmt.Appendf(nil, "port %d", 2*i))
		v.Add(fmt.Appendf(nil, "close port %d: %d, %d", 3*i, 5*i, 7*i))
	}
	s := Mine(v, Options{})
	check(t, v, Options{}, s)
	if len(s.Templates) != 3 || len(s.Columns) != 4 {
		t.Fatalf("%d templates, %d columns", len(s.Templates), len(s.Columns))
	}
	if a, b := s.Templates[0].Slots[0].Column, s.Templates[1].Slots[0].Column; a != b {
		t.Errorf("ports are in columns %d and %d", a, b)
	}
	if c := s.Columns[s.Templates[0].Slots[0].Column]; string(c.At(4)) != "2" || string(c.At(5)) != "4" {
		t.Errorf("values are not in the order of the texts: %q %q", c.At(4), c.At(5))
	}
}

// TestCopies: a slot is a copy only if it is one in every text.
func TestCopies(t *testing.T) {
	var v texts.Vector
	for i := range 100 {
		v.Add(fmt.Appendf(nil, "id %d from %d, again %d, then %d", 1000+i, 1000+i/99, 1000+i, 1000+i))
	}
	s := Mine(v, Options{})
	check(t, v, Options{}, s)
	var got []int
	for _, slot := range s.Templates[0].Slots {
		got = append(got, slot.Copy)
	}
	if want := []int{-1, -1, 0, 0}; !reflect.DeepEqual(got, want) {
		t.Errorf("copies %v, want %v", got, want)
	}
}

// TestDoesNotPay: there is no Set where it would say nothing.
func TestDoesNotPay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	prose, ids, noise := texts.Vector{}, texts.Vector{}, texts.Vector{}
	for range 2000 {
		var b []byte
		for range 4 + r.IntN(40) {
			for range 2 + r.IntN(6) {
				b = append(b, byte('a'+r.IntN(26)))
			}
			b = append(b, ' ')
		}
		prose.Add(b)
		ids.Add(fmt.Appendf(nil, "%x", r.Uint64()))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		noise.Add(b)
	}
	for name, v := range map[string]texts.Vector{
		"nothing": {}, "one": vector("a 1"), "empty": vector("", "", ""),
		"prose": prose, "ids": ids, "noise": noise,
	} {
		if s := Mine(v, Options{}); s != nil {
			t.Errorf("%s: %d templates, the first is %s", name, len(s.Templates), show(s.Templates[0]))
		}
	}
}

// TestLimits: very long texts and very many templates stay within bounds.
func TestLimits(t *testing.T) {
	var v texts.Vector
	for i := range 40 {
		v.Add(bytes.Repeat(fmt.Appendf(nil, "%d ", i), 5000))
		v.Add(bytes.Repeat([]byte(`"\" / a`), 5000+i))
		v.Add(bytes.Repeat([]byte("word word2 "), 5000))
	}
	for i := range 5000 {
		v.Add(fmt.Appendf(nil, "same %s and %d", strings.Repeat("<>", i%997), i))
	}
	o := Options{MaxTemplates: 100}
	s := Mine(v, o)
	if s == nil {
		t.Fatal("no templates")
	}
	check(t, v, o, s)
	if len(s.Templates) != 100 {
		t.Errorf("%d templates", len(s.Templates))
	}
}

// TestManyColumns: when there are too many columns, the others share one.
func TestManyColumns(t *testing.T) {
	var v texts.Vector
	word := 0
	for range 68 {
		var b []byte
		for range 500 {
			word++
			b = fmt.Appendf(b, "w%s 1 ", strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(word)))
		}
		for range 16 {
			v.Add(b)
		}
	}
	s := Mine(v, Options{})
	check(t, v, Options{}, s)
	if len(s.Templates) != 68 || len(s.Columns) != maxColumns {
		t.Errorf("%d templates, %d columns", len(s.Templates), len(s.Columns))
	}
}

// TestOffsets: a vector need not begin where its data do, and nothing outside of it
// matters.
func TestOffsets(t *testing.T) {
	var v texts.Vector
	for i := range 300 {
		v.Add(fmt.Appendf(nil, "line %d of %d", i, 7*i))
	}
	part := v.Slice(100, 200)
	s := Mine(part, Options{})
	check(t, part, Options{}, s)
	tight := texts.Vector{Offsets: make([]uint32, 1)}
	for i := range part.Len() {
		tight.Add(part.At(i))
	}
	tight.Data = bytes.Clone(tight.Data)
	if !reflect.DeepEqual(s, Mine(tight, Options{})) {
		t.Error("the same texts elsewhere give another Set")
	}
}

// TestProbe: prose of very many texts is given up early, logs of very different
// lines are not.
func TestProbe(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		return string([]byte{'a' + byte(r.IntN(26)), 'a' + byte(r.IntN(26)), 'a' + byte(r.IntN(26))})
	}
	var prose, log texts.Vector
	for range probeFrom {
		log.Add(fmt.Appendf(nil, "user %s logged in from %s, port %d", word(), word(), r.IntN(1000)))
		b := []byte(word())
		for range 1 + r.IntN(9) {
			b = append(append(b, ' '), word()...)
		}
		prose.Add(b)
	}
	if s := Mine(prose, Options{}); s != nil {
		t.Errorf("prose: %d templates", len(s.Templates))
	}
	s := Mine(log, Options{})
	if s == nil {
		t.Fatal("no templates")
	}
	check(t, log, Options{}, s)
	if got := show(s.Templates[0]); got != "user {0} logged in from {1}, port {2}" {
		t.Errorf("the first of %d templates is %s", len(s.Templates), got)
	}
}

// TestHashBytes: where bytes stand, and what stands behind them, does not matter.
func TestHashBytes(t *testing.T) {
	data := []byte("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz")
	for n := range 36 {
		want := hashBytes(1, data, 36, 36+n)
		if got := hashBytes(1, data[:n], 0, n); got != want {
			t.Errorf("%d bytes: %x and %x", n, got, want)
		}
	}
}

// TestReuse: a Miner gives what a new one gives, whatever it did before, and leaves
// alone what it gave.
func TestReuse(t *testing.T) {
	rapidVectors(t, func(t testing.TB, vs []texts.Vector, o Options) {
		var m Miner
		var sets []*Set
		for _, v := range vs {
			sets = append(sets, m.Mine(v, o))
		}
		for i, v := range vs {
			if want := Mine(v, o); !reflect.DeepEqual(sets[i], want) {
				t.Fatalf("vector %d: another Set by a used Miner", i)
			}
			if sets[i] != nil {
				check(t, v, o, sets[i])
			}
		}
	})
}

// TestCorpus takes real logs apart and puts them together again.
func TestCorpus(t *testing.T) {
	for _, path := range corpus(t) {
		var m Miner
		for _, v := range vectors(t, path, 16<<10) {
			for _, o := range []Options{{}, {Punct: true}} {
				if s := m.Mine(v, o); s != nil {
					check(t, v, o, s)
				}
			}
		}
	}
}
