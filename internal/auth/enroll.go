package auth

import (
	"fmt"
	"slices"
	"time"
)

const (
	// EnrollLife is the usual life of a token of scope Enroll.
	EnrollLife = 24 * time.Hour
	maxUses    = 10000
)

// Spend takes one use of a token of scope Enroll, durably, before a forwarder is
// let in by it; with the last one the token is gone. A token of scope Admin is not
// used up. The error is ErrUnknown, ErrExpired, or an internal one.
func (a *Auth) Spend(secret string) (*Principal, error) {
	p, _, err := a.authenticate(secret)
	if err != nil {
		return nil, err
	}
	if !p.May(Enroll) {
		return nil, fmt.Errorf("token without scope %s: %w", Enroll, ErrUnknown)
	}
	if p.May(Admin) {
		return p, nil
	}
	h := hashOf(secret)
	err = a.change(func(d *document, x index) error {
		t := x.tokens[h]
		switch {
		case t == nil: // somebody else's request was quicker
			return fmt.Errorf("token: %w", ErrUnknown)
		case t.over(a.clock()):
			return fmt.Errorf("token %s: %w", t.ID, ErrExpired)
		}
		if t.Uses--; t.Uses <= 0 {
			d.Tokens = slices.DeleteFunc(d.Tokens, func(o *token) bool { return o == t })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}
