package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) deleteCommand() *cobra.Command {
	var (
		client clientFlags
		d      cli.Deletion
		yes    bool
	)
	cmd := &cobra.Command{
		Use:   "delete QUERY",
		Short: "delete records for good, by a query",
		Long: `Delete every record that a filter matches, in all the time there is unless --from
and --to say otherwise. It needs a token with scope admin. First it counts, and asks;
--yes does not ask, --dry-run only counts.

When it has ended well the records are in no answer any more, nor in the write-ahead
log. Their bytes go from the data files in the background, which begins at once and
usually takes seconds. Copies elsewhere (backups, the log files on the servers they
came from) are not touched; the next backup into the same folder follows.
Records that arrive later are not touched either.`,
		Example: `  journalist delete 'user.email="jane@example.com"' --dry-run
  journalist delete 'user.email="jane@example.com"' --yes
  journalist delete '*' --dataset debug --to 2026-01-01`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			d.Query = queryArgs(args)
			if strings.TrimSpace(d.Query) == "" {
				return cli.Exit(cli.ExitUsage, errors.New("an empty query matches every record: write '*' if that is meant"))
			}
			now := time.Now()
			if d.From != "" {
				if d.From, err = resolveTime("--from", d.From, now); err != nil {
					return err
				}
			}
			if d.To != "" {
				if d.To, err = resolveTime("--to", d.To, now); err != nil {
					return err
				}
			}
			if !yes && !d.DryRun && !cli.IsTerminal(a.stdin) {
				return cli.Exit(cli.ExitUsage, errors.New("there is no terminal to ask on: say --yes, or --dry-run"))
			}
			c, err := client.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if !yes {
				found, err := a.runDeletion(cmd, c, d, true)
				if err != nil || d.DryRun || found.Rows == 0 {
					return err
				}
				fmt.Fprintf(a.stderr, "Delete them for good? [yes/no] ")
				answer, _ := bufio.NewReader(a.stdin).ReadString('\n') // whatever is not yes means no
				if strings.TrimSpace(answer) != "yes" {
					return errors.New("nothing was deleted")
				}
			}
			_, err = a.runDeletion(cmd, c, d, d.DryRun)
			return err
		},
	}
	client.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&d.From, "from", "", "only from this `TIME` on: 2026-01-31, 2026-01-31T12:00:00Z, now-2h")
	fl.StringVar(&d.To, "to", "", "only until before this `TIME`")
	fl.StringVar(&d.Dataset, "dataset", "", "only of this dataset")
	fl.BoolVar(&d.DryRun, "dry-run", false, "only count what would be deleted")
	fl.BoolVar(&yes, "yes", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	dashHint(cmd)
	return cmd
}

// runDeletion deletes or counts, and says what became of it.
func (a *app) runDeletion(cmd *cobra.Command, c *cli.Client, d cli.Deletion, dryRun bool) (cli.Deleted, error) {
	d.DryRun = dryRun
	line := a.statusLine()
	got, err := c.Delete(cmd.Context(), d, func(p cli.DeletionProgress) {
		line.show(fmt.Sprintf("%s of %s row groups searched, %s records found", cli.Thousands(p.GroupsDone), cli.Thousands(p.Groups), cli.Thousands(p.Rows)))
	})
	line.clear()
	if err != nil {
		return got, a.explain(d.Query, err)
	}
	what := "deleted"
	if dryRun {
		what = "found"
	}
	fmt.Fprintf(a.stderr, "%s records %s", cli.Thousands(got.Rows), what)
	if got.Parts > 0 {
		fmt.Fprintf(a.stderr, ", in %s parts, in row groups from %s to %s", cli.Thousands(int64(got.Parts)), cli.Safe(got.First), cli.Safe(got.Last))
	}
	fmt.Fprintln(a.stderr)
	if got.SetAside > 0 {
		fmt.Fprintf(a.stderr, "%d damaged files were set aside earlier (in the server's store/quarantine, or store/wal/*.corrupt); they are in no answer and were not searched, but may hold such records\n", got.SetAside)
	}
	return got, a.partial(cli.Stats{Partial: got.Partial})
}
