package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// maxLimit is the most rows that the server streams for one query.
const maxLimit = 1_000_000

func (a *app) queryCommand() *cobra.Command {
	var (
		client    clientFlags
		span      rangeFlags
		limit     int
		form      string
		source    bool
		failEmpty bool
		verbose   bool
	)
	cmd := &cobra.Command{
		Use:   "query QUERY",
		Short: "ask for log lines, or count them",
		Long: `Ask the server. Rows go to stdout, newest first, everything else to stderr.

Several words must all match; "a phrase" matches as it stands; field:word looks
into one field, field="exact value" compares it whole; AND, OR, NOT and
parentheses combine. Pipes do the rest: | stats count() by host | sort -count.
docs/query-language.md describes it all. A query that begins with "-" follows "--".

Output forms (-o): pretty for people; raw, the messages alone; json, one object a
line; logfmt; csv; table. Except on a terminal, raw is exact.`,
		Example: `  journalist query 'error' -s 1h
  journalist query 'level:error host:web-01' -s 1d -o json | jq .message
  journalist query '"connection refused" | stats count() as n by host | sort -n'
  journalist query --from 2026-01-31T12:00 --to 2026-01-31T13:00 -n 100000 -o raw '*'
  journalist query -s 15m -- '-level:debug'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxLimit {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("-n %d: want 1 to %d", limit, maxLimit))
			}
			q := cli.Question{Query: queryArgs(args), Limit: limit, Source: source}
			var err error
			if q.From, q.To, err = span.resolve(time.Now()); err != nil {
				return err
			}
			out := a.output(false)
			render, err := cli.NewRenderer(out.w, cli.TerminalOptions(form, a.stdout))
			if err != nil {
				return err
			}
			c, err := client.client()
			if err != nil {
				return err
			}
			defer c.Close()
			rows := 0
			st, err := c.Query(cmd.Context(), q, func(r *cli.Row) error {
				rows++
				if err := render.Row(r); err != nil {
					return err
				}
				return out.row()
			})
			// What came before an error is shown too.
			if ferr := render.Flush(); err == nil {
				err = ferr
			}
			if ferr := out.w.Flush(); err == nil {
				err = ferr
			}
			if err != nil {
				return a.explain(q.Query, err)
			}
			if verbose {
				fmt.Fprintf(a.stderr, "%s rows; %s matched of %s looked at, %s read, %.0f ms\n", cli.Thousands(int64(rows)),
					cli.Thousands(st.RowsMatched), cli.Thousands(st.RowsScanned), cli.Bytes(st.BytesRead), st.ElapsedMS)
			}
			if rows == limit && cli.IsTerminal(a.stderr) {
				fmt.Fprintf(a.stderr, "the first %d rows: -n asks for more\n", limit)
			}
			if err := a.partial(st); err != nil {
				return err
			}
			if rows == 0 && failEmpty {
				return cli.Exit(cli.ExitEmpty, nil)
			}
			return nil
		},
	}
	client.register(cmd)
	span.register(cmd)
	fl := cmd.Flags()
	fl.IntVarP(&limit, "limit", "n", 200, "at most this many rows")
	fl.StringVarP(&form, "output", "o", "pretty", "how rows are shown: "+strings.Join(cli.Forms, ", "))
	fl.BoolVar(&source, "source", false, "with -o json: also the record as it came, in _source")
	fl.BoolVar(&failEmpty, "fail-empty", false, "exit with 5 when no row matches")
	fl.BoolVarP(&verbose, "verbose", "v", false, "say on stderr what the query cost")
	completeForms(cmd, cli.Forms...)
	dashHint(cmd)
	return cmd
}
