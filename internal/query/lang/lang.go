// Package lang reads the query language: text goes in, a syntax tree with the
// place of every node comes out, or an error that names the column, what was
// expected there and how to put it right. docs/query-language.md describes the
// language.
//
// It is a leaf beside the way. internal/api and internal/cli parse what people
// type; internal/query/exec turns the tree into a plan over a store.
package lang

import "time"

// The limits of a query's text. They keep the tree, and whoever walks it, small.
const (
	MaxQuery   = 64 << 10 // bytes
	MaxDepth   = 100      // of parentheses and negations
	MaxInside  = 3        // queries inside of each other
	MaxQueries = 20       // queries inside of one in all
	MaxText    = 8 << 10  // bytes of a single word, phrase or expression
)

// Request is a parsed query and what stands around it.
type Request struct {
	Query *Query
	// From and To bound the time, nanoseconds since the epoch: [From, To). They
	// are ANDed with what the query itself says. Both 0 mean all time, To alone 0
	// means no end.
	From, To int64
	// Limit is how many rows come at most, unless the query has its own limit or
	// stats; 0 means all.
	Limit int
	// Zone is where days begin and what dates without a zone mean; nil is UTC.
	Zone *time.Location
	// MaxBytes bounds the memory the query may take; 0 means the executor's
	// default.
	MaxBytes int64
}
