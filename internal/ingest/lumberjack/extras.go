package lumberjack

import (
	"fmt"

	"journalist/internal/lumberjack"
	"journalist/internal/record"
)

// blockWithExtras adds the rows of a block of which some have fields of their own.
// Decoded, these may take many times their bytes, so that a batch may have to be
// cut between any two rows.
func (m *mapper) blockWithExtras(l *record.Lines, done func(*record.Batch)) {
	extras := l.Extras
	for i := range l.Rows {
		r := &l.Rows[i]
		b := m.run
		if b.Len() > 0 && full(b) {
			rest := b.Position
			b.Position.To = r.Start
			done(b)
			rest.From, rest.Resume = r.Start, false
			b = m.begin(l, rest)
		}
		var extra []byte
		if len(extras) > 0 && int(extras[0].Row) == i {
			e := extras[0]
			extra, extras = l.Data[e.Off:e.Off+e.Len:e.Off+e.Len], extras[1:]
		}
		m.row(b, l, i, extra)
		b.SetStart(r.Start)
		b.SetSpan(spanOf(r))
	}
}

// row adds row i with the fields of its own: these stand before message and
// offset.
func (m *mapper) row(b *record.Batch, l *record.Lines, i int, extra []byte) {
	r := &l.Rows[i]
	own := extra != nil
	if own {
		if err := b.AppendJSON(extra, l.ReadTime); err != nil {
			own = false
			m.m.badJSON.Inc()
			b.AddRow(l.ReadTime)
			m.badExtra(b, extra, err)
		}
	} else {
		b.AddRow(l.ReadTime)
	}
	last := b.Len() - 1
	message, offset := b.NameID(record.FieldMessage), b.NameID(record.FieldOffset)
	if !own || r.Len > 0 && b.Own(last, message).Kind == record.Missing {
		b.Add(message, record.StringValue(l.Text(i)))
	}
	if !own || b.Own(last, offset).Kind == record.Missing {
		b.Add(offset, record.IntValue(int64(r.Start)))
	}
	if r.Marks != 0 {
		m.addMarks(b, last, l, r.Marks, own)
	}
}

// badExtra keeps fields that are no JSON object as text.
func (m *mapper) badExtra(b *record.Batch, extra []byte, err error) {
	why := lumberjack.NoObject + ": " + err.Error()
	if len(extra) > record.MaxValue {
		why += fmt.Sprintf("; kept %d of %d bytes", record.MaxValue, len(extra))
		extra = extra[:record.MaxValue]
	}
	b.Add(b.NameID(record.FieldExtra), record.StringValue(extra))
	b.Add(b.NameID(record.FieldError), record.StringValue([]byte(why)))
}

// addMarks adds the tags of a row's marks to those of its own, else to the
// configured ones.
func (m *mapper) addMarks(b *record.Batch, row int, l *record.Lines, marks record.LineMarks, own bool) {
	tags := b.NameID(record.FieldTags)
	if own {
		for j := range b.Fields(row) {
			n, v := b.Field(row, j)
			if n != tags || v.Kind == record.Null {
				continue
			}
			m.tags = lumberjack.AppendOwnTags(m.tags[:0], v.AppendJSON(nil), marks)
			b.Replace(row, j, record.Value{Kind: record.JSON, Bytes: m.tags})
			return
		}
	}
	m.tags = lumberjack.AppendTags(m.tags[:0], l.Fields, marks)
	b.Add(tags, record.Value{Kind: record.JSON, Bytes: m.tags})
}
