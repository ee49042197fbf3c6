package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"journalist/internal/vfs/crashfs"
	"journalist/internal/vfs/faultfs"
)

func open(t *testing.T, fsys *crashfs.FS) (*Log, []string, Report) {
	t.Helper()
	if err := fsys.MkdirAll("/wal"); err != nil {
		t.Fatal(err)
	}
	var got []string
	l, rep, err := Recover(Options{FS: fsys, Dir: "/wal", Floor: 1, Next: 1}, func(e Entry) error {
		got = append(got, fmt.Sprintf("%d %d %s", e.Seq, e.Time, e.Body))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l, got, rep
}

// TestFailedCommitIsVoid: what a failed commit may have left is never replayed,
// because the segment after it says where it goes on.
func TestFailedCommitIsVoid(t *testing.T) {
	mem := crashfs.New()
	l, _, _ := open(t, mem)
	fsys := faultfs.New(mem)
	l.fs = fsys
	commit := func(body string) error { return l.Commit([]Entry{{Time: 5, Body: []byte(body)}}) }
	if err := commit("one"); err != nil {
		t.Fatal(err)
	}
	// The write goes through, its sync does not, and neither does the cut.
	fsys.FailAt(1, faultfs.EIO, true)
	if err := commit("failed"); err == nil {
		t.Fatal("a commit without a sync")
	}
	fsys.Heal()
	if err := commit("two"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, got, rep := open(t, mem)
	if want := "[1 5 one 2 5 two]"; fmt.Sprint(got) != want || len(rep.Problems) > 0 || rep.Torn == 0 {
		t.Fatalf("%v %+v, want %s", got, rep, want)
	}
}

func TestRotateAndRemove(t *testing.T) {
	fsys := crashfs.New()
	l, _, _ := open(t, fsys)
	for i := range 6 {
		if err := l.Commit([]Entry{{Body: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			if err := l.Remove(l.Rotate()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, got, _ := open(t, fsys); fmt.Sprint(got) != "[5 0 4 6 0 5]" {
		t.Fatal(got)
	}
}

// FuzzReader: no bytes make the reader panic, allocate much or go on behind an
// error; what it accepts is what would be written.
func FuzzReader(f *testing.F) {
	good := appendRecord(appendRecord(nil, Entry{Seq: 1, Time: 2, Body: []byte("body")}), Entry{Seq: 2, Body: bytes.Repeat([]byte("x"), 300)})
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(append([]byte{0xff, 0xff, 0xff, 0xff}, good...))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data), int64(len(data)))
		var again []byte
		for {
			e, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
				r.Follows()
				break
			}
			again = appendRecord(again, e)
		}
		if !bytes.Equal(again, data[:r.Good()]) {
			t.Fatal("the accepted records are not what is written")
		}
	})
}
