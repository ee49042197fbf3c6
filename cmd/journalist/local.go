package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/cli/local"
	"journalist/internal/pipeline"
	"journalist/internal/record"
)

// localFlags let a command ask files instead of a server.
type localFlags struct {
	stdin  bool
	files  []string
	format string
}

func (f *localFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.stdin, "stdin", false, "ask the lines of standard input, not a server")
	fl.StringArrayVar(&f.files, "file", nil, "ask the lines of a `FILE`, plain, gzip, zstd or bzip2, not a server; may be repeated")
	fl.StringVar(&f.format, "format", "auto", "what files hold: auto, text, json")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"auto", "text", "json"}, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
}

// given tells that files are asked.
func (f *localFlags) given() bool { return f.stdin || len(f.files) > 0 }

// split takes the files off the end of a command's arguments: where every argument
// behind the first min names a file that is there, by a path or a name with a dot.
// Anything else is a word of the query.
func (f *localFlags) split(args []string, least int) []string {
	if len(args) <= least {
		return args
	}
	for _, name := range args[least:] {
		if !strings.ContainsAny(name, "./") {
			return args
		}
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			return args
		}
	}
	f.files = append(f.files, args[least:]...)
	return args[:least]
}

// source makes what answers: the files.
func (f *localFlags) source(a *app, zone *time.Location) (*cli.Files, error) {
	if !slices.Contains([]string{"auto", "text", "json"}, f.format) {
		return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("--format %s: want auto, text or json", f.format))
	}
	files := f.files
	if f.stdin {
		if cli.IsTerminal(a.stdin) {
			fmt.Fprintln(a.stderr, "reading lines from the keyboard; Ctrl-D ends them")
		}
		files = append([]string{"-"}, files...)
	}
	host, _ := os.Hostname() // without one the field is left out
	stage := pipeline.New(pipeline.Options{Next: nowhere{}, Zone: zone})
	return cli.NewFiles(local.Options{
		Files: files, Stdin: a.stdin, Format: f.format, Host: host,
		Stamp: func(b *record.Batch) { stage.Submit(context.Background(), b) },
	})
}

// nowhere is what follows the pipeline where nothing is kept.
type nowhere struct{}

func (nowhere) Submit(context.Context, *record.Batch) <-chan error { return nil }

// errNotLocal says that a flag is about a server.
var errNotLocal = errors.New("files cannot be followed and have no link: pipe tail -F into --stdin")
