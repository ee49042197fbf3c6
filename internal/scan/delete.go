package scan

// Deletion asks a source to delete the rows that match, for good.
type Deletion struct {
	// Request says which rows; its Columns, Order and Limit do not count.
	Request Request
	// DryRun only counts them.
	DryRun bool
	// Progress is called from time to time, from one goroutine at a time; nil means
	// nobody wants to know.
	Progress func(DeletionProgress)
}

// DeletionProgress is how far the search for the rows is.
type DeletionProgress struct {
	Groups, GroupsDone int64 // row groups to look at, and looked at
	Rows               int64 // found so far
}

// Deleted is what became of a Deletion.
type Deleted struct {
	Rows  int64 // deleted, or found by a dry run
	Parts int   // files that hold them
	// First and Last are the least and the greatest time of the files' row groups
	// that hold them; both 0 when there are none.
	First, Last int64
	// SetAside is how many damaged files the source keeps aside. They are in no
	// answer, but they may hold rows that match.
	SetAside int
	// Partial says which files were found damaged on the way and set aside.
	Partial []string
}
