package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/query/lang"
	"journalist/internal/record"
)

func (a *app) hostsCommand() *cobra.Command {
	var (
		f      askFlags
		silent string
		check  bool
	)
	cmd := &cobra.Command{
		Use:   "hosts [QUERY]",
		Short: "show who sent when last, and who is silent",
		Long: `Show the hosts of the lines that match (of the last 24 hours, unless a time is
given): its first and last line, how many, how long ago the last one was (lag, in
seconds for programs), and which have been silent for longer than --silent. With --check it exits with 6 when one has.`,
		Example: `  journalist hosts
  journalist hosts 'type:nginx' -s 7d --silent 5m
  journalist hosts --check --silent 10m -o json || alert`,
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := lang.ParseSpan(silent)
			if err != nil || limit <= 0 {
				return cli.Exit(cli.ExitUsage, fmt.Errorf("--silent %s: want a span of time such as 5m or 1h", silent))
			}
			words, err := f.local.split(args, 1)
			if err != nil {
				return err
			}
			if f.span.since == "" && f.span.from == "" && !f.local.given() {
				f.span.since = "24h"
				if f.span.to != "" {
					f.span.since, f.span.from = "", "1970-01-01"
				}
			}
			query := piped(queryArgs(words), "stats min(@timestamp) as first, max(@timestamp) as last, count() as count by host | sort last, host")
			h := hosts{limit: limit, form: f.form, now: time.Now()}
			if err := a.askThrough(cmd.Context(), &f, query, h.row); err != nil {
				return err
			}
			if h.silent > 0 {
				fmt.Fprintf(a.stderr, "%d of %d hosts silent for more than %s\n", h.silent, h.all, lang.FormatSpan(limit))
				if check {
					return cli.Exit(cli.ExitCheck, nil)
				}
			}
			return nil
		},
	}
	f.register(cmd, 10_000)
	f.complete(a, cmd)
	cmd.Flags().StringVar(&silent, "silent", "15m", "a host is silent when its last line is older than this")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 6 when a host is silent")
	return cmd
}

// hosts adds to each host how long ago its last line was. Used by one goroutine.
type hosts struct {
	limit       time.Duration
	form        string
	now         time.Time
	all, silent int
	buf         []byte
}

// row adds to a host how long ago its last line was, in seconds for programs and in
// words for people, and whether it is silent; the names are those of the API.
func (h *hosts) row(r *cli.Row, f func(*cli.Row) error) error {
	h.all++
	h.buf = append(h.buf[:0], '{')
	for _, name := range []string{"host", "first", "last", "count"} {
		f, ok := r.Field(name)
		if !ok {
			f.Value = []byte("null")
		}
		h.buf = append(append(record.AppendJSONString(h.buf, name), ':'), f.Value...)
		h.buf = append(h.buf, ',')
	}
	last, err := time.Parse(time.RFC3339Nano, r.Text("last"))
	lag := max(0, h.now.Sub(last))
	silent := err == nil && lag > h.limit
	if silent {
		h.silent++
	}
	people := h.form == "pretty" || h.form == "table"
	h.buf = append(h.buf, `"lag":`...)
	switch {
	case err != nil: // lines without a time are not
		h.buf = append(h.buf, "null"...)
	case people:
		h.buf = record.AppendJSONString(h.buf, lang.FormatSpan(lag.Truncate(step(lag))))
	default:
		h.buf = strconv.AppendFloat(h.buf, float64(lag.Milliseconds())/1000, 'f', -1, 64)
	}
	switch {
	case people && silent:
		h.buf = append(h.buf, `,"state":"silent"}`...)
	case people:
		h.buf = append(h.buf, `,"state":""}`...)
	default:
		h.buf = fmt.Appendf(h.buf, `,"silent":%v}`, silent)
	}
	var row cli.Row
	if err := cli.ParseRow(h.buf, &row); err != nil {
		return err
	}
	return f(&row)
}

// step is how exactly people want to know how long ago something was.
func step(ago time.Duration) time.Duration {
	switch {
	case ago >= 14*24*time.Hour:
		return 24 * time.Hour
	case ago >= 24*time.Hour:
		return time.Hour
	case ago >= time.Hour:
		return time.Minute
	}
	return time.Second
}

// through is an asker whose rows are changed on their way.
type through struct {
	asker
	change func(r *cli.Row, f func(*cli.Row) error) error
}

func (t through) Query(ctx context.Context, q cli.Question, row func(*cli.Row) error) (cli.Stats, error) {
	return t.asker.Query(ctx, q, func(r *cli.Row) error { return t.change(r, row) })
}

// Progress is that of the asker, where it knows.
func (t through) Progress() string {
	if p, ok := t.asker.(progressing); ok {
		return p.Progress()
	}
	return ""
}
