package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"journalist/internal/cli"
)

// What a command makes in a data folder belongs to whoever the folder belongs to,
// also when root runs it and the folders above are closed to that user.
func TestAsOwner(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	d := dataDir(filepath.Join(closed, "data"))
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		if err := os.Chown(string(d), owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("f's own error")
	err = d.asOwner(func(d dataDir) error {
		if err := os.WriteFile(filepath.Join(string(d), "made"), nil, 0o600); err != nil {
			t.Error(err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	info, err := os.Stat(filepath.Join(string(d), "made"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != owner {
		t.Errorf("the file belongs to %d, the folder to %d", uid, owner)
	}
	after, err := os.Getwd()
	if err != nil || after != before || (os.Geteuid() != owner) != (os.Getuid() == 0) {
		t.Errorf("afterwards: in %s, user %d, error %v", after, os.Geteuid(), err)
	}
}

func TestDefaultData(t *testing.T) {
	home(t)
	if got := defaultData(); got != "data" {
		t.Errorf("default %q", got)
	}
	t.Setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
	if got := defaultData(); got != "/var/lib/a" {
		t.Errorf("systemd %q", got)
	}
	t.Setenv("JOURNALIST_DATA", "/data")
	if got := defaultData(); got != "/data" {
		t.Errorf("environment %q", got)
	}
}

// After a login, the commands that administer find the folder from anywhere.
func TestExistingAfterLogin(t *testing.T) {
	dir := home(t)
	made := filepath.Join(dir, "elsewhere")
	if err := os.MkdirAll(dataDir(made).pki(), 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := cli.ProfilePath()
	if err != nil {
		t.Fatal(err)
	}
	if err := cli.SaveProfile(path, cli.Profile{Server: "http://127.0.0.1:1", Token: "x", Data: made}); err != nil {
		t.Fatal(err)
	}
	if d, err := existing(""); err != nil || string(d) != made {
		t.Errorf("%s, error %v", d, err)
	}
	if _, err := existing("nowhere"); err == nil {
		t.Error("a folder that was named and is none is taken")
	}
}

func TestHostPort(t *testing.T) {
	for _, c := range [][3]string{
		{"[::]:9292", "web-01", "web-01:9292"},
		{"0.0.0.0:9292", "web-01", "web-01:9292"},
		{":9292", "web-01", "web-01:9292"},
		{"10.0.0.5:9292", "web-01", "10.0.0.5:9292"},
		{"[::1]:9292", "web-01", "[::1]:9292"},
	} {
		if got := cli.HostPort(c[0], c[1]); got != c[2] {
			t.Errorf("HostPort(%s, %s) = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
