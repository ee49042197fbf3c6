package exec

import (
	"math"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	// patternBytes is about what a pattern with its example and its trend takes.
	patternBytes = 1500
	// textBytes is about how many bytes of texts a worker collects for the values of
	// slots. When there are more, all patterns keep half as many, and all but the
	// commonTexts ones with the most rows no more than fewTexts.
	textBytes   = 3 << 20
	commonTexts = 1000
	fewTexts    = 4
)

// patternMiner finds patterns in the texts of one worker's rows.
type patternMiner struct {
	field  string
	budget *budget
	want   scan.PatternDetails
	axis   scan.TrendAxis
	set    scan.PatternSet

	view       view
	text, form []byte
	codes      []codeRows
	held       int64

	// Of the trend of a block: at which level its buckets are, the first of them, and
	// how many rows each code has in each.
	level   uint8
	first   int64
	buckets int
	tally   []int64
	one     [1]int64

	// Texts are a random sample of a pattern's rows, of patterns with few rows a small
	// one once there are too many.
	random uint64
	most   int   // texts of a pattern
	texts  int64 // bytes of all
	rare   int64 // rows of the patterns that keep few
}

// newPatternMiner makes a miner of rows between two times, which may be open.
func newPatternMiner(q *query, from, to int64, field string, want scan.PatternDetails) *patternMiner {
	return &patternMiner{field: field, budget: &q.budget, want: want, axis: scan.NewTrendAxis(from, to), most: scan.MaxTexts, random: 1}
}

// found are the n patterns with the most rows.
func (m *patternMiner) found(n int) scan.Patterns {
	out := scan.Patterns{List: m.set.Top(n), Total: m.set.Len(), Folded: m.set.Folded, Range: m.set.Range()}
	if m.want.Values {
		for i := range out.List {
			p := &out.List[i]
			p.Values = scan.NewSlotValues(p.Form)
			for _, text := range p.Texts {
				p.Values.Add(text, 1)
			}
		}
	}
	return out
}

// codeRows is what is counted of a value of a dictionary.
type codeRows struct {
	count       int64
	first, last int64
}

// noTime is one row that has no time.
var noTime = codeRows{count: 1, first: 1, last: 0}

func (m *patternMiner) add(b *scan.Block) error {
	m.view.reset(b)
	col := m.view.column(m.field)
	if col == nil || m.view.n == 0 {
		return nil
	}
	times := m.view.times()
	m.cut(col, times)
	if col.Form == scan.Plain || col.Form == scan.Ints || len(col.Values)*m.buckets > 4*m.view.n+1000 {
		m.level = 0
		return m.rows(col, times)
	}
	m.codes = slices.Grow(m.codes[:0], len(col.Values))[:len(col.Values)]
	clear(m.codes)
	m.tally = slices.Grow(m.tally[:0], len(m.codes)*m.buckets)[:len(m.codes)*m.buckets]
	clear(m.tally)
	for i := range m.view.n {
		code := uint32(0)
		if col.Form == scan.Dict {
			code = col.Codes[i]
		}
		if k := col.Values[code].Kind; k == record.Missing || k == record.Null {
			continue
		}
		c := &m.codes[code]
		switch {
		case times == nil:
			c.first, c.last = noTime.first, noTime.last
		case c.count == 0:
			c.first, c.last = times[i], times[i]
		default:
			c.first, c.last = min(c.first, times[i]), max(c.last, times[i])
		}
		c.count++
		if m.buckets > 0 {
			m.tally[int(code)*m.buckets+int(m.axis.Bucket(times[i], m.level)-m.first)]++
		}
	}
	for i, c := range m.codes {
		if c.count > 0 {
			if err := m.value(col.Values[i], c, m.first, m.tally[i*m.buckets:(i+1)*m.buckets]); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut finds the buckets of a block's rows with a text, of a column with few different
// ones; else each row is counted by itself.
func (m *patternMiner) cut(col *scan.Column, times []int64) {
	m.buckets, m.level = 0, 0
	if times == nil || !m.want.Trend || col.Form != scan.Dict && col.Form != scan.Consts {
		return
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i, t := range times[:m.view.n] {
		if k := col.Value(i).Kind; k != record.Missing && k != record.Null {
			first, last = min(first, t), max(last, t)
		}
	}
	if first > last {
		return
	}
	m.level = m.axis.Level(first, last)
	m.first = m.axis.Bucket(first, m.level)
	m.buckets = int(m.axis.Bucket(last, m.level)-m.first) + 1
}

// rows takes the values row by row.
func (m *patternMiner) rows(col *scan.Column, times []int64) error {
	// From the newest on, so that few examples are copied.
	n := m.view.n
	up := times != nil && times[0] < times[n-1]
	for i := range n {
		at, bucket, trend := noTime, int64(0), m.one[:0]
		if up {
			i = n - 1 - i
		}
		if times != nil {
			at = codeRows{1, times[i], times[i]}
			if m.want.Trend {
				m.one[0], trend = 1, m.one[:]
				bucket = m.axis.Bucket(times[i], 0)
			}
		}
		if err := m.value(col.Value(i), at, bucket, trend); err != nil {
			return err
		}
	}
	return nil
}

// value counts the rows of a value, and those of each bucket from one on. Null has no
// text.
func (m *patternMiner) value(v record.Value, rows codeRows, bucket int64, trend []int64) error {
	text := v.Bytes
	switch v.Kind {
	case record.Missing, record.Null:
		return nil
	case record.Int, record.Bool:
		m.text = v.AppendText(m.text[:0])
		text = m.text
	}
	m.form = scan.AppendForm(m.form[:0], text)
	p := m.set.Get(m.form)
	p.Observe(text, rows.count, rows.first, rows.last)
	p.Trend.Add(m.level, bucket, trend)
	if m.want.Values {
		m.collect(p, text, rows.count)
	}
	if n := int64(m.set.Len())*patternBytes + m.texts; n > m.held {
		n = max(n, m.held+64<<10)
		if err := m.budget.take(n-m.held, "patterns"); err != nil {
			return err
		}
		m.held = n
	}
	return nil
}

// collect keeps the text of some of so many rows more of a pattern, each row as
// likely as any other.
func (m *patternMiner) collect(p *scan.Pattern, text []byte, rows int64) {
	most := m.most
	if p.Count <= m.rare {
		most = min(most, fewTexts)
	}
	if most == 0 {
		return
	}
	text = text[:min(len(text), scan.MaxExample)]
	for n := max(p.Count-rows, 0) + 1; n <= p.Count; n++ {
		if len(p.Texts) < most {
			p.Texts = append(p.Texts, slices.Clone(text))
			m.texts += scan.TextSize(text)
			continue
		}
		m.random ^= m.random << 13
		m.random ^= m.random >> 7
		m.random ^= m.random << 17
		if at := m.random % uint64(n); at < uint64(len(p.Texts)) {
			m.texts += int64(len(text) - len(p.Texts[at]))
			p.Texts[at] = append(p.Texts[at][:0], text...)
		}
	}
	for m.texts > textBytes && m.most > 0 {
		m.most /= 2
		rare, left := m.set.Thin(commonTexts, m.most, min(m.most, fewTexts))
		m.rare, m.texts = max(rare, 2*m.rare), left
	}
}
