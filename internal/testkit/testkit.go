// Package testkit is the root of what tests and benchmarks share: loggen makes
// log lines, proc starts the real binaries, and the other folders hold in-memory
// stand-ins against which the real parts are compared.
//
// It stands beside the way: it may use everything from internal/record to
// internal/store, and only tests, bench/ and cmd-less helpers import it.
package testkit
