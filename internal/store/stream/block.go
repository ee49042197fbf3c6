package stream

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A block is what is read from disk at once: a byte that says how it is
// compressed, the raw length, and the bytes. Its checksum stands with whoever
// refers to it.
const (
	blockRaw  = 0
	blockZstd = 1

	// MaxBlock is the longest block in bytes, uncompressed.
	MaxBlock = 64 << 20
)

// Level says how much time compression may take. Reading takes the same for all.
type Level uint8

// The levels. On real logs, Small takes a twelfth more time of encoding a row group
// than Fast does and leaves 2 % fewer bytes, Smallest twice the time and 6 %.
const (
	Fast Level = iota
	Small
	Smallest
)

var encoders = [...]sync.Pool{encoder(zstd.SpeedDefault), encoder(zstd.SpeedBetterCompression), encoder(zstd.SpeedBestCompression)}

func encoder(level zstd.EncoderLevel) sync.Pool {
	return sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithAllLitEntropyCompression(true), zstd.WithWindowSize(4<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // only wrong options
		}
		return e
	}}
}

// trials are for what is compressed only to see how small it becomes.
var trials = encoder(zstd.SpeedFastest)

// Trial compresses raw into dst, whose contents it overwrites, to see about how small
// Put makes it; nothing can read the answer.
func Trial(dst, raw []byte) []byte {
	e := trials.Get().(*zstd.Encoder)
	defer trials.Put(e)
	return e.EncodeAll(raw, dst[:0])
}

var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBlock), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // only wrong options
	}
	return d
}}

// AppendBlock appends raw as a block, compressed where that is smaller.
func AppendBlock(dst, raw []byte) []byte { return Fast.AppendBlock(dst, raw) }

// AppendBlock appends raw as a block, compressed where that is smaller.
func (l Level) AppendBlock(dst, raw []byte) []byte {
	head := len(dst)
	if dst == nil {
		dst = make([]byte, 0, len(raw)/4+64)
	}
	if len(raw) >= 32 {
		dst = append(dst, blockZstd)
		dst = binary.AppendUvarint(dst, uint64(len(raw)))
		e := encoders[l].Get().(*zstd.Encoder)
		body := len(dst)
		dst = e.EncodeAll(raw, dst)
		encoders[l].Put(e)
		if len(dst)-body < len(raw) {
			return dst
		}
	}
	return AppendRaw(dst[:head], raw)
}

// AppendRaw appends raw as a block without trying to compress it.
func AppendRaw(dst, raw []byte) []byte {
	dst = append(dst, blockRaw)
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	return append(dst, raw...)
}

// OpenBlock returns the bytes that AppendBlock got. They may share memory with
// block.
func OpenBlock(block []byte) ([]byte, error) {
	d := NewDecoder(block)
	how, n := d.Byte(), d.Uvarint()
	if d.Err() != nil {
		return nil, d.Err()
	}
	if n > MaxBlock {
		return nil, Corrupt("block of %d bytes, the limit is %d", n, MaxBlock)
	}
	switch how {
	case blockRaw:
		if n != uint64(len(d.Data)) {
			return nil, Corrupt("block of %d bytes has %d", n, len(d.Data))
		}
		return d.Data, nil
	case blockZstd:
		// A frame cannot expand more than its blocks of at most 128 KiB do, each of
		// which takes at least four bytes: what claims more is not ours.
		if n/(128<<10) > uint64(len(d.Data)) {
			return nil, Corrupt("%d bytes in a frame of %d", n, len(d.Data))
		}
		z := decoders.Get().(*zstd.Decoder)
		defer decoders.Put(z)
		raw, err := z.DecodeAll(d.Data, make([]byte, 0, n))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if uint64(len(raw)) != n {
			return nil, Corrupt("block of %d bytes has %d", n, len(raw))
		}
		return raw, nil
	}
	return nil, Corrupt("block compressed by method %d, this program reads 0 and 1", how)
}
