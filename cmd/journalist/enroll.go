package main

import (
	"errors"
	"fmt"
	"net"

	"journalist/internal/api"
	"journalist/internal/pki"
)

// enroller is the authority as internal/api needs it.
type enroller struct {
	authority *pki.PKI
	// servers are the addresses for lines, once the listener is open.
	servers []string
}

// Check is api.Enroller's.
func (e *enroller) Check(name string, csr []byte) error {
	if _, err := pki.CheckRequest(name, csr); err != nil {
		return err
	}
	return taken(e.authority.Free(name))
}

// taken says in internal/api's words that a name is taken.
func taken(err error) error {
	if errors.Is(err, pki.ErrTaken) {
		return fmt.Errorf("%w: %w", api.ErrNameTaken, err)
	}
	return err
}

// Enroll is api.Enroller's.
func (e *enroller) Enroll(name string, csr []byte) (certificate, authority []byte, servers []string, err error) {
	r, err := pki.CheckRequest(name, csr)
	if err != nil {
		return nil, nil, nil, err
	}
	certificate, err = e.authority.Sign(r)
	return certificate, e.authority.CAPEM(), e.servers, taken(err)
}

// enrollServers is where a forwarder sends lines: a listener on all addresses is
// reached by the first name that was given for this machine, else by whatever name
// the forwarder used.
func enrollServers(lumberjack string, names []string) []string {
	host, port, err := net.SplitHostPort(lumberjack)
	if err != nil {
		return nil // there is no such listener
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = ""
		if len(names) > 0 {
			host = names[0]
		}
	}
	return []string{net.JoinHostPort(host, port)}
}
