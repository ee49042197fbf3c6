package lumberjack

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is how far back the encoder looks. It bounds the encoder's memory,
// which is part of scribe's small footprint; larger windows gain little on logs.
const zstdWindow = 512 << 10

// zstdMemory is the most that any Reader lets one zstd frame inflate to; its
// Limits.Frame may only be smaller.
const zstdMemory = 64 << 20

// newZstdEncoder makes the encoder of one connection. The fastest level: logs
// shrink to a tenth already (docs/format/lumberjack.md has the figures), and what
// scribe may use of a server's processor is little.
func newZstdEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow),
		zstd.WithSingleSegment(true), // always declare the content's size
		zstd.WithEncoderCRC(false))   // TLS has its own
	if err != nil {
		panic("lumberjack: zstd options: " + err.Error()) // constants: a test makes one
	}
	return e
}

// zstdDecoder is shared by all Readers: it works without state and bounds how
// many frames are inflated at the same time.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderMaxMemory(zstdMemory),
		zstd.WithDecoderMaxWindow(zstdMemory),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("lumberjack: zstd options: " + err.Error())
	}
	return d
})

// errZstdSize refuses frames that do not say how large their content is: the
// size has to be checked before it is allocated.
var errZstdSize = errors.New("zstd frame does not declare its content's size")

// zstdSize returns the content size that the frame's header declares.
func zstdSize(frame []byte) (uint64, error) {
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		return 0, fmt.Errorf("zstd header: %w", err)
	}
	if h.Skippable || !h.HasFCS {
		return 0, errZstdSize
	}
	return h.FrameContentSize, nil
}

// inflateZstd decodes frame, which declares size bytes of content, into dst, which
// has room for them.
func inflateZstd(dst, frame []byte, size int) ([]byte, error) {
	out, err := zstdDecoder().DecodeAll(frame, dst[:0])
	if err != nil {
		return dst[:0], err
	}
	if len(out) != size {
		return dst[:0], fmt.Errorf("zstd frame inflates to %d bytes and declares %d", len(out), size)
	}
	return out, nil
}
