package lumberjack

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"journalist/internal/record"
)

// Encoder writes the windows of one connection: blocks in a zstd frame where the
// server agreed on them, else version 2's JSON events or version 1's pairs in a
// zlib frame. It is used by one goroutine and reuses its buffers, so that a window
// costs no allocation once they have grown.
type Encoder struct {
	version byte
	blocks  bool
	events  uint32
	raw     []byte // the frames before compression
	out     []byte // the window as it goes over the wire
	zstd    *zstd.Encoder
	zlib    *zlib.Writer
	json    eventEncoder
	pairs   pairEncoder
}

// NewEncoder makes an Encoder for blocks or for plain version 2.
func NewEncoder(blocks bool) *Encoder {
	e := &Encoder{version: Version2, blocks: blocks}
	if blocks {
		e.zstd = newZstdEncoder()
	} else {
		e.zlib = newZlibWriter()
	}
	return e
}

// NewVersion1Encoder makes an Encoder for version 1: in each window one compressed
// frame, as logstash-forwarder sends.
func NewVersion1Encoder() *Encoder {
	return &Encoder{version: Version1, zlib: newZlibWriter()}
}

func newZlibWriter() *zlib.Writer {
	w, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic("lumberjack: zlib level: " + err.Error()) // a constant
	}
	return w
}

// Begin starts a new window.
func (e *Encoder) Begin() { e.raw, e.events = e.raw[:0], 0 }

// Add adds rows [lo,hi) of l to the window; resume marks the source's first block
// on this connection.
func (e *Encoder) Add(l *record.Lines, lo, hi int, resume bool) {
	switch {
	case e.blocks:
		e.events += uint32(Events(lo, hi))
		e.raw = slices.Grow(e.raw, blockSize(l, lo, hi)+10)
		at := e.beginFrame(codeBlock)
		e.raw = AppendBlock(e.raw, l, lo, hi, resume)
		e.endFrame(at)
	case e.version == Version1:
		for i := lo; i < hi; i++ {
			e.events++
			e.raw = append(e.raw, Version1, codePairs)
			e.raw = binary.BigEndian.AppendUint32(e.raw, e.events)
			e.raw = e.pairs.append(e.raw, l, i)
		}
	default:
		e.json.begin(l)
		for i := lo; i < hi; i++ {
			e.events++
			at := e.beginFrame(codeJSON)
			e.raw = e.json.append(e.raw, i)
			e.endFrame(at)
		}
		e.json.l = nil
	}
}

// beginFrame begins a frame with the current sequence number and room for its
// length.
func (e *Encoder) beginFrame(code byte) (at int) {
	e.raw = append(e.raw, e.version, code)
	e.raw = binary.BigEndian.AppendUint32(e.raw, e.events)
	e.raw = append(e.raw, 0, 0, 0, 0)
	return len(e.raw)
}

func (e *Encoder) endFrame(at int) {
	binary.BigEndian.PutUint32(e.raw[at-4:], uint32(len(e.raw)-at))
}

// Events is the number of events in the window so far, which is the sequence
// number that acknowledges it.
func (e *Encoder) Events() uint32 { return e.events }

// Size is the number of bytes in the window so far, before compression.
func (e *Encoder) Size() int { return len(e.raw) }

// Finish returns the whole window as it goes over the wire, valid until the next
// Finish.
func (e *Encoder) Finish() ([]byte, error) {
	e.out = AppendWindow(e.out[:0], e.version, e.events)
	if e.events == 0 {
		return e.out, nil
	}
	code := codeZlib
	if e.blocks {
		code = codeZstd
	}
	e.out = append(e.out, e.version, code, 0, 0, 0, 0)
	at := len(e.out)
	if e.blocks {
		e.out = e.zstd.EncodeAll(e.raw, e.out)
	} else {
		e.zlib.Reset((*sliceWriter)(&e.out))
		if _, err := e.zlib.Write(e.raw); err != nil {
			return nil, fmt.Errorf("lumberjack: compress window: %w", err)
		}
		if err := e.zlib.Close(); err != nil {
			return nil, fmt.Errorf("lumberjack: compress window: %w", err)
		}
	}
	n := len(e.out) - at
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("lumberjack: window of %d bytes", n)
	}
	binary.BigEndian.PutUint32(e.out[at-4:], uint32(n))
	return e.out, nil
}

// sliceWriter appends what is written to it.
type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
