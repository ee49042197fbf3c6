package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"journalist/internal/testkit/proc"
)

// mountDisk makes dir a disk of its own, of this size, until the test ends. It
// returns an error where that is not permitted.
func mountDisk(t *testing.T, dir, size string) error {
	t.Helper()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			return err
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return nil
}

// fill writes until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// A smallDisk is where one program writes, and can be full. Where no disk can be
// mounted, the system keeps the program from making any file longer instead.
type smallDisk struct {
	t       *testing.T
	ballast string // "" where there is no disk of its own
	full    bool
}

// newSmallDisk makes dir a disk of this size.
func newSmallDisk(t *testing.T, dir, size string) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, ballast: filepath.Join(dir, "ballast")}
	if err := mountDisk(t, dir, size); err != nil {
		t.Logf("no disk of its own for %s (%v): when it is full, files may not grow", dir, err)
		d.ballast = ""
	}
	return d
}

// fill takes all room away from a program.
func (d *smallDisk) fill(p *proc.Process) {
	d.t.Helper()
	d.full = true
	if d.ballast != "" {
		fill(d.t, d.ballast)
	}
	d.started(p)
}

// started has the disk also be full for a program that was started since.
func (d *smallDisk) started(p *proc.Process) {
	d.t.Helper()
	if d.full && d.ballast == "" {
		if err := p.LimitFileSize(0); err != nil {
			d.t.Fatal(err)
		}
	}
}

// free gives the room back.
func (d *smallDisk) free(p *proc.Process) {
	d.t.Helper()
	d.full = false
	var err error
	if d.ballast != "" {
		err = os.Remove(d.ballast)
	} else {
		err = p.LimitFileSize(proc.Unlimited)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}
