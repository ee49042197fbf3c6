package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/pki"
	"journalist/internal/vfs"
)

func (a *app) certCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "issue, list and revoke the certificates of forwarders",
		Long: `Every forwarder proves itself with a client certificate of this server's own
authority. These commands work on the server's data folder, also while the server
runs: a certificate is good, or refused, at once.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: helpOnly,
	}
	noRemote(cmd)
	cmd.AddCommand(a.certIssue(), a.certList(), a.certRevoke())
	return cmd
}

// withPKI opens the authority of a data folder for f.
func withPKI(flag string, f func(d dataDir, p *pki.PKI) error) error {
	d, err := existing(flag)
	if err != nil {
		return err
	}
	return d.asOwner(func(d dataDir) error {
		p, err := openPKIBeside(d)
		if err != nil {
			return err
		}
		return f(d, p)
	})
}

// openPKIBeside opens the authority beside a running server: the server's own
// certificate is the server's business, so no name is asked of it.
func openPKIBeside(d dataDir) (*pki.PKI, error) {
	return pki.Open(vfs.OS, d.pki(), pki.Options{Local: func() []string { return nil }})
}

func (a *app) certIssue() *cobra.Command {
	var data, out string
	var force, ifMissing bool
	cmd := &cobra.Command{
		Use:   "issue NAME",
		Short: "write NAME.crt, NAME.key and ca.crt for a forwarder",
		Long: `Issue a client certificate for the forwarder NAME and write NAME.crt, NAME.key
and ca.crt, which are what scribe, logstash-forwarder and Filebeat need. The key is
not kept: carry it over a safe way, such as scp.`,
		Example: `  journalist cert issue web-01
  journalist cert issue web-01 --data /var/lib/journalist --out /root/web-01`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			var pair pki.Pair
			var info serverInfo
			if ifMissing && have(out, name) {
				fmt.Fprintf(a.stderr, "%s has its certificate in %s already\n", name, out)
				return nil
			}
			// Looked at before the certificate exists: one nobody got is a loose end.
			base := filepath.Join(out, filepath.Base(name))
			if err := cli.MayWrite(out, force, base+".crt", base+".key"); err != nil {
				return err
			}
			err := withPKI(data, func(d dataDir, p *pki.PKI) (err error) {
				info, _ = d.readInfo() // only for the hint below
				pair, err = p.Issue(name)
				return err
			})
			if err != nil {
				return err
			}
			crt, key, ca := filepath.Join(out, name+".crt"), filepath.Join(out, name+".key"), filepath.Join(out, "ca.crt")
			for _, f := range []struct {
				path string
				data []byte
			}{{key, pair.Key}, {crt, pair.Cert}, {ca, pair.CA}} {
				if err := vfs.WriteFile(vfs.OS, f.path, f.data); err != nil {
					return fmt.Errorf("the certificate was issued but cannot be written (revoke it with journalist cert revoke %s): %w", name, err)
				}
				fmt.Fprintln(a.stdout, f.path)
			}
			addr := info.Lumberjack
			if addr == "" {
				addr = ":5043"
			}
			host, err := os.Hostname()
			if err != nil {
				host = "localhost"
			}
			fmt.Fprintf(a.stderr, `Copy them to %[1]s, for example to /etc/scribe, and name them in scribe's configuration there:
  "network": { "servers": [ "%[2]s" ],
    "ssl certificate": "/etc/scribe/%[1]s.crt", "ssl key": "/etc/scribe/%[1]s.key", "ssl ca": "/etc/scribe/ca.crt" }
`, name, cli.HostPort(addr, host))
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&out, "out", ".", "the `DIR` to write to")
	cmd.Flags().BoolVar(&force, "force", false, "replace NAME.crt and NAME.key when they are there")
	cmd.Flags().BoolVar(&ifMissing, "if-missing", false, "do nothing when NAME.crt, NAME.key and ca.crt are there")
	cmd.MarkFlagsMutuallyExclusive("force", "if-missing")
	_ = cmd.MarkFlagDirname("out") // fails only for an unknown flag
	return cmd
}

// have tells that an earlier call wrote all three files. ca.crt is written last.
func have(out, name string) bool {
	for _, file := range []string{filepath.Base(name) + ".crt", filepath.Base(name) + ".key", "ca.crt"} {
		if _, err := os.Stat(filepath.Join(out, file)); err != nil {
			return false
		}
	}
	return true
}

func (a *app) certList() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the certificates that were issued",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return withPKI(data, func(_ dataDir, p *pki.PKI) error {
				list, err := p.List()
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tSERIAL\tISSUED\tVALID UNTIL\tSTATE")
				for _, c := range list {
					state := "valid"
					switch {
					case !c.Revoked.IsZero():
						state = "revoked " + dateOr(c.Revoked, "")
					case time.Now().After(c.NotAfter):
						state = "expired"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cli.Safe(c.Name), c.Serial, dateOr(c.NotBefore, ""), dateOr(c.NotAfter, ""), state)
				}
				return w.Flush()
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func (a *app) certRevoke() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "revoke NAME|SERIAL…",
		Short: "refuse certificates from now on",
		Args:  usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			return withPKI(data, func(_ dataDir, p *pki.PKI) error {
				for _, name := range args {
					if err := p.Revoke(name); err != nil {
						return err
					}
					fmt.Fprintf(a.stderr, "%s is revoked\n", name)
				}
				return nil
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
