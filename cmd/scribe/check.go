package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/ship"
	"journalist/internal/tail"
	"journalist/internal/vfs"
)

func (a *app) checkCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "check FILE|DIRECTORY",
		Short: "say what is wrong with a configuration, its files and its servers",
		Long: `check reads the configuration, looks for the files that it names and tries to
reach each server: name, connection, TLS, certificate and protocol. It sends no
line. The exit code is 6 when something is wrong.`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := check(cmd.Context(), args[0], offline)
			if err != nil {
				return err
			}
			if err := cli.WriteScribeCheck(a.stdout, c); err != nil {
				return err
			}
			if c.Problems() > 0 {
				return cli.Exit(cli.ExitCheck, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "do not connect to the servers")
	return cmd
}

// check gathers what is wrong. Its error means that the configuration cannot be
// read at all.
func check(ctx context.Context, path string, offline bool) (*cli.ScribeCheck, error) {
	out := &cli.ScribeCheck{}
	conf, err := config.LoadForwarder(path, nil)
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, cli.Exit(cli.ExitCheck, err)
	}
	for _, p := range slices.Concat(problems, conf.Warnings) {
		out.Config = append(out.Config, p.Error())
	}
	for _, g := range conf.Files {
		for _, pattern := range g.Paths {
			out.Paths = append(out.Paths, checkPattern(pattern))
		}
	}
	tls, err := ship.TLSConfig(tlsFiles(conf), nil)
	if err != nil {
		out.Config = append(out.Config, err.Error())
		return out, nil
	}
	if offline {
		return out, nil
	}
	for _, server := range conf.Servers {
		for _, s := range ship.Check(ctx, server, tls) {
			out.Steps = append(out.Steps, cli.ScribeStep{Server: server, Name: s.Name, OK: s.OK, Detail: s.Detail, Remedy: s.Remedy})
		}
	}
	return out, ctx.Err()
}

// checkPattern tries to open what a pattern stands for.
func checkPattern(pattern string) cli.ScribePath {
	p := cli.ScribePath{Pattern: pattern}
	if pattern == "-" {
		p.Note = "the standard input"
		return p
	}
	paths, errs := tail.Expand(vfs.OS, pattern)
	for _, err := range errs {
		p.Problems = append(p.Problems, err.Error())
	}
	for _, name := range paths {
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			continue // named without wildcards, and will be read when it appears
		}
		if problem := checkFile(name); problem != "" {
			p.Problems = append(p.Problems, problem)
		} else {
			p.Files++
		}
	}
	if p.Files == 0 && len(p.Problems) == 0 {
		p.Note = "none there now"
	}
	return p
}

// checkFile says why a file cannot be followed, "" when it can.
func checkFile(name string) string {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return name + " is a link to a file that is not there"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s is no regular file (%s)", name, info.Mode().Type())
	}
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	_ = f.Close() // only tried
	return ""
}
