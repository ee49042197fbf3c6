package lang

import "strings"

// Explain describes how a query was understood, a few words for each part that
// must hold and for each pipe, so that a page can show them next to what was
// typed: "connection not found" reads "connection", "NOT found".
func Explain(q *Query) []string {
	var chips []string
	switch f := q.Filter.(type) {
	case nil:
		chips = append(chips, "every record")
	case *And:
		for _, x := range f.List {
			chips = append(chips, explain(x))
		}
	default:
		chips = append(chips, explain(f))
	}
	for _, p := range q.Pipes {
		chips = append(chips, p.String())
	}
	return chips
}

func explain(f Filter) string {
	switch f := f.(type) {
	case *And:
		return "(" + explainList(f.List, " AND ") + ")"
	case *Or:
		return "(" + explainList(f.List, " OR ") + ")"
	case *Not:
		return "NOT " + explain(f.X)
	case *All:
		return "every record"
	case *Exists:
		return f.Field + " exists"
	case *Time:
		if _, err := ParseSpan(f.Text); err == nil {
			return "in the last " + f.Text
		}
		return "time in " + f.Text
	case *Compare:
		return f.Field + " " + f.Op.String() + " " + f.Value.String()
	case *Range:
		return explainRange(f)
	case *In:
		return f.Field + " is one of those that " + f.Query.String() + " gives"
	case *Text:
		return explainText(f)
	}
	return f.String()
}

func explainList(list []Filter, between string) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, explain(x))
	}
	return strings.Join(parts, between)
}

func explainRange(f *Range) string {
	var parts []string
	if f.From != nil {
		op := Ge
		if f.FromOpen {
			op = Gt
		}
		parts = append(parts, f.Field+" "+op.String()+" "+f.From.String())
	}
	if f.To != nil {
		op := Le
		if f.ToOpen {
			op = Lt
		}
		parts = append(parts, f.Field+" "+op.String()+" "+f.To.String())
	}
	return strings.Join(parts, " and ")
}

func explainText(f *Text) string {
	field := ""
	if f.Field != "" {
		field = f.Field + " "
	}
	switch f.Kind {
	case Word:
		if field != "" {
			return field + "has " + value(f.Text)
		}
		return value(f.Text)
	case Prefix:
		return field + "has a word beginning with " + value(f.Text)
	case Substring:
		return field + "contains " + value(f.Text)
	case Wildcard:
		return field + "is like " + f.Text
	}
	s := field + "matches /" + f.Text + "/"
	if f.Fold {
		s += " in any case"
	}
	return s
}
