//go:build unix

package discover

import (
	"bufio"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// groupOf is the name of the group that may read a file, "" where its group may not
// either.
func (s *searcher) groupOf(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&0o040 == 0 {
		return ""
	}
	f, err := s.o.Root.Open("etc/group")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	for sc := bufio.NewScanner(f); sc.Scan(); {
		part := strings.Split(sc.Text(), ":")
		if len(part) > 2 && part[2] == strconv.FormatUint(uint64(st.Gid), 10) {
			return part[0]
		}
	}
	return ""
}
