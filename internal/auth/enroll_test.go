package auth

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"journalist/internal/vfs"
)

func TestSpend(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, err := Open(vfs.OS, t.TempDir(), WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	three, info, err := a.CreateToken(TokenSpec{Name: "web", Scopes: []Scope{Enroll}, Uses: 3, Expires: now.Add(EnrollLife)})
	if err != nil || info.Uses != 3 {
		t.Fatal(info, err)
	}
	// However many ask at once, three get in.
	var in atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, err := a.Spend(three); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, ErrUnknown):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != 3 {
		t.Errorf("%d forwarders got in by a token for 3", in.Load())
	}
	if _, err := a.Authenticate(three); !errors.Is(err, ErrUnknown) {
		t.Errorf("a token that is used up: %v", err)
	}
	read, _, err := a.CreateToken(TokenSpec{Name: "r", Scopes: []Scope{Read}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Spend(read); !errors.Is(err, ErrUnknown) {
		t.Errorf("a token of scope read enrols: %v", err)
	}
	admin, _, err := a.CreateToken(TokenSpec{Name: "a", Scopes: []Scope{Admin}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := a.Spend(admin); err != nil {
			t.Errorf("a token of scope admin: %v", err)
		}
	}
	late, _, err := a.CreateToken(TokenSpec{Name: "l", Scopes: []Scope{Enroll}, Uses: 1, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, err := a.Spend(late); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired token: %v", err)
	}
	for _, bad := range []TokenSpec{
		{Name: "x", Scopes: []Scope{Enroll}},
		{Name: "x", Scopes: []Scope{Enroll, Read}, Uses: 1},
		{Name: "x", Scopes: []Scope{Read}, Uses: 1},
		{Name: "x", Scopes: []Scope{Enroll}, Uses: 1, Datasets: []string{"d"}},
	} {
		if _, _, err := a.CreateToken(bad); err == nil {
			t.Errorf("made: %+v", bad)
		}
	}
}
