package store

import (
	"context"
	"testing"

	"journalist/internal/record"
)

// TestFramedOtherwise: a forwarder took an event for complete, died before it knew
// that the event is kept, and found that it goes on. The rest is kept, and nothing
// twice.
func TestFramedOtherwise(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	id := record.NewSourceID()
	send := func(texts ...string) {
		t.Helper()
		b := &record.Batch{Client: "a"}
		at := uint64(0)
		for _, text := range texts {
			b.AddRow(1)
			b.SetStart(at)
			b.SetSpan(uint32(len(text) + 1))
			b.Add(b.NameID(record.FieldMessage), record.StringValue([]byte(text)))
			at += uint64(len(text) + 1)
		}
		b.Position = record.Position{ID: id, To: at, Resume: true}
		if err := s.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	send("before", "event")
	send("before", "event\n\tgoes on", "next")
	if n := s.Stats().Rows; n != 4 {
		t.Errorf("%d rows, want before, event, what goes on, and next", n)
	}
	if to, _ := s.Position("a", id); to != 27 {
		t.Errorf("position %d", to)
	}
	send("before", "event\n\tgoes on", "next")
	if n := s.Stats().Rows; n != 4 {
		t.Errorf("%d rows after all was sent again", n)
	}
}
