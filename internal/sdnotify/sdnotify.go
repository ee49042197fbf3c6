// Package sdnotify tells systemd how a service is (sd_notify(3)): ready, reloading,
// stopping, alive. Where systemd does not ask for it, it does nothing.
//
// It is a leaf beside the way; cmd/journalist and cmd/scribe, which run as services,
// use it.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Send sends the states: "READY=1", "STATUS=…".
func Send(states ...string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:] // abstract
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	_, err = conn.Write([]byte(strings.Join(states, "\n")))
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return err
}

// Reloading is what systemd wants to hear before a reload: the state and the
// monotonic clock.
func Reloading() string {
	if us := monotonic(); us > 0 {
		return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", us)
	}
	return "RELOADING=1"
}

// Watchdog returns how often WATCHDOG=1 must be sent, half of the time that systemd
// waits for it; 0 when it does not wait for this process.
func Watchdog() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}
