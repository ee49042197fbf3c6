// Package scan is the language in which internal/query/exec asks a store for
// rows: a request with predicates, order and limit goes in, blocks of typed
// columns and statistics come out; a store that can takes whole aggregations. What
// texts have in common, their form, is defined here too, for whoever groups by it.
//
// It is a leaf beside the way. internal/store answers its requests from parts and
// memtables; another store (a cluster) can answer the same ones.
package scan

import (
	"fmt"
	"strings"
	"time"
)

// Order is the order in which rows are wanted.
type Order uint8

// The orders. Rows of equal time keep the order of their arrival; NewestFirst
// reverses that too.
const (
	Any Order = iota // whatever is fastest; blocks may come concurrently
	NewestFirst
	OldestFirst
)

// Request asks for the rows that match.
type Request struct {
	// From and To bound the time in nanoseconds since the epoch: [From, To).
	From, To int64
	// Datasets restricts the datasets by exact name; nil means all.
	Datasets []string
	// Filter is the predicate; nil matches every row. A Filter may test the
	// pseudo field "dataset" and "@timestamp" like any other.
	Filter Expr
	// Columns are the dotted names wanted, answered in this order in
	// Block.Columns. "@timestamp" is not among them: Block.Times always has it.
	// "dataset" yields the dataset's name.
	Columns []string
	// Whole asks for every field instead: Block.Columns holds all fields of the
	// block's rows and Block.Shapes how each record looked.
	Whole bool
	// Order and Limit: with an order, the first Limit rows in it; with Any, any
	// Limit rows. 0 means all.
	Order Order
	Limit int
	// Places asks for Block.Places; of a request with Order Any and no Limit.
	Places bool
	// Parallel is how many goroutines may work and, with Order Any, how many
	// calls of yield may run at once (each with its own Block.Worker below this
	// number). 0 means 1.
	Parallel int
	// MaxBytes bounds the memory the answer may take in the store; 0 means the
	// store's default. Over it the scan ends with ErrBudget.
	MaxBytes int64
	// Trace is told what is done with each row group; nil: nobody asks.
	Trace *ScanTrace
}

// Stats says what an answer cost.
type Stats struct {
	RowsScanned   int64         `json:"rows_scanned"` // rows whose columns were looked at
	RowsMatched   int64         `json:"rows_matched"`
	BytesRead     int64         `json:"bytes_read"` // from disk or cache, still encoded
	GroupsRead    int64         `json:"groups_read"`
	GroupsSkipped int64         `json:"groups_skipped"` // decided by headers and filters alone
	Elapsed       time.Duration `json:"-"`
	// Partial is why the answer is not complete ("part … is corrupt"), empty when
	// it is.
	Partial []string `json:"partial,omitempty"`
	// Notes say what of a complete answer is an estimate, and how good a one.
	Notes []string `json:"notes,omitempty"`
}

// Add adds another scan's statistics.
func (s *Stats) Add(o Stats) {
	s.RowsScanned += o.RowsScanned
	s.RowsMatched += o.RowsMatched
	s.BytesRead += o.BytesRead
	s.GroupsRead += o.GroupsRead
	s.GroupsSkipped += o.GroupsSkipped
	s.Partial = append(s.Partial, o.Partial...)
	s.Notes = append(s.Notes, o.Notes...)
}

// BudgetError says that a query needs more than it may take.
type BudgetError struct {
	Need, Have int64 // bytes, or with Count a number
	What       string
	// Count says that Need and Have are numbers of What.
	Count bool
}

func (e *BudgetError) Error() string { return e.Message() + ": " + e.Remedy() }

// Message says what is over which limit.
func (e *BudgetError) Message() string {
	if e.Count {
		return fmt.Sprintf("query over its limit of %d %s", e.Have, e.What)
	}
	return fmt.Sprintf("query over its memory budget of %s (%s)", bytesText(e.Have), e.What)
}

// Remedy says what to do about it.
func (e *BudgetError) Remedy() string {
	switch {
	case strings.HasPrefix(e.What, "groups"):
		return "group by fewer or coarser values, ask for the commonest with top, or for a shorter time"
	case strings.HasPrefix(e.What, "rows"):
		return "add a limit, choose columns with fields, or ask for a shorter time"
	}
	return "ask for a shorter time, fewer columns or fewer groups"
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
