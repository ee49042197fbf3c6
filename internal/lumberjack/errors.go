package lumberjack

import "fmt"

// ErrorKind classes what is wrong with a peer's bytes; it is the label of the
// counters.
type ErrorKind string

// The kinds of protocol errors.
const (
	KindVersion    ErrorKind = "version"     // neither '1' nor '2', or not the one the connection began with
	KindFrame      ErrorKind = "frame"       // unknown or misplaced frame type
	KindWindow     ErrorKind = "window"      // too many events, or fewer than announced
	KindLimit      ErrorKind = "limit"       // a length over a limit
	KindTruncated  ErrorKind = "truncated"   // the bytes end inside a frame
	KindCompressed ErrorKind = "compressed"  // damaged, nested or overlong compressed data
	KindBlock      ErrorKind = "block"       // a damaged block
	KindAck        ErrorKind = "ack"         // an acknowledgement of what was never sent
	KindNotAllowed ErrorKind = "not_allowed" // a frame of an extension that was not agreed on
)

// ProtocolError tells that the peer's bytes are not the protocol. The connection
// cannot be used any more.
type ProtocolError struct {
	Kind ErrorKind
	// Offset counts the bytes of the connection that were read before the error
	// was seen; within compressed data it points behind the part that was read
	// to inflate it.
	Offset int64
	// Detail says what was found and what was expected.
	Detail string
	// Err is the cause below, if any.
	Err error
}

func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("lumberjack: %s error at byte %d: %s", e.Kind, e.Offset, e.Detail)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *ProtocolError) Unwrap() error { return e.Err }
