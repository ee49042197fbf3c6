package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// rootCommand builds the tree of commands. Each has its own file.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "scribe",
		Short: "ships the lines of log files",
		Long: `scribe ships the lines of log files to a journalist or another lumberjack server.

It reads scribe.yml and logstash-forwarder's configuration, and takes that one's flags:
  scribe -config /etc/scribe.conf      as logstash-forwarder did (its flags: scribe -help)
  scribe check /etc/scribe.yml         what is wrong with configuration, files and servers
  scribe test --config F app.log       what would be sent of a file
  scribe run --config /etc/scribe.yml
  scribe reload                        take over a changed configuration
  scribe status                        how far each file is acknowledged
  scribe rotate --dry-run CONF         rotate by logrotate's configuration
  scribe enroll URL --token-file F     get a certificate from a journalist
  scribe discover                      a configuration for this machine

Exit codes: 0 ok, 1 failure, 2 wrong usage, 6 a check found something, 130 interrupted;
with logstash-forwarder's flags its own: 1 wrong usage, 2 failure.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help() // it goes to the terminal or nowhere
			return cli.Exit(cli.ExitUsage, nil)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
	})
	root.AddCommand(a.runCommand(), a.checkCommand(), a.testCommand(), a.statusCommand(), a.reloadCommand(), a.rotateCommand(), a.enrollCommand(), a.discoverCommand(), a.schemaCommand(), a.versionCommand())
	return root
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

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which version this is",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return a.printVersion()
		},
	}
}

func (a *app) printVersion() error {
	_, err := fmt.Fprintf(a.stdout, "scribe %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
