package proc

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// FewFiles is what a program is started under (Journalist.Under, Scribe.Under) to
// have at most n files open for all its life. The Go runtime raises the soft limit
// to the hard one, so that both are set.
func FewFiles(n int) []string {
	return []string{"/bin/sh", "-c", "ulimit -n " + strconv.Itoa(n) + ` && exec "$0" "$@"`}
}

// startUnder is Start with another program in front.
func startUnder(under []string, dir string, env []string, program string, args ...string) (*Process, error) {
	if len(under) == 0 {
		return Start(dir, env, program, args...)
	}
	return Start(dir, env, under[0], append(append(under[1:len(under):len(under)], program), args...)...)
}

// OpenFiles is how many files the process has open.
func (p *Process) OpenFiles() (int, error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	return len(fds), err
}

// LimitFiles sets how many files the running process may have open, LimitFileSize
// how large those that it writes may get. unlimited takes a limit off again, as far
// as the process was not started with it. Neither takes privileges.
func (p *Process) LimitFiles(n uint64) error { return p.limit(unix.RLIMIT_NOFILE, n) }

// LimitFileSize is described at LimitFiles.
func (p *Process) LimitFileSize(n uint64) error { return p.limit(unix.RLIMIT_FSIZE, n) }

// Unlimited is the limit that is none.
const Unlimited = unix.RLIM_INFINITY

// limit sets a soft limit, at most to the hard one.
func (p *Process) limit(resource int, n uint64) error {
	var l unix.Rlimit
	if err := unix.Prlimit(p.PID(), resource, nil, &l); err != nil {
		return err
	}
	l.Cur = min(n, l.Max)
	return unix.Prlimit(p.PID(), resource, &l, nil)
}
