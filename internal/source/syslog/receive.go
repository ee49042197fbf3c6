package syslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"journalist/internal/record"
)

// maxDatagram is the longest datagram: a local socket takes what the sender's
// buffer takes, usually 208 KiB.
const maxDatagram = 512 << 10

// receive reads datagrams until the socket is closed.
func (l *Listener) receive(ctx context.Context) error {
	buf := make([]byte, min(maxDatagram, l.o.MaxMessage)+1)
	read := func() (int, string, error) {
		n, err := l.packets.(*net.UnixConn).Read(buf)
		return n, "", err
	}
	if udp, ok := l.packets.(*net.UDPConn); ok {
		oob := make([]byte, 64)
		var dropped uint32
		read = func() (int, string, error) {
			n, k, _, from, err := udp.ReadMsgUDPAddrPort(buf, oob)
			if now, ok := overflow(oob[:k]); ok && now != dropped {
				l.q.lost(int(now - dropped)) // the kernel's counter may begin again at 0
				dropped = now
			}
			if ip := from.Addr().Unmap(); err == nil && !ip.IsLoopback() {
				return n, ip.String(), nil
			}
			return n, "", err
		}
	}
	for {
		n, peer, err := read()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			l.problem("a datagram could not be read", err)
			pause(ctx)
			continue
		}
		m := message{raw: buf[:n], peer: peer, local: l.addr.local()}
		if n == len(buf) {
			m.raw, m.marks = buf[:n-1], record.LineTruncated
		}
		if n > 0 {
			l.q.offer(m)
		}
	}
}

// pause waits a moment after an error that may pass, or for the end of ctx.
func pause(ctx context.Context) {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

// accept serves connections until the listener is closed.
func (l *Listener) accept(ctx context.Context, wg *sync.WaitGroup) error {
	for {
		c, err := l.streams.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = c.Close() // nothing was read
			}
			return nil
		}
		if err != nil { // out of file handles, for example
			l.problem("a connection could not be taken", err)
			pause(ctx)
			continue
		}
		l.mu.Lock()
		full, over := len(l.conns) >= l.o.MaxConns, ctx.Err() != nil
		if !full && !over {
			l.conns[c] = struct{}{}
		}
		l.mu.Unlock()
		if over { // close has been there: nobody else would end this one
			_ = c.Close() // nothing was read
			return nil
		}
		if full {
			l.problem("a connection was refused", errors.New("there are too many connections"))
			_ = c.Close() // nothing was read
			continue
		}
		wg.Go(func() {
			l.serve(ctx, c)
			l.mu.Lock()
			delete(l.conns, c)
			l.mu.Unlock()
		})
	}
}

// serve reads one connection to its end.
func (l *Listener) serve(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }() // nothing was written
	m := message{local: l.addr.local()}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		m.peer = a.AddrPort().Addr().Unmap().String()
	}
	f := framer{r: bufio.NewReaderSize(c, 64<<10), most: l.o.MaxMessage}
	for {
		var err error
		m.raw, m.marks, err = f.next()
		if len(m.raw) > 0 {
			if l.q.wait(ctx, m) != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				l.problem("a connection ended", err)
			}
			return
		}
	}
}

// framer tells the messages of a stream apart: by their count of octets (RFC 6587)
// where one stands before a message, else by line feeds or NULs.
type framer struct {
	r    *bufio.Reader
	most int
	buf  []byte
}

// next returns the next message, which is good until the next call; it may be
// empty, and comes with an error at the end of the stream.
func (f *framer) next() ([]byte, record.LineMarks, error) {
	f.buf = f.buf[:0]
	if n, digits := f.count(); n > 0 {
		if _, err := f.r.Discard(digits + 1); err != nil {
			return nil, 0, err
		}
		return f.counted(n)
	}
	var marks record.LineMarks
	for {
		if _, err := f.r.Peek(1); err != nil {
			if len(f.buf) > 0 {
				marks |= record.LineUnterminated
			}
			return f.buf, marks, err
		}
		have, _ := f.r.Peek(f.r.Buffered()) // cannot fail
		end := bytes.IndexByte(have, '\n')
		if nul := bytes.IndexByte(have[:max(end, 0)], 0); nul >= 0 {
			end = nul
		} else if end < 0 {
			end = bytes.IndexByte(have, 0)
		}
		take := have
		if end >= 0 {
			take = have[:end]
		}
		if room := f.most - len(f.buf); len(take) > room {
			take, marks = take[:room], marks|record.LineTruncated
		}
		f.buf = append(f.buf, take...)
		if end >= 0 {
			_, err := f.r.Discard(end + 1)
			return f.buf, marks, err
		}
		if _, err := f.r.Discard(len(have)); err != nil {
			return f.buf, marks, err
		}
	}
}

// count returns the count of octets that stands before the next message and its
// number of digits; 0 when there is none. A line that begins with a number is
// told from it by what follows: a message begins with "<".
func (f *framer) count() (n, digits int) {
	const most = 9
	for i := 0; i <= most; i++ {
		b, err := f.r.Peek(i + 1)
		if err != nil {
			return 0, 0
		}
		switch c := b[i]; {
		case c-'0' <= 9 && (i > 0 || c != '0'):
			n = n*10 + int(c-'0')
		case c == ' ' && i > 0:
			if b, err = f.r.Peek(i + 2); err != nil || b[i+1] != '<' {
				return 0, 0
			}
			return n, i
		default:
			return 0, 0
		}
	}
	return 0, 0
}

// counted reads a message of n bytes, of which at most the limit is kept.
func (f *framer) counted(n int) ([]byte, record.LineMarks, error) {
	var marks record.LineMarks
	rest := 0
	if n > f.most {
		n, rest, marks = f.most, n-f.most, record.LineTruncated
	}
	for len(f.buf) < n { // in steps: memory follows what really comes
		at := len(f.buf)
		f.buf = append(f.buf, make([]byte, min(n-at, 64<<10))...)
		k, err := io.ReadFull(f.r, f.buf[at:])
		if err != nil {
			f.buf = f.buf[:at+k]
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = io.EOF
			}
			return f.buf, marks | record.LineUnterminated, err
		}
	}
	_, err := f.r.Discard(rest)
	return f.buf, marks, err
}
