package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// rootCommand builds the tree of commands. Each has its own file.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "journalist",
		Short: "keeps the logs of many servers and answers questions about them",
		Long: `journalist keeps the logs of many servers and answers questions about them.

First steps:
  journalist serve                     start the server in this directory (data in ./data)
  journalist cert issue web-01         a certificate for the forwarder on web-01
  journalist login                     let the commands below know server and token
  journalist query 'error' -s 1h       ask

Exit codes: 0 ok, 1 failure, 2 wrong usage, 3 the answer is not complete,
4 not authorised, 5 no row (with --fail-empty), 6 a check found something,
130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help() // it goes to the terminal or nowhere
			return cli.Exit(cli.ExitUsage, nil)
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
	})
	root.AddGroup(
		&cobra.Group{ID: "ask", Title: "Ask:"},
		&cobra.Group{ID: "load", Title: "Load:"},
		&cobra.Group{ID: "run", Title: "Run and administer the server:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("ask", a.queryCommand(), a.tailCommand(), a.contextCommand(), a.fieldsCommand(), a.valuesCommand(), a.facetsCommand(),
		a.patternsCommand(), a.compareCommand(), a.hostsCommand(), a.forwardersCommand(), a.shellCommand(), a.loginCommand(), a.logoutCommand())
	add("load", a.importCommand())
	add("run", a.serveCommand(), a.tokenCommand(), a.certCommand(), a.verifyCommand(), a.statusCommand(), a.statsCommand(), a.backupCommand(), a.restoreCommand(), a.deleteCommand())
	root.AddCommand(a.manCommand(), a.versionCommand())
	completionForBash(root)
	a.noteStart(root)
	return root
}

// noteStart lets run tell cobra's own complaints, which have no type, from errors
// of the commands.
func (a *app) noteStart(cmd *cobra.Command) {
	if f := cmd.RunE; f != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return f(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		a.noteStart(c)
	}
}

// usageArgs turns a complaint about the arguments into exit code 2.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return cli.Exit(cli.ExitUsage, fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
		}
		return nil
	}
}
