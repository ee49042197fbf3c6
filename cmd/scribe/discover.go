package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/discover"
)

func (a *app) discoverCommand() *cobra.Command {
	var out string
	var o discover.Output
	cmd := &cobra.Command{
		Use:   "discover [-o scribe.yml]",
		Short: "look at this machine and propose a configuration",
		Long: `discover looks for logs in the places where the known services keep them, for
whatever else is written to under /var/log and in folders called log or logs, and
for log files that running programs have open. It prints a configuration that names
them, with what their lines are like: multi-line traces, JSON, other encodings. It
changes nothing and reads only the ends of files. Run it as the user that scribe will
run as, to see which files that one may not read; as root to see all.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			found := discover.Look(discover.Options{})
			if out == "" || out == "-" {
				return found.Write(a.stdout, o, time.Now())
			}
			var b bytes.Buffer
			if err := found.Write(&b, o, time.Now()); err != nil {
				return err
			}
			if err := writeNew(out, b.Bytes()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stderr, "%s: %d groups of files; look it over, then: scribe check %s\n", out, len(found.Groups), out)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "write to this `file`, which must not exist yet, instead of stdout")
	f.StringSliceVar(&o.Servers, "server", nil, "`host:port` of the server to name; may be repeated")
	f.StringVar(&o.CA, "ca", "", "`file` of the server's certificate authority to name")
	f.StringVar(&o.Cert, "cert", "", "`file` of the client's certificate to name")
	f.StringVar(&o.Key, "key", "", "`file` of its key to name")
	return cmd
}

// writeNew writes a file that must not be there: what somebody wrote by hand is not
// replaced.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("%s exists already: name another file, or remove it first", name))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
