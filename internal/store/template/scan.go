package template

import "math/bits"

// span is a piece of the texts' bytes.
type span struct{ from, to uint32 }

func (s span) len() uint32 { return s.to - s.from }

// alphabet tells which bytes tokens consist of.
type alphabet [256]bool

func newAlphabet(more string) *alphabet {
	a := new(alphabet)
	for c := range 256 {
		b := byte(c)
		a[c] = digit(b) || b|0x20 >= 'a' && b|0x20 <= 'z' || b >= 0x80
	}
	for _, b := range []byte(more) {
		a[b] = true
	}
	return a
}

var (
	tokens = newAlphabet("_.@%+-") // of log lines
	words  = newAlphabet("_")      // with Options.Punct
)

// before has the bytes that a path follows, after those that end it.
var before, after = func() (before, after [256]bool) {
	for _, c := range []byte(" \t\"'=([<,:`") {
		before[c] = true
	}
	for c := range ' ' + 1 {
		after[c] = true
	}
	for _, c := range []byte(`"')]>,;`) {
		after[c] = true
	}
	return before, after
}()

const (
	// maxSlots is the most slots a text is taken apart into; the last one reaches to
	// its end.
	maxSlots = 512
	// longQuote is the length from which a quotation is a value, whatever is in it.
	longQuote = 24

	lanes = 0x0101010101010101
	tops  = 0x8080808080808080
)

// marks sets the top bit of each byte of x that is a digit, a slash (which stands
// right before the digits) or a quotation mark: where rules may begin to hold.
func marks(x uint64) uint64 {
	low := x &^ tops
	digits := (low + (0x80-'/')*lanes) &^ (low + (0x80-'9'-1)*lanes)
	quote := low ^ '"'*lanes
	return (digits | ^(quote + 0x7f*lanes)) &^ x & tops
}

// leadingDigits is how many digits x begins with, in its lowest bytes.
func leadingDigits(x uint64) int {
	low := x &^ tops
	digits := (low + (0x80-'0')*lanes) &^ (low + (0x80-'9'-1)*lanes) &^ x & tops
	return bits.TrailingZeros64(digits^tops) >> 3
}

// scan takes the text data[lo:hi] apart: it appends its slots and returns the hash
// of its static text.
func (m *Miner) scan(data []byte, lo, hi int) uint64 {
	var (
		token  = m.token
		slots  = m.slots
		limit  = len(slots) + maxSlots - 1 // at this length the last slot follows
		h      = seedA
		i      = lo
		static = lo // where the static text since the last slot begins
		quotes = lo // quotation marks before this one begin nothing
	)
	if !m.punct {
		if n := syslogStamp(data[lo:hi]); n > 0 {
			i = tokenEnd(token, data, lo+n, hi)
			slots = append(slots, span{uint32(lo), uint32(i)})
			h = hashBytes(h, data, lo, lo)
			static = i
		}
	}
	for i < hi {
		if i+8 <= len(data) {
			x := marks(load(data, i))
			if x == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(x) >> 3
			if i >= hi {
				break
			}
		}
		from, to := i, 0
		switch c := data[i]; {
		case digit(c):
			for from > static && token[data[from-1]] {
				from--
			}
			to = i + 1
			if from == i && !m.punct && mayBeStamp(data, lo, i, hi) {
				to = i + max(1, stamp(data[i:hi]))
			}
			to = tokenEnd(token, data, to, hi)
		case m.punct:
		case c == '"' && i >= quotes:
			end, value, inside := quotation(data, i, hi)
			quotes = end + 1
			switch {
			case value:
				from, to = i+1, end
			case !inside:
				i = end
			}
		case c == '/' && (i == lo || before[data[i-1]]):
			to = pathEnd(data, i, hi)
			if to == i+1 {
				to = 0
			}
		}
		if to == 0 {
			i++
			continue
		}
		if len(slots) == limit {
			to = hi
		}
		slots = append(slots, span{uint32(from), uint32(to)})
		h = hashBytes(h, data, static, from)
		static, i = to, to
	}
	m.slots = slots
	return hashBytes(h, data, static, hi)
}

// tokenEnd returns where the token ends that data[i] is in or behind. Most tokens it
// is asked about are numbers.
func tokenEnd(token *alphabet, data []byte, i, hi int) int {
	if i+8 <= len(data) {
		i = min(i+leadingDigits(load(data, i)), hi)
	}
	for _, c := range data[i:hi] {
		if !token[c] {
			break
		}
		i++
	}
	return i
}

// mayBeStamp tells whether it is worth while to look for a timestamp at data[i]:
// the punctuation must be right, and it must not be the end of an address that is
// written with colons.
func mayBeStamp(data []byte, lo, i, hi int) bool {
	if i+8 > hi {
		return false
	}
	switch data[i+2] {
	case ':':
		return i < lo+2 || data[i-1] != ':' || !digit(data[i-2])
	case '/':
		return true
	}
	return data[i+4] == '-' || data[i+4] == '/'
}

// quotation returns where the quotation that begins at data[i] ends, whether its
// contents are a value, and otherwise whether there may be slots in them. One that
// does not end reaches to hi and is no value.
func quotation(data []byte, i, hi int) (end int, value, slots bool) {
	var digits, slashes uint64
	j := i + 1
	for j < hi {
		if j+8 > len(data) {
			c := data[j]
			if c == '"' {
				break
			}
			if c == '\\' {
				slashes = tops
				j++
			} else if digit(c) {
				digits = tops
			}
			if c == '/' {
				slashes = tops
			}
			j++
			continue
		}
		x := load(data, j)
		low := x &^ tops
		atDigit := low + (0x80-'0')*lanes
		digit := atDigit &^ (low + (0x80-'9'-1)*lanes) &^ x
		slash := (low + (0x80-'/')*lanes) &^ atDigit &^ x
		stop := ^((low ^ '"'*lanes) + 0x7f*lanes) | ^((low ^ '\\'*lanes) + 0x7f*lanes)
		stop = stop &^ x & tops
		if stop == 0 {
			digits |= digit
			slashes |= slash
			j += 8
			continue
		}
		// Of this word, what is before the stop counts.
		counts := stop&-stop - 1
		digits |= digit & counts
		slashes |= slash & counts
		j += bits.TrailingZeros64(stop) >> 3
		if j >= hi || data[j] == '"' {
			break
		}
		slashes = tops // what is escaped is not looked at
		j += 2
	}
	if j >= hi {
		return hi, false, true
	}
	digits &= tops
	value = (digits != 0 || j-i > longQuote) && !request(data[i+1:j])
	return j, value, digits|slashes&tops != 0
}

// request tells whether b begins like an HTTP request: "GET /".
func request(b []byte) bool {
	i := 0
	for i < len(b) && i < 8 && b[i] >= 'A' && b[i] <= 'Z' {
		i++
	}
	return i >= 3 && i+1 < len(b) && b[i] == ' ' && b[i+1] == '/'
}

// pathEnd returns where the path that begins at data[i] ends.
func pathEnd(data []byte, i, hi int) int {
	for _, c := range data[i:hi] {
		if after[c] {
			break
		}
		i++
	}
	return i
}
