//go:build !unix

package main

import "errors"

// openSyslog: there is none.
func openSyslog() (severities, func(), error) {
	return nil, nil, errors.New("this system has no syslog: leave --log-to-syslog out")
}
