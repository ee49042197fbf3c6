// Command scribe runs on every server and ships the lines of its log files to a
// journalist, or to another lumberjack server.
//
// It only wires internal/tail, internal/source, internal/rules, internal/ship,
// internal/registry and internal/rotate by what internal/config read; at the other
// end of the wire is internal/ingest/lumberjack. What `scribe run` runs:
//
//	log files        stdin, sockets      systemd's journal
//	     │ bytes           │                   │
//	     ▼                 ▼                   │
//	   tail ◀─ cut ─┐    spool (if any)        │     containers: who they are
//	     │          │      │                   │
//	     │ runs of lines, each through its source's rules
//	     ▼          │      ▼                   ▼
//	   delivery ── one shipper at a time; a reload may replace it
//	     │                 │
//	     │ acks            ▼
//	     │               ship: bounded queue ── windows ─▶ servers (lumberjack over TLS)
//	     ▼
//	   registry ─▶ state dir       rotate ── compresses and removes what is acknowledged
//
//	actors of the run group: signals · reload · control socket · health · progress ·
//	report · systemd · stdin · sources · rotation · files · spool · delivery. The end of one
//	ends the others in this order, against nothing that is still needed: reading
//	stops, the delivery waits a bounded time for the acks of what was read, then the
//	sources, the spool and the registry are saved.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"journalist/internal/cli"
)

// version is set by the build.
var version = "dev"

func main() {
	a := &app{stdout: os.Stdout, stderr: os.Stderr}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(a.run(ctx, os.Args[1:]))
}

// app is what the commands share: where they write.
type app struct {
	stdout, stderr io.Writer
}

// run executes a command line and returns its exit code. One that begins with a
// flag is logstash-forwarder's.
func (a *app) run(ctx context.Context, args []string) int {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--help" && args[0] != "-h" {
		return a.legacy(ctx, args)
	}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return cli.ExitInterrupted
	}
	a.complain(err)
	return cli.ExitCode(err)
}

// complain prints an error, each of its lines with the program's name.
func (a *app) complain(err error) {
	if err == nil || err.Error() == "" {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(a.stderr, "scribe: "+cli.Safe(line))
	}
}
