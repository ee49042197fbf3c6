package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/api"
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
given): of each its first and last line, how many there are, how much time usually
passes between two (interval) and how long ago the last one was (lag; both in seconds
for programs). A host is silent when that is more than 15 minutes and more than three
of its intervals, so that one that speaks every hour is not missed after half of it; or
more than --silent, where given. With --check it exits with 6 when one is.`,
		Example: `  journalist hosts
  journalist hosts 'type:nginx' -s 7d --silent 5m
  journalist hosts --check --silent 10m -o json || alert`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var limit time.Duration
			var err error
			if silent != "" {
				limit, err = lang.ParseSpan(silent)
			}
			if err != nil || silent != "" && limit <= 0 {
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
			query := piped(queryArgs(words), api.HostsPipes)
			h := hosts{limit: limit, form: f.form, now: time.Now()}
			if err := a.askThrough(cmd.Context(), &f, query, h.row); err != nil {
				return err
			}
			if h.silent > 0 {
				than := "15m and three of their intervals"
				if limit > 0 {
					than = lang.FormatSpan(limit)
				}
				fmt.Fprintf(a.stderr, "%d of %d hosts silent for more than %s\n", h.silent, h.all, than)
				if check {
					return cli.Exit(cli.ExitCheck, nil)
				}
			}
			return nil
		},
	}
	f.register(cmd, 10_000)
	f.complete(a, cmd)
	cmd.Flags().Lookup("since").Usage = "from this long ago until now: 1h, 7d (default 24h)"
	cmd.Flags().StringVar(&silent, "silent", "", "a host is silent when its last line is older than this (default 15m, and three of its intervals)")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 6 when a host is silent")
	return cmd
}

// hosts adds to each host how long ago its last line was. Used by one goroutine.
type hosts struct {
	limit       time.Duration // 0: as the API has it
	form        string
	now         time.Time
	all, silent int
	buf         []byte
}

// row adds to a host how much time usually passes between two lines and how long ago
// its last line was, in seconds for programs and in words for people, and whether it is
// silent; the names are those of the API.
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
	interval, known := usualInterval(r, last)
	silent := err == nil && lag > cmp.Or(h.limit, api.Silence(interval))
	if silent {
		h.silent++
	}
	people := h.form == "pretty" || h.form == "table"
	h.span("interval", interval, known, people)
	h.buf = append(h.buf, ',')
	h.span("lag", lag, err == nil, people) // lines without a time are not
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

// usualInterval is the mean time between two lines of a host, not known of one line.
func usualInterval(r *cli.Row, last time.Time) (d time.Duration, known bool) {
	first, err := time.Parse(time.RFC3339Nano, r.Text("first"))
	n, cerr := strconv.ParseInt(r.Text("count"), 10, 64)
	if err != nil || cerr != nil || last.Before(first) {
		return 0, false
	}
	return api.UsualInterval(last.Sub(first), n)
}

// span adds a span of time: in words for people, in seconds for programs.
func (h *hosts) span(name string, d time.Duration, known, people bool) {
	h.buf = append(record.AppendJSONString(h.buf, name), ':')
	switch {
	case !known:
		h.buf = append(h.buf, "null"...)
	case people:
		h.buf = record.AppendJSONString(h.buf, roughly(d))
	default:
		h.buf = strconv.AppendFloat(h.buf, float64(d.Milliseconds())/1000, 'f', -1, 64)
	}
}

// roughly is a span of time as exactly as people want to know it.
func roughly(d time.Duration) string {
	step := time.Second
	switch {
	case d > 0 && d < time.Second:
		return "<1s"
	case d >= 14*24*time.Hour:
		step = 24 * time.Hour
	case d >= 24*time.Hour:
		step = time.Hour
	case d >= time.Hour:
		step = time.Minute
	}
	return lang.FormatSpan(d.Truncate(step))
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
