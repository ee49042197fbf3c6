package part

import (
	"testing"

	"journalist/internal/scan"
	"journalist/internal/store/column"
)

func TestCacheKeepsWhatWasUsedLast(t *testing.T) {
	c := NewCache(10_000, 0)
	key := func(part uint64, n uint32) cacheKey { return cacheKey{part, 0, cacheBlock, n} }
	for n := range uint32(20) {
		c.put(key(1, n), n, 800) // with what an item itself takes, ten fit
		if c.get(key(1, 0)) == nil {
			t.Fatalf("after %d others what is used all the time is gone", n)
		}
	}
	if c.Used() > 10_000 || c.get(key(1, 1)) != nil || c.get(key(1, 9)) == nil {
		t.Errorf("%d bytes kept, the oldest %v, a newer one %v", c.Used(), c.get(key(1, 1)), c.get(key(1, 9)))
	}
	c.put(key(2, 0), 0, 9_000)
	if c.get(key(2, 0)) != nil || c.get(key(1, 9)) == nil {
		t.Error("one value drove out the others")
	}
	for range admit {
		c.put(key(2, 0), 0, 800)
	}
	c.Forget(&Part{id: 1})
	if c.get(key(1, 9)) != nil || c.get(key(2, 0)) == nil || c.Used() != 1000 {
		t.Errorf("%d bytes after a part was forgotten", c.Used())
	}
	var none *Cache
	none.put(key(1, 1), 1, 1)
	none.putColumn(key(1, 1), nil)
	if none.get(key(1, 1)) != nil || none.column(key(1, 1)) != nil || none.Used() != 0 {
		t.Error("no cache keeps something")
	}
}

// TestCacheKeepsAShare: what is asked for in turn and does not fit is found in part.
func TestCacheKeepsAShare(t *testing.T) {
	c := NewCache(50_000, 0)
	found := 0
	for range 50 {
		for n := range uint32(100) { // twice what fits
			k := cacheKey{1, 0, cacheBlock, n}
			if c.get(k) != nil {
				found++
			} else {
				c.put(k, n, 800)
			}
		}
	}
	if found < 50*100/4 {
		t.Errorf("%d of %d found", found, 50*100)
	}
}

func TestCacheKeepsColumnsThatAreAskedForAgain(t *testing.T) {
	c := NewCache(0, 1<<20)
	key := func(n uint32) cacheKey { return cacheKey{1, 0, cacheColumn, n} }
	col := &column.Col{Column: scan.Column{Form: scan.Ints, Len: 1, Ints: []int64{1}}}
	c.putColumn(key(1), col)
	if c.column(key(1)) != nil {
		t.Error("kept when it was asked for once")
	}
	c.putColumn(key(1), col)
	if c.column(key(1)) != col {
		t.Error("not kept when it was asked for again")
	}
	// One that was asked for long ago is new again.
	c.putColumn(key(2), col)
	for n := range uint32(maxAsked) {
		c.putColumn(key(10+n), col)
	}
	c.putColumn(key(2), col)
	if c.column(key(2)) != nil {
		t.Error("kept although all others were asked for in between")
	}
	if len(c.asked) > maxAsked {
		t.Errorf("%d columns are remembered", len(c.asked))
	}
}
