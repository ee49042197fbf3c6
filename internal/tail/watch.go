package tail

import "context"

// watcher has the kernel tell of changes in folders. What it tells are hints: the
// scan finds everything without them, only later.
type watcher interface {
	// watch makes dirs the folders that are watched and returns those that are; an
	// error says why some are not.
	watch(dirs map[string]struct{}) (covered map[string]bool, err error)
	// run passes changes on until ctx ends. Another run goes on where it was.
	run(ctx context.Context)
	// close releases everything, behind the last run.
	close()
}

// hints is told by a watcher what happened.
type hints interface {
	// changed: the file at path was written to or truncated. path is valid only
	// during the call.
	changed(path []byte)
	// moved: a file was renamed, or replaced another one.
	moved(from, to string)
	// names: something else happened to the names in a folder, or nobody knows what
	// happened.
	names()
}
