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
	sortByTime(refs)
	return refs
}

// maxRuns is the most runs that are merged; more are sorted.
const maxRuns = 16

// sortByTime sorts rows that stand in order of their arrival. Logs are nearly in order,
// or are a few logs that each are: one says its times to the second and another to the
// millisecond, or one machine's clock is behind. So the rows are dealt out to ascending
// runs, each to the run whose last row is nearest, and the runs are merged.
func sortByTime(refs []Ref) {
	sorted := 1
	for sorted < len(refs) && refs[sorted-1].Time <= refs[sorted].Time {
		sorted++
	}
	if sorted >= len(refs) {
		return
	}
	first := refs[:sorted] // of the runs, whose last rows' times descend
	var others [maxRuns][]Ref
	n := 0
deal:
	for i, r := range refs[sorted:] {
		if first[len(first)-1].Time <= r.Time {
			first = append(first, r) // stays in refs, where it or one before it was
			continue
		}
		for k := range others[:n] {
			if run := others[k]; run[len(run)-1].Time <= r.Time {
				others[k] = append(run, r)
				continue deal
			}
		}
		if n == maxRuns {
			rest := refs[len(first) : sorted+i]
			for _, run := range others {
				rest = rest[copy(rest, run):]
			}
			slices.SortFunc(refs, func(a, b Ref) int {
				return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Src, b.Src), cmp.Compare(a.Row, b.Row))
			})
			return
		}
		others[n] = append(make([]Ref, 0, min(len(refs), 256)), r)
		n++
	}
	for n--; n > 0; n-- { // the shortest are at the end
		others[n-1] = mergeRuns(others[n-1], others[n])
	}
	mergeRuns(first, others[0])
}

// mergeRuns merges run b into run a, in the memory behind a if there is enough.
func mergeRuns(a, b []Ref) []Ref {
	out := append(a, b...)
	i, j := len(a)-1, len(b)-1
	for k := len(out) - 1; j >= 0; k-- {
		if i >= 0 && b[j].before(out[i]) {
			out[k] = out[i]
			i--
		} else {
			out[k] = b[j]
			j--
		}
	}
	return out
}
