package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/run"

	"journalist/internal/cli"
	"journalist/internal/record"
)

// The status socket answers every connection with one JSON document. It lies in
// the state directory (0700) and has mode 0600.
const (
	socketName    = "status.sock"
	socketTimeout = 5 * time.Second
	maxStatus     = 64 << 20
)

// socketPath returns a name for the socket in dir that fits into the 108 bytes of
// a Unix address, however long dir is; done gives up what it needs.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, socketName)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName), func() { _ = d.Close() }, nil
}

// listenStatus makes the socket. The caller has the lock on dir, so that one that
// is there is left from a scribe that was killed.
func listenStatus(dir string) (net.Listener, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	name := filepath.Join(dir, socketName)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // path may mean nothing by then
	if err := os.Chmod(name, 0o600); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, err
	}
	return l, nil
}

// addStatus adds the actor that answers scribe status. Without a socket scribe
// works as well.
func (f *forwarder) addStatus(g *run.Group) {
	l, err := listenStatus(f.dir)
	if err != nil {
		f.log.Warn("scribe status will not see this process", "error", err)
		return
	}
	ended := make(chan struct{})
	g.Add(func() error {
		for {
			c, err := l.Accept()
			if err != nil {
				select {
				case <-ended:
					return nil
				case <-time.After(100 * time.Millisecond): // out of file handles, say
					continue
				}
			}
			f.answer(c)
		}
	}, func(error) {
		close(ended)
		_ = l.Close()
		_ = os.Remove(filepath.Join(f.dir, socketName)) // the next start removes it otherwise
	})
}

// answer writes the status; one asker at a time is enough.
func (f *forwarder) answer(c net.Conn) {
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(socketTimeout)); err != nil {
		return
	}
	_ = json.NewEncoder(c).Encode(f.status()) // the asker went away
}

// askStatus asks the scribe that runs in dir.
func askStatus(ctx context.Context, dir string) (*cli.ScribeStatus, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: socketTimeout}
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(2 * socketTimeout)); err != nil {
		return nil, err
	}
	s := &cli.ScribeStatus{}
	if err := json.NewDecoder(io.LimitReader(c, maxStatus)).Decode(s); err != nil {
		return nil, fmt.Errorf("status of the running scribe: %w", err)
	}
	return s, nil
}

// status is a snapshot of this process.
func (f *forwarder) status() *cli.ScribeStatus {
	sh, ta := f.shipper.Status(), f.tailer.Status()
	s := &cli.ScribeStatus{
		Running: true, PID: os.Getpid(), Version: version, Started: f.started, StateDir: f.dir,
		Server: &cli.ScribeServer{
			Address: sh.Server, Connected: sh.Connected, Since: sh.Since, Protocol: sh.Protocol, LinesAcked: sh.LinesAcked,
			BytesAcked: sh.BytesAcked, WireBytes: sh.WireBytes, LastAck: sh.LastAck, QueueLines: sh.QueueLines,
			QueueBytes: sh.QueueBytes, Failures: sh.Failures, LastError: sh.LastError, LastErrorAt: sh.LastErrorAt, NextTry: sh.NextTry,
		},
		Files: []cli.ScribeFile{},
	}
	known := map[string]record.Generation{}
	for _, g := range f.registry.All() {
		known[g.ID.String()] = g
	}
	for _, file := range ta.Files {
		s.Files = append(s.Files, cli.ScribeFile{
			Path: file.File, State: file.State, Size: file.Size, Acked: int64(file.Acked), Lag: lag(file.Size, file.Acked),
			AckedAt: unixNano(known[file.Source].AckedAt), Problem: file.Problem,
		})
	}
	s.Problems = sortedProblems(ta.Problems)
	return s
}
