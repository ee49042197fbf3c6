// Command journalist keeps the logs of many servers and answers questions about
// them: the server with its embedded store and page, and the commands that ask
// and administer it.
//
// It only wires. Up the way are internal/ship and whoever else sends, and the
// person at internal/cli or in the page; down the way everything from
// internal/ingest and internal/api to internal/store. What `journalist serve` runs:
//
//	scribe, Beats                       browsers, scripts, journalist query …
//	     │ lumberjack over mutual TLS        │ HTTP(S): page, API, /elastic
//	     ▼                                   ▼
//	ingest/lumberjack        ┌───────────── api ─────────────┐
//	     │                   │ ingest/jsonl, ingest/elastic  │ asks
//	     │       batches     │ auth: may this one do that?   ▼
//	     └───────────┬───────┘                          query/exec
//	                 ▼                                       │
//	              pipeline  times                            │ scans, aggregates,
//	                 │                                       │ follows
//	                 ▼                                       ▼
//	              store: wal ─▶ memtable ─▶ parts ◀──────────┘
//	                 └─▶ ack, only after the wal's fsync
//
//	actors of the run group: signals · lumberjack listener · http listener ·
//	SIGHUP (certificates) — the first to end ends the others; serve.go says in
//	which order and how long each may take.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // an empty container image has no time zones

	"journalist/internal/cli"
)

// version is set by the build.
var version = "dev"

func main() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one ends the program at once.
	context.AfterFunc(ctx, func() {
		stop()
		a.leave()
	})
	os.Exit(a.run(ctx, os.Args[1:]))
}

// app is what the commands share: where they read and write.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	started        bool        // a command was found and its flags are right
	piped          atomic.Bool // rows go to stdout, which is no terminal
}

// leaveWait is how long rows that are on their way may take after Ctrl-C.
const leaveWait = time.Second

// leave ends the program after an interruption where whoever should read its rows does
// not, so that it waits in a write that nothing else ends.
func (a *app) leave() {
	if a.piped.Load() {
		time.Sleep(leaveWait)
		os.Exit(cli.ExitInterrupted)
	}
}

// run executes a command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return cli.ExitInterrupted
	}
	if err != nil && err.Error() != "" {
		fmt.Fprintf(a.stderr, "journalist: %s\n", cli.AppendSafe(nil, err.Error(), true))
	}
	if code := cli.ExitCode(err); code != cli.ExitFailure || a.started {
		return code
	}
	return cli.ExitUsage
}
