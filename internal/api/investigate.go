package api

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

const (
	maxListed  = 10_000 // values, fields, patterns or hosts in one answer
	maxContext = 1000   // rows before and behind a found one
	maxPrefix  = 1024   // bytes of the beginning of a value
	maxKeys    = 16     // fields that tell what rows belong together

	defaultValues = 200
	defaultHosts  = 1000
	// hostsSpan is how far hosts look back when no time is given.
	hostsSpan = "now-24h"
	// defaultSilence and silentIntervals are how long a host says nothing, by the clock
	// and by the time that usually passes between its records, before it is called
	// silent.
	defaultSilence  = 15 * time.Minute
	silentIntervals = 3
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
		s.answer(w, r, req, q, see)
		return nil
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

// hostsPipes: who sent when last, the most silent first.
func hostsPipes(v url.Values) (string, error) {
	limit, err := number(v, "limit", defaultHosts, maxListed)
	if err != nil {
		return "", err
	}
	return "stats min(@timestamp) as first, max(@timestamp) as last, count() as count by host | sort last, host | limit " + strconv.Itoa(limit), nil
}

// hostsSeen adds to each host how many seconds usually pass between its records, how
// many ago its last one was, and whether that is long. A time that was asked for and
// ends in the past is looked at from its end.
func hostsSeen(s *Server, v url.Values, req lang.Request) (func(*scan.Block) *scan.Block, error) {
	var silence time.Duration
	if v.Has("silent") {
		var err error
		if silence, err = lang.ParseSpan(v.Get("silent")); err != nil {
			return nil, badRequest("silent: "+err.Error(), "as in silent=15m")
		}
	}
	at := min(s.o.Clock().UnixNano(), req.To)
	return func(b *scan.Block) *scan.Block {
		n := b.Len()
		figures := func(name string) scan.Column {
			return scan.Column{Name: name, Form: scan.Dict, Len: n, Values: make([]record.Value, n), Codes: make([]uint32, n)}
		}
		usual, lag := figures("interval"), figures("lag")
		silent := scan.Column{Name: "silent", Form: scan.Dict, Len: n, Values: []record.Value{record.BoolValue(false), record.BoolValue(true)}, Codes: make([]uint32, n)}
		for i := range n {
			of := map[string]int64{}
			for c := range b.Columns {
				of[b.Columns[c].Name] = b.Columns[c].Value(i).Int
			}
			ago, limit := time.Duration(at-of["last"]), silence
			usual.Values[i], usual.Codes[i] = record.Value{Kind: record.Null}, uint32(i)
			interval := time.Duration(0)
			if count := of["count"]; count > 1 {
				interval = time.Duration((of["last"] - of["first"]) / (count - 1))
				usual.Values[i] = seconds(interval)
			}
			if limit == 0 {
				limit = max(defaultSilence, silentIntervals*interval)
			}
			lag.Values[i], lag.Codes[i] = seconds(ago), uint32(i)
			if ago > limit {
				silent.Codes[i] = 1
			}
		}
		out := *b
		out.Columns = append(append([]scan.Column(nil), b.Columns...), usual, lag, silent)
		return &out
	}, nil
}

func seconds(d time.Duration) record.Value {
	return record.Value{Kind: record.Number, Bytes: strconv.AppendFloat(nil, d.Round(time.Millisecond).Seconds(), 'f', -1, 64)}
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
