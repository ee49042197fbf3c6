package lumberjack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// cutBatch is where a batch is closed and another begun: below
// record.MaxBatchBytes by more than the largest frame and its rows need.
const cutBatch = record.MaxBatchBytes / 2

// cutNames is how many field names a batch may have when it gets another row: they
// count in what the store takes, but not in Batch.Bytes.
const cutNames = 4 * record.MaxFields

// full tells that a batch must not get another row.
func full(b *record.Batch) bool {
	return b.Bytes() >= cutBatch || b.Len() >= record.MaxBatchRows || len(b.Names()) > cutNames
}

// mapper makes batches of a connection's events. It is used by the connection's
// reading goroutine.
type mapper struct {
	client string
	m      counters
	// seen counts how often this connection sent a window of the same content.
	// Nothing is sent twice on one connection, so that the second is not the first
	// again.
	seen map[uint64]uint64

	run    *record.Batch // open batch of blocks
	fields []record.Pair // of run
	plain  []*record.Batch
	tags   []byte
	get    func() *record.Batch
}

// block adds a block and calls done with each batch that is complete by it.
func (m *mapper) block(l *record.Lines, done func(*record.Batch)) {
	b := m.run
	if b != nil && (b.Position.ID != l.Position.ID || b.Position.To != l.Position.From || l.Position.Resume ||
		!slices.Equal(m.fields, l.Fields) || b.Bytes()+len(l.Data) > cutBatch || b.Len()+len(l.Rows) > record.MaxBatchRows) {
		m.run = nil
		done(b)
		b = nil
	}
	if b == nil {
		b = m.begin(l, l.Position)
	}
	b.Position.To = l.Position.To
	message, offset := b.NameID(record.FieldMessage), b.NameID(record.FieldOffset)
	if len(l.Extras) > 0 {
		m.blockWithExtras(l, done)
		return
	}
	for i := range l.Rows {
		r := &l.Rows[i]
		b.AddRow(l.ReadTime)
		b.SetStart(r.Start)
		b.SetSpan(spanOf(r))
		b.Add(message, record.StringValue(l.Text(i)))
		b.Add(offset, record.IntValue(int64(r.Start)))
		if r.Marks != 0 {
			m.tags = lumberjack.AppendTags(m.tags[:0], l.Fields, r.Marks)
			b.Add(b.NameID(record.FieldTags), record.Value{Kind: record.JSON, Bytes: m.tags})
		}
	}
}

// spanOf is how many bytes of the source a row takes for certain: how many were left
// out behind a truncated line may be another number the next time.
func spanOf(r *record.Line) uint32 {
	if r.Marks&record.LineTruncated != 0 {
		return min(r.Span, r.Len)
	}
	return r.Span
}

// begin opens the batch of blocks.
func (m *mapper) begin(l *record.Lines, p record.Position) *record.Batch {
	b := m.get()
	b.Client, b.Position = m.client, p
	for _, f := range l.Fields {
		b.AddCommon(b.NameID(fieldName(f.Name)), record.Value{Kind: record.String, Bytes: []byte(f.Value)})
	}
	m.run, m.fields = b, l.Fields
	return b
}

// endRun returns the batch of blocks that is still open, or nil.
func (m *mapper) endRun() *record.Batch {
	b := m.run
	m.run, m.fields = nil, nil
	return b
}

// endPlain returns the batches of a complete window without positions, each with
// an identity of its own made of the window's content.
func (m *mapper) endPlain(hash uint64) []*record.Batch {
	if len(m.plain) == 0 {
		return nil
	}
	if len(m.seen) >= 256 || m.seen == nil {
		m.seen = map[uint64]uint64{}
	}
	times := m.seen[hash]
	m.seen[hash] = times + 1
	for i, b := range m.plain {
		b.Window = hash
		if i > 0 || times > 0 {
			var p [24]byte
			binary.LittleEndian.PutUint64(p[:], hash)
			binary.LittleEndian.PutUint64(p[8:], uint64(i))
			binary.LittleEndian.PutUint64(p[16:], times)
			b.Window = max(xxhash.Sum64(p[:]), 1)
		}
	}
	done := m.plain
	m.plain = nil
	return done
}

// drop forgets what a broken window left.
func (m *mapper) drop() { m.run, m.fields, m.plain = nil, nil, nil }

// batch returns the batch that the next event without a position goes into.
func (m *mapper) batch() *record.Batch {
	if n := len(m.plain); n > 0 {
		b := m.plain[n-1]
		if !full(b) {
			return b
		}
	}
	b := m.get()
	b.Client = m.client
	m.plain = append(m.plain, b)
	return b
}

// json adds a version 2 event. What is not a JSON object is kept as text.
func (m *mapper) json(ev *lumberjack.Event, now int64) {
	b := m.batch()
	if ev.Cut == 0 {
		err := b.AppendJSON(dropMetadata(ev.JSON), now)
		if err == nil {
			return
		}
		m.m.badJSON.Inc()
		m.raw(b, ev.JSON, now, err.Error())
		return
	}
	m.m.cut.Inc()
	m.raw(b, ev.JSON, now, fmt.Sprintf("JSON of %d bytes is over the limit of %d and was cut", ev.Cut, len(ev.JSON)))
}

func (m *mapper) raw(b *record.Batch, text []byte, now int64, why string) {
	if len(text) > record.MaxValue {
		text = text[:record.MaxValue]
		why += "; kept " + strconv.Itoa(record.MaxValue) + " bytes"
	}
	b.AddRow(now)
	b.Add(b.NameID(record.FieldMessage), record.StringValue(text))
	b.Add(b.NameID(record.FieldError), record.StringValue([]byte(why)))
}

// pairs adds a version 1 event: line becomes message, offset a number, everything
// else stays text. Where a name comes twice the later value holds, as it did in
// Logstash.
func (m *mapper) pairs(ev *lumberjack.Event, now int64) {
	b := m.batch()
	b.AddRow(now)
	why := ""
	if ev.Cut > 0 {
		m.m.cut.Inc()
		why = fmt.Sprintf("event of %d bytes is over the limit of %d and was cut", ev.Cut, record.MaxRecord)
	}
	last := lastOf(ev.Pairs)
	for i, p := range ev.Pairs {
		if !last(i) {
			continue
		}
		name, value := string(p.Name), p.Value
		if len(value) > record.MaxValue {
			if why == "" {
				m.m.cut.Inc()
				why = fmt.Sprintf("field %s of %d bytes is over the limit of %d and was cut", strconv.Quote(name), len(value), record.MaxValue)
			}
			value = value[:record.MaxValue]
		}
		switch name {
		case "line":
			name = record.FieldMessage
		case record.FieldOffset:
			if n, ok := record.CanonicalInt(value); ok {
				b.Add(b.NameID(name), record.IntValue(n))
				continue
			}
		case record.FieldTime:
			if ns, ok := record.ParseTime(value); ok {
				b.SetTime(b.Len()-1, ns)
				b.MarkOwnTime()
				continue
			}
			name = record.FieldTimeRaw
		}
		b.Add(b.NameID(fieldName(name)), record.StringValue(value))
	}
	if why != "" {
		b.Add(b.NameID(record.FieldError), record.StringValue([]byte(why)))
	}
}

// lastOf returns a function that tells whether pair i is the last of its name.
func lastOf(pairs []lumberjack.Pair) func(int) bool {
	if len(pairs) <= 16 {
		return func(i int) bool {
			for _, q := range pairs[i+1:] {
				if bytes.Equal(q.Name, pairs[i].Name) {
					return false
				}
			}
			return true
		}
	}
	last := make(map[string]int, len(pairs))
	for i, p := range pairs {
		last[string(p.Name)] = i
	}
	return func(i int) bool { return last[string(pairs[i].Name)] == i }
}

// fieldName keeps NUL bytes, which stand between levels, out of names.
func fieldName(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return string(bytes.ReplaceAll([]byte(s), []byte{0}, []byte(string(utf8.RuneError))))
		}
	}
	return s
}
