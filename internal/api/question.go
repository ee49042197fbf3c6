package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"journalist/internal/auth"
	"journalist/internal/query/lang"
)

const (
	defaultLimit = 200
	maxLimit     = 1_000_000
	defaultSpan  = time.Hour
	maxQueryText = 64 << 10
)

// question is what every way of asking has in common.
type question struct {
	Query string   `json:"query"`
	From  timeText `json:"from"`
	To    timeText `json:"to"`
	Zone  string   `json:"zone"`
	Limit *int     `json:"limit"`
	// Source asks for the nested records too.
	Source bool `json:"source"`
	// Progress asks for lines that say how far a long query is.
	Progress bool `json:"progress"`
	// Explain asks how the query is answered, in the place of its rows.
	Explain explaining `json:"explain"`
}

// timeText is a time as clients write it: a string or a number of milliseconds
// since the epoch.
type timeText string

// UnmarshalJSON takes both.
func (t *timeText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = timeText(s)
		return nil
	}
	if string(data) == "null" {
		return nil
	}
	ms, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return fmt.Errorf("the time %s is neither a string nor a whole number of milliseconds", data)
	}
	*t = timeText(strconv.FormatInt(ms, 10))
	return nil
}

// questionOf reads a question from a URL's parameters.
func questionOf(v url.Values) question {
	return question{Query: v.Get("query"), From: timeText(v.Get("from")), To: timeText(v.Get("to")), Zone: v.Get("zone")}
}

// knownParams refuses parameters that the route does not have: one with a typo
// would otherwise be ignored.
func (rt route) knownParams(v url.Values) error {
	names := strings.Fields(rt.params)
	for key := range v {
		if slices.Contains(names, key) {
			continue
		}
		hint := "there is none at all"
		if len(names) > 0 {
			hint = "there are " + strings.Join(names, ", ")
		}
		return badRequest(fmt.Sprintf("there is no parameter %q here", key), hint)
	}
	return nil
}

// number reads a parameter between 1 and limit.
func number(v url.Values, name string, standard, limit int) (int, error) {
	return between(v, name, standard, 1, limit)
}

// between reads a parameter between least and most.
func between(v url.Values, name string, standard, least, most int) (int, error) {
	text := v.Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest(fmt.Sprintf("%s=%q: a number from %d to %d is expected", name, text, least, most), "")
	}
	return n, nil
}

// boolean reads a parameter that is true or false.
func boolean(v url.Values, name string) (bool, error) {
	switch text := v.Get(name); text {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	default:
		return false, badRequest(fmt.Sprintf("%s=%q: true or false is expected", name, text), "")
	}
}

// request turns a question into what the executor takes, for this principal.
func (s *Server) request(q question, p *auth.Principal) (lang.Request, error) {
	var req lang.Request
	if len(q.Query) > maxQueryText {
		return req, &Error{Status: http.StatusBadRequest, Kind: "limit", Message: fmt.Sprintf("the query has %d bytes, at most %d are allowed", len(q.Query), maxQueryText)}
	}
	zone := time.UTC
	if q.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(q.Zone); err != nil {
			return req, badRequest(fmt.Sprintf("there is no time zone %q", q.Zone), "write a name such as Europe/Berlin")
		}
	}
	tree, err := lang.Parse(q.Query)
	if err != nil {
		return req, err
	}
	for i, pipe := range tree.Pipes {
		if l, ok := pipe.(*lang.Limit); ok && l.N > maxLimit && !grouped(tree.Pipes[i+1:]) {
			return req, &Error{Status: http.StatusBadRequest, Kind: "limit", Message: fmt.Sprintf("the limit is at most %d", maxLimit), Position: l.Offset(), HasPlace: true}
		}
	}
	req = lang.Request{Query: bound(tree, p.Datasets), Limit: defaultLimit, Zone: zone}
	if q.Limit != nil {
		if *q.Limit < 1 || *q.Limit > maxLimit {
			return req, &Error{Status: http.StatusBadRequest, Kind: "limit", Message: fmt.Sprintf("limit %d: a number from 1 to %d is expected", *q.Limit, maxLimit)}
		}
		req.Limit = *q.Limit
	}
	req.From, req.To, err = s.period(q, tree, zone)
	return req, err
}

// grouped tells whether pipes answer with groups of the rows that they get.
func grouped(pipes []lang.Pipe) bool {
	return slices.ContainsFunc(pipes, func(p lang.Pipe) bool {
		switch p.(type) {
		case *lang.Stats, *lang.Timechart, *lang.Top, *lang.Uniq, *lang.Patterns, *lang.Facets:
			return true
		}
		return false
	})
}

// bound restricts a query to the datasets that the principal may read. It is the
// one place where that happens; every way of asking comes through here.
func bound(q *lang.Query, datasets []string) *lang.Query {
	if datasets == nil {
		return q
	}
	var allowed lang.Filter
	var list []lang.Filter
	for _, d := range datasets {
		list = append(list, &lang.Compare{Field: "dataset", Op: lang.Eq, Value: lang.Scalar{Text: d, Literal: true}})
	}
	switch len(list) {
	case 0:
		allowed = &lang.Not{X: &lang.All{}}
	case 1:
		allowed = list[0]
	default:
		allowed = &lang.Or{List: list}
	}
	c := *q
	if c.Filter == nil {
		c.Filter = allowed
	} else {
		c.Filter = &lang.And{List: []lang.Filter{allowed, c.Filter}}
	}
	return &c
}

// The times that nanoseconds since the epoch can hold.
const (
	beginning = -1 << 63
	end       = 1<<63 - 1
)

// period finds the time asked for, [from, to). Without one it is the last hour;
// when the query itself says a time, that alone counts.
func (s *Server) period(q question, tree *lang.Query, zone *time.Location) (from, to int64, err error) {
	if q.From == "" && q.To == "" && tree.SaysTime() {
		return beginning, end, nil
	}
	now := s.o.Clock().In(zone)
	until := now
	if q.To != "" {
		if until, err = lang.ParseTime(string(q.To), now); err != nil {
			return 0, 0, badRequest("to: "+err.Error(), "")
		}
	}
	since := until.Add(-defaultSpan)
	if q.From != "" {
		if since, err = lang.ParseTime(string(q.From), now); err != nil {
			return 0, 0, badRequest("from: "+err.Error(), "")
		}
	}
	if !since.Before(until) {
		return 0, 0, badRequest(fmt.Sprintf("the time is empty: it is from %s to %s", since.Format(time.RFC3339), until.Format(time.RFC3339)), "from must be before to")
	}
	return since.UnixNano(), until.UnixNano(), nil
}

// turn waits until a query may run; done must be called after it.
func (s *Server) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.queries <- struct{}{}:
		return func() { <-s.queries }, nil
	default:
	}
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case s.queries <- struct{}{}:
		return func() { <-s.queries }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		s.throttled.Inc()
		return nil, &Error{
			Status: http.StatusTooManyRequests, Kind: "limit", Message: fmt.Sprintf("%d queries are running already", cap(s.queries)),
			Hint: "try again in some seconds", retryAfter: 2,
		}
	}
}
