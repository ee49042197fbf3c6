package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) tailCommand() *cobra.Command {
	var client clientFlags
	var form string
	forms := []string{"pretty", "raw", "json", "logfmt"}
	cmd := &cobra.Command{
		Use:   "tail [QUERY]",
		Short: "show log lines as they arrive",
		Long: `Show the lines that match as they arrive, until Ctrl-C. A lost connection is made
again; what arrives in between is not shown, and stderr says so.

The query may filter and choose fields; counting and sorting need an end.`,
		Example: `  journalist tail
  journalist tail 'level:error host:web-01'
  journalist tail -o json 'type:nginx' | jq -r .message`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(forms, form) {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("-o %s: tail shows %s", form, strings.Join(forms, ", ")))
			}
			query := queryArgs(args)
			if query == "" {
				query = "*"
			}
			out := a.output(true)
			render, err := cli.NewRenderer(out.w, cli.TerminalOptions(form, a.stdout))
			if err != nil {
				return err
			}
			c, err := client.client()
			if err != nil {
				return err
			}
			defer c.Close()
			err = c.Follow(cmd.Context(), query, cli.FollowHandler{
				Row: func(r *cli.Row) error {
					if err := render.Row(r); err != nil {
						return err
					}
					// A row that is no record would wait for a table's end.
					if err := render.Flush(); err != nil {
						return err
					}
					return out.row()
				},
				Missed: func(n int64) {
					fmt.Fprintf(a.stderr, "-- %s lines left out: they arrive faster than they are read; narrow the query --\n", cli.Thousands(n))
				},
				Lost: func(err error, wait time.Duration) {
					fmt.Fprintf(a.stderr, "-- connection lost (%s); trying again in %s; lines in between are not shown --\n", cli.Safe(err.Error()), wait)
				},
			})
			return a.explain(query, err)
		},
	}
	client.register(cmd)
	cmd.Flags().StringVarP(&form, "output", "o", "pretty", "how rows are shown: "+strings.Join(forms, ", "))
	completeForms(cmd, forms...)
	dashHint(cmd)
	return cmd
}
