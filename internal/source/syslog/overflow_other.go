//go:build !linux

package syslog

import "net"

// Only Linux says how many datagrams found a full buffer.
func watchOverflow(*net.UDPConn) {}

func overflow([]byte) (dropped uint32, ok bool) { return 0, false }
