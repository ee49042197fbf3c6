package exec_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/testkit/memsource"
)

// asked counts what a source is asked, and of which datasets.
type asked struct {
	exec.Source
	n        atomic.Int64
	datasets [][]string
}

func (s *asked) Scan(ctx context.Context, r *scan.Request, yield func(*scan.Block) error) (scan.Stats, error) {
	s.n.Add(1)
	s.datasets = append(s.datasets, r.Datasets)
	return s.Source.Scan(ctx, r, yield)
}

// A query inside of another is asked of no more than the outer one is restricted to,
// which is how access to datasets is bounded.
func TestInnerQueriesStayWithinTheOuterDatasets(t *testing.T) {
	src := &memsource.Source{}
	for _, d := range []string{"open", "secret"} {
		b := &record.Batch{Dataset: d}
		if err := b.AppendJSON([]byte(`{"user":"ann","of":"`+d+`"}`), 1e9); err != nil {
			t.Fatal(err)
		}
		src.Add(b)
	}
	allowed := &lang.Compare{Field: "dataset", Op: lang.Eq, Value: lang.Scalar{Text: "open", Literal: true}}
	for _, c := range []struct {
		allowed lang.Filter
		query   string
		none    bool // nothing is asked
	}{
		{allowed, "user:in(of:secret)", false},
		{allowed, "user:in(dataset=secret)", false},
		{allowed, "user:in(user:in(of:secret) of:secret)", false},
		{allowed, "* | where user:in(dataset=secret OR of:secret)", false},
		{allowed, "-user:in(* | stats count() if (user:in(dataset:secret)) as user)", false},
		{&lang.Not{X: &lang.All{}}, "user:in(of:secret)", true},
	} {
		s := &asked{Source: src}
		e := exec.New(exec.Options{Source: s})
		q := *parse(t, c.query)
		q.Filter = &lang.And{List: []lang.Filter{c.allowed, q.Filter}}
		rows := 0
		if _, err := e.Run(t.Context(), lang.Request{Query: &q}, count(&rows)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(c.query, "-") && rows != 0 {
			t.Errorf("%s: %d rows by what is secret", c.query, rows)
		}
		for _, d := range s.datasets {
			if !slices.Equal(d, []string{"open"}) {
				t.Errorf("%s: asked of %q", c.query, d)
			}
		}
		if n := s.n.Load(); c.none != (n == 0) {
			t.Errorf("%s: %d scans", c.query, n)
		}
	}
}

func TestInnerQueriesAreBounded(t *testing.T) {
	src := numbered(t, 100_001)
	ask := func(o exec.Options, query string) error {
		o.Source = src
		_, err := exec.New(o).Run(t.Context(), lang.Request{Query: parse(t, query)}, func(*scan.Block) error { return nil })
		return err
	}
	if err := ask(exec.Options{}, "x:in(n>0 | fields n)"); err != nil {
		t.Errorf("100,000 values: %v", err)
	}
	var e *lang.Error
	if err := ask(exec.Options{}, "a x:in(* | fields n)"); !errors.As(err, &e) || e.Column != 3 || !strings.Contains(e.Message, "100000 values") {
		t.Errorf("more values: %v", err)
	}
	if err := ask(exec.Options{MaxGroups: 100}, "a x:in(* | fields n)"); !errors.As(err, &e) {
		t.Errorf("more groups: %v", err)
	}
	var over *scan.BudgetError
	if err := ask(exec.Options{MaxBytes: 1 << 20}, "x:in(* | fields n)"); !errors.As(err, &over) {
		t.Errorf("over the budget: %v", err)
	}
}

// What follows and what deletes take no queries inside of the filter, and say so.
func TestInnerQueriesElsewhere(t *testing.T) {
	e := exec.New(exec.Options{Source: deleter{numbered(t, 1)}})
	req := lang.Request{Query: parse(t, "a x:in(b)")}
	if _, err := e.Tail(t.Context(), req, func(*scan.Block) error { return nil }); !errors.Is(err, exec.ErrUnsupported) {
		t.Errorf("following: %v", err)
	}
	var at *lang.Error
	if _, err := e.Delete(t.Context(), req, true, nil); !errors.As(err, &at) || at.Column != 3 {
		t.Errorf("deleting: %v", err)
	}
	if _, n, _, err := e.Fields(t.Context(), lang.Request{Query: parse(t, "n:in(n=0)")}, 0, 1); err != nil || n != 1 {
		t.Errorf("fields of %d rows, %v", n, err)
	}
}

// deleter is a source that could delete.
type deleter struct{ exec.Source }

func (deleter) Delete(context.Context, *scan.Deletion) (scan.Deleted, error) {
	return scan.Deleted{}, errors.New("asked to delete")
}
