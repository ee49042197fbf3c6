package scan

// Explanation tells how a query was understood, how it will be answered, and what the
// source did for it.
type Explanation struct {
	// Query is its canonical form, Tree the same part by part.
	Query    string   `json:"query"`
	Tree     []Branch `json:"tree"`
	Warnings []string `json:"warnings,omitempty"`
	Plan     Plan     `json:"plan"`
	// Scans are in order of their beginning; nil when the query was not run. MoreScans
	// are not among them.
	Scans     []*ScanTrace `json:"scans,omitempty"`
	MoreScans int          `json:"more_scans,omitempty"`
	// Rows is how many rows the answer has.
	Rows int64 `json:"rows"`
}

// Branch is a line of a tree.
type Branch struct {
	Depth int    `json:"depth"`
	Text  string `json:"text"`
}

// Plan is what a query asks of its source and what the executor does with it.
type Plan struct {
	// Never says that nothing can match, so that nothing is asked.
	Never bool `json:"never,omitempty"`
	// Source are the terms of the request, as "time …", "filter …", "columns …".
	Source []string `json:"source"`
	// Whole says whether the source is asked for the whole aggregation, or why not.
	Whole string `json:"whole,omitempty"`
	// Stream are the steps on blocks of rows as they come, Memory those on rows that
	// are kept for them.
	Stream []string `json:"stream,omitempty"`
	Memory []string `json:"memory,omitempty"`
}

// ExplainOptions say what an explanation has.
type ExplainOptions struct {
	// Run runs the query too, and tells what the source did.
	Run bool
	// Groups is of how many row groups of each scan it tells one by one; of all the
	// sums are told.
	Groups int
}
