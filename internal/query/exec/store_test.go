package exec_test

import (
	"testing"

	"journalist/internal/query/exec"
	"journalist/internal/record"
	"journalist/internal/store"
	"journalist/internal/testkit/queryscript"
)

// The scripts hold for the real store too, with the rows in memory and in parts.
func TestScriptsOnTheStore(t *testing.T) {
	for name, flush := range map[string]bool{"memory": false, "parts": true} {
		t.Run(name, func(t *testing.T) {
			queryscript.Run(t, "testdata", func(t *testing.T, batches []*record.Batch) exec.Source {
				s, err := store.Open(store.Options{Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
				for _, b := range batches {
					if err := s.Append(t.Context(), copyOf(t, b)); err != nil {
						t.Fatal(err)
					}
				}
				if flush {
					if err := s.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				return s
			})
		})
	}
}

// copyOf makes a batch of the same rows, since a store owns what it was given.
func copyOf(t *testing.T, b *record.Batch) *record.Batch {
	t.Helper()
	c := &record.Batch{}
	if err := c.UnmarshalBinary(b.AppendBinary(nil)); err != nil {
		t.Fatal(err)
	}
	return c
}
