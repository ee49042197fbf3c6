package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"journalist/internal/store/chunk"
	"journalist/internal/store/part"
)

// Parts are merged when so many neighbours of a partition are of similar size.
// Only neighbours, so that rows of equal time stay in the order of their arrival.
// Row groups that are big already are copied as they are, so that a row is encoded
// once or twice in its life, and a byte rewritten about once for each eightfold
// growth of its part.
const (
	mergeLeast = 8
	mergeMost  = 32
	// The parts together must be so many times the biggest one.
	mergeRatio = 4
	// Bigger parts stay as they are, so that retention can drop them one by one.
	mergeBytes = 512 << 20
	mergeRetry = time.Minute
)

// mergeLoop is the merger: it works behind ingest and queries.
func (s *Store) mergeLoop() {
	defer s.background.Done()
	behind()
	var retry <-chan time.Time
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-s.mergeWake:
		case <-retry:
		}
		retry = nil
		// Deleted rows first: that they go soon is promised.
		for _, work := range []func(context.Context) (bool, error){s.purgeOnce, s.mergeOnce} {
			for s.stopped.Err() == nil {
				did, err := work(s.stopped)
				if did || err != nil {
					s.note(workRewrite, err)
				}
				if err != nil && s.stopped.Err() == nil {
					s.o.Logger.Error("parts not written anew, trying again", "error", err, "in", mergeRetry)
					retry = time.After(mergeRetry)
				}
				if err != nil || !did {
					break
				}
			}
		}
	}
}

// mergeOnce merges one run of parts, if one is worth it.
func (s *Store) mergeOnce(ctx context.Context) (bool, error) {
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	s.mu.Lock()
	from := pickMerge(s.mu.parts)
	for _, p := range from {
		p.refs++
	}
	s.mu.Unlock()
	if len(from) == 0 {
		return false, nil
	}
	merged := &livePart{folder: from[0].folder, partition: from[0].partition, lo: from[0].lo, hi: from[len(from)-1].hi}
	if done, err := s.rewrite(ctx, from, merged); !done || err != nil {
		return err == nil, err
	}
	s.m.merges.Inc()
	s.m.mergedBytes.Add(int(merged.Size))
	return true, s.saveManifest()
}

// rewrite writes the rows of parts that are not deleted to one that takes their
// place; done is false when damage or retention came in between. mergeMu is held;
// rewrite releases the parts.
func (s *Store) rewrite(ctx context.Context, from []*livePart, merged *livePart) (done bool, err error) {
	defer func() {
		for _, p := range from {
			s.release(p)
		}
	}()
	var bad *livePart
	err = s.createPart(merged, from[0].Dataset, func(w *part.Writer) (err error) {
		bad, err = mergeParts(ctx, w, from)
		return err
	})
	if err != nil {
		if bad != nil && errors.Is(err, part.ErrCorrupt) {
			s.setAside(bad, err)
			return false, nil
		}
		return false, fmt.Errorf("merge parts: %w", err)
	}
	s.mu.Lock()
	gone := false // retention or damage may have taken one of them
	for _, p := range from {
		gone = gone || p.dead
	}
	if !gone {
		s.replaceLocked(from, []*livePart{merged})
	}
	s.mu.Unlock()
	if gone {
		_ = s.o.FS.Remove(merged.Path) // an orphan goes at the next start, too
	}
	return !gone, nil
}

// pickMerge chooses neighbours of one partition that are worth merging.
func pickMerge(parts []*livePart) []*livePart {
	for from := 0; from < len(parts); {
		to := from + 1
		for to < len(parts) && parts[to].folder == parts[from].folder && parts[to].partition == parts[from].partition && parts[to].Dataset == parts[from].Dataset {
			to++
		}
		if run := pickRun(parts[from:to]); run != nil {
			return run
		}
		from = to
	}
	return nil
}

// pickRun prefers the longest run.
func pickRun(parts []*livePart) []*livePart {
	for n := min(len(parts), mergeMost); n >= mergeLeast; n-- {
		for from := 0; from+n <= len(parts); from++ {
			var sum, most int64
			for _, p := range parts[from : from+n] {
				sum += p.Size
				most = max(most, p.Size)
			}
			if sum <= mergeBytes && sum >= mergeRatio*most {
				return append([]*livePart(nil), parts[from:from+n]...)
			}
		}
	}
	return nil
}

// mergeParts writes the row groups of the parts in their order, small neighbours
// joined, deleted rows left out.
// On an error it tells which part could not be read.
func mergeParts(ctx context.Context, w *part.Writer, from []*livePart) (bad *livePart, err error) {
	m := merger{w: w}
	for i, p := range from {
		if i+1 < len(from) {
			m.next = from[i+1]
		} else {
			m.next = nil
		}
		if err := m.add(ctx, p); err != nil {
			return p, err
		}
	}
	return nil, m.flush()
}

type merger struct {
	w       *part.Writer
	next    *livePart // the part behind the one that is added
	pending []*chunk.Chunk
	rows    int
	bytes   int64
}

// stays tells that a group is written as it is, because it is big.
func stays(p *livePart, i int) bool {
	g := p.Groups[i]
	return p.gone.group(i) == nil && (g.Rows >= part.MaxRows/2 || g.Bytes >= part.MaxBytes/2)
}

// alone tells that a group has no neighbour to be joined with.
func (m *merger) alone(p *livePart, i int) bool {
	if len(m.pending) > 0 || p.gone.group(i) != nil {
		return false
	}
	switch {
	case i+1 < len(p.Groups):
		return stays(p, i+1)
	case m.next != nil:
		return stays(m.next, 0)
	}
	return true
}

func (m *merger) add(ctx context.Context, p *livePart) error {
	r, err := p.Reader()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	for i, g := range p.Groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		dead := p.gone.group(i)
		if dead.count() == g.Rows {
			continue
		}
		if stays(p, i) || m.alone(p, i) {
			if err := m.flush(); err != nil {
				return err
			}
			if err := m.w.CopyGroup(r, i); err != nil {
				return err
			}
			continue
		}
		group, err := r.Group(i)
		if err != nil {
			return err
		}
		c, err := group.Chunk()
		if err != nil {
			return err
		}
		if dead != nil {
			c = withoutRows(c, dead)
		}
		m.pending = append(m.pending, c)
		m.rows += c.Len()
		m.bytes += c.Size()
		if m.rows >= part.MaxRows || m.bytes >= part.MaxBytes {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *merger) flush() error {
	refs := chunk.Order(m.pending)
	for _, group := range part.Cut(refs, m.pending) {
		if err := m.w.AddGroup(chunk.Gather(group, m.pending)); err != nil {
			return err
		}
	}
	m.pending, m.rows, m.bytes = nil, 0, 0
	return nil
}
