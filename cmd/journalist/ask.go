package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/query/lang"
	"journalist/internal/scan"
)

// maxLimit is the most rows that the server streams for one query.
const maxLimit = 1_000_000

// askFlags are the flags of the commands that put a question and show rows.
type askFlags struct {
	client    clientFlags
	span      rangeFlags
	local     localFlags
	zone      string
	limit     int
	form      string
	source    bool
	failEmpty bool
	stats     bool
	link      bool
	noPager   bool

	location *time.Location // of zone
	limited  func() bool    // -n was given
}

// register adds the flags; limit is the default of -n.
func (f *askFlags) register(cmd *cobra.Command, limit int) {
	f.client.register(cmd)
	f.span.register(cmd)
	f.local.register(cmd)
	f.limited = func() bool { return cmd.Flags().Changed("limit") }
	fl := cmd.Flags()
	fl.IntVarP(&f.limit, "limit", "n", limit, "at most this many rows")
	fl.StringVarP(&f.form, "output", "o", "pretty", "how rows are shown: "+strings.Join(cli.Forms, ", "))
	fl.StringVar(&f.zone, "tz", "", "the time zone in which times are shown and days begin: UTC, Europe/Berlin (default: times as here, days in UTC)")
	fl.BoolVar(&f.failEmpty, "fail-empty", false, "exit with 5 when no row matches")
	fl.BoolVarP(&f.stats, "stats", "v", false, "say on stderr what the query cost")
	fl.BoolVar(&f.stats, "verbose", false, "the same as --stats")
	_ = fl.MarkHidden("verbose") // fails only for an unknown flag
	fl.BoolVar(&f.noPager, "no-pager", false, "print everything at once: else what is longer than a terminal goes through $JOURNALIST_PAGER, $PAGER or less")
	fl.BoolVar(&f.link, "link", false, "print the link that shows the query on the page, and do not run it")
	completeForms(cmd, cli.Forms...)
	dashHint(cmd)
}

// complete lets the user's shell complete the command's query.
func (f *askFlags) complete(a *app, cmd *cobra.Command) { cmd.ValidArgsFunction = a.completion(f) }

// question makes the question that flags and text ask for. Files are shown whole unless
// -n was given.
func (f *askFlags) question(text string) (cli.Question, error) {
	if f.limit < 1 || f.limit > maxLimit {
		return cli.Question{}, cli.Exit(cli.ExitUsage, fmt.Errorf("-n %d: want 1 to %d", f.limit, maxLimit))
	}
	q := cli.Question{Query: text, Limit: f.limit, Source: f.source, Zone: f.zone, Texts: f.form == "raw"}
	var err error
	if f.location, err = location(f.zone); err != nil {
		return q, err
	}
	if f.local.given() && !f.limited() {
		q.Limit = 0
	}
	q.From, q.To, err = f.span.resolve(time.Now().In(f.location))
	return q, err
}

// location finds the time zone of --tz; "" is this machine's.
func location(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // which the server would take for its own
		return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("--tz %s: there is no such time zone: want UTC or a name such as Europe/Berlin", name))
	}
	return zone, nil
}

// asker answers questions.
type asker interface {
	Query(ctx context.Context, q cli.Question, row func(*cli.Row) error) (cli.Stats, error)
}

// source is what answers: a server's client, or files.
type source interface {
	asker
	Fields(ctx context.Context, q cli.Question, top int) (cli.FieldsAnswer, error)
	Explain(ctx context.Context, q cli.Question) (*scan.Explanation, cli.Stats, error)
}

// open makes the source that the flags name; times in files that name no zone are in
// this one. done must be called after it.
func (f *askFlags) open(a *app, zone *time.Location) (from source, done func(), err error) {
	if f.local.given() {
		files, err := f.local.source(a, zone)
		return files, func() {}, err
	}
	c, err := f.client.client()
	if err != nil {
		return nil, nil, err
	}
	return c, c.Close, nil
}

// ask puts a question and shows the answer.
func (a *app) ask(ctx context.Context, f *askFlags, text string) error {
	return a.askThrough(ctx, f, text, nil)
}

// askThrough is ask with rows that are changed before they are shown; a nil change
// leaves them as they are.
func (a *app) askThrough(ctx context.Context, f *askFlags, text string, change func(r *cli.Row, show func(*cli.Row) error) error) error {
	q, err := f.question(text)
	if err != nil {
		return err
	}
	if f.link {
		if f.local.given() {
			return cli.Exit(cli.ExitUsage, errNotLocal)
		}
		return a.printLink(f, q, false)
	}
	source, done, err := f.open(a, f.location)
	if err != nil {
		return err
	}
	defer done()
	from := asker(source)
	if c, ok := source.(*cli.Client); ok && cli.IsTerminal(a.stderr) {
		from = &watched{client: c}
	}
	if change != nil {
		from = through{from, change}
	}
	return a.show(ctx, f, q, from)
}

// show asks and prints rows as they come, on a terminal through a pager. Whoever
// leaves the pager has ended the query.
func (a *app) show(ctx context.Context, f *askFlags, q cli.Question, from asker) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var rows atomic.Int64
	waiting := a.waiting(from, &rows)
	defer waiting.Stop()
	out := a.output(false)
	pager := a.pager(f, waiting.Stop, func() { cancel(cli.ErrPagerQuit) })
	if pager != nil {
		out.w.Reset(pager)
	}
	render, err := a.renderer(out, f, q.Query)
	if err != nil {
		return err
	}
	screen := cli.IsTerminal(a.stdout)
	st, err := from.Query(ctx, q, func(r *cli.Row) error {
		rows.Add(1)
		if screen {
			waiting.Hide()
		}
		if err := render.Row(r); err != nil {
			return err
		}
		return out.row()
	})
	waiting.Stop()
	// What came before an error is shown too.
	if ferr := render.Flush(); err == nil {
		err = ferr
	}
	if ferr := out.w.Flush(); err == nil {
		err = ferr
	}
	if pager != nil {
		if cerr := pager.Close(); err == nil {
			err = cerr
		}
	}
	if errors.Is(err, cli.ErrPagerQuit) || err != nil && errors.Is(context.Cause(ctx), cli.ErrPagerQuit) {
		return outer.Err() // Ctrl-C came before
	}
	if err != nil {
		return a.explain(q.Query, err)
	}
	return a.conclude(f, q, st, rows.Load())
}

// conclude says on stderr what there is to say about an answer, and makes the exit
// code.
func (a *app) conclude(f *askFlags, q cli.Question, st cli.Stats, rows int64) error {
	if f.stats {
		fmt.Fprintf(a.stderr, "%s rows; %s matched of %s looked at, %s read, %.0f ms\n", cli.Thousands(rows),
			cli.Thousands(st.RowsMatched), cli.Thousands(st.RowsScanned), cli.Bytes(st.BytesRead), st.ElapsedMS)
		if st.GroupsRead+st.GroupsSkipped > 0 {
			fmt.Fprintf(a.stderr, "%s row groups read, %s passed over\n", cli.Thousands(st.GroupsRead), cli.Thousands(st.GroupsSkipped))
		}
	}
	for _, n := range st.Notes {
		fmt.Fprintln(a.stderr, "note: "+cli.Safe(n))
	}
	if q.Limit > 0 && rows == int64(q.Limit) && cli.IsTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "the first %d rows: -n asks for more\n", q.Limit)
	}
	if err := a.partial(st); err != nil {
		return err
	}
	if rows == 0 && f.failEmpty {
		return cli.Exit(cli.ExitEmpty, nil)
	}
	return nil
}

// renderer makes the renderer for the output, with what the query looks for marked.
func (a *app) renderer(out *output, f *askFlags, query string) (cli.Renderer, error) {
	o := cli.TerminalOptions(f.form, a.stdout)
	o.Zone = f.location
	if q, err := lang.Parse(query); err == nil { // else whoever answers says what is wrong
		o.Times = q.TimeColumns()
		if o.Colour {
			o.Marks = cli.NewHighlighter(q)
		}
	}
	return cli.NewRenderer(out.w, o)
}

// progressing is an asker that knows how far it is.
type progressing interface{ Progress() string }

// watched is a server that says how far a query is.
type watched struct {
	client *cli.Client
	last   atomic.Pointer[cli.QueryProgress] // nil before the server has said so
}

func (w *watched) Query(ctx context.Context, q cli.Question, row func(*cli.Row) error) (cli.Stats, error) {
	return w.client.QueryWatched(ctx, q, row, func(p cli.QueryProgress) { w.last.Store(&p) })
}

// Progress says how far the query is, "" before the server has said so.
func (w *watched) Progress() string {
	p := w.last.Load()
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("%s looked at, %s read", cli.Thousands(p.RowsScanned), cli.Bytes(p.BytesRead))
	if p.Groups > 0 {
		text += fmt.Sprintf(", %d %%", 100*min(p.GroupsDone, p.Groups)/p.Groups)
	}
	if t, err := time.Parse(time.RFC3339Nano, p.Reached); err == nil {
		text += ", back to " + t.Local().Format("2006-01-02 15:04:05")
	}
	return text
}

// waiting shows on a terminal that a query still runs, and how far it is.
func (a *app) waiting(from asker, rows *atomic.Int64) *cli.Waiting {
	if !cli.IsTerminal(a.stderr) {
		return nil
	}
	return cli.StartWaiting(a.stderr, func(d time.Duration) string {
		line := fmt.Sprintf("%.0f s  %s rows", d.Seconds(), cli.Thousands(rows.Load()))
		if p, ok := from.(progressing); ok {
			if text := p.Progress(); text != "" {
				line += "  " + text
			}
		}
		return line + "  (Ctrl-C ends the query)"
	})
}

// printLink prints the page's address with the question in it.
func (a *app) printLink(f *askFlags, q cli.Question, live bool) error {
	o, err := f.client.options()
	if err != nil {
		return err
	}
	// The page keeps a range as it was chosen, so that -s stays "the last hour".
	if f.span.since != "" {
		q.From, q.To = "now-"+f.span.since, "now"
	}
	link, err := cli.PageLink(o.Server, q, live)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, link)
	return err
}

// piped appends a pipe to a query; an empty query matches everything.
func piped(query, pipe string) string {
	if strings.TrimSpace(query) == "" {
		query = "*"
	}
	return query + " | " + pipe
}
