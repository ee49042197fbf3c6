package filter

import (
	"strings"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
)

// Why tells what made Decide say No, for people: it asks the same again, part by part.
func (v *Evaluation) Why() (scan.Decision, string) { return v.why(v.f.expr) }

func (v *Evaluation) why(e scan.Expr) (scan.Decision, string) {
	switch e := e.(type) {
	case scan.And:
		for _, x := range byCost(e) {
			if t, err := v.decide(x); err == nil && t == No {
				return v.why(x)
			}
		}
	case scan.Or:
		return v.whyNone(e)
	case scan.Not:
		return scan.ByFilter, "every row has " + scan.Describe(e.X)
	case scan.Exists:
		return scan.ByField, "there is no field " + e.Field
	case scan.Compare:
		return v.whyField(e.Field, e, scan.ByBounds, "its least and greatest value deny ")
	case scan.In:
		return v.whyField(e.Field, e, scan.ByBounds, "nothing can be ")
	case scan.Text:
		return v.whyText(e)
	}
	return scan.ByFilter, "nothing can match " + scan.Describe(e)
}

// whyNone is why for an Or, none of whose parts can hold.
func (v *Evaluation) whyNone(list scan.Or) (scan.Decision, string) {
	const most = 3
	decision, parts := scan.Decision(""), []string{}
	for _, x := range list {
		d, text := v.why(x)
		switch decision {
		case "", d:
			decision = d
		default:
			decision = scan.ByFilter
		}
		if len(parts) < most {
			parts = append(parts, text)
		}
	}
	text := strings.Join(parts, "; ")
	if len(list) > most {
		text += "; …"
	}
	return decision, text
}

func (v *Evaluation) whyField(field string, e scan.Expr, d scan.Decision, text string) (scan.Decision, string) {
	switch field {
	case record.FieldTime:
		return scan.ByTime, "its first and last time deny " + scan.Describe(e)
	case record.FieldDataset:
		return scan.ByDataset, "its dataset is another"
	}
	h, err := v.r.Head(field)
	switch {
	case err == nil && !h.Present:
		return scan.ByField, "there is no field " + field
	case err == nil && (h.Form == scan.Consts || h.Form == scan.Dict):
		return scan.ByValues, "no value of " + field + " has " + scan.Describe(e)
	}
	return d, text + scan.Describe(e)
}

func (v *Evaluation) whyText(e scan.Text) (scan.Decision, string) {
	keys := v.f.patterns[e.Pattern].keys
	texts := e.Field == ""
	if h, err := v.r.Head(e.Field); err == nil && !texts {
		texts = h.Present && h.Kinds&^column.Text == 0
	}
	if texts {
		if denied, err := v.r.Denies(e.Field, keys); err == nil && denied {
			return scan.ByWords, "the filter of words denies " + scan.Describe(e)
		}
	}
	return v.whyField(e.Field, e, scan.ByTemplate, "no template or value can have ")
}
