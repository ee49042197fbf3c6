package record

import "errors"

// Why a sink does not take a batch. Listeners turn these into their protocol's
// answer; everything else is an internal error. A sink that fails a batch may be
// asked again.
var (
	// ErrFull: the disk floor is reached or the disk is full; try later (HTTP 429).
	ErrFull = errors.New("store is full")
	// ErrGap: the batch does not follow what was committed of its source, because
	// a batch before it failed; the sender must go back to its last acknowledged
	// position, with Position.Resume.
	ErrGap = errors.New("batch does not follow the one before it")
	// ErrClosed: the sink is shutting down (HTTP 503).
	ErrClosed = errors.New("store is closed")
	// ErrTooLarge: the batch is over a limit and never will be taken (HTTP 413).
	ErrTooLarge = errors.New("batch is too large")
)
