//go:build !unix

package tail

import "os"

// mkfifo makes a folder: what else is no regular file there.
func mkfifo(path string) error { return os.Mkdir(path, 0o700) }
