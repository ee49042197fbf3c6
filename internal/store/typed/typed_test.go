package typed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
)

func vector(values ...string) (v texts.Vector) {
	v.Reset()
	for _, s := range values {
		v.Add([]byte(s))
	}
	return v
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// roundTrip encodes the texts and reads them back, all and some; kind is 0 if they
// were declined.
func roundTrip(t fataler, v texts.Vector) (kind Kind, size int) {
	t.Helper()
	w := stream.NewMemory()
	raw, ok := Append([]byte("x"), w.Writer, v)
	if !ok {
		if len(raw) != 1 || w.Put(stream.Raw, nil) != 0 {
			t.Fatalf("declined, but %d bytes of structure or a stream were written", len(raw)-1)
		}
		return 0, 0
	}
	src, size := w.Source()
	d := stream.NewDecoder(raw[1:])
	h := Read(&d, v.Len())
	if d.Err() != nil || len(d.Data) != 0 {
		t.Fatalf("%v: error %v, %d bytes left", h.Kind(), d.Err(), len(d.Data))
	}
	got, err := h.Texts(src)
	if err != nil || got.Len() != v.Len() {
		t.Fatalf("%v: %d of %d texts, error %v", h.Kind(), got.Len(), v.Len(), err)
	}
	var rows []uint32
	for i := range v.Len() {
		if string(got.At(i)) != string(v.At(i)) {
			t.Fatalf("%v %d: %q became %q", h.Kind(), i, v.At(i), got.At(i))
		}
		if i%3 == 1 {
			rows = append(rows, uint32(i))
		}
	}
	some, err := h.Take(src, rows)
	if err != nil || some.Len() != len(rows) {
		t.Fatalf("%v: %d of %d rows, error %v", h.Kind(), some.Len(), len(rows), err)
	}
	for i, r := range rows {
		if string(some.At(i)) != string(v.At(int(r))) {
			t.Fatalf("%v: row %d: %q became %q", h.Kind(), r, v.At(int(r)), some.At(i))
		}
	}
	return h.Kind(), size + len(raw) - 1
}

var kindCases = []struct {
	want   Kind
	values string // separated by |
}{
	{Int, "0"},
	{Int, "1|22|333"},
	{Int, "-5|7|0|-9223372036854775808|9223372036854775807"},
	{Int, "-1|-22"},
	{Int, "user_100|user_101|user_1"},
	{Int, "10ms|12ms|105ms"},
	{Int, "worker-1.|worker-22."},
	{Int, "a-1|a-2|a-33"},
	{Int, "+1|+22"},
	{0, "+1|22"},
	{0, "01|2|3"},
	{0, "-0|1"},
	{0, "-01|1"},
	{0, "9223372036854775808|1"},
	{0, "18446744073709551616|1"},
	{0, "|1"},
	{0, "1|"},
	{0, ""},
	{0, "alpha|beta"},
	{0, "alpha1|beta2"},
	{0, "1a|2b"},
	{Digits, "007|000|123"},
	{Digits, "007|1000"},
	{Digits, "x007y|x000y|x123y"},
	{0, "007|0100"},
	{Digits, "000000000000000000|999999999999999999"},
	{Hash, "00000000000000000000|99999999999999999999"},
	{0, "0000000000000000000|9999999999999999999"},
	{Decimal, "0.5|1.25|100"},
	{Decimal, "0.51|0.52"},
	{Decimal, "-0.51|-0.52|3.00"},
	{Decimal, "1.50ms|2.50ms"},
	{Decimal, "$0.10|$0.1|$12.00"},
	{Decimal, "0.123456789012345678|5"},
	{Decimal, "123456789012345678|0.123456789012345678"},
	{Decimal, "0|0.0|0.00"},
	{0, "00.5|1.5"},
	{0, "-0.0|1.5"},
	{0, "5.|1.5"},
	{0, ".5|1.5"},
	{Decimal, "1.5.2|1.5"},
	{Decimal, "1.2.3|1.20.4"},
	{0, "1.2.3.4.5|12.3.4"},
	{Int, "1.2.3|1.2.40"},
	{IPv4, "10.0.0.1|255.255.255.255|0.0.0.0"},
	{Digits, "10.0.0.01|10.0.0.256"},
	{0, "10.0.0.01|11.0.0.25"},
	{0, "256.0.0.1|1.0.0.2"},
	{Time, "12:34"},
	{Time, "2024-01-31T12:34:56Z|2024-02-29T00:00:00Z"},
	{Time, "2024-01-31T12:34:56.120Z|2024-02-29T00:00:00.000Z"},
	{Time, "2024-01-31T12:34:56.12Z|2024-02-29T00:00:00Z|2024-02-29T00:00:00.123456789Z"},
	{0, "2024-01-31T12:34:56.120Z|2024-02-29T00:00:00Z"},
	{Time, "[17/Oct/2023:01:02:03 +0000]|[18/Oct/2023:01:02:03 +0000]"},
	{0, "2023-02-29 00:00:00|2022-01-28 11:22:33"},
	{0, "2023-02-28 00:00:00|2022-02-30 11:22:33"},
	{0, "2023-02-28 23:59:60|2023-03-28 23:01:59"},
	{Time, "Feb 29 12:00:00|Jan  1 00:00:00"},
	{0, "Feb 30 12:00:00|Jan  1 00:00:00"},
	{0, "Feb 28 12:00:00|Jan  : 00:00:00"},
	{Time, "Feb 29 12:00:00|Jan 01 00:00:00"},
	{Time, "Thu Jan  1 00:00:00 1970|Sat Feb 29 11:11:11 2020"},
	{0, "Fri Jan  1 00:00:00 1970|Sat Feb 29 11:11:11 2020"},
	{Time, "12:34:56,789|00:00:00,001"},
	{Time, "0000-01-01 00:00:00|9999-12-31 23:59:59"},
	{Time, "0000-03-01|2000-02-29|1969-12-31"},
	{0, "0000-01-01 00:00:00.123456789|9999-12-31 23:59:59.000000001"},
	{Time, "1969-12-31 23:59:59.5|1970-01-01 00:00:00.5"},
	{Time, "2005-06-03-15.42.50.363779|2005-06-03-15.42.53.276129"},
	{Time, "12/31/2023 01:02:03|01/01/2024 01:02:03"},
	{Time, "01/12/2023 01:02:03|31/01/2024 01:02:03"},
	{Hex, "deadbeef|cafebabe"},
	{Hex, "DEADBEEF00112233|CAFEBABE00112233"},
	{0, "deadBEEF|cafebabe"},
	{Hex, "0x1f|0xa03|0x0"},
	{Hex, "0xffffffffffffffff|0x0000000000000000"},
	{0, "0x1f|0x0a03"},
	{Hash, "d41d8cd98f00b204e9800998ecf8427e|900150983cd24fb0d6963f7d28e17f72"},
	{Hash, "sha256:d41d8cd98f00b204e9800998ecf8427e!|sha256:900150983cd24fb0d6963f7d28e17f72!"},
	{UUID, "550e8400-e29b-41d4-a716-446655440000|6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
	{UUID, "urn:uuid:550E8400-E29B-41D4-A716-446655440000|urn:uuid:6BA7B810-9DAD-11D1-80B4-00C04FD430C8"},
	{0, "550e8400-e29b-41d4-a716-446655440000|6ba7b810-9dad-11d1-80b4-00c04fd430c"},
}

func TestKinds(t *testing.T) {
	for _, c := range kindCases {
		parts := strings.Split(c.values, "|")
		v := vector(parts...)
		if kind, _ := roundTrip(t, v); kind != c.want {
			t.Errorf("%q: %v, want %v", parts, kind, c.want)
		}
		// The same, often: another way through the samples and the integers.
		var many []string
		for i := range 3000 {
			many = append(many, parts[(i*7+i/13)%len(parts)])
		}
		if kind, _ := roundTrip(t, vector(many...)); kind != c.want && len(parts) > 1 {
			t.Errorf("%q, repeated: %v, want %v", parts, kind, c.want)
		}
	}
}

// Whatever standard library renders in our layouts is recognised.
func TestLayoutsAgreeWithTheStandardLibrary(t *testing.T) {
	names := strings.NewReplacer("Y", "2006", "M", "01", "D", "02", "e", "_2", "b", "Jan", "w", "Mon", "h", "15", "m", "04", "s", "05")
	r := rand.New(rand.NewPCG(1, 1))
	for _, text := range layouts {
		l := newLayout(text)
		if l == nil {
			t.Fatalf("%q is no layout", text)
		}
		for range 2000 {
			at := time.Unix(firstSecond+r.Int64N(endSecond-firstSecond), 0).UTC()
			if !l.year && l.date {
				at = time.Date(2000, at.Month(), 1+at.Day()%28, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
			}
			want := at.Format(names.Replace(text))
			sec, ok := l.parse([]byte(want))
			if !ok {
				t.Fatalf("%q of %q is not read", want, text)
			}
			full := l.date && strings.Contains(text, "s")
			if full && sec != at.Unix() {
				t.Fatalf("%q of %q is %d, want %d", want, text, sec, at.Unix())
			}
			fresh := newLayout(text)
			if got := string(fresh.render(sec)); got != want {
				t.Fatalf("%q of %q became %q", want, text, got)
			}
		}
	}
}

// One Head is read by several goroutines at a time.
func TestHeadIsShared(t *testing.T) {
	for _, c := range kindCases {
		v := vector(strings.Split(c.values, "|")...)
		w := stream.NewMemory()
		raw, ok := Append(nil, w.Writer, v)
		if !ok {
			continue
		}
		d := stream.NewDecoder(raw)
		h := Read(&d, v.Len())
		var wait sync.WaitGroup
		for range 4 {
			src, _ := w.Source()
			wait.Go(func() {
				got, err := h.Texts(src)
				if err != nil || string(got.Data) != string(v.Data) {
					t.Errorf("%q became %q, error %v", v.Data, got.Data, err)
				}
			})
		}
		wait.Wait()
	}
}

// Anything that the generators can think of comes back to the byte.
func TestRoundTripOfAnything(t *testing.T) {
	part := rapid.OneOf(
		rapid.StringMatching(`-?0?[0-9]{0,19}`), rapid.StringMatching(`-?[0-9]{1,4}\.[0-9]{0,5}`),
		rapid.StringMatching(`[0-9]{4}-[0-3][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{1,9})?`),
		rapid.StringMatching(`(Jan|Feb|Sep) [ 0-3][0-9:] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]`),
		rapid.StringMatching(`(0x)?[0-9a-f]{7,20}`), rapid.StringMatching(`[0-9A-F]{8}`),
		rapid.StringMatching(`([0-9]{1,3}\.){3}[0-9]{1,3}`),
		rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.String(),
	)
	kinds := map[Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		pool := rapid.SliceOfN(part, 1, 4).Draw(t, "pool")
		before, after := rapid.SampledFrom([]string{"", "", "a", "x=", "-", "1", "0x", "."}).Draw(t, "before"), rapid.SampledFrom([]string{"", "", "ms", ".5", "0", "Z"}).Draw(t, "after")
		n := rapid.SampledFrom([]int{1, 2, 5, 300}).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var vs []string
		for range n {
			s := pool[r.IntN(len(pool))]
			if b := []byte(s); len(b) > 0 && r.IntN(3) == 0 { // another digit somewhere
				if at := r.IntN(len(b)); isDigit(b[at]) {
					b[at] = byte('0' + r.IntN(10))
				}
				s = string(b)
			}
			vs = append(vs, before+s+after)
		}
		k, _ := roundTrip(t, vector(vs...))
		kinds[k]++
	})
	t.Log(kinds)
}

func samplesOf() map[string]texts.Vector {
	r := rand.New(rand.NewPCG(1, 2))
	of := func(f func(i int) string) (v texts.Vector) {
		for i := range 60_000 {
			v.Add([]byte(f(i)))
		}
		return v
	}
	at := time.Date(2024, 2, 28, 23, 0, 0, 0, time.UTC)
	return map[string]texts.Vector{
		"int":     of(func(int) string { return fmt.Sprint(r.IntN(1 << 20)) }),
		"digits":  of(func(int) string { return fmt.Sprintf("%06d", r.IntN(1000000)) }),
		"decimal": of(func(int) string { return fmt.Sprintf("%.3f", r.Float64()*100) }),
		"time": of(func(int) string {
			at = at.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
			return at.Format("2006-01-02T15:04:05.000Z")
		}),
		"ipv4": of(func(int) string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(256), r.IntN(256)) }),
		"hex":  of(func(int) string { return fmt.Sprintf("0x%016x", r.Uint64()) }),
		"hash": of(func(int) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }),
		"uuid": of(func(int) string {
			return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>20, r.Uint32()>>20, r.Uint64()>>16)
		}),
		"UUIDs again": of(func(i int) string {
			return fmt.Sprintf("%08x-0000-4000-a000-%012x", uint32(i/7*0x9E3779B1), uint64(i/7)*0x9E3779B97F4A7C15>>16)
		}),
		"none": of(func(i int) string { return strings.Repeat("word", 1+i%3) + fmt.Sprint(i%7) }),
	}
}

func TestSizes(t *testing.T) {
	for name, v := range samplesOf() {
		kind, size := roundTrip(t, v)
		if kind.String() != name && name != "UUIDs again" {
			t.Errorf("%s became %v", name, kind)
		}
		t.Logf("%-8s %.2f bits each", name, float64(8*size)/float64(v.Len()))
	}
}

func BenchmarkTyped(b *testing.B) {
	for name, v := range samplesOf() {
		w := stream.NewMemory()
		raw, ok := Append(nil, w.Writer, v)
		src, _ := w.Source()
		b.Run("encode/"+name, func(b *testing.B) {
			b.SetBytes(int64(v.Size()))
			b.ReportAllocs()
			for b.Loop() {
				w := stream.NewWriter(func([]byte) stream.Ref { return stream.Ref{} })
				raw, _ = Append(raw[:0], w, v)
			}
		})
		if !ok {
			continue
		}
		b.Run("decode/"+name, func(b *testing.B) {
			b.SetBytes(int64(v.Size()))
			b.ReportAllocs()
			for b.Loop() {
				d := stream.NewDecoder(raw)
				if _, err := Read(&d, v.Len()).Texts(src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCorpus says what becomes of the words with a digit in the logs of the
// folder that JOURNALIST_CORPUS names, grouped by the text before them.
func BenchmarkCorpus(b *testing.B) {
	dir := os.Getenv("JOURNALIST_CORPUS")
	if dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		columns := wordColumns(raw[:min(len(raw), 10<<20)])
		b.Run(filepath.Base(name), func(b *testing.B) { reportColumns(b, columns) })
	}
}

func wordColumns(raw []byte) []texts.Vector {
	byKey := map[string]*texts.Vector{}
	isWord := func(c byte) bool {
		return isDigit(c) || isLetter(c) || c >= 0x80 || strings.IndexByte("_.@%+-", c) >= 0
	}
	var key []byte
	var out []texts.Vector
	for i := 0; i < len(raw); {
		if !isWord(raw[i]) {
			if raw[i] == '\n' {
				key = key[:0]
			}
			key = append(key, raw[i])
			i++
			continue
		}
		from, digit := i, false
		for i < len(raw) && isWord(raw[i]) {
			digit = digit || isDigit(raw[i])
			i++
		}
		if !digit {
			key = append(key[:0], raw[from:i]...)
			continue
		}
		v := byKey[string(key)]
		if v == nil {
			v = &texts.Vector{}
			byKey[string(key)] = v
		}
		v.Add(raw[from:i])
		key = append(key, 0)
	}
	for _, v := range byKey {
		out = append(out, *v)
	}
	return out
}

func reportColumns(b *testing.B, columns []texts.Vector) {
	var size, count [UUID + 1]int
	stored, total := 0, 0
	for b.Loop() {
		w := stream.NewMemory()
		var raw []byte
		size, count, total = [UUID + 1]int{}, [UUID + 1]int{}, 0
		for _, v := range columns {
			k := 0
			from := len(raw)
			var ok bool
			if raw, ok = Append(raw, w.Writer, v); ok {
				k = int(raw[from])
			}
			size[k] += v.Size()
			count[k]++
			total += v.Size()
		}
		w.Put(stream.Structure, raw)
		_, stored = w.Source()
	}
	b.SetBytes(int64(total))
	b.ReportMetric(float64(total-size[0])/float64(stored), "ratio")
	b.ReportMetric(float64(stored), "stored-B")
	for k, n := range count {
		if n > 0 {
			b.Logf("%-8v %6d columns, %9d bytes", Kind(k), n, size[k])
		}
	}
}
