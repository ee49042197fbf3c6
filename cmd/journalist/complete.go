package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
)

// completion completes the words of a query with fields and values that the source
// knows, in the user's shell. A source that does not answer in time offers nothing,
// and then files are offered.
func (a *app) completion(f *askFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(commandContext(cmd), completionWait)
		defer cancel()
		c := cli.Completer{Ask: f.knownFields(a)}
		start, found := c.Complete(ctx, word)
		if len(found) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		list := make([]cobra.Completion, len(found))
		for i, s := range found {
			list[i] = word[:start] + s
		}
		return list, cobra.ShellCompDirectiveNoSpace
	}
}

// fieldCompletion completes a field's name, and a query behind it.
func (a *app) fieldCompletion(f *askFlags) cobra.CompletionFunc {
	query := a.completion(f)
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return query(cmd, args, word)
		}
		ctx, cancel := context.WithTimeout(commandContext(cmd), completionWait)
		defer cancel()
		c := cli.Completer{Ask: f.knownFields(a)}
		return c.FieldNames(ctx, word), cobra.ShellCompDirectiveNoFileComp
	}
}

// commandContext is the command's; cobra sets none while it completes flags.
func commandContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// completionWait is how long a person who pressed Tab waits for the server.
const completionWait = 2 * time.Second

// knownFields asks for the fields of the newest lines, for completion.
func (f *askFlags) knownFields(a *app) func(context.Context) ([]cli.FieldInfo, error) {
	return func(ctx context.Context) ([]cli.FieldInfo, error) {
		zone, err := location(f.zone)
		if err != nil {
			return nil, err
		}
		from, done, err := f.open(a, zone)
		if err != nil {
			return nil, err
		}
		defer done()
		q := cli.Question{Query: "*", From: "now-30d"}
		if f.local.given() {
			q.From = "" // files may be older
		}
		answer, err := from.Fields(ctx, q, 100)
		return answer.Fields, err
	}
}
