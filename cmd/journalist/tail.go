package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// followForms are the output forms that need no end.
var followForms = []string{"pretty", "raw", "json", "logfmt"}

func (a *app) tailCommand() *cobra.Command {
	f := askFlags{limit: 1}
	cmd := &cobra.Command{
		Use:   "tail [QUERY]",
		Short: "show log lines as they arrive",
		Long: `Show the lines that match as they arrive, until Ctrl-C. A lost connection is made
again; what arrives in between is not shown, and stderr says so. query -f shows what
is there already, too.

The query may have the pipes that look at one line at a time: where, extract, eval and
fields; counting and sorting need an end.`,
		Example: `  journalist tail
  journalist tail 'level:error host:web-01'
  journalist tail -o json 'type:nginx' | jq -r .message
  journalist tail 'type:nginx | extract "took <ms>ms" | where ms>500 | fields host, path, ms'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := queryArgs(args)
			if query == "" {
				query = "*"
			}
			return a.follow(cmd.Context(), &f, query, false)
		},
	}
	f.client.register(cmd)
	f.complete(a, cmd)
	fl := cmd.Flags()
	fl.StringVarP(&f.form, "output", "o", "pretty", "how rows are shown: "+strings.Join(followForms, ", "))
	fl.StringVar(&f.zone, "tz", "", "the time zone in which times are shown: UTC, Europe/Berlin (default: as here)")
	fl.BoolVar(&f.link, "link", false, "print the link that follows the query on the page, and do not run it")
	completeForms(cmd, followForms...)
	dashHint(cmd)
	return cmd
}

// follow shows lines as they arrive; with history those that are there already
// before them.
func (a *app) follow(ctx context.Context, f *askFlags, query string, history bool) error {
	if !slices.Contains(followForms, f.form) {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("-o %s: following shows %s", f.form, strings.Join(followForms, ", ")))
	}
	q, err := f.question(query)
	if err != nil {
		return err
	}
	if f.span.to != "" {
		return cli.Exit(cli.ExitUsage, errors.New("--to does not go with -f, which has no end"))
	}
	if f.link {
		return a.printLink(f, q, true)
	}
	out := a.output(true)
	render, err := a.renderer(out, f, query)
	if err != nil {
		return err
	}
	c, err := f.client.client()
	if err != nil {
		return err
	}
	defer c.Close()
	show := func(r *cli.Row) error {
		if err := render.Row(r); err != nil {
			return err
		}
		// A row that is no record would wait for a table's end.
		if err := render.Flush(); err != nil {
			return err
		}
		return out.row()
	}
	w := &follower{app: a, client: c, question: q, show: show, pending: history}
	ctx, w.cancel = context.WithCancelCause(ctx)
	defer w.cancel(nil)
	err = c.Follow(ctx, query, cli.FollowHandler{
		Ready: func() { w.begin(ctx) },
		Row:   w.row,
		Missed: func(n int64) {
			fmt.Fprintf(a.stderr, "-- %s lines missed, matching or not: they arrive faster than they can be shown; narrow the query --\n", cli.Thousands(n))
		},
		Lost: func(err error, wait time.Duration) {
			fmt.Fprintf(a.stderr, "-- connection lost (%s); trying again in %s; lines in between are not shown --\n", cli.Safe(err.Error()), wait)
		},
	})
	if w.failed != nil {
		err = w.failed
	}
	return a.explain(query, err)
}

// follower puts the rows that are there already before those that arrive. The tail
// is open before the query runs, so that no row falls in between; a row that comes
// both ways is shown once. Its methods are called from one goroutine.
type follower struct {
	app      *app
	client   *cli.Client
	question cli.Question
	show     func(*cli.Row) error
	cancel   context.CancelCauseFunc

	pending bool           // the rows that are there are to be shown yet
	seen    map[uint64]int // rows of the query that the tail may bring again
	until   time.Time      // when it cannot any more
	failed  error
}

// overlap is for how long after the query's end a row of the tail may be one that
// the query showed: the tail brings a row within a fraction of a second.
const overlap = 5 * time.Second

func (w *follower) begin(ctx context.Context) {
	if !w.pending {
		return
	}
	w.pending = false
	if err := w.history(ctx); err != nil {
		w.failed = err
		w.cancel(err)
	}
}

// history shows the rows that are there, oldest first.
func (w *follower) history(ctx context.Context) error {
	var rows [][]byte
	st, err := w.client.Query(ctx, w.question, func(r *cli.Row) error {
		rows = append(rows, slices.Clone(r.Raw))
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range st.Partial {
		fmt.Fprintln(w.app.stderr, "not complete: "+cli.Safe(p))
	}
	w.seen = make(map[uint64]int)
	var row cli.Row
	for _, raw := range slices.Backward(rows) {
		if err := cli.ParseRow(raw, &row); err != nil {
			return err
		}
		if err := w.show(&row); err != nil {
			return err
		}
		w.seen[xxhash.Sum64(raw)]++
	}
	w.until = time.Now().Add(overlap)
	return nil
}

func (w *follower) row(r *cli.Row) error {
	if w.seen != nil && time.Now().After(w.until) {
		w.seen = nil
	}
	if h := xxhash.Sum64(r.Raw); w.seen[h] > 0 {
		w.seen[h]--
		return nil
	}
	return w.show(r)
}
