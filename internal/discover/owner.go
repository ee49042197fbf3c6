package discover

import (
	"bufio"
	"io/fs"
	"strconv"
	"strings"

	"journalist/internal/vfs"
)

// groupOf is the name of the group that may read a file, "" where its group may not
// either or files have no groups.
func (s *searcher) groupOf(info fs.FileInfo) string {
	_, gid, ok := vfs.OwnerOf(info)
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
		if len(part) > 2 && part[2] == strconv.Itoa(gid) {
			return part[0]
		}
	}
	return ""
}
