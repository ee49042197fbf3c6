package store

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// behind makes the goroutine that calls it yield the processor to all others: it is
// bound to a thread of its own, which the kernel runs only as much as the others
// leave. The thread ends with the goroutine. Where the kernel refuses, everything
// goes on as before.
func behind() {
	const nice = 10
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
}
