package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// contextFlags are grep's: lines around each line that matches.
type contextFlags struct{ after, before, around int }

func (f *contextFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.IntVarP(&f.after, "after", "A", 0, "also this many lines after each line that matches, of the same host and file")
	fl.IntVarP(&f.before, "before", "B", 0, "also this many lines before it")
	fl.IntVarP(&f.around, "context", "C", 0, "also this many lines on both sides of it")
}

// apply appends the pipe that the flags ask for.
func (f *contextFlags) apply(query string) (string, error) {
	before, after := f.before, f.after
	if f.around != 0 {
		before, after = max(before, f.around), max(after, f.around)
	}
	switch {
	case f.before < 0 || f.after < 0 || f.around < 0:
		return "", cli.Exit(cli.ExitUsage, errors.New("-A, -B and -C want a number of lines"))
	case before == 0 && after == 0:
		return query, nil
	}
	return piped(query, fmt.Sprintf("context %d %d", before, after)), nil
}

func (a *app) queryCommand() *cobra.Command {
	var (
		f      askFlags
		around contextFlags
		follow bool
		how    string
	)
	cmd := &cobra.Command{
		Use:   "query QUERY [FILE…]",
		Short: "ask for log lines, or count them",
		Long: `Ask the server. Rows go to stdout, newest first, everything else to stderr.

Several words must all match; "a phrase" matches as it stands; field:word looks
into one field, field="exact value" compares it whole; AND, OR, NOT and
parentheses combine. Pipes do the rest: | stats count() by host | sort -count.
docs/query-language.md describes it all. A query that begins with "-" follows "--".

Output forms (-o): pretty for people; raw, the messages alone; json, one object a
line; logfmt; csv; table. Except on a terminal, raw is exact.

With files (plain, gzip, zstd, bzip2) or --stdin no server is asked: the lines of
the files are, all of them, in their order. Arguments behind the query are files
when each names one that is there, by a path or a name with a dot.

--explain runs the query without showing its rows and tells how it was understood,
what the store was asked for, and which parts and row groups were passed over and
why. With files it tells the parse and the plan; they are not read.

Ctrl-C ends the query, at the server too.`,
		Example: `  journalist query 'error' -s 1h
  journalist query 'level:error host:web-01' -s 1d -o json | jq .message
  journalist query '"connection refused" | stats count() as n by host | sort -n'
  journalist query --from 2026-01-31T12:00 --to 2026-01-31T13:00 -n 100000 -o raw '*'
  journalist query 'panic' -B 20 -A 5
  journalist query 'level:error' -f
  journalist query 'error -healthcheck' /var/log/syslog /var/log/syslog.*.gz
  kubectl logs app | journalist query --stdin 'status>=500 | stats count() by path'
  journalist query --explain 'level:error | stats count() by host'
  journalist query -s 15m -- '-level:debug'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			words, err := f.local.split(args, 1)
			if err != nil {
				return err
			}
			query, err := around.apply(queryArgs(words))
			if err != nil {
				return err
			}
			if how != "" {
				if follow {
					return cli.Exit(cli.ExitUsage, errors.New("--explain tells about an answer, -f has none that ends"))
				}
				return a.explainQuery(cmd.Context(), &f, query, how)
			}
			if !follow {
				return a.ask(cmd.Context(), &f, query)
			}
			if f.local.given() {
				return cli.Exit(cli.ExitUsage, errNotLocal)
			}
			if around != (contextFlags{}) {
				return cli.Exit(cli.ExitUsage, errors.New("-f shows lines as they arrive: what follows them cannot be there yet, so -A, -B and -C do not go with it"))
			}
			return a.follow(cmd.Context(), &f, query, true)
		},
	}
	f.register(cmd, 200)
	f.complete(a, cmd)
	around.register(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "show what matches already, oldest first, then lines as they arrive")
	cmd.Flags().StringVar(&how, "explain", "", "print how the query is understood and planned, and what was done with each part of the store: plan (does not run it), parts, all (each row group)")
	cmd.Flags().Lookup("explain").NoOptDefVal = "parts"
	_ = cmd.RegisterFlagCompletionFunc("explain", cobra.FixedCompletions(cli.Explainings, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
	cmd.Flags().BoolVar(&f.source, "source", false, "with -o json: also the record as it came, in _source")
	return cmd
}
