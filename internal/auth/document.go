package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"journalist/internal/vfs"
)

// document is the content of auth.json.
type document struct {
	Version int `json:"version"`
	// AdminMade is when EnsureAdmin made the first admin token: it makes one only
	// once, so that revoking it is final.
	AdminMade time.Time  `json:"admin_made,omitzero"`
	Tokens    []*token   `json:"tokens"`
	Links     []*link    `json:"links"`
	Sessions  []*session `json:"sessions"`
}

type token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Hash     hash      `json:"hash"`
	Scopes   []Scope   `json:"scopes"`
	Datasets []string  `json:"datasets,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUse  time.Time `json:"last_use,omitzero"`
	Uses     int       `json:"uses,omitempty"`
}

type link struct {
	Hash    hash      `json:"hash"`
	Expires time.Time `json:"expires"`
}

type session struct {
	Hash hash `json:"hash"`
	// Token is the ID of the token that opened the session, "" for a link; the
	// session ends with it and has its rights.
	Token   string    `json:"token,omitempty"`
	Created time.Time `json:"created"`
	LastUse time.Time `json:"last_use"`
}

// hash is the SHA-256 of a secret.
type hash [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// MarshalText makes it hexadecimal in JSON.
func (h hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("hash %q is not %d hexadecimal digits", text, 2*len(h))
	}
	copy(h[:], b)
	return nil
}

// newSecret makes 256 random bits with a prefix that tells what it is, in letters
// and digits that survive a double click.
func newSecret(prefix string) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends if there is no randomness
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// index finds what a secret belongs to by its hash. The look-up takes a time that
// depends on the hash, from which nobody can get back to the secret.
type index struct {
	tokens   map[hash]*token
	byID     map[string]*token
	links    map[hash]*link
	sessions map[hash]*session
}

func (d *document) index() index {
	x := index{map[hash]*token{}, map[string]*token{}, map[hash]*link{}, map[hash]*session{}}
	for _, t := range d.Tokens {
		x.tokens[t.Hash], x.byID[t.ID] = t, t
	}
	for _, l := range d.Links {
		x.links[l.Hash] = l
	}
	for _, s := range d.Sessions {
		x.sessions[s.Hash] = s
	}
	return x
}

// stamp tells one version of the file from another.
type stamp struct{ info fs.FileInfo }

func (s stamp) same(o stamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	return s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime()) && os.SameFile(s.info, o.info)
}

func (a *Auth) stat() (stamp, error) {
	info, err := a.fs.Stat(a.name)
	if vfs.IsNotExist(err) {
		return stamp{}, nil
	}
	return stamp{info}, err
}

// loadLocked reads the file if it is another than the one in memory.
func (a *Auth) loadLocked() error {
	s, err := a.stat()
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if a.doc != nil && s.same(a.stamp) {
		return nil
	}
	doc := &document{Version: 1}
	if s.info != nil {
		data, err := vfs.ReadFile(a.fs, a.name)
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		doc = &document{}
		if err := json.Unmarshal(data, doc); err != nil {
			return fmt.Errorf("credentials: %s is damaged (restore it from a backup, or remove it and make new tokens): %w", a.name, err)
		}
		if doc.Version != 1 {
			return fmt.Errorf("credentials: %s has version %d, this program reads 1", a.name, doc.Version)
		}
	}
	a.doc, a.index, a.stamp, a.broken = doc, doc.index(), s, false
	return nil
}

// refreshLocked is loadLocked for a decision: when the file cannot be read, what
// was in it before counts.
func (a *Auth) refreshLocked() {
	if err := a.loadLocked(); err != nil && !a.broken {
		a.broken = true
		a.log.Error("the credentials cannot be read; those from before stay valid", "err", err)
	}
}

// change applies f to the newest content and replaces the file. f may return an
// error to leave everything as it is.
func (a *Auth) change(f func(d *document, x index) error) error {
	unlock, err := vfs.Lock(a.fs, filepath.Join(a.dir, "lock"), lockPatience)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	defer func() { _ = unlock() }() // closing a file that was only locked
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.loadLocked(); err != nil {
		return err
	}
	// f works on a copy: when the file cannot be written, memory and disk agree.
	data, err := json.Marshal(a.doc)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	doc := &document{}
	if err := json.Unmarshal(data, doc); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if err := f(doc, doc.index()); err != nil {
		return err
	}
	doc.index().noteUses(a.used) // before clean: what was used lately is not idle
	doc.clean(a.clock())
	if data, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if err := vfs.WriteFile(a.fs, a.name, append(data, '\n')); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	a.doc, a.index, a.used = doc, doc.index(), map[hash]time.Time{}
	if a.stamp, err = a.stat(); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	return nil
}

// clean drops what is over and bounds the file. Expired tokens stay: their owner
// is told that they expired, and the list shows them.
func (d *document) clean(now time.Time) {
	byID := d.index().byID
	links := d.Links[:0]
	for _, l := range d.Links {
		if now.Before(l.Expires) {
			links = append(links, l)
		}
	}
	d.Links = links[max(0, len(links)-maxLinks):]
	sessions := d.Sessions[:0]
	for _, s := range d.Sessions {
		if s.valid(now) && (s.Token == "" || isAdminToken(s.Token) || byID[s.Token] != nil) {
			sessions = append(sessions, s)
		}
	}
	d.Sessions = sessions[max(0, len(sessions)-maxSessions):]
}

func (s *session) valid(now time.Time) bool {
	return now.Before(s.Created.Add(sessionLife)) && now.Before(s.LastUse.Add(sessionIdle))
}
