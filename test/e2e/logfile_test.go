package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"journalist/internal/testkit/loggen"
)

// A logFile is one file that a service writes and something rotates.
type logFile struct {
	tag  string
	path string
	gen  *loggen.Generator
	f    *os.File
}

func openLog(t *testing.T, dir, tag string) *logFile {
	t.Helper()
	l := &logFile{tag: tag, path: filepath.Join(dir, tag+".log")}
	l.gen = loggen.New(uint64(len(tag)), tag, time.Now(), 5*time.Millisecond)
	l.reopen(t)
	t.Cleanup(func() { _ = l.f.Close() })
	return l
}

func (l *logFile) reopen(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	l.f = f
}

func (l *logFile) write(t *testing.T, lines int) {
	t.Helper()
	if _, err := l.gen.Write(l.f, lines); err != nil {
		t.Fatal(err)
	}
}

// rename rotates as logrotate's create does: .2 to .3, .1 to .2, the file to .1,
// and the service goes on in a new file.
func (l *logFile) rename(t *testing.T) {
	t.Helper()
	for i := 8; i >= 1; i-- {
		err := os.Rename(l.path+"."+strconv.Itoa(i), l.path+"."+strconv.Itoa(i+1))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.f.Close(); err != nil {
		t.Fatal(err)
	}
	l.reopen(t)
}

// truncate rotates as copytruncate does, once all of it has arrived: what is
// written between a foreign copy and its truncate is lost to everyone.
func (l *logFile) truncate(t *testing.T) {
	t.Helper()
	if err := os.Truncate(l.path, 0); err != nil {
		t.Fatal(err)
	}
}
