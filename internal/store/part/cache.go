package part

import (
	"container/list"
	"sync"
	"sync/atomic"

	"journalist/internal/store/stream"
)

// Cache keeps what queries need again and again of parts: directories, templates,
// dictionaries and word filters, parsed and uncompressed, the least recently used going first. It may
// be used by several goroutines; a nil Cache keeps nothing.
type Cache struct {
	mu    sync.Mutex
	most  int64
	used  int64
	items map[cacheKey]*list.Element
	order list.List // front: used last
}

// What is kept of a row group.
const (
	cacheDirectory = -1
	cacheBlock     = -2 // by number
	cacheNode      = -3 // by stream
	cacheRare      = -4 // the names of rare fields
	cacheFilter    = -5 // by stream of the column's texts
	cacheCommon    = -7 // the filter over what no column's own knows
	cacheValues    = -6 // of a dictionary, by their stream
)

type cacheKey struct {
	part   uint64
	group  int
	what   int
	number uint32
}

type cacheItem struct {
	key   cacheKey
	value any
	cost  int64
}

// NewCache makes a cache of about so many bytes.
func NewCache(most int64) *Cache {
	return &Cache{most: most, items: map[cacheKey]*list.Element{}}
}

// Used is about how many bytes are kept.
func (c *Cache) Used() int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

func (c *Cache) get(k cacheKey) any {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem).value
}

// put keeps a value that takes about cost bytes. One that would drive out a quarter
// of the others is not worth it.
func (c *Cache) put(k cacheKey, value any, cost int64) {
	const overhead = 200
	if cost += overhead; c == nil || cost > c.most/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[k]; ok {
		return
	}
	c.items[k] = c.order.PushFront(&cacheItem{k, value, cost})
	for c.used += cost; c.used > c.most; {
		c.remove(c.order.Back())
	}
}

func (c *Cache) remove(e *list.Element) {
	item := e.Value.(*cacheItem)
	c.order.Remove(e)
	delete(c.items, item.key)
	c.used -= item.cost
}

// Forget drops what is kept of a part that is gone.
func (c *Cache) Forget(p *Part) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cacheItem).key.part == p.id {
			c.remove(e)
		}
		e = next
	}
}

var parts atomic.Uint64

// cached is a Source of a group's streams that keeps small blocks in the cache.
type cached struct {
	group  *Group
	opened map[int][]byte // blocks of this reading
}

var _ stream.Source = (*cached)(nil)

// Stream returns a stream's bytes. Blocks that short streams share are kept for
// other queries, and so are short blocks.
func (s *cached) Stream(id stream.ID) ([]byte, error) {
	t := s.group.dir.table
	if int(id) >= t.Len() {
		return nil, corrupt("stream %d of %d", id, t.Len())
	}
	n, pooled, ok := t.Block(id)
	if !ok {
		return nil, nil
	}
	if b, ok := s.opened[n]; ok {
		return t.Cut(id, b)
	}
	g := s.group
	key := cacheKey{g.r.part.id, g.number, cacheBlock, uint32(n)}
	keep := pooled || t.Size(id) < 16<<10
	if keep {
		if b, ok := g.r.part.cache.get(key).([]byte); ok {
			s.opened[n] = b
			return t.Cut(id, b)
		}
	}
	b, err := g.block(t.Blocks[n])
	if err != nil {
		return nil, err
	}
	if keep {
		g.r.part.cache.put(key, b, int64(len(b)))
		s.opened[n] = b
	}
	return t.Cut(id, b)
}
