package pki

import (
	"errors"
	"testing"

	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// A crash at any operation leaves a folder that opens; what was handed out stays
// valid and what was revoked stays revoked.
func TestCrash(t *testing.T) {
	o := testOptions(newClock(today))
	prepare := func() *crashfs.FS {
		fs := crashfs.New()
		if err := errors.Join(fs.MkdirAll("/data"), fs.SyncDir("/")); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	story := func(fs *crashfs.FS) (fingerprint string, revoked Pair) {
		t.Helper()
		p, err := Open(fs, "/data/pki", o)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := p.Issue("web-01")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Revoke("web-01"); err != nil {
			t.Fatal(err)
		}
		return p.CAFingerprint(), pair
	}
	whole := prepare()
	story(whole)
	for op := 1; op <= whole.Ops(); op++ {
		fs := prepare()
		fs.CrashAt(op, uint64(op))
		story(fs)
		if after := fs.Image(); after != nil {
			if err := errors.Join(after.MkdirAll("/data"), after.SyncDir("/")); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(after, "/data/pki", o); err != nil {
				t.Errorf("crash before operation %d: %v", op, err)
			}
		}
	}
	for seed := range uint64(5) {
		fs := prepare()
		fingerprint, pair := story(fs)
		p, err := Open(fs.CrashClone(seed), "/data/pki", o)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := parseCert(pair.Cert)
		if err != nil {
			t.Fatal(err)
		}
		if p.CAFingerprint() != fingerprint {
			t.Error("a crash made another authority")
		}
		if !p.Revoked(leaf) {
			t.Error("a revoked certificate is back")
		}
	}
}

// When any operation fails, the next attempt succeeds.
func TestEveryOperationFails(t *testing.T) {
	o := testOptions(newClock(today))
	for n := 0; ; n++ {
		mem := crashfs.New()
		if err := mem.MkdirAll("/data"); err != nil {
			t.Fatal(err)
		}
		fs := faultfs.New(mem)
		fs.FailAt(n, faultfs.EIO, false)
		p, err := Open(fs, "/data/pki", o)
		if err == nil {
			_, err = p.Issue("web-01")
		}
		if err == nil {
			err = p.Revoke("web-01")
		}
		if !fs.Heal() {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if err == nil {
			t.Errorf("operation %d fails and nobody hears of it", n)
		}
		p, err = Open(fs, "/data/pki", o)
		if err != nil {
			t.Fatalf("after a failed operation %d: %v", n, err)
		}
		if _, err := p.Issue("web-02"); err != nil {
			t.Errorf("after a failed operation %d: %v", n, err)
		}
	}
}
