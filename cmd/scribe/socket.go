package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/oklog/run"

	"journalist/internal/cli"
	"journalist/internal/record"
)

// The control socket lies in the state directory (0700) and has mode 0600. Who
// connects sends one line, a JSON object: {"do":"status"}, {"do":"reload"}, with
// what it needs in "with"; the answer is one JSON document. Whoever sends nothing is
// told the status.
const (
	socketName    = "status.sock"
	socketTimeout = 5 * time.Second
	// workTimeout is how long a request other than the status may take.
	workTimeout = 2 * time.Minute
	maxStatus   = 64 << 20
	maxRequest  = 1 << 20
)

// request is what is asked over the control socket.
type request struct {
	Do   string          `json:"do"`
	With json.RawMessage `json:"with,omitempty"`
}

// answer is what comes back, but for the status, which comes as it is.
type answer struct {
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// handler does what a request asks for. Several may run at the same time; ctx ends
// when the asker has waited long enough, or scribe stops.
type handler func(ctx context.Context, with json.RawMessage) (any, error)

// asked is the handler of a request that comes with a Q.
func asked[Q any](do func(context.Context, Q) (any, error)) handler {
	return func(ctx context.Context, with json.RawMessage) (any, error) {
		var q Q
		if err := json.Unmarshal(with, &q); err != nil {
			return nil, err
		}
		return do(ctx, q)
	}
}

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

// askers is how many connections to the control socket are answered at a time.
const askers = 16

// addStatus adds the actor that answers at the control socket. Without a socket
// scribe works as well.
func (f *forwarder) addStatus(g *run.Group) {
	l, err := listenStatus(f.dir)
	if err != nil {
		f.log.Warn("scribe status will not see this process", "error", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var answering sync.WaitGroup
	g.Add(func() error {
		room := make(chan struct{}, askers)
		for {
			c, err := l.Accept()
			if err != nil {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(100 * time.Millisecond): // out of file handles, say
					continue
				}
			}
			room <- struct{}{}
			answering.Go(func() {
				f.answer(ctx, c)
				<-room
			})
		}
	}, func(error) {
		cancel()
		_ = l.Close()
		answering.Wait()
		_ = os.Remove(filepath.Join(f.dir, socketName)) // the next start removes it otherwise
	})
}

// answer reads a request and writes what comes of it.
func (f *forwarder) answer(ctx context.Context, c net.Conn) {
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.SetReadDeadline(time.Now().Add(socketTimeout)); err != nil {
		return
	}
	line, _ := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n') // nothing asks for the status
	req := request{}
	if len(line) > 0 && json.Unmarshal(line, &req) != nil {
		f.tell(c, answer{Error: "the request is no JSON object"})
		return
	}
	if req.Do == "" || req.Do == "status" {
		f.tell(c, f.statusNow())
		return
	}
	do := f.requests[req.Do]
	if do == nil {
		f.tell(c, answer{Error: fmt.Sprintf("scribe %s cannot %q", version, req.Do)})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	result, err := do(ctx, req.With)
	out := answer{}
	if err == nil && result != nil {
		out.Result, err = json.Marshal(result)
	}
	if err != nil {
		out.Error = err.Error()
	}
	f.tell(c, out)
}

func (f *forwarder) tell(c net.Conn, v any) {
	if err := c.SetWriteDeadline(time.Now().Add(socketTimeout)); err == nil {
		_ = json.NewEncoder(c).Encode(v) // the asker went away
	}
}

// converse sends a request to the scribe that runs in dir and decodes the answer.
func converse(ctx context.Context, dir string, req request, patience time.Duration, into any) error {
	path, done, err := socketPath(dir)
	if err != nil {
		return err
	}
	defer done()
	d := net.Dialer{Timeout: socketTimeout}
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := json.NewEncoder(c).Encode(req); err != nil {
		return err
	}
	if err := json.NewDecoder(io.LimitReader(c, maxStatus)).Decode(into); err != nil {
		return fmt.Errorf("the running scribe: %w", err)
	}
	return nil
}

// ask has the scribe that runs in dir do something; result may be nil.
func ask(ctx context.Context, dir, do string, with, result any) error {
	req := request{Do: do}
	if with != nil {
		var err error
		if req.With, err = json.Marshal(with); err != nil {
			return err
		}
	}
	var got answer
	if err := converse(ctx, dir, req, workTimeout+socketTimeout, &got); err != nil {
		return fmt.Errorf("no scribe runs with the state directory %s, or it cannot be asked: %w", dir, err)
	}
	if got.Error != "" {
		return errors.New(got.Error)
	}
	if result == nil || got.Result == nil {
		return nil
	}
	return json.Unmarshal(got.Result, result)
}

// askStatus asks the scribe that runs in dir.
func askStatus(ctx context.Context, dir string) (*cli.ScribeStatus, error) {
	s := &cli.ScribeStatus{}
	if err := converse(ctx, dir, request{Do: "status"}, 2*socketTimeout, s); err != nil {
		return nil, err
	}
	return s, nil
}

// statusNow is a snapshot of this process.
func (f *forwarder) statusNow() *cli.ScribeStatus {
	sh, ta := f.delivery.Status(), f.tailStatus()
	f.mu.Lock()
	reloaded, failed := f.reloaded, f.failed
	f.mu.Unlock()
	s := &cli.ScribeStatus{
		Running: true, PID: os.Getpid(), Version: version, Started: f.started, StateDir: f.dir,
		Config: f.s.config, Reloaded: reloaded, ConfigProblem: failed,
		Server: &cli.ScribeServer{
			Address: sh.Server, Connected: sh.Connected, Since: sh.Since, Protocol: sh.Protocol, LinesAcked: sh.LinesAcked,
			BytesAcked: sh.BytesAcked, WireBytes: sh.WireBytes, LastAck: sh.LastAck, QueueLines: sh.QueueLines,
			QueueBytes: sh.QueueBytes, Failures: sh.Failures, LastError: sh.LastError, LastErrorAt: sh.LastErrorAt, NextTry: sh.NextTry,
		},
		Files: []cli.ScribeFile{},
		Lost:  f.lost(),
	}
	for _, sv := range sh.Servers {
		s.Servers = append(s.Servers, cli.ScribePeer{
			Address: sv.Address, State: sv.State, Protocol: sv.Protocol, Since: sv.Since, Latency: sv.Latency, Score: sv.Score,
			LinesAcked: sv.LinesAcked, Failures: sv.Failures, LastError: sv.LastError, LastErrorAt: sv.LastErrorAt, NextTry: sv.NextTry,
		})
	}
	s.Sources = f.sources()
	known := map[string]record.Generation{}
	for _, g := range f.registry.All() {
		known[g.ID.String()] = g
	}
	for _, file := range ta.Files {
		s.Files = append(s.Files, cli.ScribeFile{
			Path: file.File, State: file.State, Size: file.Size, Read: int64(file.Read), Acked: int64(file.Acked), Lag: lag(file.Size, file.Acked),
			AckedAt: unixNano(known[file.Source].AckedAt), Problem: file.Problem,
		})
	}
	s.Problems = sortedProblems(ta.Problems)
	s.Rotation = f.rotationStatus()
	return s
}

// lostCounters are the counters of bytes that no server will ever get.
var lostCounters = []string{"scribe_lost_bytes_total", "scribe_truncate_gap_bytes_total", "scribe_rotate_lost_bytes_total"}

// lost is how many bytes were lost since the start.
func (f *forwarder) lost() (bytes int64) {
	for _, name := range lostCounters {
		bytes += int64(f.set.Counter(name).Get())
	}
	return bytes
}
