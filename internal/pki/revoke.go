package pki

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"journalist/internal/vfs"
)

type revocation struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// revokedFile is the content of revoked.json.
type revokedFile struct {
	Version int                   `json:"version"`
	Revoked map[string]revocation `json:"revoked"` // by serial
}

// revocations is the list of revoked serials, read anew when its file changed.
// When the file cannot be read the list before stays: nobody comes back in
// because a disk fails.
type revocations struct {
	fs   vfs.FS
	name string
	log  *slog.Logger

	mu     sync.Mutex
	list   map[string]revocation
	stamp  stamp
	broken bool // told already
}

// load reads the file; without one nothing is revoked, unless something was.
func (r *revocations) load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loadLocked()
}

func (r *revocations) loadLocked() error {
	s, err := stampOf(r.fs, r.name)
	if vfs.IsNotExist(err) {
		if len(r.list) > 0 {
			return fmt.Errorf("%s is gone: its %d revoked certificates stay refused until the server restarts; restore the file", r.name, len(r.list))
		}
		r.stamp = stamp{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("revoked certificates: %w", err)
	}
	if r.stamp.sys != nil && s.same(r.stamp) {
		return nil
	}
	data, err := vfs.ReadFile(r.fs, r.name)
	if err != nil {
		return fmt.Errorf("revoked certificates: %w", err)
	}
	var f revokedFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("revoked certificates: %s is damaged (restore it from a backup): %w", r.name, err)
	}
	if f.Version != 1 {
		return fmt.Errorf("revoked certificates: %s has version %d, this program reads 1", r.name, f.Version)
	}
	r.list, r.stamp, r.broken = f.Revoked, s, false
	return nil
}

func (r *revocations) refreshLocked() {
	if err := r.loadLocked(); err != nil && !r.broken {
		r.broken = true
		r.log.Error("the list of revoked certificates cannot be read; the one before stays in use", "err", err)
	}
}

func (r *revocations) find(serial string) (revocation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refreshLocked()
	rev, ok := r.list[serial]
	return rev, ok
}

// current returns a copy of the list.
func (r *revocations) current() map[string]revocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refreshLocked()
	list := make(map[string]revocation, len(r.list)+1)
	maps.Copy(list, r.list)
	return list
}

// save replaces the file; the caller holds the folder's lock.
func (r *revocations) save(list map[string]revocation) error {
	data, err := json.MarshalIndent(revokedFile{Version: 1, Revoked: list}, "", "  ")
	if err != nil {
		return fmt.Errorf("revoked certificates: %w", err)
	}
	if err := vfs.WriteFile(r.fs, r.name, append(data, '\n')); err != nil {
		return fmt.Errorf("revoked certificates: %w", err)
	}
	return r.load()
}
