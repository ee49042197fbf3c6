package exec

import (
	"context"
	"errors"
	"testing"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store"
	"journalist/internal/testkit/memsource"
	"journalist/internal/vfs/crashfs"
)

// TestDelete: times and datasets of the query and of the request, and what is refused.
func TestDelete(t *testing.T) {
	s, err := store.Open(store.Options{FS: crashfs.New(), Dir: "/data", RetainEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, dataset := range []string{"a", "b"} {
		b := &record.Batch{Dataset: dataset}
		for i := range 100 {
			b.AddRow(int64(i) * 1e9)
			b.Add(b.NameID("message"), record.StringValue([]byte([]string{"even", "odd"}[i%2])))
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	e := New(Options{Source: s})
	for _, c := range []struct {
		query    string
		from, to int64
		rows     int64
	}{
		{"nothing", 0, 0, 0},
		{"odd dataset=nowhere", 0, 0, 0},
		{"odd dataset=a", 0, 10e9, 5},
		{`odd @timestamp<"1970-01-01T00:00:20Z"`, 0, 0, 15}, // 10 of b and the 5 left of a
		{"dataset=b even", 50e9, 0, 25},
		{"*", 0, 0, 155},
	} {
		q, err := lang.Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		for _, dry := range []bool{true, false} {
			got, err := e.Delete(t.Context(), lang.Request{Query: q, From: c.from, To: c.to}, dry, nil)
			if err != nil || got.Rows != c.rows {
				t.Errorf("%s (dry run %v): %+v, %v; want %d", c.query, dry, got, err, c.rows)
			}
		}
	}
	q, err := lang.Parse("x | stats count()")
	if err != nil {
		t.Fatal(err)
	}
	var parse *lang.Error
	if _, err := e.Delete(t.Context(), lang.Request{Query: q}, true, nil); !errors.As(err, &parse) || parse.Offset != 4 {
		t.Error(err)
	}
	if _, err := e.Delete(t.Context(), lang.Request{}, true, nil); err == nil {
		t.Error("a request without a query")
	}
	fixed := New(Options{Source: &memsource.Source{}})
	if _, err := fixed.Delete(context.Background(), lang.Request{Query: &lang.Query{}}, false, func(scan.DeletionProgress) {}); !errors.Is(err, ErrNoDeleter) {
		t.Error(err)
	}
}
