package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) fieldsCommand() *cobra.Command {
	var (
		f    askFlags
		top  int
		form string
	)
	cmd := &cobra.Command{
		Use:   "fields [QUERY]",
		Short: "list the fields that matching lines have, with their commonest values",
		Long: `List the fields of the lines that match, with how many lines have each, how many
values it has, and the commonest ones. It looks at a sample, the newest lines, and
says how many on stderr.`,
		Example: `  journalist fields -s 15m
  journalist fields 'type:nginx status>=500' --top 10
  journalist fields --file app.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if form != "table" && form != "json" {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("-o %s: fields shows table or json", form))
			}
			if top < 0 || top > 100 {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--top %d: want 0 to 100", top))
			}
			words, err := f.local.split(args, 1)
			if err != nil {
				return err
			}
			query := queryArgs(words)
			if query == "" {
				query = "*"
			}
			return a.showFields(cmd.Context(), &f, query, top, form)
		},
	}
	f.client.register(cmd)
	f.complete(a, cmd)
	f.span.register(cmd)
	f.local.register(cmd)
	cmd.Flags().StringVar(&f.zone, "tz", "", "the time zone of --from and --to: UTC, Europe/Berlin (default: as here)")
	cmd.Flags().IntVar(&top, "top", 5, "how many of the commonest values to show")
	cmd.Flags().StringVarP(&form, "output", "o", "table", "how they are shown: table, json")
	completeForms(cmd, "table", "json")
	dashHint(cmd)
	return cmd
}

// showFields asks which fields matching lines have, and shows them.
func (a *app) showFields(ctx context.Context, f *askFlags, query string, top int, form string) error {
	zone, err := location(f.zone)
	if err != nil {
		return err
	}
	q := cli.Question{Query: query, Zone: f.zone}
	if q.From, q.To, err = f.span.resolve(time.Now().In(zone)); err != nil {
		return err
	}
	from, done, err := f.open(a, zone)
	if err != nil {
		return err
	}
	defer done()
	answer, err := from.Fields(ctx, q, top)
	if err != nil {
		return a.explain(q.Query, err)
	}
	var out bytes.Buffer
	if form == "json" {
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		for _, f := range answer.Fields {
			if err := e.Encode(f); err != nil {
				return err
			}
		}
	} else if err := cli.RenderFields(&out, answer, cli.TerminalOptions("table", a.stdout)); err != nil {
		return err
	}
	if _, err := out.WriteTo(a.stdout); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s lines looked at\n", cli.Thousands(answer.Sampled))
	return a.partial(answer.Stats)
}
