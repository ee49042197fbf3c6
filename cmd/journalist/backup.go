package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"journalist/internal/api"
	"journalist/internal/backup"
	"journalist/internal/cli"
	"journalist/internal/store"
	"journalist/internal/vfs"
)

func (a *app) backupCommand() *cobra.Command {
	var client clientFlags
	var data string
	var quick bool
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "copy a running server's data into a folder",
		Long: `Copy everything a running server needs to be restored into a folder: the records of
this moment, how far each forwarder is, the certificate authority and the tokens. It
needs a token with scope admin that is not bound to datasets. With --data it copies
a stopped server's data folder instead.

Into a folder that has a backup already only what is new is copied, and what the
server does not have any more is removed; until that is done the backup before stays
whole. Every file is checked as it comes, and then the whole backup is read and
checked again; --quick leaves that out. It exits with 6 when something is damaged.

The folder is as secret as the data: whoever reads it has the records and can make
certificates. Not in it: the configuration file, certificates from elsewhere
(--tls-cert), the file of --admin-token-file.`,
		Example: `  journalist backup /backup/journalist
  journalist backup /mnt/usb/logs --data /var/lib/journalist`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var send func(ctx context.Context, r backup.Request) (io.ReadCloser, error)
			if data != "" {
				close, direct, err := a.localBackup(data)
				if err != nil {
					return err
				}
				defer close()
				send = direct
			} else {
				c, err := client.client()
				if err != nil {
					return err
				}
				defer c.Close()
				send = func(ctx context.Context, r backup.Request) (io.ReadCloser, error) {
					body, err := json.Marshal(&r)
					if err != nil {
						return nil, err
					}
					return c.Backup(ctx, body)
				}
			}
			folder, err := backup.OpenFolder(vfs.OS, args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, folder.Close()) }()
			return a.backup(cmd.Context(), folder, args[0], quick, send)
		},
	}
	client.register(cmd)
	cmd.Flags().StringVar(&data, "data", "", "a stopped server's data `DIR`, instead of a running server")
	_ = cmd.MarkFlagDirname("data") // fails only for an unknown flag
	cmd.Flags().BoolVar(&quick, "quick", false, "do not read the whole backup again to check it")
	cmd.MarkFlagsMutuallyExclusive("data", "server")
	return cmd
}

// backup asks for what the folder does not have, receives and checks it.
func (a *app) backup(ctx context.Context, folder *backup.Folder, dir string, quick bool, send func(context.Context, backup.Request) (io.ReadCloser, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := folder.Request()
	if err != nil {
		return err
	}
	line := a.statusLine()
	defer line.clear()
	line.show("waiting for the server")
	stream, err := send(ctx, request)
	if err != nil {
		return err
	}
	got, err := folder.Receive(stream, func(p backup.Progress) {
		line.show(fmt.Sprintf("%s of %s received", cli.Bytes(p.Done), cli.Bytes(p.Total)))
	})
	err = errors.Join(err, stream.Close())
	line.clear()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if folder.Last != nil && got.Removed == 0 {
			err = fmt.Errorf("%w\nThe backup of %s is still there; what came is kept for the next try", err, folder.Last.Made.Local().Format(time.DateTime))
		}
		return err
	}
	fmt.Fprintf(a.stderr, "%s records in %s: %d files, %s; %d of them new, %s; %d old ones removed\n", cli.Thousands(got.Index.Rows), dir,
		len(got.Index.Files), cli.Bytes(got.Index.Bytes()), got.Files, cli.Bytes(got.Bytes), got.Removed)
	if quick {
		return nil
	}
	return a.checkBackup(dir, line)
}

// checkBackup reads a backup whole.
func (a *app) checkBackup(dir string, line *statusLine) error {
	line.show("checking " + dir)
	problems := 0
	x, sum, err := backup.Verify(vfs.OS, dir, func(path string, err error) {
		line.clear()
		problems++
		fmt.Fprintf(a.stdout, "%s: %s\n", cli.Safe(path), cli.Safe(err.Error()))
	})
	line.clear()
	if err != nil {
		return err
	}
	if problems > 0 {
		return cli.Exit(cli.ExitCheck, fmt.Errorf("%s in the backup %s: remove the damaged parts and run journalist backup again", cli.Counted(int64(problems), "problem"), dir))
	}
	fmt.Fprintf(a.stderr, "checked: %s of %s in %s, positions of %s, no problem found\n", cli.Counted(int64(sum.Rows), "record"),
		x.Made.Local().Format(time.DateTime), cli.Counted(int64(sum.Parts), "part"), cli.Counted(int64(sum.Positions), "source"))
	return nil
}

// localBackup opens a stopped server's data folder as a sender.
func (a *app) localBackup(data string) (close func(), send func(context.Context, backup.Request) (io.ReadCloser, error), err error) {
	d, err := existing(data)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	// It is opened as a start opens it, which brings the write-ahead log into parts.
	// Nothing is dropped: that the server does by its own configuration.
	st, err := store.Open(store.Options{Dir: d.store(), Logger: log, RetainEvery: -1})
	if errors.Is(err, vfs.ErrLocked) {
		return nil, nil, fmt.Errorf("%w\nA running server is backed up without --data", err)
	}
	if err != nil {
		return nil, nil, err
	}
	var sending sync.WaitGroup
	send = func(ctx context.Context, r backup.Request) (io.ReadCloser, error) {
		out, in := io.Pipe()
		sending.Go(func() {
			in.CloseWithError(backup.Send(ctx, st, backup.SendOptions{FS: vfs.OS, Data: string(d), Program: programVersion(), Have: r.Have}, in))
		})
		return out, nil
	}
	return func() {
		sending.Wait() // it ends when the other end of its pipe is closed
		if err := st.Close(); err != nil {
			log.Warn("the data folder was not closed well", "err", err)
		}
	}, send, nil
}

// backupHandler is what the API calls for a backup.
func backupHandler(st *store.Store, d dataDir) func(ctx context.Context, request []byte, w io.Writer) error {
	return func(ctx context.Context, request []byte, w io.Writer) error {
		var r backup.Request
		if err := json.Unmarshal(request, &r); err != nil {
			return &api.Error{Status: http.StatusBadRequest, Kind: "bad_request", Message: "the body is not the JSON that is expected here: " + err.Error()}
		}
		return backup.Send(ctx, st, backup.SendOptions{FS: vfs.OS, Data: string(d), Program: programVersion(), Have: r.Have}, w)
	}
}

func (a *app) restoreCommand() *cobra.Command {
	var data string
	var link bool
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "make a data folder of a backup",
		Long: `Check a backup that journalist backup made, and copy it into a data folder, which
must not exist or be empty. Start the server on it then, with the configuration it
had: its records, forwarders' positions, certificates and tokens are those of the
backup. What forwarders had acknowledged after it they do not send again.`,
		Example: `  journalist restore /backup/journalist --data /var/lib/journalist`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if data == "" {
				data = defaultData()
			}
			line := a.statusLine()
			defer line.clear()
			if err := a.checkBackup(args[0], line); err != nil {
				return err
			}
			x, err := backup.Restore(vfs.OS, args[0], data, link, func(p backup.Progress) {
				line.show(fmt.Sprintf("%s of %s copied", cli.Bytes(p.Done), cli.Bytes(p.Total)))
			})
			line.clear()
			if err != nil {
				return unwritable(err)
			}
			fmt.Fprintf(a.stderr, "%s is restored: %s records of %s; start it with journalist serve --data %s\n", data,
				cli.Thousands(x.Rows), x.Made.Local().Format(time.DateTime), data)
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&link, "link", false, "share the data files with the backup by hard links where that is possible, instead of copying")
	return cmd
}

// statusLine is one line on a terminal that says how far something is; elsewhere it
// is nothing.
type statusLine struct {
	w     io.Writer
	drawn time.Time
	width int
}

func (a *app) statusLine() *statusLine {
	if !cli.IsTerminal(a.stderr) {
		return &statusLine{}
	}
	return &statusLine{w: a.stderr}
}

func (l *statusLine) show(text string) {
	if now := time.Now(); l.w != nil && now.Sub(l.drawn) >= 100*time.Millisecond {
		l.drawn = now
		l.width = max(l.width, len(text))
		fmt.Fprintf(l.w, "\r%-*s", l.width, text)
	}
}

func (l *statusLine) clear() {
	if l.width > 0 {
		fmt.Fprintf(l.w, "\r%*s\r", l.width, "")
		l.width = 0
	}
}
