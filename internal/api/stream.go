package api

import (
	"net/http"
	"sync"
	"time"
)

// stream writes an answer as it comes: the first rows at once, later ones when
// enough have gathered or have waited for flushDelay. Nothing, no header either,
// is sent before the first write, so that an error until then can have a proper
// status. Its methods may be called from several goroutines.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	start   func(h http.Header) // sets the headers

	mu      sync.Mutex
	buf     []byte
	started bool
	closed  bool
	timer   *time.Timer
	err     error
}

const (
	flushBytes = 64 << 10
	flushDelay = 50 * time.Millisecond
	// writePatience is how long a client may take for what one flush sends.
	writePatience = 30 * time.Second
)

func newStream(w http.ResponseWriter, start func(h http.Header)) *stream {
	return &stream{w: w, control: http.NewResponseController(w), start: start}
}

// write lets f append to the buffer, which f may hand to flush in between.
func (s *stream) write(f func(dst []byte) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.buf = f(s.buf)
	switch {
	case !s.started || len(s.buf) >= flushBytes:
		s.flushLocked()
	case len(s.buf) > 0 && s.timer == nil:
		s.timer = time.AfterFunc(flushDelay, s.late)
	}
	return s.err
}

// overflow is for f of write: it sends what has gathered when that is much.
func (s *stream) overflow(dst []byte) []byte {
	if len(dst) < flushBytes {
		return dst
	}
	s.buf = dst
	s.flushLocked()
	return s.buf
}

func (s *stream) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	if !s.closed {
		s.flushLocked()
	}
}

// flush sends what has gathered, and the headers if they were not sent yet.
func (s *stream) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushLocked()
	return s.err
}

func (s *stream) flushLocked() {
	if s.err != nil {
		s.buf = s.buf[:0]
		return
	}
	if !s.started {
		s.started = true
		s.start(s.w.Header())
		s.w.WriteHeader(http.StatusOK)
	}
	// Not every connection has deadlines or can flush; writing works anyhow.
	_ = s.control.SetWriteDeadline(time.Now().Add(writePatience))
	if len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
		s.buf = s.buf[:0]
	}
	if s.err == nil {
		_ = s.control.Flush()
	}
}

// close ends the stream: afterwards nothing touches the response any more.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// begun tells whether something was sent.
func (s *stream) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}
