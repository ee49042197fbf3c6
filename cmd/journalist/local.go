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
// behind the first ones names a file that is there, by a path or a name with a dot.
// Anything else is words of the query; but a list of files of which one is missing is
// an error, because a server would be asked for what nobody meant.
func (f *localFlags) split(args []string, least int) ([]string, error) {
	if len(args) <= least {
		return args, nil
	}
	there, missing := 0, error(nil)
	for _, name := range args[least:] {
		if !strings.ContainsAny(name, "./") {
			return args, nil
		}
		info, err := os.Stat(name)
		switch {
		case err == nil && !info.IsDir():
			there++
		case err == nil:
			err = fmt.Errorf("%s is a directory: name its files", name)
			fallthrough
		case missing == nil && (looksLikePath(name) || there > 0):
			missing = err
		}
	}
	switch {
	case there == len(args)-least:
		f.files = append(f.files, args[least:]...)
		return args[:least], nil
	case missing != nil:
		return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("%w (a query of several words that are no files is best quoted as one)", missing))
	}
	return args, nil
}

// looksLikePath tells a path from a word of a query, and from a regular expression.
func looksLikePath(name string) bool {
	if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		return true
	}
	return strings.HasPrefix(name, "/") && !strings.HasSuffix(name, "/") && !strings.HasSuffix(name, "/i")
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
