package record

import (
	"crypto/rand"

	"github.com/cespare/xxhash/v2"
)

// Generation is what a forwarder remembers of one generation of a file: from its
// birth (or a truncation) until it is deleted, under whatever names. internal/tail
// recognises files by it, internal/registry keeps it.
type Generation struct {
	ID SourceID
	// Path is where the file was found first; its lines carry this name also
	// after a rotation renamed it.
	Path     string
	Dev, Ino uint64
	// Head is the fingerprint of the file's first bytes, at most HeadMax, Tail
	// that of the last bytes before To, at most TailMax.
	Head, Tail Fingerprint
	// To is the acknowledged position: all bytes before it are durable at a server.
	To uint64
	// Size is the file's size when it was last looked at.
	Size uint64
	// AckedAt is when it was last acknowledged; SeenAt is when the file was last seen
	// to change where it was found first, or was found gone. Both are nanoseconds since
	// the epoch, 0 for never.
	AckedAt, SeenAt int64
	State           GenerationState
}

// GenerationState says where a generation is in its life.
type GenerationState uint8

// The states. Their numbers are part of the registry's format: append only.
const (
	// Active: the file is where it was found.
	Active GenerationState = iota
	// Rotated: the file was renamed away or truncated, but is not read to its end.
	Rotated
	// Gone: the file was deleted, or replaced after its end was reached.
	Gone
)

// String names the state as status output does.
func (s GenerationState) String() string {
	switch s {
	case Active:
		return "active"
	case Rotated:
		return "rotated"
	}
	return "gone"
}

// HeadMax and TailMax are the most bytes that fingerprints cover.
const (
	HeadMax = 1024
	TailMax = 256
)

// Fingerprint is the hash of Len bytes; the zero Fingerprint covers nothing and
// matches everything.
type Fingerprint struct {
	Len uint32
	Sum uint64
}

// MakeFingerprint hashes b.
func MakeFingerprint(b []byte) Fingerprint {
	if len(b) == 0 {
		return Fingerprint{}
	}
	return Fingerprint{Len: uint32(len(b)), Sum: xxhash.Sum64(b)}
}

// MatchesStart tells that b begins with the bytes the fingerprint was made of.
func (f Fingerprint) MatchesStart(b []byte) bool {
	return int(f.Len) <= len(b) && MakeFingerprint(b[:f.Len]) == f
}

// NewSourceID makes a random identity. It must be durable at the forwarder before
// the first line is sent under it.
func NewSourceID() (id SourceID) {
	_, _ = rand.Read(id[:]) // never fails: the runtime aborts instead
	return id
}
