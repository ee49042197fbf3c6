package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"journalist/internal/config"
	"journalist/internal/record"
	"journalist/internal/sdnotify"
	"journalist/internal/ship"
	"journalist/internal/tail"
)

// A reload makes the new configuration ready first; when something is wrong with it
// the old one stays. Then reading stops for a moment, between two runs of lines of
// each file; the same Tailer goes on with other groups, so that nothing that is on
// its way is read again, and what is deleted is still open. The shipper stays when
// its options do; else another one gets what it had left.

// addReload adds the actor that reloads at SIGHUP and when it is asked to.
func (f *forwarder) addReload(g *run.Group) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	f.add(g, func(ctx context.Context) error {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup:
				_ = f.reload() // it was logged
			case answer := <-f.reloads:
				answer <- f.reload()
			}
		}
	})
}

// reload reads the configuration anew and takes it over. One goroutine calls it.
func (f *forwarder) reload() error {
	_ = sdnotify.Send(sdnotify.Reloading()) // systemd only shows it
	err := f.takeNew()
	f.mu.Lock()
	f.failed = ""
	if err != nil {
		f.failed = err.Error()
	} else {
		f.reloaded = time.Now()
	}
	f.mu.Unlock()
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			f.log.Error("the configuration is wrong; the one before stays in effect", "problem", line)
		}
	}
	_ = sdnotify.Send("READY=1", "STATUS="+f.summary()) // systemd only shows it
	return err
}

func (f *forwarder) takeNew() error {
	next, err := f.load()
	if err != nil {
		return err
	}
	now := f.plan // only this goroutine changes it
	if err := f.tryFiles(next); err != nil {
		return err
	}
	var shipper *ship.Shipper
	if !sameWay(now, next) {
		if shipper, err = ship.New(next.ship); err != nil {
			return err
		}
	}
	for _, what := range unchangeable(now, next) {
		f.log.Warn("this change takes effect at the next start", "key", what)
	}
	began := time.Now()
	f.pause()
	if shipper != nil {
		f.delivery.replace(shipper)
		for _, addr := range now.ship.Servers {
			if !slices.Contains(next.ship.Servers, addr) {
				f.set.Drop("server", addr)
			}
		}
	}
	limitMemory(next.memory)
	err = f.goOn(next)
	f.changeSources(next)
	f.log.Info("configuration taken over", "files", len(next.files), "servers", next.conf.Servers, "other_servers", shipper != nil,
		"paused", time.Since(began).Round(time.Millisecond))
	return err
}

// unchangeable names what of two plans differs and is made once at the start.
func unchangeable(now, next *plan) (keys []string) {
	if now.spool != next.spool || now.conf.Spool.Bytes != next.conf.Spool.Bytes {
		keys = append(keys, "spool")
	}
	if now.metrics != next.metrics {
		keys = append(keys, "metrics")
	}
	if len(now.stdin) != len(next.stdin) || !reflect.DeepEqual(unplaced(now.conf.Stdin), unplaced(next.conf.Stdin)) {
		keys = append(keys, "stdin")
	}
	if !slices.Equal(now.rotate, next.rotate) {
		keys = append(keys, "rotate")
	}
	return keys
}

// unplaced is a group without the place where it stands: what only moved in its file
// is as it was.
func unplaced(g *config.FileGroup) *config.FileGroup {
	if g == nil {
		return nil
	}
	c := *g
	c.File, c.Line, c.Common = "", 0, commonUnplaced(g.Common)
	return &c
}

func commonUnplaced(c config.Common) config.Common {
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		c.Rules[i].File, c.Rules[i].Line = "", 0
	}
	return c
}

// tryFiles finds what a Tailer would refuse.
func (f *forwarder) tryFiles(p *plan) error {
	if len(p.files) == 0 {
		return nil
	}
	o := f.tailOptions(p, p.files)
	o.Metrics = nil
	o.Output = func(context.Context, *record.Lines) error { return nil } // never called
	_, err := tail.New(o)
	return err
}

// pause ends the Run of the files' Tailer and keeps its files open.
func (f *forwarder) pause() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files != nil {
		f.files.tailer.Hold()
		f.files.stop()
		<-f.files.ended
	}
}

// goOn reads on by a new plan. It is called behind pause.
func (f *forwarder) goOn(p *plan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = p
	var err error
	switch {
	case len(p.files) == 0 && f.files != nil:
		f.files.tailer.Release()
		f.files = nil
	case len(p.files) == 0:
	case f.files == nil:
		var t *tail.Tailer
		if t, err = f.newTailer(p, p.files, f.delivery.Send); err == nil {
			f.files = &following{tailer: t}
		}
	default:
		err = f.files.tailer.Change(f.tailOptions(p, p.files))
	}
	f.followLocked()
	return err
}

// reloadRequest answers scribe reload.
func (f *forwarder) reloadRequest(ctx context.Context, _ json.RawMessage) (any, error) {
	answer := make(chan error, 1)
	select {
	case f.reloads <- answer:
	case <-ctx.Done():
		return nil, errors.New("another reload takes its time: try again")
	}
	select {
	case err := <-answer:
		return nil, err
	case <-ctx.Done():
		return nil, errors.New("the reload takes longer; scribe status says when it is done")
	}
}

func (a *app) reloadCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "have the running scribe read its configuration anew",
		Long: `reload has the scribe that runs with this state directory read its configuration
anew, as SIGHUP does, and says what is wrong with it; then the old one stays in
effect. No line is lost or sent again.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _ := stateOf(dir)
			if err := ask(cmd.Context(), dir, "reload", nil, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.stdout, "the configuration is in effect")
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "state-dir", "", "`directory` of the positions (default $STATE_DIRECTORY, .scribe or /var/lib/scribe)")
	return cmd
}
