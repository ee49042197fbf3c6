package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/store"
	"journalist/internal/vfs"
)

func (a *app) verifyCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "check every checksum and every invariant of a stopped store",
		Long: `Read all data of a stopped server and check every checksum and every invariant.
Nothing is changed. It exits with 6 when it found something.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			d, err := existing(data)
			if err != nil {
				return err
			}
			problems := 0
			sum, err := store.Verify(vfs.OS, d.store(), func(p store.Problem) {
				problems++
				fmt.Fprintf(a.stdout, "%s: %s\n", cli.Safe(p.Path), cli.Safe(p.Err.Error()))
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "%s (%s) in %s, %s in the write-ahead log, positions of %s\n",
				cli.Counted(int64(sum.Rows), "record"), cli.Bytes(sum.Bytes), cli.Counted(int64(sum.Parts), "part"), cli.Thousands(sum.WALRows), cli.Counted(int64(sum.Positions), "source"))
			if sum.Deleted > 0 {
				fmt.Fprintf(a.stderr, "%s deleted records are still in the parts; the running server writes them anew\n", cli.Thousands(sum.Deleted))
			}
			if sum.Leftovers > 0 {
				fmt.Fprintf(a.stderr, "%d files left over from a crash; the next start removes them\n", sum.Leftovers)
			}
			if sum.SetAside > 0 {
				fmt.Fprintf(a.stderr, "%d damaged files were set aside earlier, in %s\n", sum.SetAside, filepath.Join(d.store(), "quarantine"))
			}
			if problems > 0 {
				return cli.Exit(cli.ExitCheck, errors.New(cli.Counted(int64(problems), "problem")))
			}
			fmt.Fprintln(a.stderr, "no problem found")
			return nil
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
