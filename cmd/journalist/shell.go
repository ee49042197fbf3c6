package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/query/lang"
)

const shellHelp = `A line is a query, in the language of journalist query. Tab completes fields, values
and pipes; arrows bring back what was typed; Ctrl-C ends a running query; Ctrl-D ends
the shell. A line that begins with a space is not kept.

  .since 15m      ask the last 15 minutes (default 1h)
  .limit 50       at most so many rows
  .output json    pretty, raw, json, logfmt, csv, table
  .tz UTC         the time zone
  .stats          say what queries cost, or no longer
  .follow QUERY   show lines as they arrive
  .fields QUERY   list the fields of matching lines
  .link QUERY     print the page's link of a query
  .help  .quit
`

func (a *app) shellCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "ask one query after the other at a prompt",
		Long:  "Ask one query after the other. Without a terminal, lines of standard input are asked\none after the other.\n\n" + shellHelp,
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.local.stdin {
				return cli.Exit(cli.ExitUsage, errors.New("--stdin does not go with shell, whose queries come from there: --file names files"))
			}
			if _, err := f.question("*"); err != nil {
				return err
			}
			return a.shell(cmd.Context(), &f)
		},
	}
	f.register(cmd, 200)
	return cmd
}

// shell runs until the input ends. The signals of a terminal end a query, not the
// shell.
func (a *app) shell(ctx context.Context, f *askFlags) error {
	path, err := cli.HistoryPath()
	if err != nil {
		path = ""
	}
	history, err := cli.OpenHistory(path)
	if err != nil {
		fmt.Fprintln(a.stderr, cli.Safe(err.Error()))
		history = &cli.History{} // what cannot be read is not written over
	}
	p := cli.NewPrompt(a.stdin, a.stdout, history)
	s := &shell{app: a, flags: f}
	completer := &cli.Completer{Ask: f.knownFields(a)}
	p.Complete = func(line string) (int, []string) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), completionWait)
		defer cancel()
		return completer.Complete(ctx, line)
	}
	if p.Interactive() {
		ctx = s.catch(ctx, p)
		defer s.release()
		fmt.Fprintln(a.stdout, "journalist shell: Tab completes, .help explains, Ctrl-D ends")
	}
	code := error(nil)
	for ctx.Err() == nil {
		line, err := p.Line("journalist " + s.span() + "> ")
		if err != nil {
			if !errors.Is(err, io.EOF) {
				code = err
			}
			break
		}
		quit, err := s.do(ctx, strings.TrimSpace(line))
		if quit {
			break
		}
		if !p.Interactive() && err != nil {
			code = cli.Exit(cli.ExitCode(err), nil) // of the last that failed, which was explained
		}
		if text := errText(err); text != "" {
			fmt.Fprintf(a.stderr, "%s\n", cli.AppendSafe(nil, text, true))
		}
	}
	if p.Interactive() {
		fmt.Fprintln(a.stdout)
	}
	if err := history.Save(); err != nil {
		fmt.Fprintln(a.stderr, "the history is not kept: "+cli.Safe(err.Error()))
	}
	if code == nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return code
}

// errText is what there is to say about an error; an interrupt and an empty answer
// say enough by themselves.
func errText(err error) string {
	if err == nil || errors.Is(err, context.Canceled) {
		return ""
	}
	return err.Error()
}

// shell is the state between two lines.
type shell struct {
	app   *app
	flags *askFlags

	signals chan os.Signal
	done    chan struct{}
	end     context.CancelFunc
	mu      sync.Mutex
	cancel  context.CancelFunc // of the running query
}

// catch lets Ctrl-C end the running query; other signals end the program, with the
// terminal as it was. The context that comes from outside would end with the first
// Ctrl-C.
func (s *shell) catch(ctx context.Context, p *cli.Prompt) context.Context {
	ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.signals, s.done = make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer close(s.done)
		for sig := range s.signals {
			if sig != os.Interrupt {
				// A read from a terminal cannot be ended.
				_ = p.Restore() // nothing more can be done
				os.Exit(cli.ExitInterrupted)
			}
			s.mu.Lock()
			if s.cancel != nil {
				s.cancel()
			}
			s.mu.Unlock()
		}
	}()
	return ctx
}

func (s *shell) release() {
	signal.Stop(s.signals)
	close(s.signals)
	<-s.done
	s.end()
}

// running gives a query a context that Ctrl-C ends.
func (s *shell) running(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	return ctx, func() {
		cancel()
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
	}
}

func (s *shell) span() string {
	switch f := s.flags; {
	case f.span.since != "":
		return f.span.since
	case f.span.from != "" || f.span.to != "":
		return "from … to"
	case f.local.given():
		return "files"
	}
	return "1h"
}

// do does what a line says.
func (s *shell) do(ctx context.Context, line string) (quit bool, err error) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case line == "":
		return false, nil
	case line == ".quit" || line == ".exit" || line == "quit" || line == "exit":
		return true, nil
	case strings.HasPrefix(word, ".") && len(word) > 1 && word[1] >= 'a' && word[1] <= 'z':
		return false, s.dot(ctx, word, rest)
	}
	ctx, done := s.running(ctx)
	defer done()
	return false, s.app.ask(ctx, s.flags, line)
}

// dot does what is no query.
func (s *shell) dot(ctx context.Context, word, rest string) error {
	f := s.flags
	switch word {
	case ".help":
		_, err := io.WriteString(s.app.stdout, shellHelp)
		return err
	case ".since":
		if d, err := lang.ParseSpan(rest); err != nil || d <= 0 {
			return fmt.Errorf(".since %s: want a span of time such as 15m, 1h, 7d or 1y", rest)
		}
		f.span = rangeFlags{since: rest}
	case ".limit":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 || n > maxLimit {
			return fmt.Errorf(".limit %s: want 1 to %d", rest, maxLimit)
		}
		f.limit, f.limited = n, func() bool { return true }
	case ".output":
		if _, err := cli.NewRenderer(io.Discard, cli.RenderOptions{Form: rest}); err != nil {
			return fmt.Errorf(".output %s: want one of %s", rest, strings.Join(cli.Forms, ", "))
		}
		f.form = rest
	case ".tz":
		if _, err := location(rest); err != nil {
			return fmt.Errorf(".tz %s: there is no such time zone", rest)
		}
		f.zone = rest
	case ".stats":
		f.stats = !f.stats
	case ".follow", ".fields", ".link":
		ctx, done := s.running(ctx)
		defer done()
		return s.ask(ctx, word, rest)
	default:
		return fmt.Errorf("there is no %s here: .help lists what there is", word)
	}
	return nil
}

func (s *shell) ask(ctx context.Context, word, query string) error {
	if query == "" {
		query = "*"
	}
	f := *s.flags
	switch word {
	case ".follow":
		if f.local.given() {
			return cli.Exit(cli.ExitUsage, errNotLocal)
		}
		return s.app.follow(ctx, &f, query, false)
	case ".link":
		f.link = true
		return s.app.ask(ctx, &f, query)
	}
	return s.app.showFields(ctx, &f, query, 5, "table")
}
