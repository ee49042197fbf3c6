// Command run is what `make run` starts: a journalist and a scribe that ships this
// machine's own logs, or a bundled sample where there is nothing to read. It
// prints a login link, shows how many lines arrived, stops both programs cleanly
// on Ctrl-C, and goes on where it was when it is started again.
//
// It stands beside the way: it starts the two programs of cmd/ as a person would,
// and asks the server through internal/cli. What it makes lies in run/ below the
// data folder:
//
//	journalist.log, scribe.log    what the two programs say
//	local.crt, local.key, ca.crt  scribe's certificate
//	token                         with which it asks for the count
//	scribe.conf, scribe/          scribe's configuration and state
//	sample/                       the bundled sample, when it is needed
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"journalist/internal/cli"
)

func main() {
	// The children ask to be ended with the thread that started them.
	runtime.LockOSThread()
	var d demo
	flag.StringVar(&d.bin, "bin", "bin", "folder of the two programs")
	flag.StringVar(&d.data, "data", "data", "data folder")
	flag.StringVar(&d.http, "http", "127.0.0.1:9292", "address of the page and the API")
	flag.StringVar(&d.lumberjack, "lumberjack", "127.0.0.1:5043", "address for scribe")
	flag.Var((*list)(&d.paths), "path", "ship these files instead of this machine's logs (may be repeated)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := d.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// demo is one run.
type demo struct {
	bin, data, http, lumberjack string
	paths                       []string

	dir string // data/run
}

// patience is how long the server may take to become ready: it may have to read
// its write-ahead log first.
const patience = 60 * time.Second

// How long the programs may take to stop before they are killed. scribe goes
// first, so that what it has sent is still acknowledged.
const (
	stopScribe     = 15 * time.Second
	stopJournalist = 30 * time.Second
)

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.prepare(); err != nil {
		return err
	}
	server, err := start(d.log("journalist"), d.program("journalist"), "serve",
		"--data", d.data, "--http", d.http, "--lumberjack", d.lumberjack)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop(stopJournalist)) }()
	client, link, err := d.introduce(ctx, server)
	if err != nil {
		return server.explain(err)
	}
	defer client.Close()
	forwarder, err := start(d.log("scribe"), d.program("scribe"), "run",
		"--config", d.path("scribe.conf"), "--state-dir", d.path("scribe"))
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println("\nstopping …")
		err = errors.Join(err, forwarder.stop(stopScribe))
	}()
	fmt.Printf(`
  The page:  %s
             (this link logs you in once, within 15 minutes; the next start prints another)
  Logs:      %s
  Ctrl-C stops; the next make run goes on where this one was.

`, link, strings.Join(d.paths, " "))
	return d.watch(ctx, client, server, forwarder)
}

func (d *demo) path(name string) string    { return filepath.Join(d.dir, name) }
func (d *demo) log(name string) string     { return d.path(name + ".log") }
func (d *demo) program(name string) string { return filepath.Join(d.bin, name) }

// prepare makes the folder and finds what to ship.
func (d *demo) prepare() (err error) {
	if d.bin, err = filepath.Abs(d.bin); err != nil {
		return err
	}
	if d.data, err = filepath.Abs(d.data); err != nil {
		return err
	}
	d.dir = filepath.Join(d.data, "run")
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"journalist", "scribe"} {
		if _, err := os.Stat(d.program(name)); err != nil {
			return fmt.Errorf("%s is not built: make build", d.program(name))
		}
	}
	return d.choosePaths(time.Now())
}

// introduce waits for the server, gives scribe a certificate and this program a
// token, and returns a client and a login link.
func (d *demo) introduce(ctx context.Context, server *process) (*cli.Client, string, error) {
	probe, err := cli.NewClient(cli.ClientOptions{Server: "http://" + d.http})
	if err != nil {
		return nil, "", err
	}
	defer probe.Close()
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for probe.Ready(wait) != nil {
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return nil, "", errors.New("interrupted before the server was ready")
			}
			return nil, "", fmt.Errorf("the server is not ready after %s", patience)
		case <-server.done:
			return nil, "", errors.New("the server ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := os.Stat(d.path("local.crt")); err != nil {
		if _, err := d.admin("cert", "issue", "local", "--out", d.dir, "--force"); err != nil {
			return nil, "", err
		}
	}
	if err := d.writeConfig(); err != nil {
		return nil, "", err
	}
	token, err := d.token(ctx)
	if err != nil {
		return nil, "", err
	}
	link, err := d.admin("token", "link")
	if err != nil {
		return nil, "", err
	}
	client, err := cli.NewClient(cli.ClientOptions{Server: "http://" + d.http, Token: token})
	return client, link, err
}

// token returns the token kept from an earlier run when it is still good, else a
// new one.
func (d *demo) token(ctx context.Context) (string, error) {
	if kept, err := cli.ReadSecret(d.path("token")); err == nil {
		c, err := cli.NewClient(cli.ClientOptions{Server: "http://" + d.http, Token: kept})
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Me(ctx); err == nil {
			return kept, nil
		}
	}
	token, err := d.admin("token", "create", "make-run", "--scope", "read")
	if err != nil {
		return "", err
	}
	return token, os.WriteFile(d.path("token"), []byte(token+"\n"), 0o600)
}
