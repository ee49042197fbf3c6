package auth

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"journalist/internal/vfs"
)

// TokenPrefix begins every token, so that people and secret scanners recognise
// one.
const TokenPrefix = "jt_"

// adminTokenPrefix begins what stands for the token of SetAdminToken, which has no
// entry in the file.
const adminTokenPrefix = "admin-token-file:"

// adminTokenID tells one such token from the next, without being its hash: the
// sessions of one that was replaced end with it.
func adminTokenID(h hash) string {
	again := hashOf(string(h[:]))
	return adminTokenPrefix + hex.EncodeToString(again[:8])
}

func isAdminToken(id string) bool { return strings.HasPrefix(id, adminTokenPrefix) }

// TokenSpec says what a new token shall be.
type TokenSpec struct {
	Name   string
	Scopes []Scope
	// Datasets binds the token to these; nil means all.
	Datasets []string
	// Expires is when it ends; zero means never.
	Expires time.Time
	// Uses is how many forwarders a token of scope Enroll lets in; it needs it, and
	// no other token has it.
	Uses int
}

// TokenInfo describes a token without its secret.
type TokenInfo struct {
	ID       string
	Name     string
	Scopes   []Scope
	Datasets []string
	Created  time.Time
	Expires  time.Time // zero: never
	LastUse  time.Time // zero: never used; some minutes behind
	Uses     int       // that are left, of scope Enroll
}

func (t *token) info() TokenInfo {
	return TokenInfo{t.ID, t.Name, slices.Clone(t.Scopes), slices.Clone(t.Datasets), t.Created, t.Expires, t.LastUse, t.Uses}
}

func (t *token) principal() *Principal {
	return &Principal{Name: t.Name, Scopes: t.Scopes, Datasets: t.Datasets}
}

func (s *TokenSpec) check(now time.Time) error {
	if s.Name == "" || len(s.Name) > 100 || strings.ContainsFunc(s.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("token name %q: it must have 1 to 100 printable characters", s.Name)
	}
	if len(s.Scopes) == 0 {
		return fmt.Errorf("token %s has no scope: give it %s, %s or %s", s.Name, Ingest, Read, Admin)
	}
	for _, sc := range s.Scopes {
		if _, err := ParseScope(string(sc)); err != nil {
			return err
		}
	}
	switch enrols := slices.Contains(s.Scopes, Enroll); {
	case enrols && (len(s.Scopes) > 1 || s.Datasets != nil):
		return fmt.Errorf("token %s: %s goes with no other scope and no dataset", s.Name, Enroll)
	case enrols && (s.Uses < 1 || s.Uses > maxUses):
		return fmt.Errorf("token %s: for how many forwarders? 1 to %d", s.Name, maxUses)
	case !enrols && s.Uses != 0:
		return fmt.Errorf("token %s: only those of scope %s are used up", s.Name, Enroll)
	}
	if s.Datasets != nil && slices.Contains(s.Scopes, Admin) {
		return fmt.Errorf("token %s: %s means everything and cannot be bound to datasets", s.Name, Admin)
	}
	if s.Datasets != nil && len(s.Datasets) == 0 || slices.Contains(s.Datasets, "") {
		return fmt.Errorf("token %s is bound to a dataset without a name", s.Name)
	}
	if !s.Expires.IsZero() && !now.Before(s.Expires) {
		return fmt.Errorf("token %s would have expired already, at %s", s.Name, s.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// CreateToken makes a token. The secret is told this once and not kept.
func (a *Auth) CreateToken(spec TokenSpec) (secret string, info TokenInfo, err error) {
	now := a.clock().UTC().Truncate(time.Second)
	if err := spec.check(now); err != nil {
		return "", TokenInfo{}, err
	}
	err = a.change(func(d *document, x index) error {
		if len(d.Tokens) >= maxTokens {
			return fmt.Errorf("there are %d tokens: revoke those that are not used", len(d.Tokens))
		}
		secret, info = d.addToken(spec, now)
		return nil
	})
	if err != nil {
		return "", TokenInfo{}, err
	}
	return secret, info, nil
}

func (d *document) addToken(spec TokenSpec, now time.Time) (string, TokenInfo) {
	secret := newSecret(TokenPrefix)
	t := &token{
		ID: newSecret("")[:10], Name: spec.Name, Hash: hashOf(secret),
		Scopes: slices.Clone(spec.Scopes), Datasets: slices.Clone(spec.Datasets), Created: now, Expires: spec.Expires.UTC(), Uses: spec.Uses,
	}
	d.Tokens = append(d.Tokens, t)
	return secret, t.info()
}

// EnsureAdmin makes the first admin token, once in the life of the file; created
// says whether it did. Where SetAdminToken gave one before, none is made.
func (a *Auth) EnsureAdmin() (secret string, created bool, err error) {
	a.mu.Lock()
	done := a.doc != nil && !a.doc.AdminMade.IsZero() || a.adminToken != nil
	a.mu.Unlock()
	if done {
		return "", false, nil
	}
	err = a.change(func(d *document, x index) error {
		if !d.AdminMade.IsZero() {
			return nil // another process was quicker
		}
		now := a.clock().UTC().Truncate(time.Second)
		d.AdminMade = now
		secret, _ = d.addToken(TokenSpec{Name: "admin", Scopes: []Scope{Admin}}, now)
		created = true
		return nil
	})
	if err != nil {
		return "", false, err
	}
	return secret, created, nil
}

// SetAdminToken makes a secret from elsewhere an admin token as long as this
// process runs. Only its hash is kept, and not on disk. Sessions that another such
// secret opened end.
func (a *Auth) SetAdminToken(secret string) error {
	secret = strings.TrimSpace(secret)
	if len(secret) < 20 {
		return errors.New("the admin token is too short: use at least 20 random characters")
	}
	h := hashOf(secret)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.adminToken = &h
	return nil
}

// Authenticate says whose token this is. The error is ErrUnknown or ErrExpired.
func (a *Auth) Authenticate(secret string) (*Principal, error) {
	p, _, err := a.authenticate(secret)
	return p, err
}

func (a *Auth) authenticate(secret string) (p *Principal, id string, err error) {
	h := hashOf(secret)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refreshLocked()
	if a.adminToken != nil && subtle.ConstantTimeCompare(a.adminToken[:], h[:]) == 1 {
		return adminPrincipal(), adminTokenID(h), nil
	}
	t := a.index.tokens[h]
	if t == nil || subtle.ConstantTimeCompare(t.Hash[:], h[:]) != 1 {
		return nil, "", fmt.Errorf("token: %w", ErrUnknown)
	}
	now := a.clock()
	if t.over(now) {
		return nil, "", fmt.Errorf("token %s: %w", t.ID, ErrExpired)
	}
	a.useLocked(h, now)
	return t.principal(), t.ID, nil
}

func (t *token) over(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

func adminPrincipal() *Principal { return &Principal{Name: "admin", Scopes: []Scope{Admin}} }

// List returns all tokens, the oldest first.
func (a *Auth) List() ([]TokenInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.loadLocked(); err != nil {
		return nil, err
	}
	infos := make([]TokenInfo, 0, len(a.doc.Tokens))
	for _, t := range a.doc.Tokens {
		i := t.info()
		if u := a.used[t.Hash]; u.After(i.LastUse) {
			i.LastUse = u
		}
		infos = append(infos, i)
	}
	return infos, nil
}

// Revoke ends the token with this ID, or the only one with this name, and the
// sessions that it opened.
func (a *Auth) Revoke(id string) error {
	return a.change(func(d *document, x index) error {
		var found []*token
		for _, t := range d.Tokens {
			if t.ID == id {
				found = []*token{t}
				break
			}
			if t.Name == id {
				found = append(found, t)
			}
		}
		switch len(found) {
		case 0:
			return fmt.Errorf("token %q: %w; `journalist token list` shows those there are", id, ErrUnknown)
		case 1:
		default:
			return fmt.Errorf("there are %d tokens with the name %q: give the ID of one; `journalist token list` shows them", len(found), id)
		}
		d.Tokens = slices.DeleteFunc(d.Tokens, func(t *token) bool { return t == found[0] })
		return nil // their sessions go when the document is cleaned
	})
}

// useLocked notes a use and starts a write when the last one is long ago.
func (a *Auth) useLocked(h hash, now time.Time) {
	a.used[h] = now
	if age := now.Sub(a.lastFlush); age >= 0 && age < flushEvery || a.closed {
		return
	}
	a.lastFlush = now
	a.flushing.Go(func() {
		if err := a.flush(); err != nil {
			a.log.Warn("the last use of tokens and sessions cannot be noted", "err", err)
		}
	})
}

// flush writes the last uses. A process that may only read the folder has nothing to
// note.
func (a *Auth) flush() error {
	a.mu.Lock()
	nothing := len(a.used) == 0
	a.mu.Unlock()
	if nothing {
		return nil
	}
	err := a.change(func(*document, index) error { return nil }) // every change notes them
	if errors.Is(err, os.ErrPermission) || errors.Is(err, vfs.ErrLocked) {
		return nil
	}
	return err
}

// noteUses writes the last uses into a document. Two processes merge: the later use
// wins.
func (x index) noteUses(used map[hash]time.Time) {
	for h, at := range used {
		at = at.UTC().Truncate(time.Second)
		if t := x.tokens[h]; t != nil && at.After(t.LastUse) {
			t.LastUse = at
		}
		if s := x.sessions[h]; s != nil && at.After(s.LastUse) {
			s.LastUse = at
		}
	}
}
