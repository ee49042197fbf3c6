package record

import "encoding/hex"

// SourceID names one generation of one file at one forwarder: 128 random bits,
// made and fsynced by the forwarder before their first use.
type SourceID [16]byte

// IsZero tells that there is no source identity.
func (id SourceID) IsZero() bool { return id == SourceID{} }

// String returns 32 hexadecimal digits.
func (id SourceID) String() string { return hex.EncodeToString(id[:]) }

// Position says which part of a source a batch carries: the bytes [From, To).
// The batches of one source are contiguous and arrive in order over one
// connection; Resume marks the first one of a source on a connection, the only
// one that may leave a gap (another server may have acknowledged what is missing)
// or overlap what was committed before.
type Position struct {
	ID       SourceID
	From, To uint64
	Resume   bool
}
