package elastic

import (
	"sync"

	"journalist/internal/record"
)

// pools keep the memory of requests. What has grown beyond the usual is left to
// the garbage collector.
type pools struct {
	bodies, answers, batches, itemLists sync.Pool
}

const (
	maxPooledBody  = 16 << 20
	maxPooledItems = 1 << 17
)

func (p *pools) body() []byte         { return getBytes(&p.bodies) }
func (p *pools) putBody(b []byte)     { putBytes(&p.bodies, b) }
func (p *pools) answer() []byte       { return getBytes(&p.answers) }
func (p *pools) putAnswer(b []byte)   { putBytes(&p.answers, b) }
func (p *pools) items() []item        { return getList(&p.itemLists) }
func (p *pools) batch() *record.Batch { return getBatch(&p.batches) }

func (p *pools) putItems(items []item) {
	if cap(items) <= maxPooledItems {
		clear(items) // the ids point into the body
		items = items[:0]
		p.itemLists.Put(&items)
	}
}

func (p *pools) putBatch(b *record.Batch) {
	if b.Bytes() <= 2*batchBytes {
		b.Reset()
		p.batches.Put(b)
	}
}

func getBytes(p *sync.Pool) []byte {
	if b, ok := p.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return nil
}

func putBytes(p *sync.Pool, b []byte) {
	if cap(b) > 0 && cap(b) <= maxPooledBody {
		p.Put(&b)
	}
}

func getList(p *sync.Pool) []item {
	if l, ok := p.Get().(*[]item); ok {
		return *l
	}
	return nil
}

func getBatch(p *sync.Pool) *record.Batch {
	if b, ok := p.Get().(*record.Batch); ok {
		return b
	}
	return new(record.Batch)
}
