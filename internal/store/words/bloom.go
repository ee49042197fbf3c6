package words

import (
	"encoding/binary"
	"math/bits"
)

// Bloom is a split-block Bloom filter: it tells for certain that a key is not in
// the set it was made from. The package comment describes its bytes. It is
// immutable.
type Bloom []byte

// BitsPerKey is how many bits a filter spends on a key unless told otherwise: one
// key in about a hundred is then taken for present that is not.
const BitsPerKey = 10

const blockSize = 32

var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// May tells whether the key may be in the set.
func (b Bloom) May(h uint64) bool {
	if len(b) < blockSize {
		return false // no keys at all
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
	at, _ := bits.Mul64(h, uint64(len(b)/blockSize))
	return b[at*blockSize:][:blockSize]
}

func (b Bloom) set(h uint64) {
	block := (*[blockSize]byte)(b.block(h))
	for i := range len(salts) / 2 {
		at := block[8*i : 8*i+8]
		x := uint64(1)<<(uint32(h)*salts[2*i]>>27) | 1<<32<<(uint32(h)*salts[2*i+1]>>27)
		binary.LittleEndian.PutUint64(at, binary.LittleEndian.Uint64(at)|x)
	}
}

// Bloom makes a filter of the set with so many bits a key, 0 means BitsPerKey. An
// empty set makes an empty filter.
func (s *Set) Bloom(bitsPerKey int) Bloom {
	if bitsPerKey <= 0 {
		bitsPerKey = BitsPerKey
	}
	n := s.Len()
	if n == 0 {
		return nil
	}
	blocks := (n*bitsPerKey + blockSize*8 - 1) / (blockSize * 8)
	b := make(Bloom, blocks*blockSize)
	for i := range s.shares { // in the order of the blocks, nearly
		for _, h := range s.distinct(i) {
			b.set(h)
		}
	}
	if s.zero {
		b.set(0)
	}
	return b
}
