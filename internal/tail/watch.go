package tail

import "context"

// watcher has the kernel tell of changes in folders. What it tells are hints: the
// scan finds everything without them, only later.
type watcher interface {
	// watch makes dirs the folders that are watched and returns those that are; an
	// error says why some are not.
	watch(dirs map[string]struct{}) (covered map[string]bool, err error)
	// run passes changes on until ctx ends, and then releases everything.
	run(ctx context.Context)
}
