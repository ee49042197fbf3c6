package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/registry"
	"journalist/internal/ship"
	"journalist/internal/tail"
	"journalist/internal/vfs"
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
}

func (a *app) runCommand() *cobra.Command {
	s := settings{}
	level := "info"
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "forward what the configuration names",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.config == "" {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--config is missing (see %s --help)", cmd.CommandPath()))
			}
			if err := s.level.UnmarshalText([]byte(level)); err != nil {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--log-level %q: write debug, info, warn or error", level))
			}
			return a.forward(cmd.Context(), s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.config, "config", "", "configuration `file` or directory, as logstash-forwarder's")
	f.StringVar(&s.stateDir, "state-dir", "", "`directory` of the positions (default $STATE_DIRECTORY, else .scribe)")
	f.StringVar(&s.host, "host", "", "`name` of this machine in the field host (default: its host name)")
	f.BoolVar(&s.fromEnd, "tail", false, "read new files from their end: what they hold already is not sent")
	f.BoolVar(&s.syslog, "log-to-syslog", false, "log to syslog instead of stderr")
	f.StringVar(&level, "log-level", level, "log debug, info, warn or error and what is worse")
	return cmd
}

// forward reads the configuration and forwards until ctx ends.
func (a *app) forward(ctx context.Context, s settings) error {
	conf, err := config.LoadForwarder(s.config, nil)
	if err != nil {
		return withWarnings(err, conf)
	}
	logger, closeLog, err := newLogger(a.stderr, s.level, s.syslog)
	if err != nil {
		return err
	}
	defer closeLog()
	for _, w := range conf.Warnings {
		logger.Warn("configuration", "problem", w.Error())
	}
	dir := stateDir(s.stateDir)
	unlock, err := lockState(dir)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }() // the lock ends with the process anyway
	f, err := newForwarder(dir, conf, s, logger)
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

// forwarder is everything that runs.
type forwarder struct {
	dir      string
	log      *slog.Logger
	started  time.Time
	registry *registry.Registry
	tailer   *tail.Tailer
	shipper  *ship.Shipper
}

// newForwarder makes the components, in the direction of the lines. Nothing runs
// yet but the registry's writer.
func newForwarder(dir string, conf *config.Forwarder, s settings, logger *slog.Logger) (*forwarder, error) {
	f := &forwarder{dir: dir, log: logger, started: time.Now()}
	set := metrics.New()
	tls, err := ship.TLSConfig(tlsFiles(conf), logger)
	if err != nil {
		return nil, err
	}
	f.shipper, err = ship.New(ship.Options{
		Servers: conf.Servers, TLS: tls, Timeout: conf.Timeout, WindowLines: s.windowLines, Logger: logger, Metrics: set,
	})
	if err != nil {
		return nil, err
	}
	f.registry, err = registry.Open(vfs.OS, dir, registry.Options{Logger: logger, Metrics: set})
	if err != nil {
		return nil, err
	}
	if err := f.takeOver(); err != nil {
		_ = f.registry.Close() // the first error is the one to tell
		return nil, err
	}
	f.tailer, err = tail.New(tail.Options{
		Groups: groups(conf), Host: s.host, Positions: f.registry, FromEnd: s.fromEnd, Logger: logger, Metrics: set,
		Output: func(ctx context.Context, l *record.Lines) error { return f.shipper.Send(ctx, l, f.tailer.Acked) },
	})
	if err != nil {
		_ = f.registry.Close() // nothing was noted
		return nil, err
	}
	return f, nil
}

// tlsFiles: as with logstash-forwarder, half a pair is no pair.
func tlsFiles(conf *config.Forwarder) ship.TLSFiles {
	files := ship.TLSFiles{CA: conf.SSLCA}
	if conf.SSLCert != "" && conf.SSLKey != "" {
		files.Cert, files.Key = conf.SSLCert, conf.SSLKey
	}
	return files
}

func groups(conf *config.Forwarder) []tail.Group {
	var out []tail.Group
	for _, g := range conf.Files {
		fields := make([]record.Pair, len(g.Fields))
		for i, f := range g.Fields {
			fields[i] = record.Pair{Name: f.Name, Value: f.Value}
		}
		out = append(out, tail.Group{Paths: g.Paths, Fields: fields, DeadTime: g.DeadTime})
	}
	return out
}

// How long the end may take: for acks from a server that answers, and from one
// that does not.
const (
	drainConnected = 10 * time.Second
	drainOtherwise = time.Second
)

// run runs the actors until ctx ends or one of them fails, and ends them in the
// direction of the lines.
func (f *forwarder) run(ctx context.Context) error {
	f.log.Info("scribe starts", "version", version, "pid", os.Getpid(), "state_dir", f.dir)
	var g run.Group
	signals, stopSignals := context.WithCancel(ctx)
	g.Add(func() error { <-signals.Done(); return nil }, func(error) { stopSignals() })

	tailing, stopTail := context.WithCancel(context.WithoutCancel(ctx))
	tailed := make(chan struct{})
	g.Add(func() error {
		defer close(tailed)
		if err := f.tailer.Run(tailing); tailing.Err() == nil {
			return err
		}
		return nil
	}, func(error) {
		stopTail()
		<-tailed
	})

	shipping, stopShip := context.WithCancel(context.WithoutCancel(ctx))
	g.Add(func() error { return f.shipper.Run(shipping) }, func(error) {
		f.drain()
		stopShip()
	})
	f.addStatus(&g)
	f.addProgress(&g)

	err := g.Run()
	if cerr := f.registry.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("save the positions: %w", cerr)
	}
	st := f.shipper.Status()
	f.log.Info("scribe ends", "lines_shipped", st.LinesAcked, "lines_left", st.QueueLines)
	return err
}

// drain waits a bounded time for what was read to be acknowledged. What is not
// will be sent again at the next start.
func (f *forwarder) drain() {
	patience := drainOtherwise
	if f.shipper.Status().Connected {
		patience = drainConnected
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.shipper.Drain(ctx); err != nil {
		f.log.Warn("not everything that was read is acknowledged; the next start sends the rest", "lines", f.shipper.Status().QueueLines)
	}
}
