//go:build !linux

package sdnotify

// monotonic: systemd runs on Linux alone.
func monotonic() int64 { return 0 }
