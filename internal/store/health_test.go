package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/vfs"
	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

// problem returns the problem of a kind, nil when there is none.
func problem(s *Store, kind string) *scan.Problem {
	for _, p := range s.Health().Problems {
		if p.Kind == kind {
			return &p
		}
	}
	return nil
}

// kindsOf lists the kinds of all problems.
func kindsOf(s *Store) (kinds []string) {
	for _, p := range s.Health().Problems {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

// TestDiskRefuses: whatever the disk refuses is told by its cause while it lasts, what
// is there can be asked meanwhile, and all is well when the disk works again.
func TestDiskRefuses(t *testing.T) {
	for kind, want := range map[faultfs.Kind]string{faultfs.EROFS: "read_only", faultfs.EACCES: "permission", faultfs.EIO: "io", faultfs.ENOSPC: "full"} {
		t.Run(want, func(t *testing.T) {
			fsys := faultfs.New(crashfs.New())
			s := mustOpen(t, options(fsys))
			x := newSender(0)
			if err := x.send(s, 5); err != nil {
				t.Fatal(err)
			}
			if h := s.Health(); len(h.Problems) != 0 || !h.Taking {
				t.Fatalf("%+v", h)
			}
			fsys.FailAt(0, kind, true)
			err := x.send(s, 5)
			if err == nil || errors.Is(err, record.ErrFull) != (kind == faultfs.ENOSPC) {
				t.Fatalf("sent: %v", err)
			}
			p := problem(s, want)
			if p == nil || p.Severity != scan.SeverityError || !strings.Contains(p.What, "New records are refused") || p.Remedy == "" || len(p.Where) != 1 || p.Since.IsZero() {
				t.Fatalf("%+v of %v", p, kindsOf(s))
			}
			if s.Health().Taking || s.Health().Refused["failed"] == 0 {
				t.Errorf("%+v", s.Health())
			}
			if err := s.Flush(context.Background()); err == nil {
				t.Fatal("flushed")
			}
			if p := problem(s, want); !strings.Contains(p.What, "cannot be written to parts") {
				t.Errorf("%+v", p)
			}
			if got, _ := collect(t, s, all()); len(got) != 5 {
				t.Errorf("%d rows while the disk refuses", len(got))
			}
			s.probe() // it still does
			if problem(s, want) == nil {
				t.Error("the problem is gone and its cause is not")
			}
			fsys.Heal()
			s.probe() // without senders nobody else notices
			if !s.Health().Taking {
				t.Error("nothing is taken though the disk works")
			}
			x.resume = true
			if err := x.send(s, 5); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(context.Background()); err != nil && kind != faultfs.ENOSPC {
				waitFor(t, func() bool { return s.Flush(context.Background()) == nil })
			}
			waitFor(t, func() bool { s.probe(); return len(s.Health().Problems) == 0 })
			check(t, "healed", s, []*sender{x})
		})
	}
}

// TestOpenRefused: a store that cannot be opened says why, holds nothing, and can be
// opened when the disk works.
func TestOpenRefused(t *testing.T) {
	for kind, cause := range map[faultfs.Kind]error{faultfs.EROFS: syscall.EROFS, faultfs.EACCES: fs.ErrPermission} {
		clean, rows := filled(t)
		fsys := faultfs.New(clean)
		fsys.FailAt(0, kind, true)
		if _, err := Open(options(fsys)); !errors.Is(err, cause) || !strings.Contains(err.Error(), "/data") {
			t.Fatalf("kind %d: %v", kind, err)
		}
		// Whoever only looks needs no permission to write.
		inv, err := Inspect(func() error { return nil }, fsys, "/data", scan.InventoryRequest{}, nil)
		if err != nil || inv.Rows != int64(len(rows)) || len(inv.Partial) != 0 {
			t.Fatalf("kind %d: %+v, %v", kind, inv, err)
		}
		fsys.Heal()
		s := mustOpen(t, options(fsys))
		got, _ := collect(t, s, all())
		diff(t, "healed", got, expected(rows, all()))
	}
}

// unreadableFS does not give the bytes of files back whose names end so.
type unreadableFS struct {
	vfs.FS
	suffix string
	err    error
}

func (u *unreadableFS) Open(name string) (vfs.File, error) {
	f, err := u.FS.Open(name)
	if err != nil || u.suffix == "" || !strings.HasSuffix(name, u.suffix) {
		return f, err
	}
	if errors.Is(u.err, syscall.EACCES) {
		_ = f.Close() // only read
		return nil, &fs.PathError{Op: "open", Path: name, Err: u.err}
	}
	return &unreadableFile{f, u.err}, nil
}

type unreadableFile struct {
	vfs.File
	err error
}

func (f *unreadableFile) ReadAt([]byte, int64) (int, error) { return 0, f.err }
func (f *unreadableFile) Read([]byte) (int, error)          { return 0, f.err }

// TestUnreadablePart: a part that the disk does not give back at the start is set
// aside like a damaged one; one that may not be read is not, because nothing is
// wrong with it.
func TestUnreadablePart(t *testing.T) {
	clean, rows := filled(t)
	name := files(t, clean, "/data/data")[0]
	denied := &unreadableFS{FS: clean.CrashClone(1), suffix: name, err: syscall.EACCES}
	if _, err := Open(options(denied)); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), name) {
		t.Fatalf("opened without permission for a part: %v", err)
	}
	denied.suffix = ""
	s := mustOpen(t, options(denied))
	if got, _ := collect(t, s, all()); len(got) != len(rows) || len(kindsOf(s)) != 0 {
		t.Fatalf("%d rows of %d, %v", len(got), len(rows), kindsOf(s))
	}

	broken := &unreadableFS{FS: clean.CrashClone(1), suffix: ".part", err: syscall.EIO}
	broken.suffix = name
	s, err := Open(options(broken))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := collect(t, s, all()); len(got) != len(rows)-300 || problem(s, "damaged") == nil {
		t.Fatalf("%d rows of %d, %v", len(got), len(rows), kindsOf(s))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// While it runs a read that fails is told, and the file stays.
	late := &unreadableFS{FS: clean.CrashClone(1), err: syscall.EIO}
	now := start.Add(time.Hour)
	o := options(late)
	o.Clock = func() time.Time { return now }
	s = mustOpen(t, o)
	late.suffix = name
	if got, st := collect(t, s, all()); len(got) != len(rows)-300 || len(st.Partial) != 1 {
		t.Fatalf("%d rows of %d, %v", len(got), len(rows), st.Partial)
	}
	if p := problem(s, "io"); p == nil || !strings.Contains(p.What, "cannot be read") || problem(s, "damaged") != nil {
		t.Errorf("%+v of %v", p, kindsOf(s))
	}
	late.suffix = ""
	now = now.Add(readTrouble + time.Second)
	if got, _ := collect(t, s, all()); len(got) != len(rows) || len(kindsOf(s)) != 0 {
		t.Errorf("%d rows of %d, %v", len(got), len(rows), kindsOf(s))
	}
}

// TestAsideIsTold: what was set aside is listed with what it held, also after a
// restart, until somebody removes it; a part that is missing is told, too.
func TestAsideIsTold(t *testing.T) {
	fsys, _ := filled(t)
	names := files(t, fsys, "/data/data")
	for i := range int64(14) { // some of it is read by every question
		if err := fsys.Flip(names[0], size(t, fsys, names[0])*(i+1)/16, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := fsys.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	for run := range 2 {
		set := metrics.New()
		o := options(fsys)
		o.Metrics = set
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		collect(t, s, all())
		h := s.Health()
		if h.Aside.Files != 1 || len(h.Aside.List) != 1 {
			t.Fatalf("run %d: %+v", run, h.Aside)
		}
		a := h.Aside.List[0]
		if !strings.HasPrefix(a.Path, "data/quarantine/data+logs+") || a.Bytes != h.Aside.Bytes || a.Bytes == 0 || a.Dataset != "logs" || a.Rows != 300 || a.First.IsZero() || (a.Cause != "") != (run == 0) {
			t.Errorf("run %d: %+v", run, a)
		}
		p := problem(s, "damaged")
		if p == nil || !strings.Contains(p.What, "1 damaged file is set aside") || !strings.Contains(p.Where[0], a.Path) || !strings.Contains(p.Where[0], "300 records") {
			t.Errorf("run %d: %+v", run, p)
		}
		if (problem(s, "missing") != nil) != (run == 0) {
			t.Errorf("run %d: %v", run, kindsOf(s))
		}
		var out strings.Builder
		set.Write(&out)
		for _, line := range []string{"journalist_store_quarantine_files 1\n", `journalist_store_problem{kind="damaged"} 1` + "\n", `journalist_store_problem{kind="full"} 0` + "\n"} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("run %d: %q is not among the metrics", run, line)
			}
		}
		if run == 1 {
			if err := fsys.Remove("/data/quarantine/" + a.Path[len("data/quarantine/"):]); err != nil {
				t.Fatal(err)
			}
			if kinds := kindsOf(s); len(kinds) != 0 {
				t.Errorf("after the file was removed: %v", kinds)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDroppedIsTold: what goes for lack of space is announced.
func TestDroppedIsTold(t *testing.T) {
	fsys := newFS()
	o := options(fsys)
	o.DiskFloor = 1 << 20
	s := mustOpen(t, o)
	days(t, s, "logs", 4)
	fsys.SetFree(1<<20 - 1)
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if kinds := kindsOf(s); !slices.Equal(kinds, []string{"full", "dropped"}) {
		t.Fatal(kinds)
	}
	if p := problem(s, "dropped"); p.Severity != scan.SeverityWarning || !strings.Contains(p.What, fmt.Sprintf("%d records", s.Stats().DroppedRows)) {
		t.Errorf("%+v", p)
	}
	fsys.SetFree(1 << 30)
	if err := s.Retain(context.Background()); err != nil {
		t.Fatal(err)
	}
	if kinds := kindsOf(s); !slices.Equal(kinds, []string{"dropped"}) || !s.Health().Taking {
		t.Error(kinds)
	}
}
