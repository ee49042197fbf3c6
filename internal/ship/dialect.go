package ship

import (
	"crypto/tls"
	"errors"
	"io"
	"os"
	"time"

	"journalist/internal/lumberjack"
)

// dialect is what a connection speaks.
type dialect uint8

const (
	dialectBlocks dialect = iota
	dialectV2
	dialectV1
)

// dialectOf is what is spoken over a connection, whose handshake is done.
func dialectOf(p Protocol, nc *tls.Conn) dialect {
	switch {
	case p == ProtocolV1:
		return dialectV1
	case nc.ConnectionState().NegotiatedProtocol == lumberjack.ALPN:
		return dialectBlocks
	}
	return dialectV2
}

func (d dialect) String() string {
	return [...]string{lumberjack.ALPN, "lumberjack/2", "lumberjack/1"}[d]
}

func (d dialect) encoder() *lumberjack.Encoder {
	if d == dialectV1 {
		return lumberjack.NewVersion1Encoder()
	}
	return lumberjack.NewEncoder(d == dialectBlocks)
}

func (d dialect) ackReader(r io.Reader) *lumberjack.AckReader {
	acks := lumberjack.NewAckReader(r)
	if d == dialectV1 {
		acks.Version1()
	}
	return acks
}

// silence is how long a server that need not answer an empty window is listened to.
const silence = 2 * time.Second

// greet sends an empty window and waits for the answer, a sequence number of 0.
// journalist and Logstash give it; others, such as go-lumber's server, are silent,
// for which answered is false. Those that do not want us hang up.
func (d dialect) greet(nc *tls.Conn, wait time.Duration) (seq uint32, answered bool, err error) {
	version := lumberjack.Version2
	if d == dialectV1 {
		version = lumberjack.Version1
	}
	if d != dialectBlocks {
		wait = min(wait, silence)
	}
	if err := nc.SetDeadline(time.Now().Add(wait)); err != nil {
		return 0, false, err
	}
	_, err = nc.Write(lumberjack.AppendWindow(nil, version, 0))
	seq, rerr := d.ackReader(nc).Next() // also after a failed write: the server may have said why
	if err == nil || rerr != nil && !errors.Is(rerr, os.ErrDeadlineExceeded) {
		err = rerr
	}
	if d != dialectBlocks && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, false, nil
	}
	return seq, err == nil, err
}
