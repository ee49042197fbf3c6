// Package typed recognises vectors of texts that are all numbers, decimals, times,
// IPv4 addresses, hexadecimal numbers, hashes or UUIDs, and encodes them as
// integers. What it writes comes back to the byte: a value that would not be
// rendered as it was written makes it decline the whole vector.
//
// Up the way internal/store/text asks it first, before it tries dictionaries and
// templates; down the way internal/store/ints encodes the integers and
// internal/store/stream takes the bytes.
//
// # Format
//
// A vector of n texts is a structure and the streams it names:
//
//	byte    kind
//	bytes   prefix: uvarint length and bytes that all texts begin with
//	bytes   suffix, as the prefix
//
// and by kind what follows. "Integers" is a structure of internal/store/ints for n
// numbers. A text is the prefix, the rendered value, the suffix.
//
//	1 int      integers. In decimal digits, with "-" if negative.
//	2 digits   uvarint width, 2 to 18; integers, none negative. With zeros in front
//	           up to the width.
//	3 decimal  byte form.
//	           Form 0: uvarint most, uvarint least decimals, at most 18; integers.
//	           The integer is the value times 10^most; of the most decimals,
//	           trailing zeros are left out down to the least.
//	           Form 1: integers: the number of decimals, 0 to 18; integers: the value
//	           times 10^decimals. Without decimals there is no ".".
//	4 time     bytes layout, byte separator, byte fraction, byte trimmed; integers.
//	           The layout consists of the fields Y (year), M (month), D (day), e
//	           (day, padded with a space), b (month's name), w (weekday's name), h, m,
//	           s and the characters "-/:. ,T_" as themselves. If fraction (0 to 9) is
//	           not 0, the separator ("." or ",") and so many digits follow; trimmed
//	           (1) says that trailing zeros of them are left out, and the separator if
//	           nothing follows it. The integer is the time since 1970-01-01 00:00:00
//	           (no date: since midnight; no year: it is 2000) in units of
//	           10^-fraction seconds.
//	5 ipv4     integers: a.b.c.d is a<<24 + b<<16 + c<<8 + d
//	6 hex      byte upper (1: A-F, 0: a-f), uvarint width, 1 to 16; integers, as 64
//	           unsigned bits. With zeros in front up to the width.
//	7 hash     byte upper, bytes
//	8 uuid     byte upper, bytes of width 16, rendered 8-4-4-4-12
//
// Bytes are a uvarint width of 1 to 1024 bytes for each value, a byte form and the
// uvarint number of the first stream. If the form is 2, a list of the k different
// values is what the bytes really are: uvarint k, codes (a structure of
// internal/store/ints for n numbers: the place of each in the list) and another byte
// form follow. Form 0: one stream with all bytes of the first value, of the second
// value, … Form 1: before the number stand width/8 bytes,
// rounded up, the lowest bit of the first for the first byte of a value: for each
// bit that is set a stream with that byte of all values; then, unless all are set,
// a stream with the other bytes as in form 0. The streams are numbered one after the
// other.
package typed

import (
	"journalist/internal/store/stream"
	"journalist/internal/store/texts"
	"journalist/internal/wire"
)

// Kind is what all texts of a vector are. It is stored: the numbers stay.
type Kind uint8

// The kinds.
const (
	Int Kind = 1 + iota
	Digits
	Decimal
	Time
	IPv4
	Hex
	Hash
	UUID
)

var kindNames = [...]string{"none", "int", "digits", "decimal", "time", "ipv4", "hex", "hash", "uuid"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

const (
	// maxSize is the most bytes that a vector of texts may have: what claims to be
	// more is corrupt.
	maxSize = stream.MaxBlock
	// maxAffix is the longest prefix and the longest suffix.
	maxAffix = 256
	// maxDigits is the most digits of a number with leading zeros or decimals.
	maxDigits = 18
)

// Append encodes v, if its texts are all of one kind: it puts the streams into w and
// appends the structure to dst. Otherwise it puts nothing and ok is false, mostly
// after a look at few of the texts. Nothing of v is kept.
func Append(dst []byte, w *stream.Writer, v texts.Vector) (out []byte, ok bool) {
	n := v.Len()
	if n == 0 || v.Size() > maxSize || !promising(v.At(0)) || !promising(v.At(n/2)) || !promising(v.At(n-1)) {
		return dst, false
	}
	for _, try := range [...]func([]byte, *stream.Writer, texts.Vector) ([]byte, bool){
		appendIPv4, appendTimes, appendNumbers, appendHex,
	} {
		if out, ok = try(dst, w, v); ok {
			return out, true
		}
	}
	return dst, false
}

// promising says whether any kind is thinkable for a text: it needs a digit, or be
// nothing but hexadecimal digits.
func promising(b []byte) bool {
	for _, c := range b {
		if isDigit(c) {
			return true
		}
	}
	return len(b) >= minHex && run(b, lowerHex) == len(b) || len(b) >= minHex && run(b, upperHex) == len(b)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func appendHead(dst []byte, k Kind, prefix, suffix []byte) []byte {
	dst = append(dst, byte(k))
	dst = wire.AppendBytes(dst, prefix)
	return wire.AppendBytes(dst, suffix)
}

// samples are the texts that are looked at before all are: the first, the last, and
// some between.
func samples(v texts.Vector) [5]int {
	n := v.Len()
	return [5]int{0, n - 1, n / 2, n / 4, n / 3}
}
