package main

import (
	"os"

	"golang.org/x/term"

	"journalist/internal/cli"
)

// pager is what an answer goes through that is longer than the terminal; nil where
// stdout is none or nobody wants one. start is called before it takes the terminal,
// quit when the person has left it.
func (a *app) pager(f *askFlags, start, quit func()) *cli.Pager {
	out, ok := a.stdout.(*os.File)
	if !ok || f.noPager || !cli.IsTerminal(out) {
		return nil
	}
	command := cli.PagerCommand()
	if command == "" {
		return nil
	}
	o := cli.PagerOptions{Command: command, Out: out, Start: start, Quit: quit}
	if width, height, err := term.GetSize(int(out.Fd())); err == nil {
		o.Width, o.Height = width, height
	}
	return cli.NewPager(o)
}
