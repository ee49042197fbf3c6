package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"journalist/internal/cli/local"
	"journalist/internal/query/exec"
	"journalist/internal/query/lang"
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
	engine, err := f.engine(req.Query)
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
	engine, err := f.engine(req.Query)
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
func (f *Files) engine(q *lang.Query) (*exec.Engine, error) {
	o := f.o
	o.Sorted = !inFileOrder(q)
	source, err := local.New(o)
	if err != nil {
		return nil, err
	}
	f.last = source
	return exec.New(exec.Options{
		Source: source, MaxBytes: fileMemory, MaxTotalBytes: fileMemory, MaxDuration: -1, MaxGroups: 10_000_000, Parallel: f.o.Parallel, Clock: f.clock,
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
