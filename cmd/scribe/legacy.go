package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/pprof"

	"journalist/internal/config"
)

// legacy runs scribe by logstash-forwarder's flags and with its exit codes.
func (a *app) legacy(ctx context.Context, args []string) int {
	f, err := config.ParseForwarderFlags(args, a.stderr)
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case err != nil:
		return config.ForwarderExitUsage // it was said already
	case f.Version:
		err = a.printVersion()
	default:
		err = a.legacyRun(ctx, f)
	}
	if err != nil {
		a.complain(err)
		return config.ForwarderExitFault
	}
	return 0
}

func (a *app) legacyRun(ctx context.Context, f *config.ForwarderFlags) (err error) {
	s := settings{config: f.Config, stateDir: f.StateDir, host: f.Host, fromEnd: f.Tail, level: slog.LevelInfo, syslog: f.Syslog}
	if f.Quiet {
		s.level = slog.LevelWarn
	}
	if f.SpoolSize != config.DefaultSpoolSize {
		s.windowLines = f.SpoolSize
	}
	if f.CPUProfile != "" {
		out, err := os.Create(f.CPUProfile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			_ = out.Close() // nothing was written
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, out.Close())
		}()
	}
	return a.forward(ctx, s)
}
