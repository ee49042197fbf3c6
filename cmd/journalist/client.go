package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/query/lang"
)

// clientFlags are the flags of every command that asks a server.
type clientFlags struct {
	conn cli.Connection
}

func (f *clientFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.conn.Server, "server", "", "the server: https://host:9292, http://127.0.0.1:9292 or unix:/path (or `URL` in JOURNALIST_URL)")
	fl.StringVar(&f.conn.TokenFile, "token-file", "", "a `FILE` that holds the token (or JOURNALIST_TOKEN_FILE, or the token itself in JOURNALIST_TOKEN)")
	fl.StringVar(&f.conn.CAFile, "ca", "", "the server's certificate authority, a PEM `FILE` (or JOURNALIST_CA)")
}

// options are what flags, environment and login say about the server.
func (f *clientFlags) options() (cli.ClientOptions, error) {
	f.conn.Version = programVersion()
	path, err := cli.ProfilePath()
	if err != nil && f.conn.Server == "" {
		return cli.ClientOptions{}, err
	}
	return f.conn.Options(path)
}

// client makes the client that flags, environment and login ask for.
func (f *clientFlags) client() (*cli.Client, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	return cli.NewClient(o)
}

// rangeFlags say which time a question is about.
type rangeFlags struct{ since, from, to string }

func (f *rangeFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.since, "since", "s", "", "from this long ago until now: 15m, 1h, 7d, 1y (default 1h)")
	fl.StringVar(&f.from, "from", "", "from this `TIME` on: 2026-01-31, 2026-01-31T12:00:00Z, now-2h, seconds or milliseconds since 1970")
	fl.StringVar(&f.to, "to", "", "until before this `TIME` (default now)")
	cmd.MarkFlagsMutuallyExclusive("since", "from")
	cmd.MarkFlagsMutuallyExclusive("since", "to")
}

// resolve returns from and to as the API takes them. Times are read here because
// those without a zone mean the user's, not the server's.
func (f *rangeFlags) resolve(now time.Time) (from, to string, err error) {
	if f.since != "" {
		span, err := lang.ParseSpan(f.since)
		if err != nil || span <= 0 {
			return "", "", cli.Exit(cli.ExitUsage, fmt.Errorf("-s %s: want a span of time such as 15m, 1h, 7d or 1y", f.since))
		}
		return timeText(now.Add(-span)), "", nil
	}
	if f.from != "" {
		if from, err = resolveTime("--from", f.from, now); err != nil {
			return "", "", err
		}
	}
	if f.to != "" {
		to, err = resolveTime("--to", f.to, now)
	}
	return from, to, err
}

func resolveTime(flag, text string, now time.Time) (string, error) {
	t, err := lang.ParseTime(text, now)
	if err != nil {
		return "", cli.Exit(cli.ExitUsage, fmt.Errorf("%s: %w", flag, err))
	}
	return timeText(t), nil
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// queryArgs joins the words of a query. Without any it matches everything.
func queryArgs(args []string) string { return strings.Join(args, " ") }

// dashHint explains a query that was taken for flags.
func dashHint(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("%w\nA query that begins with \"-\" follows \"--\": %s -s 1h -- '-level:debug'", err, cmd.CommandPath()))
	})
}

// output is stdout through a buffer that does not hold rows back for long.
type output struct {
	w       *bufio.Writer
	each    bool // flush after each row
	flushed time.Time
}

func (a *app) output(each bool) *output {
	screen := cli.IsTerminal(a.stdout)
	a.piped.Store(!screen)
	return &output{w: bufio.NewWriterSize(a.stdout, 64<<10), each: each || screen}
}

// row is called after each row.
func (o *output) row() error {
	if !o.each {
		now := time.Now()
		if now.Sub(o.flushed) < 100*time.Millisecond {
			return nil
		}
		o.flushed = now
	}
	return o.w.Flush()
}

// explain prints a query error with its place; anything else is returned as it is.
func (a *app) explain(query string, err error) error {
	var api *cli.APIError
	if errors.As(err, &api) && (api.Kind == "query" || api.Position >= 0) {
		cli.WriteQueryError(a.stderr, query, api.Position, api.Message, api.Hint)
		return cli.Exit(cli.ExitUsage, nil)
	}
	return err
}

// partial says why an answer is not complete, and makes the exit code.
func (a *app) partial(st cli.Stats) error {
	if len(st.Partial) == 0 {
		return nil
	}
	for _, p := range st.Partial {
		fmt.Fprintln(a.stderr, "not complete: "+cli.Safe(p))
	}
	return cli.Exit(cli.ExitPartial, nil)
}

// completeForms completes -o.
func completeForms(cmd *cobra.Command, forms ...string) {
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)) // fails only for an unknown flag
}
