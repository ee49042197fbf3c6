package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/vfs"
)

// enrolment is what the command line of scribe enroll says.
type enrolment struct {
	url, token, tokenFile, name, out string
	force                            bool
}

func (a *app) enrollCommand() *cobra.Command {
	var e enrolment
	cmd := &cobra.Command{
		Use:   "enroll URL --token-file F",
		Short: "get a certificate from a journalist",
		Long: `enroll makes a key on this machine and has journalist sign a certificate for it. On
the server, journalist token create NAME --scope enroll makes the token and prints the
whole command. The token holds the fingerprint of the server's authority: scribe sends
nothing to a server that is not of that authority. The key never leaves this machine.`,
		Example: `  scribe enroll https://logs.example.com:9292 --token-file token --out /etc/scribe`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.url = args[0]
			return a.enroll(cmd.Context(), e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.token, "token", "", "the `token`; other users of this machine may see it: --token-file and $SCRIBE_TOKEN hide it")
	f.StringVar(&e.tokenFile, "token-file", "", "a `file` that holds the token, - for the standard input")
	f.StringVar(&e.name, "name", "", "what the server calls this forwarder (default: the machine's host name)")
	f.StringVar(&e.out, "out", ".", "the `directory` for NAME.crt, NAME.key and ca.crt")
	f.BoolVar(&e.force, "force", false, "replace the files that are there")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	_ = cmd.MarkFlagDirname("out") // fails only for an unknown flag
	return cmd
}

// enroll gets the certificate and writes it down.
func (a *app) enroll(ctx context.Context, e enrolment) error {
	token, err := e.secret(a)
	if err != nil {
		return err
	}
	if e.name == "" {
		if e.name, err = os.Hostname(); err != nil || e.name == "" {
			return cli.Exit(cli.ExitUsage, errors.New("this machine has no host name: name the forwarder with --name"))
		}
	}
	crt, key, ca := filepath.Join(e.out, e.name+".crt"), filepath.Join(e.out, e.name+".key"), filepath.Join(e.out, "ca.crt")
	if filepath.Base(e.name) != e.name || strings.HasPrefix(e.name, ".") {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("--name %q: use letters, digits, '.', '_' and '-'", e.name))
	}
	// Before the token is used up.
	if err := cli.MayWrite(e.out, e.force, crt, key, ca); err != nil {
		return err
	}
	got, err := cli.Enroll(ctx, e.url, token, e.name, version)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		data []byte
	}{{key, got.Key}, {crt, got.Cert}, {ca, got.CA}} {
		if err := vfs.WriteFile(vfs.OS, f.path, f.data); err != nil {
			return fmt.Errorf("the certificate was issued but cannot be kept (on the server: journalist cert revoke %s, and a new token): %w", e.name, err)
		}
		if _, err := fmt.Fprintln(a.stdout, f.path); err != nil {
			return err
		}
	}
	servers := strings.Join(got.Servers, ", ")
	if servers == "" {
		servers = "SERVER:5043"
	}
	_, err = fmt.Fprintf(a.stderr, `%s is enrolled. A configuration for this machine:
  scribe discover --server %s --ca %s --cert %s --key %s -o scribe.yml
`, e.name, strings.ReplaceAll(servers, ", ", ","), ca, crt, key)
	return err
}

// secret is the token, from wherever it was given.
func (e *enrolment) secret(a *app) (string, error) {
	switch {
	case e.token != "":
		return e.token, nil
	case e.tokenFile == "-":
		return cli.ReadSecret("/dev/stdin")
	case e.tokenFile != "":
		return cli.ReadSecret(e.tokenFile)
	}
	if t := strings.TrimSpace(os.Getenv("SCRIBE_TOKEN")); t != "" {
		return t, nil
	}
	return "", cli.Exit(cli.ExitUsage, errors.New("no token: on the server, journalist token create NAME --scope enroll makes one; give it with --token-file, $SCRIBE_TOKEN or --token"))
}
