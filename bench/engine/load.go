package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// loadFigures is what loading some sets took. Disk is what the folder grew by,
// which for one set among others is only about its own: merges rewrite what was
// there before.
type loadFigures struct {
	Rows int64   `json:"rows"`
	Raw  int64   `json:"raw_bytes"`
	Wall float64 `json:"wall_s"` // until the last ack
	CPU  float64 `json:"cpu_s"`  // until the store was idle again
	Disk int64   `json:"disk_bytes"`
}

func (f loadFigures) rowsPerCPU() float64 { return per(float64(f.Rows), f.CPU) }
func (f loadFigures) megaPerCPU() float64 { return per(mega(f.Raw), f.CPU) }

// per divides; the clock of CPU time ticks in 10 ms, so nothing takes less.
func per(x, cpu float64) float64 { return x / max(cpu, 0.01) }

// load loads sets, shifted in time, over some connections at once and waits until
// the store is idle.
func (b *bencher) load(ctx context.Context, s store, sets []*set, by time.Duration) (f loadFigures, err error) {
	f.Rows, f.Raw = total(sets)
	disk, err := s.disk()
	if err != nil {
		return f, err
	}
	before, err := s.usage()
	if err != nil {
		return f, err
	}
	start := time.Now()
	if err := b.pushAll(ctx, s, sets, by); err != nil {
		return f, err
	}
	f.Wall = time.Since(start).Seconds()
	if err := b.idle(ctx, s); err != nil {
		return f, err
	}
	after, err := s.usage()
	if err != nil {
		return f, err
	}
	f.CPU = (after.CPU - before.CPU).Seconds()
	now, err := s.disk()
	f.Disk = now - disk
	return f, err
}

// pushAll sends the bodies in their order, so that rows come about as they were
// written, and returns when all are acknowledged.
func (b *bencher) pushAll(ctx context.Context, s store, sets []*set, by time.Duration) error {
	group, ctx := errgroup.WithContext(ctx)
	bodies := make(chan string)
	group.Go(func() error {
		defer close(bodies)
		for _, set := range sets {
			for _, name := range set.bodies {
				select {
				case bodies <- name:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range b.conns {
		group.Go(func() error {
			for name := range bodies {
				body, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if err := shift(body, by); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := s.push(ctx, body); err != nil {
					return fmt.Errorf("%s, %s: %w", s.title(), name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// rest has the store write down what it has and merge, and waits until it is idle.
func (b *bencher) rest(ctx context.Context, s store) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	return b.idle(ctx, s)
}

// idle waits until the store's folder did not change and its CPU time hardly grew
// for the settle time: rows lie in files then and merges are over. A store that
// never rests is given up on after a while, which is said.
func (b *bencher) idle(ctx context.Context, s store) error {
	const (
		steps = 12 // looks in one settle time
		most  = 20 // settle times
	)
	step := b.settle / steps
	var (
		disk int64
		cpu  time.Duration
		rest int
	)
	for range steps * most {
		if err := pause(ctx, step); err != nil {
			return err
		}
		d, err := s.disk()
		if err != nil {
			return err
		}
		u, err := s.usage()
		if err != nil {
			return err
		}
		rest++
		if d != disk || u.CPU-cpu > max(step/10, 20*time.Millisecond) {
			rest = 0
		}
		disk, cpu = d, u.CPU
		if rest >= steps {
			return nil
		}
	}
	b.say("%s was still busy after %s: its figures are those of that moment", s.title(), most*b.settle)
	return nil
}
