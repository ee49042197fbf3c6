//go:build unix

package main

import "log/syslog"

// openSyslog connects to this machine's syslog.
func openSyslog() (severities, func(), error) {
	out, err := syslog.New(syslog.LOG_INFO|syslog.LOG_DAEMON, "scribe")
	if err != nil {
		return nil, nil, err
	}
	return out, func() { _ = out.Close() }, nil
}
