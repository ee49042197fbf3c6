package local

import (
	"bytes"
	"math"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// need is what the text of every line that matches must contain: one of these
// patterns. nil: nothing that could be looked for.
//
// In a file of text the pattern must match the line, which is the message. In a file
// of JSON the literals of the pattern must be in the line, or a backslash: an escaped
// character is not there as it is meant.
type need []*match.Pattern

// marks are the tags that a line may get on its way; a search in all fields finds
// them too.
var marks = []string{"_split", "_time_odd", "_truncated", "_unterminated"}

// needOf finds the best need of a predicate: that with the fewest, longest patterns.
func needOf(e scan.Expr, in *input) need {
	switch e := e.(type) {
	case scan.And:
		var best need
		for _, x := range e {
			if n := needOf(x, in); n != nil && (best == nil || n.better(best)) {
				best = n
			}
		}
		return best
	case scan.Or:
		var all need
		for _, x := range e {
			n := needOf(x, in)
			if n == nil {
				return nil
			}
			all = append(all, n...)
		}
		return all
	case scan.Text:
		return textNeed(e, in)
	case scan.Compare:
		// Equal means contained, in any case.
		if e.Op == scan.Eq && !e.IsNumber && e.Value.Kind == record.String && len(e.Value.Bytes) > 1 {
			return textNeed(scan.Text{Field: e.Field, Pattern: match.NewSubstring(string(e.Value.Bytes))}, in)
		}
	}
	return nil
}

// decides tells that a need of a file of text is all that a request asks of its
// lines: they match where the need does.
func (n need) decides(q *scan.Request, in *input) bool {
	e := q.Filter
	if list, ok := e.(scan.And); ok && len(list) == 1 {
		e = list[0]
	}
	_, text := e.(scan.Text)
	return text && len(n) == 1 && !in.json && q.From == math.MinInt64 && q.To == math.MaxInt64
}

func textNeed(e scan.Text, in *input) need {
	switch e.Field {
	case record.FieldMessage:
	case "":
		for _, text := range append([]string{in.host, in.path}, marks...) {
			if text != "" && e.Pattern.Match([]byte(text)) {
				return nil
			}
		}
	case record.FieldTime, record.FieldDataset, record.FieldFile, record.FieldHost, record.FieldTags, record.FieldError, record.FieldOffset, record.FieldTimeRaw:
		return nil
	default:
		if !in.json {
			return nil
		}
	}
	return need{e.Pattern}
}

func (n need) better(o need) bool {
	if len(n) != len(o) {
		return len(n) < len(o)
	}
	return len(n[0].Text()) > len(o[0].Text())
}

// eachLine calls f with the lines of a chunk that may match, without their ends, in
// order.
func (n need) eachLine(text []byte, json bool, f func(start, end int)) {
	call := func(start, end int) bool {
		f(start, end)
		return true
	}
	escaped := json && bytes.IndexByte(text, '\\') >= 0
	switch {
	case n == nil:
	case !escaped && !n.anyIn(text):
		return
	case !json && len(n) == 1:
		n[0].EachLine(text, call)
		return
	}
	for start := 0; start < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[start:], '\n'); i >= 0 {
			end = start + i
		}
		next := end + 1
		if end > start && text[end-1] == '\r' {
			end--
		}
		if line := text[start:end]; n == nil || escaped && bytes.IndexByte(line, '\\') >= 0 || n.holds(line, json) {
			f(start, end)
		}
		start = next
	}
}

func (n need) anyIn(text []byte) bool {
	for _, p := range n {
		if p.MayMatchIn(text) {
			return true
		}
	}
	return false
}

func (n need) holds(line []byte, json bool) bool {
	if json {
		return n.anyIn(line)
	}
	for _, p := range n {
		if p.Match(line) {
			return true
		}
	}
	return false
}
