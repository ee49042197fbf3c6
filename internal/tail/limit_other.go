//go:build !unix

package tail

// openLimit is how many files to keep open where the system has no limit of its own.
func openLimit() int { return 4096 }
