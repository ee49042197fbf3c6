package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// CreateLink makes the code of a one-time login link, which opens a session with
// scope admin. A running server of the same folder takes it too.
func (a *Auth) CreateLink(ttl time.Duration) (code string, err error) {
	if ttl <= 0 || ttl > 24*time.Hour {
		return "", fmt.Errorf("a login link may last up to 24h, not %s", ttl)
	}
	code = newSecret("")
	err = a.change(func(d *document, x index) error {
		d.Links = append(d.Links, &link{Hash: hashOf(code), Expires: a.clock().Add(ttl).UTC()})
		return nil
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// Redeem turns a link's code into a session, once. The error is ErrUsed, or an
// internal one.
func (a *Auth) Redeem(code string) (secret string, p *Principal, err error) {
	h := hashOf(code)
	a.mu.Lock()
	a.refreshLocked()
	known := a.index.links[h] != nil
	a.mu.Unlock()
	if !known { // without a lock and a write for every wrong guess
		return "", nil, fmt.Errorf("login link: %w", ErrUsed)
	}
	err = a.change(func(d *document, x index) error {
		l := x.links[h]
		if l == nil || !a.clock().Before(l.Expires) {
			return fmt.Errorf("login link: %w", ErrUsed)
		}
		d.Links = slices.DeleteFunc(d.Links, func(o *link) bool { return o == l })
		secret = d.addSession("", a.clock())
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return secret, adminPrincipal(), nil
}

// Login turns a token into a session with the token's rights. The error is
// ErrUnknown, ErrExpired, or an internal one.
func (a *Auth) Login(tokenSecret string) (secret string, p *Principal, err error) {
	p, id, err := a.authenticate(tokenSecret)
	if err != nil {
		return "", nil, err
	}
	err = a.change(func(d *document, x index) error {
		if !isAdminToken(id) && x.byID[id] == nil {
			return fmt.Errorf("token: %w", ErrUnknown)
		}
		secret = d.addSession(id, a.clock())
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return secret, p, nil
}

func (d *document) addSession(tokenID string, now time.Time) string {
	secret := newSecret("js_")
	now = now.UTC().Truncate(time.Second)
	d.Sessions = append(d.Sessions, &session{Hash: hashOf(secret), Token: tokenID, Created: now, LastUse: now})
	return secret
}

// Session says whose session this is. The error is ErrUnknown or ErrExpired.
func (a *Auth) Session(secret string) (*Principal, error) {
	h := hashOf(secret)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refreshLocked()
	s := a.index.sessions[h]
	if s == nil {
		return nil, fmt.Errorf("session: %w", ErrUnknown)
	}
	now := a.clock()
	fresh := *s
	if u := a.used[h]; u.After(fresh.LastUse) {
		fresh.LastUse = u
	}
	if !fresh.valid(now) {
		return nil, fmt.Errorf("session: %w", ErrExpired)
	}
	p := adminPrincipal()
	switch {
	case isAdminToken(s.Token):
		if a.adminToken == nil || s.Token != adminTokenID(*a.adminToken) {
			return nil, fmt.Errorf("session: %w", ErrUnknown)
		}
	case s.Token != "":
		t := a.index.byID[s.Token]
		if t == nil {
			return nil, fmt.Errorf("session: %w", ErrUnknown)
		}
		if t.over(now) {
			return nil, fmt.Errorf("session: %w", ErrExpired)
		}
		p = t.principal()
	}
	a.useLocked(h, now)
	return p, nil
}

// Logout ends one session; one that is not there counts as ended.
func (a *Auth) Logout(secret string) error {
	h := hashOf(secret)
	errNone := errors.New("no such session")
	err := a.change(func(d *document, x index) error {
		if x.sessions[h] == nil {
			return errNone
		}
		d.Sessions = slices.DeleteFunc(d.Sessions, func(s *session) bool { return s.Hash == h })
		return nil
	})
	if errors.Is(err, errNone) {
		return nil
	}
	return err
}

// LogoutAll ends every session and every link.
func (a *Auth) LogoutAll() error {
	return a.change(func(d *document, x index) error {
		d.Sessions, d.Links = nil, nil
		return nil
	})
}
