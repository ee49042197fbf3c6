package part

import (
	"container/list"
	"sync"
	"sync/atomic"

	"journalist/internal/store/column"
	"journalist/internal/store/stream"
)

// Cache keeps what queries need again and again of parts: directories, templates,
// dictionaries and word filters, parsed and uncompressed, and whole columns that were
// asked for twice; of both the least recently used go first. It may be used by several
// goroutines; a nil Cache keeps nothing.
type Cache struct {
	mu      sync.Mutex
	small   lru
	columns lru
	// asked are columns that were asked for once, in a ring.
	asked map[cacheKey]bool
	ring  []cacheKey
	next  int
}

// lru is the values of one kind.
type lru struct {
	most  int64
	used  int64
	items map[cacheKey]*list.Element
	order list.List // front: used last
	full  int       // values that came when it was full
}

// admit: one of so many values is kept when the cache is full.
const admit = 8

// maxAsked is how many columns are remembered that were asked for once.
const maxAsked = 1 << 10

// What is kept of a row group.
const (
	cacheDirectory = -1
	cacheBlock     = -2 // by number
	cacheNode      = -3 // by stream
	cacheRare      = -4 // the names of rare fields
	cacheFilter    = -5 // by stream of the column's texts
	cacheColumn    = -8 // decoded, by name's stream
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

// NewCache makes a cache of about so many bytes, and so many of whole columns.
func NewCache(most, columns int64) *Cache {
	c := &Cache{asked: map[cacheKey]bool{}, ring: make([]cacheKey, maxAsked)}
	for l, n := range map[*lru]int64{&c.small: most, &c.columns: columns} {
		l.most, l.items = n, map[cacheKey]*list.Element{}
	}
	return c
}

// Used is about how many bytes are kept.
func (c *Cache) Used() int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.small.used + c.columns.used
}

func (c *Cache) get(k cacheKey) any {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.small.get(k)
}

// put keeps a value that takes about cost bytes.
func (c *Cache) put(k cacheKey, value any, cost int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.small.put(k, value, cost)
}

func (c *Cache) column(k cacheKey) *column.Col {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	col, _ := c.columns.get(k).(*column.Col)
	return col
}

// putColumn keeps a column if it was asked for not long ago: a single question that
// reads a lot must not drive out what others need.
func (c *Cache) putColumn(k cacheKey, col *column.Col) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked[k] {
		delete(c.asked, c.ring[c.next])
		c.asked[k] = true
		c.ring[c.next] = k
		c.next = (c.next + 1) % len(c.ring)
		return
	}
	c.columns.put(k, col, col.Size())
}

func (l *lru) get(k cacheKey) any {
	e, ok := l.items[k]
	if !ok {
		return nil
	}
	l.order.MoveToFront(e)
	return e.Value.(*cacheItem).value
}

// put keeps a value, unless it would drive out a third of the others.
func (l *lru) put(k cacheKey, value any, cost int64) {
	const overhead = 200
	if _, ok := l.items[k]; ok || cost+overhead > l.most/3 {
		return
	}
	cost += overhead
	// A question over more than fits would drive out what it is going to need the
	// next time, and so find nothing ever: of what comes when all is full, most is
	// not kept, so that a share of it stays.
	if l.used+cost > l.most {
		if l.full++; l.full%admit != 0 {
			return
		}
	}
	l.items[k] = l.order.PushFront(&cacheItem{k, value, cost})
	for l.used += cost; l.used > l.most; {
		l.remove(l.order.Back())
	}
}

func (l *lru) remove(e *list.Element) {
	item := e.Value.(*cacheItem)
	l.order.Remove(e)
	delete(l.items, item.key)
	l.used -= item.cost
}

// forget drops what is kept of a part.
func (l *lru) forget(part uint64) {
	for e := l.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cacheItem).key.part == part {
			l.remove(e)
		}
		e = next
	}
}

// Forget drops what is kept of a part that is gone.
func (c *Cache) Forget(p *Part) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.small.forget(p.id)
	c.columns.forget(p.id)
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
		return nil, stream.Corrupt("stream %d of %d", id, t.Len())
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
