//go:build unix

package tail

import "golang.org/x/sys/unix"

// openLimit is how many files to keep open: half of what the process may.
func openLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 256
	}
	return int(min(max(uint64(l.Cur)/2, 16), 4096))
}
