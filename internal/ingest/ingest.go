// Package ingest holds what all listeners share; each protocol has its own folder
// below: lumberjack, jsonl, elastic.
//
// Up the way are the senders (internal/ship among them), down the way
// internal/pipeline, which takes the batches as a Sink and hands them on to
// internal/store.
package ingest

import (
	"context"

	"journalist/internal/record"
)

// Sink takes batches. Submit queues the batch in the order of the calls and
// blocks while the queue is full: that is the back pressure that listeners pass on
// by not reading. The channel yields exactly one value: nil once the batch is
// durable (or recognised as already committed), else why it is not kept; only
// then may the caller reuse the batch. The errors are record.ErrFull, ErrGap,
// ErrClosed, ErrTooLarge or the context's, wrapped, or an internal one.
type Sink interface {
	Submit(ctx context.Context, b *record.Batch) <-chan error
}
