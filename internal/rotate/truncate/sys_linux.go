package truncate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const noFollow = unix.O_NOFOLLOW | unix.O_CLOEXEC

// unwritten tells that nobody has the file open for writing: only then does the
// kernel grant a lease to read. f must be open for reading alone.
func unwritten(f *os.File) bool {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return false
	}
	_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK) // ends with f anyway
	return true
}

// blockSize is what a removal must be a multiple of.
func blockSize(f *os.File) uint64 {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Bsize <= 0 {
		return 4096
	}
	return uint64(st.Bsize)
}

// collapse removes the first n bytes.
func collapse(f *os.File, n uint64) error {
	return refusal("collapse", unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, int64(n)))
}

// punch makes a hole of the first n bytes.
func punch(f *os.File, n uint64) error {
	if n == 0 {
		return nil
	}
	return refusal("punch", unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(n)))
}

// refusal makes one error of all that mean that the file system cannot do it.
func refusal(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s: %w (%w)", op, errors.ErrUnsupported, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// holeAt returns where the data begin.
func holeAt(f *os.File) uint64 {
	n, err := f.Seek(0, unix.SEEK_DATA)
	if err != nil {
		return 0
	}
	return uint64(n)
}

// writesAt tells that a process has the file open for writing and does not append.
func writesAt(dev, ino uint64) bool {
	return anyHandle(dev, ino, func(flags int64) bool {
		return flags&unix.O_ACCMODE != unix.O_RDONLY && flags&unix.O_APPEND == 0
	})
}

// truncate sets the length to 0 of the file that f, which may be open for reading
// alone, stands for.
func truncate(f *os.File, _ string) error {
	return os.Truncate(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), 0)
}

// anyHandle looks at the open files of all processes but our own, as far as we may.
func anyHandle(dev, ino uint64, match func(flags int64) bool) bool {
	self := strconv.Itoa(os.Getpid())
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, p := range procs {
		if c := p.Name()[0]; c < '0' || c > '9' || p.Name() == self {
			continue
		}
		dir := filepath.Join("/proc", p.Name(), "fd")
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // it ended, or is not ours to look at
		}
		for _, fd := range fds {
			var st unix.Stat_t
			if unix.Stat(filepath.Join(dir, fd.Name()), &st) != nil || st.Ino != ino || st.Dev != dev {
				continue
			}
			if flags, ok := flagsOf(p.Name(), fd.Name()); ok && match(flags) {
				return true
			}
		}
	}
	return false
}

func flagsOf(pid, fd string) (int64, bool) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "fdinfo", fd))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 8, 64)
			return n, err == nil
		}
	}
	return 0, false
}
