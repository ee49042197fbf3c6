package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/query/lang"
)

// exploreCommand makes a command that puts a query with one more pipe behind it.
// pipe gets the arguments and returns the query's words and the pipe.
func (a *app) exploreCommand(f *askFlags, limit int, cmd *cobra.Command, pipe func(args []string) (query []string, pipe string, err error)) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words, p, err := pipe(args)
		if err != nil {
			return err
		}
		return a.ask(cmd.Context(), f, piped(queryArgs(words), p))
	}
	f.register(cmd, limit)
	f.complete(a, cmd)
	return cmd
}

// fieldName spells a field's name as the language reads it.
func fieldName(name string) string {
	return strings.TrimPrefix((&lang.Fields{Names: []string{name}}).String(), "fields ")
}

func (a *app) valuesCommand() *cobra.Command {
	var f askFlags
	var rare bool
	cmd := a.exploreCommand(&f, 20, &cobra.Command{
		Use:   "values FIELD [QUERY]",
		Short: "list the commonest values of a field",
		Long: `List the commonest values of a field in the lines that match, with how many lines
have each. It is short for QUERY | top N FIELD.`,
		Example: `  journalist values status 'type:nginx' -s 1d
  journalist values user --rare -n 50
  journalist values level --file app.log`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
	}, func(args []string) ([]string, string, error) {
		pipe := "top"
		if rare {
			pipe = "rare"
		}
		words, err := f.local.split(args[1:], 1)
		return words, fmt.Sprintf("%s %d %s", pipe, f.limit, fieldName(args[0])), err
	})
	cmd.ValidArgsFunction = a.fieldCompletion(&f)
	cmd.Flags().BoolVar(&rare, "rare", false, "the rarest values instead")
	return cmd
}

func (a *app) facetsCommand() *cobra.Command {
	var f askFlags
	return a.exploreCommand(&f, 20, &cobra.Command{
		Use:   "facets [QUERY]",
		Short: "list the fields that tell lines apart, with their commonest values",
		Long: `List the fields of the lines that match, the most useful first, with their
commonest values. It is short for QUERY | facets N. journalist fields lists all
fields of a sample instead.`,
		Example: `  journalist facets 'level:error' -s 1h
  journalist facets --file app.json`,
	}, func(args []string) ([]string, string, error) {
		words, err := f.local.split(args, 1)
		return words, fmt.Sprintf("facets %d", f.limit), err
	})
}

func (a *app) patternsCommand() *cobra.Command {
	var f askFlags
	var of string
	cmd := a.exploreCommand(&f, 50, &cobra.Command{
		Use:   "patterns [QUERY]",
		Short: "group lines by what their texts have in common",
		Long: `Group the lines that match by what their messages have in common, with how many
there are of each pattern, when (as a line of up to 32 columns over the time in which
there are lines, and the first and the last time), an example, and the commonest values
in each of its slots, of a sample. It is short for QUERY | patterns N.`,
		Example: `  journalist patterns 'level:error' -s 1d
  journalist patterns --of path 'type:nginx' -n 10
  journalist patterns --file /var/log/syslog`,
	}, func(args []string) ([]string, string, error) {
		pipe := fmt.Sprintf("patterns %d", f.limit)
		if of != "" {
			pipe += " of " + fieldName(of)
		}
		words, err := f.local.split(args, 1)
		return words, pipe, err
	})
	cmd.Flags().StringVar(&of, "of", "", "the field whose texts are grouped (default message)")
	return cmd
}

func (a *app) compareCommand() *cobra.Command {
	var f askFlags
	var span string
	cmd := a.exploreCommand(&f, 50, &cobra.Command{
		Use:   "compare [QUERY]",
		Short: "say what is different from the time before",
		Long: `Compare the lines that match with those of the time before: values and patterns that
are new, gone, more or fewer, the most significant first. The time before is as long
as the time asked for, unless --with says how far back it lies. It is short for
QUERY | compare SPAN | limit N.`,
		Example: `  journalist compare -s 15m
  journalist compare 'type:shop' -s 1h --with 1d`,
	}, func(args []string) ([]string, string, error) {
		with, err := f.compareSpan(span, time.Now())
		if err != nil {
			return nil, "", err
		}
		words, err := f.local.split(args, 1)
		return words, fmt.Sprintf("compare %s | limit %d", with, f.limit), err
	})
	cmd.Flags().StringVar(&span, "with", "", "how far back the time lies that it is compared with: 1h, 1d, 7d")
	return cmd
}

// compareSpan is --with, or how long the time is that is asked for.
func (f *askFlags) compareSpan(with string, now time.Time) (string, error) {
	if with != "" {
		if d, err := lang.ParseSpan(with); err != nil || d <= 0 {
			return "", cli.Exit(cli.ExitUsage, fmt.Errorf("--with %s: want a span of time such as 1h, 1d or 7d", with))
		}
		return with, nil
	}
	if f.span.since != "" {
		return f.span.since, nil
	}
	if f.span.from == "" {
		return "1h", nil // as the server takes without a time
	}
	from, err := lang.ParseTime(f.span.from, now)
	to := now
	if err == nil && f.span.to != "" {
		to, err = lang.ParseTime(f.span.to, now)
	}
	if err != nil {
		return "", cli.Exit(cli.ExitUsage, err)
	}
	if !from.Before(to) {
		return "", cli.Exit(cli.ExitUsage, errors.New("--from must be before --to"))
	}
	return lang.FormatSpan(to.Sub(from).Truncate(time.Second)), nil
}

func (a *app) contextCommand() *cobra.Command {
	var (
		f              askFlags
		around         contextFlags
		host, file, at string
	)
	cmd := &cobra.Command{
		Use:   "context [QUERY]",
		Short: "show the lines around a line",
		Long: `Show each line that matches with the lines before and after it, of the same host and
file: 10 on both sides unless -A, -B or -C say otherwise. With --at it is the last
line until that time, within a week unless --from says where to begin.
It is short for QUERY | context N M.`,
		Example: `  journalist context 'panic' -s 1h
  journalist context --host web-01 --of-file /var/log/app.log --at 2026-01-31T12:00:05 -C 30`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var words []string
			for _, c := range []struct{ field, value string }{{"host", host}, {"file", file}} {
				if c.value != "" {
					words = append(words, (&lang.Compare{Field: c.field, Op: lang.Eq, Value: lang.Scalar{Text: c.value, Literal: true}}).String())
				}
			}
			given, err := f.local.split(args, 1)
			if err != nil {
				return err
			}
			query := queryArgs(given)
			if query != "" {
				words = append(words, "("+query+")")
			}
			if len(words) == 0 && at == "" {
				return cli.Exit(cli.ExitUsage, errors.New("the context of what? A query, or --at with a time"))
			}
			if around == (contextFlags{}) {
				around.around = 10
			}
			query = queryArgs(words)
			if at != "" {
				if err := f.until(at, time.Now()); err != nil {
					return err
				}
				query = piped(query, "limit 1")
			}
			if query, err = around.apply(query); err != nil {
				return err
			}
			return a.ask(cmd.Context(), &f, query)
		},
	}
	f.register(cmd, 100)
	f.complete(a, cmd)
	around.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&host, "host", "", "the line's host")
	fl.StringVar(&file, "of-file", "", "the line's field file")
	fl.StringVar(&at, "at", "", "the last line until this `TIME`")
	cmd.MarkFlagsMutuallyExclusive("at", "since")
	cmd.MarkFlagsMutuallyExclusive("at", "to")
	return cmd
}

// until sets the end of the time that is asked for to the end of what at names: of a
// second, a minute, a day.
func (f *askFlags) until(at string, now time.Time) error {
	zone, err := location(f.zone)
	if err != nil {
		return err
	}
	_, to, err := lang.ParseMoment(at, now.In(zone))
	if err != nil {
		return cli.Exit(cli.ExitUsage, fmt.Errorf("--at: %w", err))
	}
	f.span.to = timeText(to)
	if f.span.from == "" {
		f.span.from = timeText(to.AddDate(0, 0, -7))
	}
	return nil
}
