package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
)

// settings is what the two kinds of command line say.
type settings struct {
	config      string
	stateDir    string
	host        string
	fromEnd     bool
	level       slog.Level
	syslog      bool
	windowLines int
	memory      int64 // 0: what the configuration says; likewise the others
	bandwidth   int64
	rotate      []string
	metrics     string
}

func (a *app) runCommand() *cobra.Command {
	s := settings{}
	var level, memory, bandwidth string
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "forward what the configuration names",
		Long: `run forwards what the configuration names until it is stopped. SIGHUP, or scribe
reload, has it read the configuration anew: what is wrong with it is logged and the
old one stays; otherwise the new one is in effect at once, without a line lost or
sent again.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.config == "" {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--config is missing (see %s --help)", cmd.CommandPath()))
			}
			if err := s.level.UnmarshalText([]byte(level)); err != nil {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--log-level %q: write debug, info, warn or error", level))
			}
			var err error
			for _, v := range []struct {
				flag, text string
				parse      func(string) (int64, error)
				to         *int64
			}{{"--max-memory", memory, config.ParseMemory, &s.memory}, {"--max-bandwidth", bandwidth, config.ParseBandwidth, &s.bandwidth}} {
				if v.text == "" {
					continue
				}
				if *v.to, err = v.parse(v.text); err != nil {
					return cli.Exit(cli.ExitUsage, fmt.Errorf("%s: %w", v.flag, err))
				}
			}
			if s.metrics != "" {
				if s.metrics, err = config.ParseMetricsAddress(s.metrics); err != nil {
					return cli.Exit(cli.ExitUsage, fmt.Errorf("--metrics: %w", err))
				}
			}
			return a.forward(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.config, "config", "", "configuration `file` or directory: scribe.yml, or logstash-forwarder's")
	f.StringVar(&s.stateDir, "state-dir", "", "`directory` of the positions (default $STATE_DIRECTORY, else .scribe)")
	f.StringVar(&s.host, "host", "", "`name` of this machine in the field host (default: its host name)")
	f.BoolVar(&s.fromEnd, "tail", false, "read new files from their end: what they hold already is not sent")
	f.BoolVar(&s.syslog, "log-to-syslog", false, "log to syslog instead of stderr")
	f.StringVar(&level, "log-level", "info", "log debug, info, warn or error and what is worse")
	f.StringVar(&memory, "max-memory", "", "keep to this `size` of memory, such as 64MiB")
	f.StringVar(&bandwidth, "max-bandwidth", "", "send at most this many `bytes` per second, after compression, such as 1MB")
	f.StringArrayVar(&s.rotate, "rotate", nil, "rotate logs as this `file` or directory of logrotate's configuration says; may be repeated")
	f.StringVar(&s.metrics, "metrics", "", "serve /metrics, /healthz and /readyz at this `address`: 127.0.0.1:9293 or unix:///path")
	return cmd
}

// forward reads the configuration and forwards until ctx ends.
func (a *app) forward(ctx context.Context, s settings) error {
	logger, closeLog, err := newLogger(a.stderr, s.level, s.syslog)
	if err != nil {
		return err
	}
	defer closeLog()
	dir := stateDir(s.stateDir)
	planner := newPlanner(s, dir, logger)
	p, err := planner.load()
	if err != nil {
		return err
	}
	unlock, err := lockState(dir)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }() // the lock ends with the process anyway
	f, err := newForwarder(planner, p)
	if err != nil {
		return err
	}
	return f.run(ctx)
}

// withWarnings adds the warnings to the mistakes of a configuration: an unknown key
// is often why another one is missing.
func withWarnings(err error, conf *config.Forwarder) error {
	var problems config.Problems
	if conf == nil || !errors.As(err, &problems) {
		return err
	}
	return slices.Concat(problems, conf.Warnings)
}
