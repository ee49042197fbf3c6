// Package memtable keeps the rows that are durable in the write-ahead log but not
// yet in a part: per dataset a list of chunks, searchable at once.
//
// internal/store's committer adds to it and its flusher turns it into parts; down
// the way are internal/store/chunk's columns.
package memtable

import (
	"slices"
	"sync"

	"journalist/internal/store/chunk"
)

// Table is one generation of rows in memory. One goroutine adds; any number read.
type Table struct {
	// Generation numbers the tables: parts made of a higher one hold later rows.
	Generation uint64

	mu   sync.RWMutex
	sets map[string][]*chunk.Chunk
	size int64
	rows int64
}

// New makes an empty table.
func New(generation uint64) *Table {
	return &Table{Generation: generation, sets: map[string][]*chunk.Chunk{}}
}

// Small chunks are joined until they reach about this size, so that single rows do
// not cost a chunk each. Joining only neighbours of similar size copies a row a
// logarithmic number of times.
const (
	joinRows  = 2048
	joinBytes = 512 << 10
)

// Add appends a chunk.
func (t *Table) Add(c *chunk.Chunk) {
	t.mu.RLock()
	list := t.sets[c.Dataset]
	t.mu.RUnlock()
	grown := c.Size()
	join := []*chunk.Chunk{c}
	n, rows, size := len(list), c.Len(), c.Size()
	for n > 0 {
		last := list[n-1]
		if last.Len() > 2*rows || last.Len()+rows > joinRows || last.Size()+size > joinBytes {
			break
		}
		join = append(join, last)
		rows += last.Len()
		size += last.Size()
		grown -= last.Size()
		n--
	}
	if len(join) > 1 {
		slices.Reverse(join)
		joined := chunk.Concat(join)
		grown += joined.Size() - c.Size()
		// Readers may hold the old list: it is replaced, not changed.
		list = append(slices.Clip(list[:n]), joined)
	} else {
		list = append(list, c)
	}
	t.mu.Lock()
	t.sets[c.Dataset] = list
	t.size += grown
	t.rows += int64(c.Len())
	t.mu.Unlock()
}

// Size is about what the table occupies in memory, in bytes.
func (t *Table) Size() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.size
}

// Rows is the number of rows.
func (t *Table) Rows() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows
}

// Datasets lists the datasets that have rows, sorted.
func (t *Table) Datasets() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	names := make([]string, 0, len(t.sets))
	for name := range t.sets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Chunks returns a dataset's chunks in order of arrival. The caller must not
// change the slice.
func (t *Table) Chunks(dataset string) []*chunk.Chunk {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := t.sets[dataset]
	return list[:len(list):len(list)]
}
