package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Profile is what login keeps for the client commands.
type Profile struct {
	Server string `json:"server"`
	Token  string `json:"token"`
	// TokenID names the token for revoking; "" for one that the user brought.
	TokenID string `json:"token_id,omitempty"`
	// CA is the server's certificate authority, PEM; "" for one that the system
	// knows or a server without TLS.
	CA string `json:"ca,omitempty"`
	// Data is the server's data folder when it is on this machine.
	Data string `json:"data,omitempty"`
}

// ProfilePath is where the profile lies: login.json below the user's
// configuration directory.
func ProfilePath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where should the login be kept? %w", err)
	}
	return filepath.Join(dir, "journalist", "login.json"), nil
}

// LoadProfile reads the profile; ok is false when there is none.
func LoadProfile(path string) (p Profile, ok bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Profile{}, false, nil
	}
	if err != nil {
		return Profile{}, false, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Profile{}, false, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Profile{}, false, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, or run journalist login again", path, info.Mode().Perm())
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Profile{}, false, fmt.Errorf("%s: %w: run journalist login again", path, err)
	}
	return p, true, nil
}

// SaveProfile replaces the profile, readable by its owner alone.
func SaveProfile(path string, p Profile) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".login-*") // made 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the first error is the one to tell
		}
	}()
	if _, err = tmp.Write(append(data, '\n')); err != nil {
		_ = tmp.Close()
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// RemoveProfile forgets the login; ok is false when there was none.
func RemoveProfile(path string) (ok bool, err error) {
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReadSecret reads a token from a file: its first line without spaces around.
func ReadSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSpace(line)
	if line == "" {
		return "", fmt.Errorf("%s: the file is empty, a token was expected", path)
	}
	return line, nil
}
