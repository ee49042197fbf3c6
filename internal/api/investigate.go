package api

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

const (
	maxListed  = 10_000 // values, fields, patterns or hosts in one answer
	maxContext = 1000   // rows before and behind a found one
	maxPrefix  = 1024   // bytes of the beginning of a value
	maxKeys    = 16     // fields that tell what rows belong together

	defaultValues = 200
)

// investigation is a way of asking that is short for a query with more pipes: what
// the client could send to query itself.
type investigation struct {
	// pipes reads the parameters and says what stands behind the client's query.
	pipes func(v url.Values) (string, error)
	// from is what is asked about when neither the parameters nor the query say so,
	// "" for what holds everywhere.
	from string
	// sees, where not nil, changes the blocks of an answer.
	sees func(s *Server, v url.Values, req lang.Request) (func(*scan.Block) *scan.Block, error)
}

var investigations = map[string]investigation{
	"values":   {pipes: valuesPipes},
	"facets":   {pipes: facetsPipes},
	"patterns": {pipes: patternsPipes},
	"context":  {pipes: contextPipes},
	"compare":  {pipes: comparePipes},
	"hosts":    {pipes: hostsPipes, from: hostsSpan, sees: hostsSeen},
}

// investigate makes the handler of an investigation. It answers as query does.
func (s *Server) investigate(name string) http.HandlerFunc {
	i := investigations[name]
	return s.answering(func(w http.ResponseWriter, r *http.Request) error {
		v := r.URL.Query()
		q := questionOf(v)
		limit, err := number(v, "limit", defaultLimit, maxListed)
		if err != nil {
			return err
		}
		q.Limit = &limit
		if q.Source, err = boolean(v, "source"); err != nil {
			return err
		}
		if q.Progress, err = boolean(v, "progress"); err != nil {
			return err
		}
		pipes, err := i.pipes(v)
		if err != nil {
			return err
		}
		if len(q.Query) <= maxQueryText {
			// On its own first, so that an open quote or parenthesis is found where the
			// client has left it.
			tree, err := lang.Parse(q.Query)
			if err != nil {
				return err
			}
			if q.From == "" && q.To == "" && !tree.SaysTime() {
				q.From = timeText(i.from)
			}
			if strings.TrimSpace(q.Query) == "" {
				q.Query = "*"
			}
		}
		q.Query += " | " + pipes
		req, done, err := s.begin(r, q)
		if err != nil {
			return err
		}
		defer done()
		var see func(*scan.Block) *scan.Block
		if i.sees != nil {
			if see, err = i.sees(s, v, req); err != nil {
				return err
			}
		}
		return s.answer(w, r, req, q, see)
	})
}

// valuesPipes: the commonest values of a field, of those that begin so.
func valuesPipes(v url.Values) (string, error) {
	field, err := fieldOf(v, "field")
	if err != nil {
		return "", err
	}
	limit, err := number(v, "limit", defaultValues, maxListed)
	if err != nil {
		return "", err
	}
	var has lang.Filter = &lang.Exists{Field: field}
	if prefix := v.Get("prefix"); len(prefix) > maxPrefix {
		return "", badRequest("prefix is longer than "+strconv.Itoa(maxPrefix)+" bytes", "")
	} else if prefix != "" {
		text := "^" + strings.ReplaceAll(regexp.QuoteMeta(prefix), "/", `\/`)
		has = &lang.Text{Field: field, Kind: lang.Regexp, Text: text, Fold: true}
	}
	// As top, but for a field that is called count it needs another name.
	count := lang.CountColumn
	if field == count {
		count = "n"
	}
	name := fieldName(field)
	return "where " + has.String() + " | stats count() as " + count + " by " + name +
		" | sort -" + count + ", " + name + " | limit " + strconv.Itoa(limit), nil
}

// facetsPipes: the most useful fields with their commonest values.
func facetsPipes(v url.Values) (string, error) { return "facets" + given(v, "limit"), nil }

// patternsPipes: the templates of a text field.
func patternsPipes(v url.Values) (string, error) {
	pipes := "patterns" + given(v, "limit")
	if !v.Has("of") {
		return pipes, nil
	}
	field, err := fieldOf(v, "of")
	return pipes + " of " + fieldName(field), err
}

// contextPipes: what stands around each row that is found. The limit is the question's
// and counts the rows that are found, not those around them.
func contextPipes(v url.Values) (string, error) {
	before, err := between(v, "before", 5, 0, maxContext)
	if err != nil {
		return "", err
	}
	after, err := between(v, "after", before, 0, maxContext)
	if err != nil {
		return "", err
	}
	pipes := "context " + strconv.Itoa(before) + " " + strconv.Itoa(after)
	if !v.Has("by") {
		return pipes, nil
	}
	names := strings.Split(v.Get("by"), ",")
	if len(names) > maxKeys {
		return "", badRequest("by has more than "+strconv.Itoa(maxKeys)+" fields", "")
	}
	for i, n := range names {
		if names[i] = strings.TrimSpace(n); names[i] == "" {
			return "", badRequest("by has an empty name", "write field names with commas between them, as in by=host,file")
		}
		names[i] = fieldName(names[i])
	}
	return pipes + " by " + strings.Join(names, ", "), nil
}

// comparePipes: what is different from one span earlier.
func comparePipes(v url.Values) (string, error) {
	span := v.Get("span")
	if _, err := lang.ParseSpan(span); err != nil {
		return "", badRequest("span: "+err.Error(), "say how much earlier to compare with, as in span=1h")
	}
	if n := given(v, "limit"); n != "" {
		return "compare " + span + " | limit" + n, nil
	}
	return "compare " + span, nil
}

// given is the number of a parameter behind a pipe's name, "" where it is missing.
func given(v url.Values, name string) string {
	if n, err := strconv.Atoi(v.Get(name)); err == nil {
		return " " + strconv.Itoa(n)
	}
	return ""
}

// fieldOf reads a parameter that is the name of a field.
func fieldOf(v url.Values, name string) (string, error) {
	field := v.Get(name)
	if field == "" || len(field) > maxPrefix {
		return "", badRequest(name+": the name of a field is expected", "as in "+name+"=host")
	}
	return field, nil
}

// fieldName spells a field's name as the language has it, quoted where it must be.
func fieldName(field string) string {
	return strings.TrimPrefix((&lang.Fields{Names: []string{field}}).String(), "fields ")
}
