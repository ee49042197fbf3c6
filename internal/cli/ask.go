package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
)

// Question is what query asks. From and To go to the server as they are: RFC
// 3339 or relative ("now-1h"); "" is the server's default, the last hour.
type Question struct {
	Query string `json:"query"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Limit int    `json:"limit,omitempty"`
	// Zone names the time zone in which days begin; "" is UTC.
	Zone string `json:"zone,omitempty"`
	// Source asks for the nested records as they came, in _source.
	Source bool `json:"source,omitempty"`
	// Progress asks for word of how far the query is, about once a second: QueryWatched
	// sets it.
	Progress bool `json:"progress,omitempty"`
	// Explain is one of Explainings, for Explain.
	Explain string `json:"explain,omitempty"`
	// Texts says that of a row with a message only its text is wanted, as -o raw
	// shows it; others may come all the same.
	Texts bool `json:"-"`
}

// Stats is what the server says about an answer.
type Stats struct {
	RowsMatched   int64   `json:"rows_matched"`
	RowsScanned   int64   `json:"rows_scanned"`
	BytesRead     int64   `json:"bytes_read"`
	GroupsRead    int64   `json:"groups_read"`
	GroupsSkipped int64   `json:"groups_skipped"`
	ElapsedMS     float64 `json:"elapsed_ms"`
	// Partial is why the answer is not complete.
	Partial []string `json:"partial"`
	// Notes say what of a complete answer is an estimate, and how good a one.
	Notes []string `json:"notes"`
}

// QueryProgress is how far a query is.
type QueryProgress struct {
	Groups      int64 `json:"groups"`
	GroupsDone  int64 `json:"groups_done"`
	RowsScanned int64 `json:"rows_scanned"`
	BytesRead   int64 `json:"bytes_read"`
	// Reached is the time down to which everything was looked at; "" where rows come
	// in no order.
	Reached string `json:"reached"`
}

// Query asks and calls row for each row as it comes. The row is valid only during
// the call. When row fails, that is what Query returns, and the server stops
// working on the query.
func (c *Client) Query(ctx context.Context, q Question, row func(*Row) error) (Stats, error) {
	return c.QueryWatched(ctx, q, row, nil)
}

// QueryWatched is Query that tells how far the query is, to a progress that is not nil.
func (c *Client) QueryWatched(ctx context.Context, q Question, row func(*Row) error, progress func(QueryProgress)) (Stats, error) {
	q.Progress = progress != nil
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also ends the reading of an answer that is no longer wanted
	resp, err := c.post(ctx, "/api/v1/query", q)
	if err != nil {
		return Stats{}, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	return c.readRows(ctx, resp.Body, row, progress)
}

// progressStart begins a line of progress. No row looks so: nested objects stand in
// rows as fields with dotted names.
const progressStart = `{"progress":{"groups":`

// isProgress tells whether a line says how far the query is, and passes it on.
func isProgress(line []byte, progress func(QueryProgress)) bool {
	if progress == nil || !bytes.HasPrefix(line, []byte(progressStart)) {
		return false
	}
	var p struct {
		Progress QueryProgress `json:"progress"`
	}
	if json.Unmarshal(line, &p) != nil {
		return false
	}
	progress(p.Progress)
	return true
}

// readRows reads rows and the trailer. Only the last line is a trailer, so each
// line is held back until the next one is there.
func (c *Client) readRows(ctx context.Context, r io.Reader, row func(*Row) error, progress func(QueryProgress)) (Stats, error) {
	lines := newLineReader(r)
	var held []byte
	var have bool
	var parsed Row
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			if ctx.Err() != nil {
				return Stats{}, ctx.Err()
			}
			return Stats{}, fmt.Errorf("%s: the answer broke off: %w", c.server, err)
		}
		if have {
			if err := ParseRow(held, &parsed); err != nil {
				return Stats{}, fmt.Errorf("%s: bad row in the answer: %w", c.server, err)
			}
			if err := row(&parsed); err != nil {
				return Stats{}, err
			}
		}
		if have = !isProgress(line, progress); have {
			held = append(held[:0], line...)
		}
	}
	var trailer struct {
		Stats *Stats     `json:"stats"`
		Error *errorBody `json:"error"`
	}
	if !have || json.Unmarshal(held, &trailer) != nil || (trailer.Stats == nil && trailer.Error == nil) {
		return Stats{}, fmt.Errorf("%s: the answer broke off: its last line is missing", c.server)
	}
	if trailer.Error != nil {
		return Stats{}, trailer.Error.apiError(0)
	}
	return *trailer.Stats, nil
}

// FieldsAnswer is what fields answers.
type FieldsAnswer struct {
	Sampled int64       `json:"sampled"`
	Fields  []FieldInfo `json:"fields"`
	Stats   Stats       `json:"stats"`
}

// FieldInfo describes one field of the sampled rows.
type FieldInfo struct {
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	Count    int64        `json:"count"`
	Distinct int64        `json:"distinct"`
	Top      []FieldValue `json:"top"`
}

// FieldValue is a value and how many of the sampled rows have it.
type FieldValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Fields asks which fields the rows that match have, with their top values.
func (c *Client) Fields(ctx context.Context, q Question, top int) (FieldsAnswer, error) {
	v := url.Values{"query": {q.Query}, "top": {strconv.Itoa(top)}}
	if q.From != "" {
		v.Set("from", q.From)
	}
	if q.To != "" {
		v.Set("to", q.To)
	}
	if q.Zone != "" {
		v.Set("zone", q.Zone)
	}
	var a FieldsAnswer
	err := c.getJSON(ctx, "/api/v1/fields?"+v.Encode(), &a)
	return a, err
}
