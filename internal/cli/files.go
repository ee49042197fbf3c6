package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"journalist/internal/cli/local"
	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// Files answers questions from files, as Client does from a server. Its methods may
// be called from several goroutines.
type Files struct {
	o     local.Options
	check *local.Source
	clock func() time.Time
	last  *local.Source // whose progress counts
}

// NewFiles checks that the files are there. Options.Sorted is set for each question.
func NewFiles(o local.Options) (*Files, error) {
	s, err := local.New(o)
	if err != nil {
		return nil, err
	}
	f := &Files{o: o, check: s, clock: o.Clock, last: s}
	if f.clock == nil {
		f.clock = time.Now
	}
	return f, nil
}

// fileMemory is what a query over files may hold: it is alone in its process.
const fileMemory = 1 << 30

// Query asks and calls row for each row as it comes; it is valid only during the
// call. Rows come in the order of the files, unless a pipe asks for another; without
// a time all lines count, without a limit all rows come.
func (f *Files) Query(ctx context.Context, q Question, row func(*Row) error) (Stats, error) {
	if q.Source {
		return Stats{}, Exit(ExitUsage, errors.New("--source does not go with files: their lines are the source"))
	}
	req, err := f.request(q)
	if err != nil {
		return Stats{}, err
	}
	near, n := f.o, lineContext(req.Query)
	near.Texts = q.Texts && inFileOrder(req.Query)
	if n != nil {
		near.Before, near.After, near.Hits = n.before, n.after, req.Limit
		req.Query, req.Limit = n.query, 0
	}
	engine, err := f.engine(near, req.Query)
	if err != nil {
		return Stats{}, err
	}
	rows := blockRows{texts: q.Texts}
	st, err := engine.Run(ctx, req, func(b *scan.Block) error { return rows.each(b, row) })
	return fileStats(st), queryError(err)
}

// Fields describes the fields of the newest rows that match.
func (f *Files) Fields(ctx context.Context, q Question, top int) (FieldsAnswer, error) {
	req, err := f.request(q)
	if err != nil {
		return FieldsAnswer{}, err
	}
	engine, err := f.engine(f.o, req.Query)
	if err != nil {
		return FieldsAnswer{}, err
	}
	list, sampled, st, err := engine.Fields(ctx, req, 0, top)
	answer := FieldsAnswer{Sampled: sampled, Stats: fileStats(st)}
	for _, i := range list {
		info := FieldInfo{Name: i.Name, Kind: i.Kind, Count: i.Count, Distinct: i.Distinct}
		for _, v := range i.Top {
			info.Top = append(info.Top, FieldValue{Value: v.Value, Count: v.Count})
		}
		answer.Fields = append(answer.Fields, info)
	}
	return answer, queryError(err)
}

// Progress says how far the query is.
func (f *Files) Progress() string {
	done, total := f.last.Progress()
	if total == 0 {
		return Bytes(done) + " read"
	}
	return fmt.Sprintf("%s of %s (%.0f %%)", Bytes(done), Bytes(total), 100*min(1, float64(done)/float64(total)))
}

// engine makes an executor over the files for one query.
func (f *Files) engine(o local.Options, q *lang.Query) (*exec.Engine, error) {
	o.Sorted = !inFileOrder(q)
	source, err := local.New(o)
	if err != nil {
		return nil, err
	}
	f.last = source
	return exec.New(exec.Options{
		Complete: true,
		Source:   source, MaxBytes: fileMemory, MaxTotalBytes: fileMemory, MaxDuration: -1, MaxGroups: 10_000_000, Parallel: f.o.Parallel, Clock: f.clock,
	}), nil
}

// inFileOrder tells that a query only chooses lines and what is shown of them, so
// that they can come as they are read.
func inFileOrder(q *lang.Query) bool {
	for _, p := range q.Pipes {
		switch p.(type) {
		case *lang.Where, *lang.Fields, *lang.Limit, *lang.Extract, *lang.Eval:
		default:
			return false
		}
	}
	return true
}

// near is a query for lines and those around them.
type near struct {
	query         *lang.Query // without the pipe context
	before, after int
}

// lineContext takes the pipe context off a query that asks for lines with those
// around them in their file, and nothing else: the files are read once for that, and
// any number of lines may match. nil: the executor does what the query wants.
func lineContext(q *lang.Query) *near {
	at := slices.IndexFunc(q.Pipes, func(p lang.Pipe) bool { _, ok := p.(*lang.Context); return ok })
	if at < 0 {
		return nil
	}
	c := q.Pipes[at].(*lang.Context)
	if !slices.Equal(c.Names, []string{record.FieldHost, record.FieldFile}) || c.Before+c.After == 0 {
		return nil
	}
	for i, p := range q.Pipes {
		_, filter := p.(*lang.Where)
		_, fields := p.(*lang.Fields)
		if i < at && !filter || i > at && !fields {
			return nil
		}
	}
	only := *q
	only.Pipes = slices.Delete(slices.Clone(q.Pipes), at, at+1)
	return &near{query: &only, before: c.Before, after: c.After}
}

func (f *Files) request(q Question) (lang.Request, error) {
	req := lang.Request{Limit: q.Limit, Zone: time.UTC}
	var err error
	if q.Zone != "" {
		if req.Zone, err = time.LoadLocation(q.Zone); err != nil {
			return req, Exit(ExitUsage, err)
		}
	}
	if req.Query, err = lang.Parse(q.Query); err != nil {
		return req, queryError(err)
	}
	now := f.clock().In(req.Zone)
	if q.From != "" {
		from, err := lang.ParseTime(q.From, now)
		if err != nil {
			return req, Exit(ExitUsage, fmt.Errorf("from: %w", err))
		}
		req.From = from.UnixNano()
	}
	if q.To != "" {
		to, err := lang.ParseTime(q.To, now)
		if err != nil {
			return req, Exit(ExitUsage, fmt.Errorf("to: %w", err))
		}
		if req.To = to.UnixNano(); q.From == "" {
			req.From = math.MinInt64
		}
	}
	return req, nil
}

// queryError gives an error of the language the form in which the server's come.
func queryError(err error) error {
	var e *lang.Error
	if errors.As(err, &e) {
		return &APIError{Kind: "query", Message: e.Message, Hint: e.Hint, Position: e.Offset}
	}
	return err
}

func fileStats(st scan.Stats) Stats {
	return Stats{
		RowsMatched: st.RowsMatched, RowsScanned: st.RowsScanned, BytesRead: st.BytesRead, GroupsRead: st.GroupsRead, GroupsSkipped: st.GroupsSkipped,
		ElapsedMS: float64(st.Elapsed.Microseconds()) / 1000, Partial: st.Partial, Notes: st.Notes,
	}
}
