package rotate

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"journalist/internal/rotate/conf"
)

func atime(st *syscall.Stat_t) int64 { return st.Atim.Nano() }

// asUser calls f so that the file system takes it for somebody else. Only this
// goroutine's thread changes; the rest of the process stays who it is.
func asUser(o *conf.Owner, f func() error) error {
	if o == nil || (o.UID == os.Geteuid() && o.GID == os.Getegid()) {
		return f()
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("su: only root may rotate as user %d, group %d", o.UID, o.GID)
	}
	runtime.LockOSThread()
	restored := false
	defer func() {
		if restored { // else the thread ends with the goroutine
			runtime.UnlockOSThread()
		}
	}()
	if _, err := unix.SetfsgidRetGid(o.GID); err != nil {
		return fmt.Errorf("su: %w", err)
	}
	_, err := unix.SetfsuidRetUid(o.UID)
	if err == nil {
		if now, _ := unix.SetfsuidRetUid(-1); now != o.UID {
			err = fmt.Errorf("the system refuses user %d", o.UID)
		} else {
			err = f()
		}
	}
	_, uerr := unix.SetfsuidRetUid(os.Geteuid())
	_, gerr := unix.SetfsgidRetGid(os.Getegid())
	now, _ := unix.SetfsuidRetUid(-1)
	restored = uerr == nil && gerr == nil && now == os.Geteuid()
	return err
}
