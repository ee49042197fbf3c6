package auth

import (
	"errors"
	"testing"

	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// A crash at any operation leaves a file that opens, in which what was confirmed
// is true: tokens that were handed out work, revoked ones and used links do not.
func TestCrash(t *testing.T) {
	type promise struct{ secret, revoked, used string }
	story := func(fs *crashfs.FS) (p promise, err error) {
		a, err := Open(fs, "/data/auth")
		if err != nil {
			return p, err
		}
		first, _, err := a.EnsureAdmin()
		if err != nil {
			return p, err
		}
		p.secret = first
		victim, info, err := a.CreateToken(TokenSpec{Name: "x", Scopes: []Scope{Read}})
		if err != nil {
			return p, err
		}
		code, err := a.CreateLink(LinkLife)
		if err != nil {
			return p, err
		}
		if _, _, err := a.Redeem(code); err != nil {
			return p, err
		}
		p.used = code
		if err := a.Revoke(info.ID); err != nil {
			return p, err
		}
		p.revoked = victim
		return p, nil
	}
	prepare := func() *crashfs.FS {
		fs := crashfs.New()
		if err := errors.Join(fs.MkdirAll("/data"), fs.SyncDir("/")); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	whole := prepare()
	if _, err := story(whole); err != nil {
		t.Fatal(err)
	}
	for op := 1; op <= whole.Ops(); op++ {
		for seed := range uint64(3) {
			fs := prepare()
			fs.CrashAt(op, seed)
			p, err := story(fs)
			if err != nil {
				t.Fatal(err)
			}
			after := fs.Image()
			if after == nil {
				continue // the crash was in the preparation
			}
			if _, err := Open(after, "/data/auth"); err != nil {
				t.Errorf("crash before operation %d: %v", op, err)
			}
			if op < whole.Ops() {
				continue
			}
			// The crash after everything was confirmed.
			a, err := Open(fs.CrashClone(seed), "/data/auth")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Authenticate(p.secret); err != nil {
				t.Errorf("the first token is lost: %v", err)
			}
			if _, err := a.Authenticate(p.revoked); !errors.Is(err, ErrUnknown) {
				t.Errorf("a revoked token is back: %v", err)
			}
			if _, _, err := a.Redeem(p.used); !errors.Is(err, ErrUsed) {
				t.Errorf("a used link works again: %v", err)
			}
		}
	}
}

// When any operation fails, nothing is half done: the next attempt succeeds.
func TestEveryOperationFails(t *testing.T) {
	for n := 0; ; n++ {
		mem := crashfs.New()
		if err := mem.MkdirAll("/data"); err != nil {
			t.Fatal(err)
		}
		fs := faultfs.New(mem)
		a, err := Open(fs, "/data/auth")
		if err != nil {
			t.Fatal(err)
		}
		_, info, err := a.CreateToken(TokenSpec{Name: "x", Scopes: []Scope{Read}})
		if err != nil {
			t.Fatal(err)
		}
		fs.FailAt(n, faultfs.ENOSPC, false)
		err = a.Revoke(info.ID)
		if !fs.Heal() {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if err == nil && n > 0 { // operation 0 is the lock's
			t.Errorf("operation %d fails and nobody hears of it", n)
		}
		if _, _, err := a.CreateToken(TokenSpec{Name: "y", Scopes: []Scope{Read}}); err != nil {
			t.Errorf("after a failed operation %d: %v", n, err)
		}
		if _, err := a.List(); err != nil {
			t.Error(err)
		}
	}
}
