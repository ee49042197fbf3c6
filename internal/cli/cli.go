// Package cli is what the commands print and ask: a client of the HTTP API, the
// forms in which rows are shown, the progress of an import, the login that is
// kept between two commands, and the exit codes.
//
// Up the way is internal/api, whose answers it reads over HTTP; down the way is
// only the person at the terminal. cmd/journalist parses the flags and calls it;
// the files named scribe*.go do the same for cmd/scribe.
package cli
