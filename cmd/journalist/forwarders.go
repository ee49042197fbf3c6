package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) forwardersCommand() *cobra.Command {
	var f clientFlags
	var output string
	var check bool
	cmd := &cobra.Command{
		Use:   "forwarders",
		Short: "show what each scribe says of itself: version, lag, queue",
		Long: `Every scribe tells its server each half minute how it is: its version, how many
bytes stand in its files that no server has (lag) and how long the oldest of them has
waited, what is queued, what was lost and the last error. Those that have been silent
longest come first; one is silent that has not spoken for 90 seconds. With --check the
exit code is 6 when one is silent or has lost bytes.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("-o %q: write table or json", output))
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			defer c.Close()
			list, err := c.Forwarders(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.printForwarders(list, output); err != nil {
				return err
			}
			for _, f := range list {
				if check && (f.Silent || f.LostBytes > 0) {
					return cli.Exit(cli.ExitCheck, nil)
				}
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`form`: table or json")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 6 when one is silent or has lost bytes")
	completeForms(cmd, "table", "json")
	return cmd
}

func (a *app) printForwarders(list []cli.Forwarder, output string) error {
	if output == "json" {
		e := json.NewEncoder(a.stdout)
		for i := range list {
			if err := e.Encode(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	span := func(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tHOST\tVERSION\tSPOKE\tFILES\tLAG\tOLDEST\tQUEUE\tLOST\tSTATE")
	for _, f := range list {
		state := "ok"
		switch {
		case f.Silent:
			state = "silent"
		case f.LostBytes > 0:
			state = "lost bytes"
		case f.LastError != "":
			state = f.LastError
		}
		oldest := "-"
		if f.LagSeconds > 0 {
			oldest = roughly(span(f.LagSeconds))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s ago\t%s\t%s\t%s\t%s\t%s\t%s\n", cli.Safe(f.Name), cli.Safe(f.Host), cli.Safe(f.Version), roughly(span(f.Ago)),
			cli.Thousands(int64(f.Files)), cli.Bytes(f.LagBytes), oldest, cli.Thousands(f.QueueLines), cli.Bytes(f.LostBytes), cli.Safe(state))
	}
	return w.Flush()
}
