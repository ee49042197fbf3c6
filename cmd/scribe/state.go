package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"journalist/internal/vfs"
)

// defaultStateDir lies in the working directory, as logstash-forwarder's registry.
const defaultStateDir = ".scribe"

// stateDir returns where the positions are: the flag, else systemd's directory,
// else .scribe.
func stateDir(flag string) string {
	if flag != "" {
		return flag
	}
	if dirs := os.Getenv("STATE_DIRECTORY"); dirs != "" {
		first, _, _ := strings.Cut(dirs, ":")
		return first
	}
	return defaultStateDir
}

// systemStateDir is where the unit of systemd has it.
var systemStateDir = "/var/lib/scribe"

// stateOf returns where the positions are of the scribe that is asked: as stateDir,
// but where none are in the working directory, systemd's. known tells that there is
// something.
func stateOf(flag string) (dir string, known bool) {
	dir = stateDir(flag)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return dir, true
	}
	if flag == "" && dir == defaultStateDir {
		if _, err := os.Stat(systemStateDir); !errors.Is(err, os.ErrNotExist) {
			return systemStateDir, true
		}
	}
	return dir, false
}

// lockPatience is how long a process that was just killed may take to end.
const lockPatience = 3 * time.Second

// lockState makes the state directory and takes it for this process. Whoever has
// it is named in the error.
func lockState(dir string) (unlock func() error, err error) {
	if err := vfs.OS.MkdirAll(dir); err != nil {
		return nil, unwritable(err)
	}
	name := filepath.Join(dir, "lock")
	unlock, err = vfs.Lock(vfs.OS, name, lockPatience)
	if errors.Is(err, vfs.ErrLocked) {
		who := "another scribe"
		if pid := lockHolder(dir); pid > 0 {
			who = fmt.Sprintf("another scribe (pid %d)", pid)
		}
		return nil, fmt.Errorf("%s uses the state directory %s: stop it, or name another one with --state-dir", who, dir)
	}
	if err != nil {
		return nil, unwritable(err)
	}
	// Who holds it is only told; a full disk is no reason not to start.
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil && !vfs.IsFull(err) {
		_ = unlock() // the first error is the one to tell
		return nil, unwritable(err)
	}
	return unlock, nil
}

// unwritable says what to do about a state directory that cannot be used.
func unwritable(err error) error {
	return fmt.Errorf("state directory: %w: name one that this user (uid %d) may write with --state-dir", err, os.Geteuid())
}

// lockHolder returns the process that locked the state directory last, 0 when
// nobody knows.
func lockHolder(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "lock"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
