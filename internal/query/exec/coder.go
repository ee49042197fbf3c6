package exec

import (
	"bytes"
	"math"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// coder numbers the values of one key in the order in which they come, for one
// worker.
type coder struct {
	key     lang.Key
	buckets *bucketer
	budget  *budget
	max     int

	ints   map[int64]uint32
	texts  map[string]uint32 // kind byte and text
	values []record.Value

	lastInt  int64
	lastCode uint32
	haveLast bool

	recent []recentText // of texts, by their hash

	scratch []byte
	trans   []int64 // of a block's dictionary; -1 unknown
}

// recentText is a text that came not long ago; its bytes are those of the values.
type recentText struct {
	text []byte
	code uint32
}

// recentTexts is how many are kept, a power of two.
const recentTexts = 1 << 10

// recently returns the place of a text among the recent ones.
func (c *coder) recently(text []byte) *recentText {
	if c.recent == nil {
		c.recent = make([]recentText, recentTexts)
	}
	return &c.recent[xxhash.Sum64(text)%recentTexts]
}

// codes is the key's value for each row of a block.
type codes struct {
	same bool // all rows have first
	of   []uint32
	one  uint32
}

func (c *codes) at(i int) uint32 {
	if c.same {
		return c.one
	}
	return c.of[i]
}

func newCoder(q *query, k lang.Key) *coder {
	c := &coder{key: k, budget: &q.budget, max: q.groupLimit(), ints: map[int64]uint32{}, texts: map[string]uint32{}}
	if k.Timed() {
		c.buckets = newBucketer(k, q.req.Zone)
	}
	return c
}

// code fills out with the codes of the block's rows.
func (c *coder) code(v *view, out *codes) error {
	col := v.column(c.key.Field)
	if col == nil {
		code, err := c.value(record.Value{})
		*out = codes{same: true, one: code, of: out.of}
		return err
	}
	if col.Form == scan.Consts {
		code, err := c.value(col.Values[0])
		*out = codes{same: true, one: code, of: out.of}
		return err
	}
	out.same = false
	if cap(out.of) < v.n {
		out.of = make([]uint32, v.n)
	}
	out.of = out.of[:v.n]
	switch col.Form {
	case scan.Ints:
		for i, n := range col.Ints[:v.n] {
			code, err := c.int(n)
			if err != nil {
				return err
			}
			out.of[i] = code
		}
	case scan.Dict:
		c.trans = c.trans[:0]
		for range col.Values {
			c.trans = append(c.trans, -1)
		}
		for i, d := range col.Codes[:v.n] {
			if c.trans[d] < 0 {
				code, err := c.value(col.Values[d])
				if err != nil {
					return err
				}
				c.trans[d] = int64(code)
			}
			out.of[i] = uint32(c.trans[d])
		}
	default:
		for i := range out.of {
			x := col.Value(i)
			var recent *recentText
			if x.Kind == record.String && len(x.Bytes) > 0 && c.key.Bucket == 0 {
				if recent = c.recently(x.Bytes); bytes.Equal(x.Bytes, recent.text) {
					out.of[i] = recent.code
					continue
				}
			}
			code, err := c.value(x)
			if err != nil {
				return err
			}
			if out.of[i] = code; recent != nil {
				*recent = recentText{c.values[code].Bytes, code}
			}
		}
	}
	return nil
}

// int is the code of an integer, after it was put into its bucket.
func (c *coder) int(n int64) (uint32, error) {
	switch {
	case c.buckets != nil:
		n = c.buckets.start(n)
	case c.key.Bucket > 0:
		n = floorTo(n, c.key.Bucket)
	}
	if c.haveLast && n == c.lastInt {
		return c.lastCode, nil
	}
	code, ok := c.ints[n]
	if !ok {
		var err error
		if code, err = c.add(record.IntValue(n)); err != nil {
			return 0, err
		}
		c.ints[n] = code
	}
	c.lastInt, c.lastCode, c.haveLast = n, code, true
	return code, nil
}

func (c *coder) value(v record.Value) (uint32, error) {
	if c.key.Bucket > 0 && v.Kind != record.Int {
		f, ok := v.Float()
		f = math.Floor(f)
		if !ok || math.Abs(f) >= math.MaxInt64 {
			v = record.Value{} // no number, no bucket
		} else {
			return c.int(int64(f))
		}
	}
	if v.Kind == record.Int {
		return c.int(v.Int)
	}
	c.scratch = append(c.scratch[:0], byte(v.Kind))
	if v.Kind == record.Bool {
		c.scratch = append(c.scratch, byte(v.Int))
	} else {
		c.scratch = append(c.scratch, v.Bytes...)
	}
	if code, ok := c.texts[string(c.scratch)]; ok {
		return code, nil
	}
	key := string(c.scratch)
	v.Bytes = []byte(key[1:])
	if v.Kind == record.Bool {
		v.Bytes = nil
	}
	code, err := c.add(v)
	c.texts[key] = code
	return code, err
}

func (c *coder) add(v record.Value) (uint32, error) {
	if len(c.values) >= c.max {
		return 0, &scan.BudgetError{Need: int64(len(c.values)) + 1, Have: int64(c.max), What: "groups", Count: true}
	}
	if err := c.budget.take(80+2*int64(len(v.Bytes)), "groups"); err != nil {
		return 0, err
	}
	c.values = append(c.values, v)
	return uint32(len(c.values) - 1), nil
}
