// Package lumberjack is the wire protocol between forwarders and log servers,
// versions 1 and 2, both ends, and the block extension that scribe and
// journalist speak with each other (docs/format/lumberjack.md).
//
// Up the way internal/ship writes windows with an Encoder and reads the answers
// with an AckReader; down the way internal/ingest/lumberjack reads the windows
// with a Reader and answers with AppendAck. Bytes from the network are hostile:
// every length is checked before anything is allocated for it, and whatever is
// wrong is a *ProtocolError, after which the connection is closed and never
// resynchronised.
package lumberjack

import "encoding/binary"

// ALPN is the TLS application protocol under which both ends agree on blocks.
// Without it the client speaks plain version 2.
const ALPN = "lumberjack-block/1"

// The versions, as they stand in the first byte of every frame.
const (
	Version1 byte = '1'
	Version2 byte = '2'
)

// The frame types, the second byte of every frame.
const (
	codeWindow byte = 'W' // u32 number of events that follow
	codePairs  byte = 'D' // u32 sequence number, u32 number of pairs, pairs of strings (version 1)
	codeJSON   byte = 'J' // u32 sequence number, u32 length, JSON object (version 2)
	codeZlib   byte = 'C' // u32 length, zlib stream of whole frames
	codeZstd   byte = 'Z' // u32 length, zstd frame of whole frames (extension)
	codeBlock  byte = 'B' // u32 sequence number of its last line, u32 length, block (extension)
	codeAck    byte = 'A' // u32 sequence number
)

// ackSize is the length of an acknowledgement on the wire.
const ackSize = 6

// AppendAck appends the acknowledgement of everything up to seq in the current
// window to dst. To a version 2 client, 0 means "still at it"; a version 1 client
// takes any answer for the acknowledgement of its whole window.
func AppendAck(dst []byte, version byte, seq uint32) []byte {
	dst = append(dst, version, codeAck)
	return binary.BigEndian.AppendUint32(dst, seq)
}

// AppendWindow appends the header of a window of n events to dst.
func AppendWindow(dst []byte, version byte, n uint32) []byte {
	dst = append(dst, version, codeWindow)
	return binary.BigEndian.AppendUint32(dst, n)
}
