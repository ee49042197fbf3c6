package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// keepAlive is how often a live tail without rows says that it lives.
const keepAlive = 15 * time.Second

// tail sends what is committed from now on and matches, as server-sent events:
// "ready" first, then "row", "missed" where rows were left out because the client was
// too slow, and "error" when it ends for a reason of its own.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q := questionOf(v)
	var err error
	if q.Source, err = boolean(v, "source"); err != nil {
		return err
	}
	req, err := s.request(q, principalOf(r))
	if err == nil {
		err = req.Query.CanFollow()
	}
	if err != nil {
		return err
	}
	select {
	case s.tails <- struct{}{}:
		defer func() { <-s.tails }()
	default:
		s.throttled.Inc()
		return &Error{Status: http.StatusTooManyRequests, Kind: "limit", Message: "too many live tails are open", Hint: "close some of them", retryAfter: 5}
	}
	out := newStream(w, func(h http.Header) {
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a proxy shall pass rows on as they come
	})
	defer out.close()
	s.follow(r, req, q.Source, out)
	return nil
}

// follow runs the tail until the client leaves. When the source ends it (because
// rows were missed, for example) it is taken up again.
func (s *Server) follow(r *http.Request, req lang.Request, source bool, out *stream) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	event := func(name string, data func(dst []byte) []byte) error {
		err := out.write(func(dst []byte) []byte {
			dst = append(append(dst, "event: "...), name...)
			dst = append(dst, "\ndata: "...)
			return append(data(dst), '\n', '\n')
		})
		if err != nil {
			return err
		}
		return out.flush()
	}
	gap := func(missed int64) error {
		return event("missed", func(dst []byte) []byte {
			return append(strconv.AppendInt(append(dst, `{"missed":`...), missed, 10), '}')
		})
	}
	if event("ready", func(dst []byte) []byte { return append(dst, '{', '}') }) != nil {
		return
	}
	beats := make(chan struct{})
	defer func() { cancel(); <-beats }()
	go func() {
		defer close(beats)
		defer cancel()
		if err := s.beat(ctx, r, out); err != nil {
			_ = event("error", explain(err).append) // the client is gone: nobody to tell
		}
	}()
	rows := rowWriter{source: source}
	for ctx.Err() == nil {
		began := time.Now()
		missed, err := s.o.Querier.Tail(ctx, req, func(b *scan.Block) error {
			if b.Missed > 0 {
				if err := gap(b.Missed); err != nil {
					return err
				}
			}
			if b.Len() == 0 {
				return nil
			}
			if err := out.write(func(dst []byte) []byte { return appendEvents(dst, &rows, b, out) }); err != nil {
				return err
			}
			return out.flush()
		})
		if missed > 0 {
			if gap(missed) != nil {
				return
			}
		}
		if err == nil && time.Since(began) > time.Second || ctx.Err() != nil {
			continue
		}
		if err == nil {
			continueAfter(ctx, time.Second-time.Since(began))
			continue
		}
		e := explain(err)
		s.logInternal(r, e, err)
		_ = event("error", e.append) // the client is gone: nobody to tell
		return
	}
}

// continueAfter keeps a source that ends every tail at once from being asked
// without a pause.
func continueAfter(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func appendEvents(dst []byte, rows *rowWriter, b *scan.Block, out *stream) []byte {
	rows.begin(b)
	for i := range b.Len() {
		dst = append(dst, "event: row\ndata: "...)
		dst = rows.append(dst, b, i) // ends with one newline
		dst = out.overflow(append(dst, '\n'))
	}
	return dst
}

// beat writes comments so that proxies keep the connection and a client that is
// gone is noticed. It returns an error when the credentials that the tail was opened
// with have been revoked or have expired since.
func (s *Server) beat(ctx context.Context, r *http.Request, out *stream) error {
	t := time.NewTicker(keepAlive)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if _, err := s.authenticate(r, ours); err != nil {
			return err
		}
		err := out.write(func(dst []byte) []byte { return append(dst, ": alive\n\n"...) })
		if err == nil {
			err = out.flush()
		}
		if err != nil {
			return nil //nolint:nilerr // the client is gone: nobody to tell
		}
	}
}
