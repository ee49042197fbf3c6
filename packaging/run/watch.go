package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"journalist/internal/cli"
)

// watch shows how many lines arrived until it is interrupted or a program ends.
func (d *demo) watch(ctx context.Context, client *cli.Client, server, forwarder *process) error {
	terminal := cli.IsTerminal(os.Stdout)
	parent := os.Getppid()
	shown := int64(-1)
	width := 0
	for tick := 0; ; tick++ {
		n, err := count(ctx, client)
		line := cli.Thousands(n) + " lines"
		if err != nil && ctx.Err() == nil {
			line = "the count is not known: " + cli.Safe(err.Error())
		}
		switch {
		case ctx.Err() != nil:
		case terminal:
			pad := strings.Repeat(" ", max(0, width-len(line)))
			fmt.Printf("\r  %s%s", line, pad)
			width = len(line)
		case n != shown && tick%5 == 0:
			fmt.Printf("  %s\n", line)
			shown = n
		}
		select {
		case <-ctx.Done():
			return nil
		case <-server.done:
			return server.explain(errors.New("the server ended"))
		case <-forwarder.done:
			return forwarder.explain(errors.New("scribe ended"))
		case <-time.After(time.Second):
		}
		if os.Getppid() != parent {
			return nil // whoever started this is gone, so is the terminal
		}
	}
}

// count asks how many lines there are in all.
func count(ctx context.Context, client *cli.Client) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q := cli.Question{Query: "* | stats count() as n", From: "1970-01-01T00:00:00Z", To: "2200-01-01T00:00:00Z"}
	_, err = client.Query(ctx, q, func(r *cli.Row) error {
		n, err = strconv.ParseInt(r.Text("n"), 10, 64)
		return err
	})
	return n, err
}
