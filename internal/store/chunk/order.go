package chunk

import (
	"cmp"
	"slices"
)

// Ref names a row of a list of chunks.
type Ref struct {
	Time     int64
	Src, Row uint32
}

// before tells that a row stands before another: rows of equal time in the order of
// their arrival.
func (a Ref) before(b Ref) bool {
	return a.Time < b.Time || a.Time == b.Time && (a.Src < b.Src || a.Src == b.Src && a.Row < b.Row)
}

// Order lists the rows of the chunks by time; rows of equal time in the order of
// the chunks, which is the order of their arrival.
func Order(chunks []*Chunk) []Ref {
	n := 0
	for _, c := range chunks {
		n += c.Len()
	}
	refs := make([]Ref, 0, n)
	for s, c := range chunks {
		for r, t := range c.Times {
			refs = append(refs, Ref{Time: t, Src: uint32(s), Row: uint32(r)})
		}
	}
	return sortByTime(refs)
}

// maxRuns is the most runs that are merged; more are sorted.
const maxRuns = 16

// sortByTime sorts rows that stand in order of their arrival, and may use their memory
// for the answer. Logs are nearly in order, or are a few logs that each are: one says
// its times to the second and another to the millisecond, or one machine's clock is
// behind. So the rows are dealt out to ascending runs, each to the run whose last row
// is nearest, and the runs are merged.
func sortByTime(refs []Ref) []Ref {
	sorted := 1
	for sorted < len(refs) && refs[sorted-1].Time <= refs[sorted].Time {
		sorted++
	}
	if sorted >= len(refs) {
		return refs
	}
	runs := [maxRuns][]Ref{refs[:sorted:sorted]} // their last rows' times descend
	n := 1
deal:
	for _, r := range refs[sorted:] {
		for k := range runs[:n] {
			if run := runs[k]; run[len(run)-1].Time <= r.Time {
				runs[k] = append(run, r)
				continue deal
			}
		}
		if n == maxRuns {
			slices.SortFunc(refs, func(a, b Ref) int {
				return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Src, b.Src), cmp.Compare(a.Row, b.Row))
			})
			return refs
		}
		runs[n] = append(make([]Ref, 0, min(len(refs), 256)), r)
		n++
	}
	merged := runs[:n]
	for len(merged) > 1 {
		// The shortest are at the end: there the merging begins.
		last := len(merged) - 1
		merged[last-1] = mergeRuns(merged[last-1], merged[last])
		merged = merged[:last]
	}
	return merged[0]
}

// mergeRuns merges two runs.
func mergeRuns(a, b []Ref) []Ref {
	out := make([]Ref, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if b[0].before(a[0]) {
			out, b = append(out, b[0]), b[1:]
		} else {
			out, a = append(out, a[0]), a[1:]
		}
	}
	return append(append(out, a...), b...)
}
