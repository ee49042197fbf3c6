package column

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Bloom is a split-block Bloom filter over the folded words of a column's texts:
// it knows for certain that a word does not occur. Each word sets one bit in each
// of the eight 32-bit parts of one 32-byte block, at ten bits a word.
type Bloom []byte

const (
	bloomBlock  = 32
	bitsPerWord = 10
)

var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// HashWord hashes a folded word as Words.Add does.
func HashWord(word []byte) uint64 {
	h := uint64(hashSeed)
	for _, c := range word {
		h = (h ^ uint64(c)) * hashPrime
	}
	return finish(h)
}

const (
	hashSeed  = 0x9e3779b97f4a7c15
	hashPrime = 0x00000100000001b3
)

func finish(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 29
	return h
}

// May tells whether the word with this hash may occur.
func (b Bloom) May(h uint64) bool {
	if len(b) < bloomBlock {
		return false // no words at all
	}
	block := b.block(h)
	for i, s := range salts {
		if binary.LittleEndian.Uint32(block[4*i:])&(1<<(uint32(h)*s>>27)) == 0 {
			return false
		}
	}
	return true
}

func (b Bloom) block(h uint64) []byte {
	hi, _ := bits.Mul64(h, uint64(len(b)/bloomBlock))
	return b[hi*bloomBlock:][:bloomBlock]
}

// Words is the set of the hashes of the words of a column. The zero value is
// empty; Reset empties it for reuse.
type Words struct {
	table []uint64 // open addressing, 0 is free
	n     int
	zero  bool // 0 itself is in the set
}

// Reset empties the set and keeps its memory.
func (w *Words) Reset() {
	clear(w.table)
	w.n, w.zero = 0, false
}

func (w *Words) add(h uint64) {
	if h == 0 {
		w.zero = true
		return
	}
	if 2*w.n >= len(w.table) {
		w.grow()
	}
	mask := uint64(len(w.table) - 1)
	for i := h >> 20 & mask; ; i = (i + 1) & mask {
		switch w.table[i] {
		case h:
			return
		case 0:
			w.table[i] = h
			w.n++
			return
		}
	}
}

func (w *Words) grow() {
	old := w.table
	w.table = make([]uint64, max(1<<10, 2*len(old)))
	w.n = 0
	for _, h := range old {
		if h != 0 {
			w.add(h)
		}
	}
}

// fold maps an ASCII byte of a word to itself in lower case, other ASCII bytes to
// 0 and what is not ASCII to 0xff.
var fold = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 0x80:
			t[c] = 0xff
		case !match.IsWordByte(byte(c)):
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		default:
			t[c] = byte(c)
		}
	}
	return t
}()

// Add adds the words of a text. It finds the same words as match.EachWord.
func (w *Words) Add(text []byte) {
	h, start := uint64(hashSeed), -1
	for i, c := range text {
		f := fold[c]
		if f == 0 {
			if start >= 0 {
				w.add(finish(h))
				h, start = hashSeed, -1
			}
			continue
		}
		if f == 0xff || start >= 0 && i-start >= match.MaxWord {
			// Rare: what is not ASCII or too long is left to the definition itself.
			match.EachWord(text, func(word []byte) { w.add(HashWord(word)) })
			return
		}
		if start < 0 {
			start = i
		}
		h = (h ^ uint64(f)) * hashPrime
	}
	if start >= 0 {
		w.add(finish(h))
	}
}

// AddCol adds the words of all strings and array elements of a column.
func (w *Words) AddCol(c *Col) {
	add := func(v record.Value) {
		switch v.Kind {
		case record.String:
			w.Add(v.Bytes)
		case record.JSON:
			scan.Leaves(v.Bytes, func(leaf record.Value) bool {
				var buf [32]byte
				if leaf.Kind == record.Int || leaf.Kind == record.Bool {
					leaf.Bytes = leaf.AppendText(buf[:0])
				}
				w.Add(leaf.Bytes)
				return true
			})
		}
	}
	switch {
	case c.Form == scan.Consts || c.Form == scan.Dict:
		for _, v := range c.Values {
			add(v)
		}
	case c.Form == scan.Plain && c.Kinds == nil:
		for i := range c.Len {
			w.Add(c.Bytes(i))
		}
	case c.Form == scan.Plain:
		for i := range c.Len {
			add(c.Value(i))
		}
	}
}

// Bloom returns the filter over the set.
func (w *Words) Bloom() Bloom {
	n := w.n
	if w.zero {
		n++
	}
	if n == 0 {
		return nil
	}
	blocks := (n*bitsPerWord + bloomBlock*8 - 1) / (bloomBlock * 8)
	b := make(Bloom, blocks*bloomBlock)
	set := func(h uint64) {
		block := b.block(h)
		for i, s := range salts {
			at := block[4*i:]
			binary.LittleEndian.PutUint32(at, binary.LittleEndian.Uint32(at)|1<<(uint32(h)*s>>27))
		}
	}
	for _, h := range w.table {
		if h != 0 {
			set(h)
		}
	}
	if w.zero {
		set(0)
	}
	return b
}

// HashWords returns the hashes of a pattern's words, which all must occur.
func HashWords(p *match.Pattern) []uint64 {
	var hs []uint64
	for _, word := range p.Words() {
		if h := HashWord(word); !slices.Contains(hs, h) {
			hs = append(hs, h)
		}
	}
	return hs
}

// Each calls f with every hash of the set until it fails.
func (w *Words) Each(f func(h uint64) error) error {
	if w.zero {
		if err := f(0); err != nil {
			return err
		}
	}
	for _, h := range w.table {
		if h != 0 {
			if err := f(h); err != nil {
				return err
			}
		}
	}
	return nil
}
