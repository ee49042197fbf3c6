//go:build unix

package rotate

import (
	"io/fs"
	"os"
	"syscall"
)

func sysAttr(fi fs.FileInfo, a *attr) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	a.UID, a.GID = int(st.Uid), int(st.Gid)
	a.Dev, a.Ino, a.Links = uint64(st.Dev), st.Ino, uint64(st.Nlink)
	if n := atime(st); n != 0 {
		a.ATime = n
	}
}

const openNoFollow = syscall.O_NOFOLLOW

// chown gives a file away, which only root may.
func chown(f *os.File, a attr) error {
	if os.Geteuid() != 0 {
		return nil
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if is := attrOf(fi); is.UID == a.UID && is.GID == a.GID {
		return nil
	}
	return f.Chown(a.UID, a.GID)
}

func credential(uid, gid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
