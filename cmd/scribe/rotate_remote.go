package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/rotate"
)

// What scribe rotate asks of the running scribe.
type (
	rotateFile struct {
		Path string `json:"path"`
		Copy string `json:"copy,omitempty"`
		Dev  uint64 `json:"dev,omitempty"`
		Ino  uint64 `json:"ino,omitempty"`
	}
	rotateAll struct {
		Configs []string `json:"configs"` // sorted
		Force   bool     `json:"force"`
	}
	rotateHeld struct {
		ID    uint64 `json:"id"`
		Acked uint64 `json:"acked"`
		Why   string `json:"why,omitempty"` // why it is not held
	}
	rotateCut struct {
		ID   uint64          `json:"id"`
		Done *rotate.Cutting `json:"done,omitempty"` // nil: nothing was cut
	}
)

// holds are the files that scribe rotate has out of reading.
type holds struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]hold
}

type hold struct {
	done  chan *rotate.Cutting // what was cut, or nil
	ended chan error
}

var errNothingCut = errors.New("nothing was cut")

// rotateRequests are the answers to scribe rotate.
func (f *forwarder) rotateRequests() map[string]handler {
	h := &holds{open: make(map[uint64]hold)}
	return map[string]handler{
		"rotate now": asked(f.rotateNow),
		"rotate acked": asked(func(ctx context.Context, q rotateFile) (any, error) {
			return localForwarder{f}.Acked(ctx, q.Path, q.Dev, q.Ino)
		}),
		"rotate hold": asked(func(ctx context.Context, q rotateFile) (any, error) {
			return h.hold(ctx, localForwarder{f}, q)
		}),
		"rotate cut": asked(func(ctx context.Context, q rotateCut) (any, error) {
			return nil, h.cut(ctx, q)
		}),
	}
}

// rotateNow answers scribe rotate while this process rotates.
func (f *forwarder) rotateNow(ctx context.Context, q rotateAll) (any, error) {
	if f.rotation == nil {
		return nil, errors.New("the scribe that runs rotates nothing")
	}
	own, err := absolute(f.rotates)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(own, q.Configs) {
		return nil, fmt.Errorf("the scribe that runs rotates by %s: name that, or a state of its own with --state", strings.Join(own, " "))
	}
	return f.rotation.Now(ctx, q.Force)
}

// hold takes a file out of reading until cut is told of it, or for cutHold.
func (h *holds) hold(ctx context.Context, f localForwarder, q rotateFile) (rotateHeld, error) {
	it := hold{done: make(chan *rotate.Cutting, 1), ended: make(chan error, 1)}
	acked := make(chan uint64, 1)
	go func() {
		it.ended <- f.Cut(context.WithoutCancel(ctx), q.Path, q.Copy, func(n uint64) (rotate.Cutting, error) {
			acked <- n
			timer := time.NewTimer(cutHold)
			defer timer.Stop()
			select {
			case d := <-it.done:
				if d != nil {
					return *d, nil
				}
			case <-timer.C:
			}
			return rotate.Cutting{}, errNothingCut
		})
	}()
	select {
	case n := <-acked:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.last++
		h.open[h.last] = it
		id := h.last
		time.AfterFunc(2*cutHold, func() { h.take(id) })
		return rotateHeld{ID: id, Acked: n}, nil
	case err := <-it.ended:
		switch {
		case errors.Is(err, rotate.ErrNotFollowed), errors.Is(err, rotate.ErrNotAcked), errors.Is(err, rotate.ErrNoCut):
			return rotateHeld{Why: err.Error()}, nil
		case err == nil:
			err = errNothingCut
		}
		return rotateHeld{}, err
	}
}

func (h *holds) take(id uint64) (it hold, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	it, ok = h.open[id]
	delete(h.open, id)
	return it, ok
}

// cut ends a hold.
func (h *holds) cut(ctx context.Context, q rotateCut) error {
	it, ok := h.take(q.ID)
	if !ok {
		return errors.New("the file is read again, it was held for too long")
	}
	it.done <- q.Done
	select {
	case err := <-it.ended:
		if q.Done == nil && errors.Is(err, errNothingCut) {
			return nil
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remoteForwarder is the scribe that runs with a state directory.
type remoteForwarder struct{ dir string }

func (r remoteForwarder) Acked(ctx context.Context, path string, dev, ino uint64) (p rotate.Progress, err error) {
	return p, ask(ctx, r.dir, "rotate acked", rotateFile{Path: path, Dev: dev, Ino: ino}, &p)
}

func (r remoteForwarder) Cut(ctx context.Context, path, copyTo string, cut func(uint64) (rotate.Cutting, error)) error {
	var held rotateHeld
	if err := ask(ctx, r.dir, "rotate hold", rotateFile{Path: path, Copy: copyTo}, &held); err != nil {
		return err
	}
	for _, err := range []error{rotate.ErrNotFollowed, rotate.ErrNotAcked, rotate.ErrNoCut} {
		if held.Why == err.Error() {
			return err
		}
	}
	if held.Why != "" {
		return errors.New(held.Why)
	}
	c, err := cut(held.Acked)
	if err != nil {
		return errors.Join(err, ask(ctx, r.dir, "rotate cut", rotateCut{ID: held.ID}, nil))
	}
	return ask(context.WithoutCancel(ctx), r.dir, "rotate cut", rotateCut{ID: held.ID, Done: &c}, nil)
}

// Recut: the running scribe has found by itself that the file changed.
func (r remoteForwarder) Recut(context.Context, string, rotate.Cutting) error { return nil }
