package lang

// Line is a line of an Outline: a part of the query, as deep as it stands inside of
// others.
type Line struct {
	Depth int
	Text  string
}

// Outline tells a query part by part, for people: what must hold, what one of must,
// what each pipe does.
func Outline(q *Query) []Line {
	o := outline{}
	o.query(q, 0)
	return o.lines
}

type outline struct{ lines []Line }

func (o *outline) add(depth int, text string) { o.lines = append(o.lines, Line{depth, text}) }

func (o *outline) query(q *Query, depth int) {
	if q.Filter == nil {
		o.add(depth, "every record")
	} else {
		o.filter(q.Filter, depth)
	}
	for _, p := range q.Pipes {
		o.add(depth, "| "+p.String())
		switch p := p.(type) {
		case *Where:
			o.filter(p.Filter, depth+1)
		case *Stats:
			o.aggs(p.Aggs, depth+1)
		case *Timechart:
			o.aggs(p.Aggs, depth+1)
		}
	}
}

func (o *outline) aggs(aggs []Agg, depth int) {
	for _, a := range aggs {
		if a.If != nil {
			o.add(depth, a.Name()+" of those with")
			o.filter(a.If, depth+1)
		}
	}
}

func (o *outline) filter(f Filter, depth int) {
	switch f := f.(type) {
	case *And:
		o.list("all of", f.List, depth)
	case *Or:
		o.list("one of", f.List, depth)
	case *Not:
		switch f.X.(type) {
		case *And, *Or, *In:
			o.add(depth, "not")
			o.filter(f.X, depth+1)
		default:
			o.add(depth, "NOT "+explain(f.X))
		}
	case *In:
		o.add(depth, f.Field+" is one of those that this gives")
		o.query(f.Query, depth+1)
	case *Text:
		text := explainText(f)
		if f.Field == "" {
			text = "anywhere: " + text
		}
		o.add(depth, text)
	default:
		o.add(depth, explain(f))
	}
}

func (o *outline) list(title string, list []Filter, depth int) {
	o.add(depth, title)
	for _, f := range list {
		o.filter(f, depth+1)
	}
}
