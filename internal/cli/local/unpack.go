package local

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrXZ says that a file is packed in a way that cannot be read.
var ErrXZ = errors.New("xz is not supported")

// Unpack looks at the first bytes of a file and puts the right decompressor in
// between: for gzip, zstd and bzip2. Its name does not matter. end frees what the
// decompressor holds.
func Unpack(raw *bufio.Reader) (text io.Reader, end func(), err error) {
	end = func() {}
	// What a pipe has at hand is looked at: waiting for more may take for ever.
	if _, err := raw.Peek(1); err != nil && err != io.EOF {
		return nil, end, err
	}
	head, err := raw.Peek(min(6, raw.Buffered()))
	if err != nil {
		return nil, end, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, end, fmt.Errorf("gzip: %w", err)
		}
		return z, end, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, end, fmt.Errorf("zstd: %w", err)
		}
		return z, z.Close, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(raw), end, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, end, ErrXZ
	}
	return raw, end, nil
}
