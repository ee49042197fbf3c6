package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"journalist/internal/cli"
	"journalist/internal/vfs"
)

// The data folder:
//
//	store/          the store; its lock keeps a second server out
//	auth/           tokens, links and sessions; may change beside a running server
//	pki/            the certificate authority; may change beside a running server
//	first-login     token and link of the first start, when no terminal was there
//	server.json     the addresses of the server that ran last, for login
type dataDir string

func (d dataDir) store() string      { return filepath.Join(string(d), "store") }
func (d dataDir) auth() string       { return filepath.Join(string(d), "auth") }
func (d dataDir) pki() string        { return filepath.Join(string(d), "pki") }
func (d dataDir) firstLogin() string { return filepath.Join(string(d), "first-login") }
func (d dataDir) info() string       { return filepath.Join(string(d), "server.json") }

// defaultData is the data folder when no flag names one.
func defaultData() string {
	if dir := os.Getenv("JOURNALIST_DATA"); dir != "" {
		return dir
	}
	// systemd may give several, with colons between.
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir
	}
	return "data"
}

// dataFlag adds --data to a command that works on the data folder itself.
func dataFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data", "", "the server's data `DIR` (default JOURNALIST_DATA, STATE_DIRECTORY or ./data)")
	_ = cmd.MarkFlagDirname("data") // fails only for an unknown flag
}

// existing returns the data folder that the flag or the defaults mean, which must
// be one: a mistyped folder must not become a second authority.
func existing(flag string) (dataDir, error) {
	dir := flag
	if dir == "" {
		dir = defaultData()
	}
	d := dataDir(dir)
	if flag == "" && !d.made() {
		if path, err := cli.ProfilePath(); err == nil {
			if p, ok, err := cli.LoadProfile(path); err == nil && ok && p.Data != "" {
				d = dataDir(p.Data)
			}
		}
	}
	if _, err := os.Stat(string(d)); errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("%s: %w: run this as the user that the server runs as", d, fs.ErrPermission)
	}
	if !d.made() {
		return "", fmt.Errorf("%s is no data folder of a journalist: run this where the server runs, or name its folder with --data "+
			"(a first start of journalist serve makes it)", dir)
	}
	return d, nil
}

// made tells that a server has been started there.
func (d dataDir) made() bool {
	_, err := os.Stat(d.pki())
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// unwritable adds what to do to an error about a data folder that the server
// cannot write.
func unwritable(err error) error {
	for _, e := range []error{fs.ErrPermission, syscall.EROFS, fs.ErrNotExist, syscall.ENOTDIR} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: name a folder that this user (uid %d) may write with --data", err, os.Geteuid())
		}
	}
	return err
}

// asOwner runs f as the user that the data folder belongs to when root runs the
// program: files that root made there would be unreadable for the server. f gets
// the folder under a name that this user can reach, also where the folders above
// are closed to it (systemd's DynamicUser).
func (d dataDir) asOwner(f func(d dataDir) error) (err error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return f(d)
	}
	before, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Chdir(string(d)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Chdir(before)) }()
	if err := syscall.Setresgid(-1, int(owner.Gid), -1); err != nil {
		return fmt.Errorf("become the group of %s: %w", d, err)
	}
	defer func() { err = errors.Join(err, syscall.Setresgid(-1, 0, -1)) }()
	if err := syscall.Setresuid(-1, int(owner.Uid), -1); err != nil {
		return fmt.Errorf("become the owner of %s: %w", d, err)
	}
	defer func() { err = errors.Join(err, syscall.Setresuid(-1, 0, -1)) }()
	return f(".")
}

// serverInfo is the content of server.json. It holds no secret.
type serverInfo struct {
	URL        string `json:"url"`        // for clients on this machine
	Page       string `json:"page"`       // for browsers anywhere; "" on a unix socket
	Lumberjack string `json:"lumberjack"` // address; "" when off
	// ForeignCert says that the page shows a certificate of another authority.
	ForeignCert bool   `json:"foreign_cert,omitempty"`
	PID         int    `json:"pid"`
	Version     string `json:"version"`
}

func (d dataDir) writeInfo(i serverInfo) error {
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return vfs.WriteFile(vfs.OS, d.info(), append(data, '\n'))
}

// readInfo returns where the server is, as far as the file says.
func (d dataDir) readInfo() (i serverInfo, err error) {
	data, err := os.ReadFile(d.info())
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("%s: %w", d.info(), err)
	}
	return i, nil
}

// noRemote refuses --server where a command works on the data folder.
func noRemote(cmd *cobra.Command) {
	var server string
	cmd.PersistentFlags().StringVar(&server, "server", "", "not supported here")
	_ = cmd.PersistentFlags().MarkHidden("server") // fails only for an unknown flag
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if server != "" {
			return cli.Exit(cli.ExitUsage, fmt.Errorf("%s works on the server's data folder: run it on that machine, with --data; --server is not supported", cmd.CommandPath()))
		}
		return nil
	}
}
