package store

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/record"
	"journalist/internal/store/column"
	"journalist/internal/wire"
)

const (
	// positionLife is how long an unchanged position is remembered.
	positionLife = 30 * 24 * time.Hour
	// windowLife is how long the hash of a window is remembered.
	windowLife = 10 * time.Minute
	// windowMost bounds the hashes; the older half goes when there are more.
	windowMost = 1 << 18
)

type sourceKey struct {
	client string
	id     record.SourceID
}

type position struct {
	to      uint64
	changed int64 // seconds since the epoch
}

// sources remembers what was committed of each source, and the windows that came
// lately. The committer changes it, anybody may ask.
type sources struct {
	mu        sync.RWMutex
	positions map[sourceKey]position
	// Two generations of window hashes -> milliseconds since the epoch: the older
	// one goes as a whole.
	windows, older map[uint64]int64
	since          int64 // when windows was begun
}

func newSources() *sources {
	return &sources{positions: map[sourceKey]position{}, windows: map[uint64]int64{}}
}

func (s *sources) position(k sourceKey) (uint64, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.positions[k]
	return p.to, ok
}

func (s *sources) setPosition(k sourceKey, to uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A checkpoint may know more than the log that is replayed after it.
	if old, ok := s.positions[k]; !ok || to >= old.to {
		s.positions[k] = position{to: to, changed: now.Unix()}
	}
}

func windowKey(client string, window uint64) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(client) // never fails
	_, _ = d.Write(binary.LittleEndian.AppendUint64(nil, window))
	return d.Sum64()
}

func (s *sources) seen(window uint64, now int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.windows[window]
	if !ok {
		at, ok = s.older[window]
	}
	return ok && apart(now, at) < windowLife.Milliseconds()
}

// apart is how far two times lie from each other, whichever way the clock was set
// in between: a window from before it was set back must not count for long.
func apart(a, b int64) int64 { return max(a-b, b-a) }

func (s *sources) addWindow(window uint64, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if apart(at, s.since) >= windowLife.Milliseconds() || len(s.windows) >= windowMost/2 {
		s.windows, s.older, s.since = map[uint64]int64{}, s.windows, at
	}
	s.windows[window] = at
}

// expire forgets positions that have not changed for long.
func (s *sources) expire(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	limit := now.Add(-positionLife).Unix()
	for k, p := range s.positions {
		if p.changed < limit {
			delete(s.positions, k)
			n++
		}
	}
	return n
}

func (s *sources) len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.positions)
}

// encode writes positions and windows for the checkpoint; see
// docs/format/manifest.md.
func (s *sources) encode(now time.Time) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := binary.AppendUvarint(nil, uint64(len(s.positions)))
	for k, p := range s.positions {
		b = wire.AppendBytes(b, k.client)
		b = append(b, k.id[:]...)
		b = binary.AppendUvarint(b, p.to)
		b = binary.AppendVarint(b, p.changed)
	}
	oldest := now.Add(-windowLife).UnixMilli()
	for _, m := range []map[uint64]int64{s.older, s.windows} {
		for h, at := range m {
			if at > oldest {
				b = append(b, 1)
				b = binary.LittleEndian.AppendUint64(b, h)
				b = binary.AppendVarint(b, at)
			}
		}
	}
	return append(b, 0)
}

func (s *sources) decode(raw []byte) error {
	d := column.NewDecoder(raw)
	for n := d.Count(19); n > 0 && d.Err() == nil; n-- {
		k := sourceKey{client: string(d.Bytes())}
		copy(k.id[:], d.Take(uint64(len(k.id))))
		p := position{to: d.Uvarint(), changed: d.Varint()}
		if d.Err() == nil {
			s.positions[k] = p
		}
	}
	for d.Byte() == 1 {
		h, at := d.Uint64(), d.Varint()
		if d.Err() == nil {
			s.addWindow(h, at)
		}
	}
	return d.Err()
}
