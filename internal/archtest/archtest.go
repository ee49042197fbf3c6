// Package archtest holds the architecture as a test: which package may import
// which, and that every package says in its comment who its neighbours on a
// line's way are. docs/ARCHITECTURE.md is the same in words.
//
// It stands beside the way and is neighbour to all: nothing imports it, from
// internal/record to cmd/journalist.
package archtest
