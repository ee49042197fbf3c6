package store

import (
	"slices"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs/crashfs"
)

// FieldNames names what rows in parts and in memory have, of those groups only in
// which a row may match.
func TestFieldNames(t *testing.T) {
	s := mustOpen(t, options(crashfs.New()))
	add := func(at int64, object string) {
		b := &record.Batch{}
		if err := b.AppendJSON([]byte(object), at); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	add(1, `{"message":"one","user":{"name":"x"}}`)
	add(2, `{"message":"two","n":1}`)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(3_000_000_000, `{"message":"three","late":true}`)
	for _, c := range []struct {
		from, to int64
		filter   scan.Expr
		want     []string
	}{
		{0, 1 << 62, nil, []string{"late", "message", "n", "user.name"}},
		{0, 10, nil, []string{"message", "n", "user.name"}},
		{10, 1 << 62, nil, []string{"late", "message"}},
		{0, 1 << 62, scan.Exists{Field: "n"}, []string{"message", "n", "user.name"}},
		{0, 1 << 62, scan.Text{Field: "none", Pattern: match.NewWord("one")}, nil},
	} {
		got, err := s.FieldNames(t.Context(), &scan.Request{From: c.from, To: c.to, Filter: c.filter})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("[%d, %d) %v: %q %v, want %q", c.from, c.to, c.filter, got, err, c.want)
		}
	}
}
