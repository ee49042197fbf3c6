package scan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"journalist/internal/match"
	"journalist/internal/record"
)

// describeBytes is about how long a description of a predicate may be.
const describeBytes = 2000

// Describe tells what a predicate asks, for people.
func Describe(e Expr) string {
	s := describe(e, false)
	if len(s) > describeBytes {
		cut := describeBytes
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}

func describe(e Expr, inner bool) string {
	switch e := e.(type) {
	case nil:
		return "every record"
	case Const:
		if e {
			return "every record"
		}
		return "nothing"
	case And:
		return describeList(e, " AND ", inner)
	case Or:
		return describeList(e, " OR ", inner)
	case Not:
		return "NOT " + describe(e.X, true)
	case Exists:
		return e.Field + ":*"
	case Compare:
		if e.Field == record.FieldTime {
			return e.Field + " " + e.Op.String() + " " + time.Unix(0, e.Value.Int).UTC().Format(time.RFC3339Nano)
		}
		return e.Field + " " + e.Op.String() + " " + string(e.Value.AppendJSON(nil))
	case In:
		if e.Set == nil {
			return e.Field + " in what the query inside gives"
		}
		return fmt.Sprintf("%s in %d values", e.Field, e.Set.Len())
	case Text:
		field := e.Field
		if field != "" {
			field += ":"
		}
		return field + describePattern(e.Pattern)
	}
	return fmt.Sprint(e)
}

func describePattern(p *match.Pattern) string {
	switch p.Kind() {
	case match.Prefix:
		return strconv.Quote(p.Text()) + "*"
	case match.Substring:
		return "*" + p.Text() + "*"
	case match.Wildcard:
		return p.Text()
	case match.Regexp:
		if p.Fold() {
			return "/" + p.Text() + "/i"
		}
		return "/" + p.Text() + "/"
	}
	return strconv.Quote(p.Text())
}

func describeList(list []Expr, between string, inner bool) string {
	parts := make([]string, 0, min(len(list), 100))
	for i, x := range list {
		if i == cap(parts) {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, describe(x, true))
	}
	s := strings.Join(parts, between)
	if inner && len(list) > 1 {
		return "(" + s + ")"
	}
	return s
}
