package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// FollowHandler is what happens while following. The calls come from one
// goroutine; an error of Row ends the following.
type FollowHandler struct {
	// Row gets each row, valid only during the call.
	Row func(*Row) error
	// Missed says that rows were left out because the reader was too slow.
	Missed func(n int64)
	// Ready says that from now on nothing is left out; again after each reconnect.
	Ready func()
	// Lost says that the connection is gone and will be tried again.
	Lost func(err error, wait time.Duration)
}

// liveness is how long a connection may be silent: the server sends a comment
// every 15 seconds.
const liveness = 50 * time.Second

// Follow shows rows as they are committed, until ctx ends or the server refuses.
// A lost connection is made again with growing pauses; what was committed in
// between is not shown, which Lost is there to say.
func (c *Client) Follow(ctx context.Context, query string, h FollowHandler) error {
	connected := false // until it was once, an error is the user's to see at once
	wait := time.Second
	for {
		started := time.Now()
		ready, err := c.followOnce(ctx, query, &h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		connected = connected || ready
		var api *APIError
		var own *handlerError
		switch {
		case errors.As(err, &own):
			return own.err
		case errors.As(err, &api) && !api.Temporary(), err != nil && !connected:
			return err
		case err == nil:
			err = errors.New("the server closed the connection")
		}
		if ready && time.Since(started) > time.Minute {
			wait = time.Second
		}
		if h.Lost != nil {
			h.Lost(err, wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 30*time.Second)
	}
}

// handlerError keeps an error of the handler apart from those of the connection.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

func (c *Client) followOnce(ctx context.Context, query string, h *FollowHandler) (ready bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/tail?"+url.Values{"query": {query}}.Encode(),
		http.Header{"Accept": {"text/event-stream"}}, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	silent := time.AfterFunc(liveness, cancel)
	defer silent.Stop()
	events := newEventReader(resp.Body)
	var row Row
	for {
		name, data, err := events.next()
		if err == io.EOF {
			return ready, nil
		}
		if err != nil {
			return ready, fmt.Errorf("%s: %w", c.server, err)
		}
		silent.Reset(liveness)
		switch name {
		case "ready":
			ready = true
			if h.Ready != nil {
				h.Ready()
			}
		case "row":
			if err := ParseRow(data, &row); err != nil {
				return ready, fmt.Errorf("%s: bad row: %w", c.server, err)
			}
			if err := h.Row(&row); err != nil {
				return ready, &handlerError{err}
			}
		case "missed":
			var m struct {
				Missed int64 `json:"missed"`
			}
			if json.Unmarshal(data, &m) == nil && h.Missed != nil {
				h.Missed(m.Missed)
			}
		case "error":
			var m struct {
				Error *errorBody `json:"error"`
			}
			if json.Unmarshal(data, &m) == nil && m.Error != nil {
				return ready, m.Error.apiError(0)
			}
		}
	}
}

// eventReader reads server-sent events. A comment comes as an event without name
// and data, because it shows that the connection lives.
type eventReader struct {
	lines *lineReader
	name  string
	data  []byte
}

func newEventReader(r io.Reader) *eventReader { return &eventReader{lines: newLineReader(r)} }

// next returns the next event. Events are told apart by their data line, of which
// the server sends exactly one: rows hold no line ends.
func (e *eventReader) next() (name string, data []byte, err error) {
	for {
		line, err := e.lines.next()
		if err != nil {
			return "", nil, err
		}
		key, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(key) {
		case "":
			return "", nil, nil
		case "event":
			e.name = string(value)
		case "data":
			name, e.name = e.name, ""
			e.data = append(e.data[:0], value...)
			return name, e.data, nil
		}
	}
}
