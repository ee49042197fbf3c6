package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

func (a *app) importCommand() *cobra.Command {
	var (
		client clientFlags
		o      cli.ImportOptions
		fields []string
	)
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "load log files, compressed or not, without a forwarder",
		Long: `Load files through the server's API: plain, gzip, zstd or bzip2, told apart by
their content; "-" is standard input. A file whose first line is a JSON object is
read as JSON lines, any other as text, one record a line with the fields message,
host, file and offset. Each line's own time is recognised as it is for shipped
lines.

It exits with 1 when anything was refused or could not be read, and says what.
Loading a file twice keeps its lines twice.`,
		Example: `  journalist import /var/log/syslog.*.gz
  journalist import --host web-01 --field type=nginx access.log.zst
  kubectl logs app | journalist import --dataset k8s -`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, f := range fields {
				name, value, ok := strings.Cut(f, "=")
				if !ok || name == "" {
					return cli.Exit(cli.ExitUsage, fmt.Errorf("--field %s: want NAME=VALUE", f))
				}
				o.Fields = append(o.Fields, cli.ImportField{Name: name, Value: value})
			}
			if !slices.Contains([]string{"auto", "text", "json"}, o.Format) {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--format %s: want auto, text or json", o.Format))
			}
			o.HostAll = o.Host != ""
			if o.Host == "" {
				o.Host, _ = os.Hostname() // without one the field is left out
			}
			o.Files, o.Stdin = args, a.stdin
			o.Log = func(format string, args ...any) {
				o.Progress.Clear()
				fmt.Fprintln(a.stderr, cli.Safe(fmt.Sprintf(format, args...)))
			}
			if cli.IsTerminal(a.stderr) {
				o.Progress = cli.NewProgress(a.stderr, totalSize(args))
			}
			c, err := client.client()
			if err != nil {
				return err
			}
			defer c.Close()
			result, err := c.Import(cmd.Context(), o)
			o.Progress.Clear()
			return a.reportImport(result, err)
		},
	}
	client.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.Dataset, "dataset", "", "the dataset they go to (default logs)")
	fl.StringVar(&o.Host, "host", "", "the field host (default this machine's name for text; JSON records keep theirs)")
	fl.StringArrayVar(&fields, "field", nil, "a field for every record that has none of this name, `NAME=VALUE`; may be repeated")
	fl.StringVar(&o.Format, "format", "auto", "what the files hold: auto, text, json")
	return cmd
}

// totalSize is the size of all files together, 0 when one is not a plain file.
func totalSize(names []string) int64 {
	var total int64
	for _, n := range names {
		info, err := os.Stat(n)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// reportImport says what became of the lines and makes the exit code.
func (a *app) reportImport(r cli.ImportResult, err error) error {
	fmt.Fprintf(a.stderr, "%s lines read (%s), %s accepted, %s refused\n",
		cli.Thousands(r.Lines), cli.Bytes(r.Bytes), cli.Thousands(r.Accepted), cli.Thousands(r.Rejected))
	for _, p := range r.Problems {
		fmt.Fprintln(a.stderr, "  "+cli.Safe(p))
	}
	if more := r.Rejected + int64(r.Failed) - int64(len(r.Problems)); more > 0 {
		fmt.Fprintf(a.stderr, "  and %s more\n", cli.Thousands(more))
	}
	switch {
	case err != nil:
		return err
	case r.Failed > 0:
		return errors.New("not every file could be read")
	case r.Rejected > 0:
		return errors.New("the server refused some lines")
	}
	return nil
}
