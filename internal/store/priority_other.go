//go:build !linux

package store

// behind makes the goroutine that calls it yield the processor to all others, where
// the system knows how.
func behind() {}
