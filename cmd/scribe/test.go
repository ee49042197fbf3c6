package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/config"
	"journalist/internal/frame"
	"journalist/internal/lumberjack"
	"journalist/internal/record"
	"journalist/internal/tail"
)

func (a *app) testCommand() *cobra.Command {
	s := settings{}
	limit := 10
	cmd := &cobra.Command{
		Use:   "test FILE [--config F]",
		Short: "show what would be sent of a file",
		Long: `test reads a file, or with - its standard input, as the configuration says for this
file, and prints the events that would be sent as JSON, one a line: after the joining
of lines, the parsing, and all rules. It sends nothing and notes no position. Without
--config, lines are taken as they are.`,
		Example: `  scribe test /var/log/app/app.log --config /etc/scribe/scribe.yml -n 3
  journalctl -u app | scribe test - --config scribe.yml --as /var/log/app/app.log`,
		Args: usageArgs(cobra.ExactArgs(1)),
	}
	as := ""
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 0 {
			return cli.Exit(cli.ExitUsage, fmt.Errorf("-n %d: write how many events to show, 0 for all", limit))
		}
		return a.test(cmd.Context(), s, args[0], as, limit)
	}
	f := cmd.Flags()
	f.StringVar(&s.config, "config", "", "configuration `file` or directory")
	f.StringVar(&as, "as", "", "read as if it were this `path`")
	f.IntVarP(&limit, "lines", "n", limit, "show at most this many events, 0 for all")
	return cmd
}

// test shows what would be sent of a file.
func (a *app) test(ctx context.Context, s settings, name, as string, limit int) error {
	logger, closeLog, err := newLogger(a.stderr, s.level, false)
	if err != nil {
		return err
	}
	defer closeLog()
	var p *plan
	if s.config == "" {
		p = &plan{conf: &config.Forwarder{}, host: hostName(), files: []tail.Group{{Paths: []string{"*"}}}}
	} else if p, err = newPlanner(s, stateDir(""), logger).load(); err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	path := "-"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
		if path, err = filepath.Abs(name); err != nil {
			return err
		}
	}
	if as != "" {
		path = as
	}
	g, err := p.groupFor(path, s.config)
	if err != nil {
		return err
	}
	t := tester{group: g, limit: limit, out: bufio.NewWriter(a.stdout), fields: overlay([]record.Pair{
		{Name: record.FieldHost, Value: p.host}, {Name: record.FieldFile, Value: path},
	}, g.Fields)}
	err = t.read(ctx, in)
	if ferr := t.out.Flush(); err == nil {
		err = ferr
	}
	if t.dropped > 0 {
		fmt.Fprintf(a.stderr, "scribe: %d more were dropped by rules\n", t.dropped)
	}
	return err
}

// groupFor returns the group that a path belongs to.
func (p *plan) groupFor(path, name string) (tail.Group, error) {
	if name == "" {
		return p.files[0], nil
	}
	if path == "-" && len(p.stdin) > 0 {
		return p.stdin[0], nil
	}
	for _, g := range p.files {
		if g.Names(path) {
			return g, nil
		}
	}
	if path == "-" {
		return tail.Group{}, fmt.Errorf("%s does not name the standard input: say with --as what it is to be read as", name)
	}
	return tail.Group{}, fmt.Errorf("%s: no pattern of %s gives this file: it would not be read", path, name)
}

// testWindow is how much of a file is looked at at a time, at least.
const testWindow = 1 << 20

// tester makes events of a stream and prints them.
type tester struct {
	group   tail.Group
	fields  []record.Pair
	limit   int // 0 is none
	out     *bufio.Writer
	shown   int
	dropped int
	event   []byte
}

func (t *tester) read(ctx context.Context, in io.Reader) error {
	fr, err := frame.New(t.group.Frame)
	if err != nil {
		return err
	}
	var buf []byte
	before := 0 // buf[:before] is framed already
	var offset uint64
	first := true
	for ctx.Err() == nil {
		size := before + max(testWindow, 2*fr.Window())
		data := make([]byte, size, size*fr.Grow())
		n := copy(data, buf)
		k, err := io.ReadFull(in, data[n:])
		last := err == io.EOF || err == io.ErrUnexpectedEOF //nolint:errorlint // ReadFull returns these as they are
		if err != nil && !last {
			return err
		}
		data = data[:n+k]
		if first {
			fr, first = fr.For(data), false
		}
		for {
			l := record.Lines{Fields: t.fields, ReadTime: time.Now().UnixNano(), Rows: make([]record.Line, 0, 8192)}
			used, full, _ := fr.Frame(&l, data, before, offset, frame.Ending{Last: last, Quiet: 0})
			l.Position = record.Position{From: offset, To: offset + uint64(used)}
			if done, err := t.show(&l); done || err != nil {
				return err
			}
			before += used
			offset += uint64(used)
			if !full {
				break
			}
		}
		if last {
			return nil
		}
		keep := max(0, before-historyBytes)
		buf, before = data[keep:], before-keep
	}
	return ctx.Err()
}

// historyBytes is how much before what is framed stays at hand.
const historyBytes = 256

// show prints what the rules leave of a run; done when enough was shown.
func (t *tester) show(l *record.Lines) (done bool, err error) {
	rows := len(l.Rows)
	if t.group.Apply != nil {
		t.group.Apply(l)
	}
	t.dropped += rows - len(l.Rows)
	for i := range l.Rows {
		t.event = append(lumberjack.AppendEvent(t.event[:0], l, i), '\n')
		if _, err := t.out.Write(t.event); err != nil {
			return true, err
		}
		if t.shown++; t.shown == t.limit {
			return true, nil
		}
	}
	return false, nil
}
