package tail

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// gather is the pause between two looks at the kernel's queue. Meanwhile the
// kernel joins the events of a file that is written to quickly, and a line waits
// no longer than this.
const gather = 10 * time.Millisecond

const watchMask = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// inotify watches folders, not files: one watch covers thousands of files. Events
// are read without an allocation each, because a busy file makes thousands a second.
type inotify struct {
	fd   int
	file *os.File
	h    hints

	mu     sync.Mutex
	closed bool
	dirs   map[string]int32
	wds    map[int32]string
}

func newWatcher(h hints) (watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	return &inotify{
		fd: fd, file: os.NewFile(uintptr(fd), "inotify"), h: h,
		dirs: make(map[string]int32), wds: make(map[int32]string),
	}, nil
}

func (w *inotify) watch(dirs map[string]struct{}) (covered map[string]bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, nil
	}
	for dir, wd := range w.dirs {
		if _, ok := dirs[dir]; !ok {
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // the folder may be gone
			w.dropLocked(wd)
		}
	}
	added := false
	covered = make(map[string]bool, len(dirs))
	for dir := range dirs {
		if _, ok := w.dirs[dir]; !ok {
			if !local(dir) {
				continue
			}
			wd, werr := unix.InotifyAddWatch(w.fd, dir, watchMask)
			if werr != nil {
				if !errors.Is(werr, unix.ENOENT) && !errors.Is(werr, unix.ENOTDIR) && err == nil {
					err = fmt.Errorf("inotify: watch %s: %w", dir, werr)
					if errors.Is(werr, unix.ENOSPC) {
						err = fmt.Errorf("%w: raise fs.inotify.max_user_watches", err)
					}
				}
				continue
			}
			if other, ok := w.wds[int32(wd)]; ok && other != dir {
				continue // the same folder under another name: polled
			}
			w.dirs[dir], w.wds[int32(wd)] = int32(wd), dir
			added = true
		}
		covered[dir] = true
	}
	if added {
		w.h.names() // what happened before the watch was there
	}
	return covered, err
}

// local tells that all changes in a folder are made by this machine's kernel, which
// hears of them. Of those on a network file system, or on one that a process
// serves, it does not.
func local(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return true // adding the watch says what is wrong
	}
	switch uint32(st.Type) { // signed and of different sizes
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.REISERFS_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC,
		unix.SQUASHFS_MAGIC, zfsMagic, bcachefsMagic, jfsMagic, exfatMagic:
		return true
	}
	return false
}

// Of file systems that x/sys/unix does not name.
const (
	zfsMagic      = 0x2fc12fc1
	bcachefsMagic = 0xca451a4e
	jfsMagic      = 0x3153464a
	exfatMagic    = 0x2011bab0
)

func (w *inotify) dropLocked(wd int32) {
	delete(w.dirs, w.wds[wd])
	delete(w.wds, wd)
}

func (w *inotify) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true // watch must not use the descriptor's number any more
	_ = w.file.Close()
}

func (w *inotify) run(ctx context.Context) {
	_ = w.file.SetReadDeadline(time.Time{}) // that of a run before
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.file.SetReadDeadline(time.Unix(1, 0))
		close(stopped)
	})
	defer func() {
		if !stop() {
			<-stopped
		}
	}()
	buf := make([]byte, 64<<10)
	var path []byte
	pause := time.NewTimer(gather)
	defer pause.Stop()
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return // the deadline, or nothing that could be repaired; the scan goes on
		}
		path = w.events(buf[:n], path)
		pause.Reset(gather)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// events passes on what is in b; path is scratch space.
func (w *inotify) events(b, path []byte) []byte {
	names := false
	var from string // of the move whose other half comes next
	var cookie uint32
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		pair := binary.NativeEndian.Uint32(b[8:])
		size := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if size > len(b) {
			break
		}
		name := b[:size]
		b = b[size:]
		w.mu.Lock()
		if mask&unix.IN_IGNORED != 0 {
			w.dropLocked(wd)
		}
		dir, ok := w.wds[wd]
		w.mu.Unlock()
		if ok {
			path = appendPath(path[:0], dir, name)
		}
		switch {
		case mask&unix.IN_MODIFY == 0:
			names = true // also when events were lost
			if ok && mask&unix.IN_MOVED_FROM != 0 {
				from, cookie = string(path), pair
			} else if ok && mask&unix.IN_MOVED_TO != 0 && from != "" && pair == cookie {
				w.h.moved(from, string(path))
			}
		case ok:
			w.h.changed(path)
		}
	}
	if names {
		w.h.names()
	}
	return path
}

// appendPath appends the path of an event's name, which NUL bytes follow.
func appendPath(path []byte, dir string, name []byte) []byte {
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if dir != "." {
		path = append(path, dir...)
		if dir != "/" {
			path = append(path, '/')
		}
	}
	return append(path, name...)
}
