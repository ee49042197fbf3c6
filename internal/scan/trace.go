package scan

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Decision is what became of a row group, or why it was not looked into.
type Decision string

// The decisions. Those before Counted cost next to nothing.
const (
	ByTime     Decision = "time"     // no row group of the part, or no row of it, lies in the time
	ByDataset  Decision = "dataset"  // another dataset
	ByDeletion Decision = "deleted"  // all its rows are deleted
	ByField    Decision = "field"    // it has no such field
	ByBounds   Decision = "min-max"  // the least and the greatest value say so
	ByValues   Decision = "values"   // none of its distinct values is wanted
	ByWords    Decision = "words"    // the filter of words denies it
	ByTemplate Decision = "template" // its templates do
	ByFilter   Decision = "filter"   // several of these together
	Unneeded   Decision = "unneeded" // there were enough rows before it
	Counted    Decision = "counted"  // answered from headers, dictionaries or templates alone
	Scanned    Decision = "scanned"  // its columns were looked into
	Damaged    Decision = "damaged"  // it cannot be read
)

// Decisions lists them in the order in which they are told.
var Decisions = []Decision{
	ByTime, ByDataset, ByDeletion, ByField, ByBounds, ByValues, ByWords, ByTemplate, ByFilter, Unneeded, Counted, Scanned, Damaged,
}

// What a trace keeps. Of more it keeps the sums.
const (
	// TraceScans is how many scans of a query are told apart, TraceParts how many
	// parts of a scan, TraceReasons how many reasons, and TraceGroups how many row
	// groups at most.
	TraceScans   = 32
	TraceParts   = 256
	TraceReasons = 32
	TraceGroups  = 10_000
)

// GroupTrace tells what a source did with a row group.
type GroupTrace struct {
	Part     string        `json:"part"`
	Group    int           `json:"group"`
	Rows     int64         `json:"rows"`
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
	Decision Decision      `json:"decision"`
	Why      string        `json:"why,omitempty"`
	Columns  []string      `json:"columns,omitempty"` // looked into
	Bytes    int64         `json:"bytes_read,omitempty"`
	Matched  int64         `json:"rows_matched,omitempty"`
	Took     time.Duration `json:"took_ns,omitempty"`
}

// PartTrace sums up what was done with the row groups of a part.
type PartTrace struct {
	Part    string             `json:"part"`
	Groups  int64              `json:"groups"`
	Rows    int64              `json:"rows"`
	Decided map[Decision]int64 `json:"decided"` // row groups
	Columns []string           `json:"columns,omitempty"`
	Bytes   int64              `json:"bytes_read"`
	Matched int64              `json:"rows_matched"`
	Took    time.Duration      `json:"took_ns"` // of all workers together
}

// Reason is why row groups were decided so.
type Reason struct {
	Decision Decision `json:"decision"`
	Why      string   `json:"why"`
	Groups   int64    `json:"groups"`
}

// ScanTrace is what a source did for one request. The source adds to it, from any
// number of goroutines; it is read when the request is answered. All its methods do
// nothing on nil, which is what requests have unless somebody asks.
type ScanTrace struct {
	// What the scan is for, and how it was asked for.
	What    string   `json:"what"`
	Request []string `json:"request"`
	// Answer says whether the source answered it whole.
	Answer string `json:"answer,omitempty"`

	Total   PartTrace    `json:"total"`
	Reasons []Reason     `json:"reasons,omitempty"`
	Parts   []PartTrace  `json:"parts,omitempty"`
	Groups  []GroupTrace `json:"groups,omitempty"`
	// MoreParts are not among Parts, nor MoreGroups among Groups where these are told.
	MoreParts  int `json:"more_parts,omitempty"`
	MoreGroups int `json:"more_groups,omitempty"`
	// Others is how many parts of other datasets there are.
	Others int `json:"other_datasets_parts,omitempty"`

	mu    sync.Mutex
	keep  int // row groups
	parts map[string]int
}

// Add notes what was done with a row group.
func (s *ScanTrace) Add(g *GroupTrace) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(g, 1)
	switch {
	case s.keep > len(s.Groups):
		s.Groups = append(s.Groups, *g)
	case s.keep > 0:
		s.MoreGroups++
	}
}

// Pass notes that all row groups of a part, so many with so many rows, were passed
// over for one reason.
func (s *ScanTrace) Pass(part string, groups, rows int64, d Decision) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(&GroupTrace{Part: part, Rows: rows, Decision: d}, groups)
}

// PassOther notes a part of another dataset, of which nothing else is told.
func (s *ScanTrace) PassOther() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Others++
}

// Answered says how the source answered.
func (s *ScanTrace) Answered(how string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Answer = how
}

func (s *ScanTrace) add(g *GroupTrace, groups int64) {
	s.Total.add(g, groups)
	if i, ok := s.parts[g.Part]; ok {
		s.Parts[i].add(g, groups)
	} else if len(s.Parts) < TraceParts {
		s.parts[g.Part] = len(s.Parts)
		s.Parts = append(s.Parts, PartTrace{Part: g.Part})
		s.Parts[len(s.Parts)-1].add(g, groups)
	} else if _, known := s.parts[g.Part]; !known {
		s.parts[g.Part] = len(s.Parts) - 1
		s.Parts[len(s.Parts)-1].Part, s.MoreParts = "others", s.MoreParts+1
		s.Parts[len(s.Parts)-1].add(g, groups)
	}
	if g.Why == "" {
		return
	}
	for i := range s.Reasons {
		if r := &s.Reasons[i]; r.Decision == g.Decision && r.Why == g.Why {
			r.Groups += groups
			return
		}
	}
	if len(s.Reasons) < TraceReasons {
		s.Reasons = append(s.Reasons, Reason{g.Decision, g.Why, groups})
	}
}

func (p *PartTrace) add(g *GroupTrace, groups int64) {
	if p.Decided == nil {
		p.Decided = map[Decision]int64{}
	}
	p.Decided[g.Decision] += groups
	p.Groups += groups
	p.Rows += g.Rows
	p.Bytes += g.Bytes
	p.Matched += g.Matched
	p.Took += g.Took
	for _, c := range g.Columns {
		if i, ok := slices.BinarySearch(p.Columns, c); !ok && len(p.Columns) < TraceReasons {
			p.Columns = slices.Insert(p.Columns, i, c)
		}
	}
}

// Trace collects what the scans of one query did. Its methods may be called
// concurrently, and on nil, which collects nothing.
type Trace struct {
	mu    sync.Mutex
	keep  int
	scans []*ScanTrace
	more  int
}

// NewTrace makes a trace that tells of so many row groups of each scan one by one.
func NewTrace(groups int) *Trace { return &Trace{keep: max(0, min(groups, TraceGroups))} }

// Begin makes the trace of a scan, nil where nobody asks or there are too many.
func (t *Trace) Begin(what string, request []string) *ScanTrace {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.scans) >= TraceScans {
		t.more++
		return nil
	}
	s := &ScanTrace{What: what, Request: request, keep: t.keep, parts: map[string]int{}}
	t.scans = append(t.scans, s)
	return s
}

// Scans returns what was collected, in order, and how many scans it does not tell of.
// Nobody may add any more.
func (t *Trace) Scans() ([]*ScanTrace, int) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.scans {
		slices.SortFunc(s.Parts, func(a, b PartTrace) int { return cmp.Compare(a.Part, b.Part) })
		slices.SortFunc(s.Groups, func(a, b GroupTrace) int { return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Group, b.Group)) })
		slices.SortFunc(s.Reasons, func(a, b Reason) int { return cmp.Or(cmp.Compare(b.Groups, a.Groups), cmp.Compare(a.Why, b.Why)) })
	}
	return t.scans, t.more
}
