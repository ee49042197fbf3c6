// Package auth decides who may do what: tokens with scopes and datasets, one-time
// login links, and the sessions of the page. It only decides; internal/api asks it
// for every request and answers, cmd/journalist administers it.
//
// It stands beside the way and writes one file, auth.json, through internal/vfs.
// The file may be changed by several processes at once, so that `journalist token`
// works beside a running server: every change reads, changes and replaces it under
// a lock, and every decision first looks whether it was replaced. Secrets are
// random, 256 bits, and only their SHA-256 is kept: there is nothing to guess and
// nothing to steal from the file.
package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"journalist/internal/vfs"
)

// Scope is something that a token allows.
type Scope string

// The scopes. Admin includes the others.
const (
	Ingest Scope = "ingest"
	Read   Scope = "read"
	Admin  Scope = "admin"
	// Enroll gets a forwarder its certificate, and nothing else.
	Enroll Scope = "enroll"
)

// ParseScope says which scope a word is.
func ParseScope(word string) (Scope, error) {
	switch s := Scope(word); s {
	case Ingest, Read, Admin, Enroll:
		return s, nil
	}
	return "", fmt.Errorf("scope %q: there are %s, %s, %s and %s", word, Ingest, Read, Admin, Enroll)
}

// Principal is who asks, after the credentials were checked.
type Principal struct {
	Name   string
	Scopes []Scope
	// Datasets are the only ones the principal may write into or read; nil means
	// all.
	Datasets []string
}

// May tells whether the principal has a scope.
func (p *Principal) May(s Scope) bool {
	return p != nil && (slices.Contains(p.Scopes, s) || slices.Contains(p.Scopes, Admin))
}

// Why credentials are refused. The errors never say more to a client.
var (
	ErrUnknown = errors.New("unknown or revoked")
	ErrExpired = errors.New("expired")
	ErrUsed    = errors.New("already used or expired")
)

// How long things last.
const (
	// LinkLife is the usual life of a one-time login link.
	LinkLife    = 15 * time.Minute
	sessionLife = 30 * 24 * time.Hour
	sessionIdle = 7 * 24 * time.Hour
	// flushEvery is how coarse the last use on disk is.
	flushEvery   = 10 * time.Minute
	lockPatience = 10 * time.Second
	// maxSessions and maxLinks bound the file; the oldest go first.
	maxSessions = 10000
	maxLinks    = 1000
	maxTokens   = 10000
)

// Auth is an open auth.json. All methods may be called from several goroutines.
type Auth struct {
	fs    vfs.FS
	dir   string
	name  string
	clock func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	doc    *document
	index  index
	stamp  stamp
	broken bool // told already that the file cannot be read
	// adminToken is set by SetAdminToken; it is not in the file.
	adminToken *hash
	// used holds the last uses that are not in the file yet.
	used      map[hash]time.Time
	lastFlush time.Time
	flushing  sync.WaitGroup
	closed    bool
}

// Option changes something for tests and logs.
type Option func(*Auth)

// WithClock sets the clock.
func WithClock(now func() time.Time) Option { return func(a *Auth) { a.clock = now } }

// WithLogger sets the logger.
func WithLogger(l *slog.Logger) Option {
	return func(a *Auth) {
		if l != nil {
			a.log = l
		}
	}
}

// Open opens the folder dir, making it if need be. auth.json is made by the
// first change.
func Open(fsys vfs.FS, dir string, options ...Option) (*Auth, error) {
	a := &Auth{
		fs: fsys, dir: dir, name: filepath.Join(dir, "auth.json"),
		clock: time.Now, log: slog.New(slog.DiscardHandler), used: map[hash]time.Time{},
	}
	for _, o := range options {
		o(a)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	a.lastFlush = a.clock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.loadLocked(); err != nil {
		return nil, err
	}
	return a, nil
}

// Close writes the last uses that are not on disk yet and waits for a write that
// is under way.
func (a *Auth) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.flushing.Wait()
	return a.flush()
}
