package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/registry"
	"journalist/internal/rotate"
	"journalist/internal/tail"
	"journalist/internal/vfs"
)

const (
	// rotateState is the file in the state directory that remembers rotations.
	rotateState = "rotations"
	// cutPatience is how long a file may be out of reading for its acknowledgements.
	cutPatience = 30 * time.Second
	// cutHold is how long the file waits for scribe rotate, which then is taken for
	// dead.
	cutHold = 90 * time.Second
)

func (a *app) rotateCommand() *cobra.Command {
	var dir, state, gateBytes string
	var dry, force bool
	o := rotate.Options{}
	cmd := &cobra.Command{
		Use:   "rotate [flags] CONF…",
		Short: "rotate logs as logrotate does, and lose nothing",
		Long: `rotate does what logrotate does, from logrotate's own configuration files and
folders. What scribe forwards is compressed, removed or truncated only when a server
has acknowledged all of it: beside a scribe that runs with the same state directory
it asks that, else it reads how far the last one was. What still waits is done by
the next call. When the scribe that runs rotates by the same configuration itself,
it is told to do it now.

  scribe rotate --dry-run /etc/logrotate.conf     what would be done
  scribe rotate /etc/logrotate.conf               from cron or a timer
  scribe run --config FILE --rotate /etc/logrotate.conf   by the forwarder itself`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.GateBytes, err = config.ParseSize(gateBytes); err != nil {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--gate-bytes: %w", err))
			}
			dir, known := stateOf(dir)
			o.Configs, o.State = args, state
			if o.State == "" {
				o.State = filepath.Join(dir, rotateState)
			}
			if !known {
				fmt.Fprintf(a.stderr, "scribe: no scribe has kept its state in %s: nothing is known of acknowledgements, and nothing waits for them (see --state-dir)\n", dir)
			}
			if dry {
				return rotate.DryRun(a.stdout, o, force)
			}
			if st, err := askStatus(cmd.Context(), dir); err == nil && st.Rotation != nil && state == "" {
				return a.rotateNow(cmd.Context(), dir, args, force)
			}
			return a.rotateOnce(cmd.Context(), dir, o, force)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&dry, "dry-run", "n", false, "say what would be done, and do nothing")
	f.BoolVarP(&force, "force", "f", false, "rotate all logs, whether they are due or not")
	f.StringVarP(&state, "state", "s", "", "`file` that remembers; logrotate's own is converted (default: in the state directory)")
	f.StringVar(&dir, "state-dir", "", "`directory` of the positions (default $STATE_DIRECTORY, .scribe or /var/lib/scribe)")
	f.StringVar(&gateBytes, "gate-bytes", "10GiB", "do not wait for more than this `size` of a log")
	f.DurationVar(&o.GateAge, "gate-age", 7*24*time.Hour, "do not wait for what is older than this")
	f.DurationVar(&o.GateWait, "gate-wait", time.Minute, "leave what is not acknowledged then to the next call")
	return cmd
}

// rotateNow has the scribe that rotates by itself do it.
func (a *app) rotateNow(ctx context.Context, dir string, configs []string, force bool) error {
	configs, err := absolute(configs)
	if err != nil {
		return err
	}
	var done rotate.Result
	if err := ask(ctx, dir, "rotate now", rotateAll{Configs: configs, Force: force}, &done); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "scribe: the scribe that runs rotated %s; for acknowledgements wait: %s\n", cli.Counted(int64(done.Rotated), "log"), cli.Counted(int64(done.Waiting), "file"))
	if done.Failed > 0 {
		return fmt.Errorf("%s: see the log of the scribe that runs, or scribe status", cli.Counted(int64(done.Failed), "problem"))
	}
	return nil
}

// absolute returns the paths, sorted, as any process understands them.
func absolute(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		var err error
		if out[i], err = filepath.Abs(p); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// rotateOnce rotates beside a running scribe, or alone.
func (a *app) rotateOnce(ctx context.Context, dir string, o rotate.Options, force bool) error {
	logger, closeLog, err := newLogger(a.stderr, 0, false)
	if err != nil {
		return err
	}
	defer closeLog()
	o.Logger = logger
	if err := vfs.OS.MkdirAll(filepath.Dir(o.State)); err != nil {
		return err
	}
	forwarder, done, err := forwarderIn(ctx, dir)
	if err != nil {
		return err
	}
	defer done()
	o.Forwarder = forwarder
	r, err := rotate.New(o)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // everything noted is durable
	if err := r.Recover(ctx); err != nil {
		return err
	}
	res, err := r.Once(ctx, force)
	if err != nil {
		return err
	}
	for _, w := range r.Status().Waiting {
		logger.Warn("waits for acknowledgements, the next call goes on", "file", w.Path, "to", w.For, "bytes", w.Bytes)
	}
	if res.Failed > 0 {
		return fmt.Errorf("%s; %s rotated", cli.Counted(int64(res.Failed), "problem"), cli.Counted(int64(res.Rotated), "log"))
	}
	return nil
}

// forwarderIn finds who knows what is acknowledged: the scribe that runs with this
// state directory, else its registry; nil where there never was one.
func forwarderIn(ctx context.Context, dir string) (f rotate.Forwarder, done func(), err error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, func() {}, nil
	}
	if _, err := askStatus(ctx, dir); err == nil {
		return remoteForwarder{dir}, func() {}, nil
	}
	unlock, err := lockState(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("the running scribe cannot be asked what is acknowledged: %w", err)
	}
	reg, err := registry.Open(vfs.OS, dir, registry.Options{})
	if err != nil {
		_ = unlock() // the first error is the one to tell
		return nil, nil, err
	}
	return registryForwarder{reg}, func() {
		_ = reg.Close() // cuts are durable; the rest can be found again
		_ = unlock()
	}, nil
}

// registryForwarder knows what the last scribe knew.
type registryForwarder struct{ reg *registry.Registry }

func (f registryForwarder) Acked(_ context.Context, path string, _, _ uint64) (rotate.Progress, error) {
	acked, ok, err := tail.KnownAcked(nil, f.reg, path)
	return rotate.Progress{Forwarded: ok, Acked: acked}, err
}

func (f registryForwarder) Cut(_ context.Context, path, _ string, cut func(uint64) (rotate.Cutting, error)) error {
	return cutError(tail.CutUnread(nil, f.reg, path, func(acked uint64) (tail.Cutting, error) {
		c, err := cut(acked)
		return tail.Cutting(c), err
	}))
}

func (f registryForwarder) Recut(_ context.Context, path string, done rotate.Cutting) error {
	return tail.Recut(nil, f.reg, path, tail.Cutting(done))
}

// cutError says in rotate's words what tail answered.
func cutError(err error) error {
	switch {
	case errors.Is(err, tail.ErrNotFollowed):
		return rotate.ErrNotFollowed
	case errors.Is(err, tail.ErrNotAcked):
		return rotate.ErrNotAcked
	case errors.Is(err, tail.ErrNoCut):
		return rotate.ErrNoCut
	}
	return err
}

// localForwarder is this process.
type localForwarder struct{ f *forwarder }

func (l localForwarder) Acked(_ context.Context, path string, dev, ino uint64) (rotate.Progress, error) {
	t := l.f.tailer()
	if t == nil {
		return rotate.Progress{}, nil
	}
	acked, ok := t.AckedOf(path, dev, ino)
	return rotate.Progress{Forwarded: ok, Acked: acked}, nil
}

func (l localForwarder) Cut(ctx context.Context, path, copyTo string, cut func(uint64) (rotate.Cutting, error)) error {
	t := l.f.tailer()
	if t == nil {
		return rotate.ErrNotFollowed
	}
	ctx, cancel := context.WithTimeout(ctx, cutPatience)
	defer cancel()
	return cutError(t.Cut(ctx, path, copyTo, func(acked uint64) (tail.Cutting, error) {
		c, err := cut(acked)
		return tail.Cutting(c), err
	}))
}

func (l localForwarder) Recut(_ context.Context, path string, done rotate.Cutting) error {
	return tail.Recut(nil, l.f.registry, path, tail.Cutting(done))
}

// newRotation makes what rotates in this process and completes cuts that were under
// way; nothing is read yet. It is nil when nothing is to be rotated.
func (f *forwarder) newRotation(ctx context.Context, configs []string) (*rotate.Runner, error) {
	if len(configs) == 0 {
		return nil, nil
	}
	r, err := rotate.New(hasten(rotate.Options{
		Configs: configs, State: filepath.Join(f.dir, rotateState), Forwarder: localForwarder{f}, Logger: f.log, Metrics: f.set,
	}))
	if err != nil {
		return nil, err
	}
	if err := r.Recover(ctx); err != nil {
		_ = r.Close() // the first error is the one to tell
		return nil, err
	}
	return r, nil
}

// addRotation adds the actor that rotates.
func (f *forwarder) addRotation(g *run.Group, r *rotate.Runner) {
	if r == nil {
		return
	}
	f.add(g, func(ctx context.Context) error {
		defer func() { _ = r.Close() }() // everything noted is durable
		return r.Run(ctx)
	})
}

// rotationStatus is nil when this process rotates nothing.
func (f *forwarder) rotationStatus() *cli.ScribeRotation {
	if f.rotation == nil {
		return nil
	}
	st := f.rotation.Status()
	out := &cli.ScribeRotation{Rotated: st.Rotated, Last: st.Last, Lost: st.Lost, AtRisk: st.AtRisk, Problems: st.Problems}
	for _, w := range st.Waiting {
		out.Waiting = append(out.Waiting, cli.ScribeRotationWait(w))
	}
	return out
}
