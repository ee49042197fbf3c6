package lang

import "strings"

// TimeColumns are the columns of a query's answer that are times, for whoever shows
// them: those of the records, the beginnings of buckets, and what is made of these.
func (q *Query) TimeColumns() map[string]bool {
	times := map[string]bool{timeField: true}
	for _, pipe := range q.Pipes {
		switch p := pipe.(type) {
		case *Stats:
			times = timesOf(p.By, p.Aggs, times)
		case *Timechart:
			times = timesOf(append([]Key{{Field: timeField, Span: 1}}, p.By...), p.Aggs, times)
		case *Top:
			times = timesAmong(p.Names, times)
		case *Uniq:
			times = timesAmong(p.Names, times)
		case *Patterns:
			times = map[string]bool{"first": true, "last": true}
		case *Facets, *Comparison:
			times = map[string]bool{}
		case *Eval:
			delete(times, p.Name)
		case *Extract:
			for _, n := range p.Fields() {
				delete(times, n)
			}
		}
	}
	return times
}

func timesOf(by []Key, aggs []Agg, before map[string]bool) map[string]bool {
	times := map[string]bool{}
	for _, k := range by {
		if k.Timed() || before[k.Field] && k.Bucket == 0 {
			times[k.Name()] = true
		}
	}
	for _, a := range aggs {
		if before[a.Field] && GivesTime(a.Func) {
			times[a.Name()] = true
		}
	}
	return times
}

func timesAmong(names []string, before map[string]bool) map[string]bool {
	times := map[string]bool{}
	for _, n := range names {
		times[n] = before[n]
	}
	return times
}

// GivesTime tells whether a function of times is a time.
func GivesTime(function string) bool {
	switch function {
	case "min", "max", "first", "last", "avg", "median", "quantile":
		return true
	}
	return strings.HasPrefix(function, "p")
}
