package scan

import "journalist/internal/record"

// Aggregation asks for groups instead of rows. A source that can answer it whole
// (from part headers, or because it is a cluster) saves the rows' way; the others
// say so and the executor computes it from blocks.
type Aggregation struct {
	// Request says which rows; its Columns, Order and Limit do not count.
	Request Request
	By      []Key
	Aggs    []Agg
}

// Key is what rows are grouped by.
type Key struct {
	// Field is the dotted name; "@timestamp" with Span for time(span).
	Field string
	// Span is the bucket width: nanoseconds for time, else the number of
	// bucket(field, n); 0 groups by the value itself. Time buckets start at
	// multiples of the span since the epoch, shifted by Offset (a time zone's,
	// nanoseconds).
	Span   int64
	Offset int64
}

// Agg is one aggregate.
type Agg struct {
	// Func is the query language's name of it. The source decides which ones it takes.
	Func string
	// Field is its argument, "" for count().
	Field string
	// If restricts the rows of this aggregate alone; nil means all.
	If Expr
}

// Group is one row of an aggregation's answer.
type Group struct {
	Keys   []record.Value // as Aggregation.By; time(span) is an Int, nanoseconds
	Values []record.Value // as Aggregation.Aggs
}
