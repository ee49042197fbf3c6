package lumberjack

import (
	"encoding/binary"
	"fmt"
	"io"
)

// AckReader reads a server's answers at the client's end. It is used by one
// goroutine.
type AckReader struct {
	r   io.Reader
	off int64
	v1  bool
	buf [ackSize]byte
}

// NewAckReader reads from r, whose deadlines are the caller's business.
func NewAckReader(r io.Reader) *AckReader { return &AckReader{r: r} }

// Version1 makes the reader take version 1's answers, and version 2's beside them:
// Logstash sends its signs of life as version 2 to every client.
func (a *AckReader) Version1() { a.v1 = true }

// Next returns the next acknowledged sequence number; 0 is a sign of life. At the
// end of the connection it returns io.EOF, between two answers only.
func (a *AckReader) Next() (uint32, error) {
	n, err := io.ReadFull(a.r, a.buf[:])
	a.off += int64(n)
	if err == io.ErrUnexpectedEOF {
		return 0, &ProtocolError{Kind: KindTruncated, Offset: a.off, Detail: "the server's answer ends in its middle"}
	}
	if err != nil {
		return 0, err
	}
	if a.buf[0] != Version2 && (!a.v1 || a.buf[0] != Version1) || a.buf[1] != codeAck {
		return 0, &ProtocolError{
			Kind: KindFrame, Offset: a.off - ackSize,
			Detail: fmt.Sprintf("answer begins with %q, expected %q: is this a lumberjack server?", a.buf[:2], a.expected()),
		}
	}
	return binary.BigEndian.Uint32(a.buf[2:]), nil
}

func (a *AckReader) expected() string {
	if a.v1 {
		return "1A"
	}
	return "2A"
}
