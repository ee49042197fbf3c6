package column

import "journalist/internal/store/stream"

// Ref says where a block stands; see stream.Ref.
type Ref = stream.Ref

// MaxBlock is the longest block in bytes, uncompressed.
const MaxBlock = stream.MaxBlock

// AppendBlock appends raw as a block; see stream.AppendBlock.
func AppendBlock(dst, raw []byte) []byte { return stream.AppendBlock(dst, raw) }

// AppendRaw appends raw as a block that is not compressed.
func AppendRaw(dst, raw []byte) []byte { return stream.AppendRaw(dst, raw) }

// OpenBlock returns the bytes that AppendBlock got.
func OpenBlock(block []byte) ([]byte, error) { return stream.OpenBlock(block) }

// ReadRef reads what Ref.Append wrote.
func ReadRef(d *Decoder) Ref { return stream.ReadRef(&d.Decoder) }
