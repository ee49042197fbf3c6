package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"journalist/internal/api"
	"journalist/internal/auth"
	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/fleet"
	"journalist/internal/ingest/lumberjack"
	"journalist/internal/metrics"
	"journalist/internal/pipeline"
	"journalist/internal/pki"
	"journalist/internal/query/exec"
	"journalist/internal/sdnotify"
	"journalist/internal/store"
	"journalist/internal/vfs"
	"journalist/ui"
)

// How long each step of stopping may take. They follow each other:
//
//  1. HTTP stops first and takes longest to notice: queries and tails in progress
//     are cut after drainHTTP, bodies that are being ingested get that long to be
//     answered.
//  2. lumberjack finishes the windows that it is in the middle of and acknowledges
//     them, at most drainLumberjack; the rest is sent again by its forwarder.
//  3. the store commits what is queued and writes its memory to parts. It has no
//     limit of its own: whatever it does not manage is in the write-ahead log, and
//     systemd's time-out or a second signal ends it without loss.
const (
	drainHTTP       = 5 * time.Second
	drainLumberjack = 10 * time.Second
)

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the server",
		Long: `Run the server until SIGINT or SIGTERM. The first start makes a certificate
authority, the server's certificate, an admin token and a one-time login link, and
prints the last two on the terminal; without a terminal they are written to
first-login in the data folder.

The page and the API listen on loopback without TLS, on every other address with
TLS; nobody gets in without a token. SIGHUP reads certificates anew; a second
SIGINT or SIGTERM ends the program at once, which loses nothing that was
acknowledged.`,
		Example: `  journalist serve
  journalist serve --data /var/lib/journalist --http :9292 --tls-name logs.example.com
  journalist serve --config /etc/journalist.yml`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), o)
		},
	}
	f.register(cmd)
	return cmd
}

// programMemory is about what the program itself takes besides what Go's limit
// counts: its code, and what the kernel keeps for it.
const programMemory = 24 << 20

// serve opens everything from the disk up to the listeners, runs it, and closes it
// the other way round.
func (a *app) serve(ctx context.Context, o serveOptions) (err error) {
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: o.Log.Level}))
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(o.memory - programMemory)
	}
	set := metrics.New()
	if err := vfs.OS.MkdirAll(string(o.data)); err != nil {
		return unwritable(fmt.Errorf("data folder: %w", err))
	}
	st, err := openStore(o, set, log)
	if err != nil {
		return unwritable(err)
	}
	defer func() {
		log.Info("closing the store")
		err = errors.Join(err, st.Close())
	}()
	authority, err := pki.Open(vfs.OS, o.data.pki(), pki.Options{
		Names: o.HTTP.Names, CertFile: o.HTTP.TLS.Cert, KeyFile: o.HTTP.TLS.Key, Logger: log,
	})
	if err != nil {
		return err
	}
	au, err := openAuth(o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, au.Close()) }()

	sink := pipeline.New(pipeline.Options{Next: st, Zone: o.Zone, Metrics: set, Logger: log})
	engine := exec.New(exec.Options{
		Source: st, Metrics: set, Logger: log,
		MaxBytes: min(64<<20, o.memory/2), MaxTotalBytes: o.memory / 2,
	})
	enrols := &enroller{authority: authority}
	forwarders := fleet.New(nil, set)
	handler := api.New(api.Options{
		Querier: engine, Sink: sink, Auth: au, Enroller: enrols, Fleet: forwarders, Metrics: set, Logger: log,
		Deleter: engine, Backup: backupHandler(st, o.data), Keeper: st,
		UI: ui.Dist(), Version: programVersion(),
	})
	l, err := listen(o, authority, set)
	if err != nil {
		return err
	}
	defer l.close() // for the ways out before they are served
	enrols.servers = enrollServers(l.lumberjackAddr(), o.HTTP.Names)
	info := serverInfo{
		URL: l.url, Page: l.page, Lumberjack: l.lumberjackAddr(),
		ForeignCert: o.HTTP.TLS.Cert != "", PID: os.Getpid(), Version: programVersion(),
	}
	if err := o.data.writeInfo(info); err != nil {
		// On a full disk, say. What is there can be asked all the same.
		log.Warn("journalist login on this machine will not know the server's addresses", "err", err)
	}
	if err := a.welcome(o, au, l.page, log); err != nil {
		return err
	}
	var group run.Group
	addHTTP(&group, l.http, handler, log)
	if l.lumberjack != nil {
		addLumberjack(&group, l.lumberjack, lumberjack.New(lumberjack.Options{
			Sink: sink, Positions: st, Reports: forwarders, TLS: authority.MutualConfig(l.clientCAs), Logger: log, Metrics: set,
		}), log)
	}
	addSignals(ctx, &group, authority, log)
	log.Info("journalist is ready", "version", programVersion(), "page", orElse(l.page, l.url), "lumberjack", orElse(info.Lumberjack, "off"),
		"data", string(o.data), "ca_sha256", authority.CAFingerprint())
	if err := sdnotify.Send("READY=1\nSTATUS=" + orElse(l.page, l.url)); err != nil {
		log.Warn("systemd does not know that the server is ready", "err", err)
	}
	err = group.Run()
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func openStore(o serveOptions, set *metrics.Set, log *slog.Logger) (*store.Store, error) {
	retention := map[string]store.Retention{"": {Age: o.Retention.Default.Age, Bytes: o.Retention.Default.Bytes}}
	for name, r := range o.Retention.Datasets {
		retention[name] = store.Retention{Age: r.Age, Bytes: r.Bytes}
	}
	var floor uint64 // the store's own default
	if o.DiskFloor != config.DefaultServer().DiskFloor {
		_, total, err := vfs.OS.Free(string(o.data))
		if err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
		floor = max(1, o.DiskFloor.Of(total))
	}
	return store.Open(store.Options{Dir: o.data.store(), Logger: log, Metrics: set, Retention: retention, DiskFloor: floor})
}

func openAuth(o serveOptions, log *slog.Logger) (*auth.Auth, error) {
	au, err := auth.Open(vfs.OS, o.data.auth(), auth.WithLogger(log))
	if err != nil {
		return nil, err
	}
	if o.adminTokenFile == "" {
		return au, nil
	}
	secret, err := cli.ReadSecret(o.adminTokenFile)
	if err == nil {
		err = au.SetAdminToken(secret)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("admin token: %w", err), au.Close())
	}
	return au, nil
}

// errStopped ends the group when a signal asked for it.
var errStopped = errors.New("stopped")

// addSignals adds the actors that wait for the signal to stop and for SIGHUP.
func addSignals(ctx context.Context, group *run.Group, authority *pki.PKI, log *slog.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	group.Add(func() error {
		<-ctx.Done()
		log.Info("stopping")
		_ = sdnotify.Send("STOPPING=1") // systemd only shows it
		return errStopped
	}, func(error) { cancel() })

	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	group.Add(func() error {
		for {
			select {
			case <-done:
				return nil
			case <-hup:
			}
			_ = sdnotify.Send(sdnotify.Reloading()) // systemd only shows it
			if err := authority.Reload(); err != nil {
				log.Error("reload: the certificates before stay in use", "err", err)
			} else {
				log.Info("certificates and revocations are read anew")
			}
			_ = sdnotify.Send("READY=1") // systemd only shows it
		}
	}, func(error) {
		signal.Stop(hup)
		close(done)
	})
}

// addHTTP adds the server of page and API.
func addHTTP(group *run.Group, l net.Listener, handler http.Handler, log *slog.Logger) {
	server := api.NewServer(l.Addr().String(), handler)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug) // handshakes of port scanners
	// Requests end with this context: tails would otherwise never do.
	requests, cutRequests := context.WithCancel(context.Background())
	server.BaseContext = func(net.Listener) context.Context { return requests }
	closed := make(chan struct{})
	group.Add(func() error {
		err := server.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			<-closed // Serve returns at once, the requests end later
			return nil
		}
		return fmt.Errorf("http: %w", err)
	}, func(error) {
		defer close(closed)
		ctx, cancel := context.WithTimeout(context.Background(), drainHTTP)
		defer cancel()
		// Half of the time is for answers to end by themselves.
		cut := time.AfterFunc(drainHTTP/2, cutRequests)
		defer cut.Stop()
		if err := server.Shutdown(ctx); err != nil {
			log.Warn("http: some requests were cut off", "err", err)
			_ = server.Close() // what is left is cut off
		}
		cutRequests()
	})
}

// addLumberjack adds the server of the forwarders.
func addLumberjack(group *run.Group, l net.Listener, server *lumberjack.Server, log *slog.Logger) {
	closed := make(chan struct{})
	group.Add(func() error {
		if err := server.Serve(l); err != nil {
			return err
		}
		<-closed // Serve returns at once, the connections end later
		return nil
	}, func(error) {
		defer close(closed)
		ctx, cancel := context.WithTimeout(context.Background(), drainLumberjack)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			log.Warn("lumberjack: some windows were cut off; their forwarders send them again", "err", err)
		}
	})
}
