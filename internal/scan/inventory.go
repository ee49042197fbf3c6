package scan

import "time"

// InventoryRequest asks what a store consists of.
type InventoryRequest struct {
	// Dataset restricts the answer to one; "" means all.
	Dataset string
	// MaxGroups is how many row groups are looked into; where there are more, they
	// are an even sample and the sizes of columns an estimate. 0 means 20,000,
	// negative all of them.
	MaxGroups int
	// MaxColumns is how many columns are listed of each dataset, the biggest ones;
	// 0 means 200, negative all. The others are one line.
	MaxColumns int
}

// InventoryProgress is how far an inventory is.
type InventoryProgress struct {
	Groups     int64 `json:"groups"` // that will be looked into
	GroupsDone int64 `json:"groups_done"`
}

// Inventory is what a store consists of at a moment.
type Inventory struct {
	Time time.Time `json:"time"`
	// Rows are in parts and in memory, without the deleted ones.
	Rows        int64 `json:"rows"`
	Bytes       int64 `json:"bytes"`     // of parts, on disk
	RawBytes    int64 `json:"raw_bytes"` // of their columns in memory
	Parts       int64 `json:"parts"`
	Groups      int64 `json:"groups"`
	GroupsRead  int64 `json:"groups_read"` // fewer than Groups: columns and kinds are estimates
	MemoryRows  int64 `json:"memory_rows"`
	MemoryBytes int64 `json:"memory_bytes"`
	WALBytes    int64 `json:"wal_bytes"`
	CacheBytes  int64 `json:"cache_bytes"`
	Sources     int   `json:"sources"` // whose positions are known
	// Deleted rows are marked in tombstones and leave the parts when these are
	// written anew.
	DeletedRows int64              `json:"deleted_rows"`
	Tombstones  int64              `json:"tombstones"`
	Aside       Aside              `json:"quarantine"`
	Disk        Disk               `json:"disk"`
	Kinds       []InventoryKind    `json:"kinds"`    // of all datasets, by bytes
	Datasets    []InventoryDataset `json:"datasets"` // by bytes
	// Partial is what could not be read.
	Partial []string `json:"partial,omitempty"`
}

// InventoryDataset is what a store has of one dataset.
type InventoryDataset struct {
	Name        string            `json:"name"`
	Rows        int64             `json:"rows"` // in parts and in memory, without deleted ones
	Bytes       int64             `json:"bytes"`
	RawBytes    int64             `json:"raw_bytes"`
	Parts       int64             `json:"parts"`
	Groups      int64             `json:"groups"`
	GroupsRead  int64             `json:"groups_read"`
	MemoryRows  int64             `json:"memory_rows"`
	DeletedRows int64             `json:"deleted_rows"`
	Templates   int64             `json:"templates"` // of all row groups together
	First       time.Time         `json:"first,omitzero"`
	Last        time.Time         `json:"last,omitzero"`
	Kinds       []InventoryKind   `json:"kinds"`
	Columns     []InventoryColumn `json:"columns"`
	// ColumnCount is how many columns there are, listed or not, as far as they were
	// seen; the names of fields that few rows have are not among them.
	ColumnCount int `json:"column_count"`
}

// InventoryKind is the bytes of one kind: how columns are encoded, or what else a
// part has: filters, directories.
type InventoryKind struct {
	Kind     string `json:"kind"`
	Columns  int64  `json:"columns"` // of single row groups
	Bytes    int64  `json:"bytes"`
	RawBytes int64  `json:"raw_bytes"`
}

// InventoryColumn is the bytes of a column in all row groups.
type InventoryColumn struct {
	Name string `json:"name"`
	// Kind is how most of its bytes are encoded; Kinds all of them, with bytes.
	Kind      string           `json:"kind"`
	Kinds     map[string]int64 `json:"kinds"`
	Groups    int64            `json:"groups"` // row groups that have it
	Values    int64            `json:"values"`
	Bytes     int64            `json:"bytes"`
	RawBytes  int64            `json:"raw_bytes"`
	Templates int64            `json:"templates"`
}

// Aside is the damaged files that were set aside, in this run of the server or in
// one before.
type Aside struct {
	Files int         `json:"files"`
	Bytes int64       `json:"bytes"`
	List  []AsideFile `json:"list,omitempty"` // at most 20
}

// AsideFile is a damaged file that was set aside. What it held is known as far as
// its own footer can be read.
type AsideFile struct {
	Path    string    `json:"path"`
	Bytes   int64     `json:"bytes"`
	Cause   string    `json:"cause,omitempty"` // known in the run that set it aside
	Dataset string    `json:"dataset,omitempty"`
	Rows    int64     `json:"rows,omitempty"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

// Disk is the file system that a store lies on.
type Disk struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
	Floor uint64 `json:"floor"` // always left free
}

// The severities of a Problem.
const (
	SeverityError   = "error"   // records are refused, or missing from answers
	SeverityWarning = "warning" // somebody should know
)

// Problem is something that a person should know of, and what to do about it.
type Problem struct {
	// Kind is "full", "read_only", "permission", "io", "damaged", "missing",
	// "dropped" or "clock".
	Kind     string `json:"kind"`
	Severity string `json:"severity"`
	// What says what is wrong and what follows, Remedy what to do; neither names
	// files, datasets or folders.
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	// Where lists files and folders, at most 20.
	Where []string  `json:"where,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Health is what is wrong with a store, and the figures that belong to it.
type Health struct {
	Problems []Problem `json:"problems"` // the worst first
	// Taking tells that batches are taken.
	Taking bool  `json:"taking"`
	Aside  Aside `json:"quarantine"`
	Disk   Disk  `json:"disk"`
	// Refused counts the batches that were not taken since the start, by reason:
	// "full", "gap", "too_large", and "failed" for those that could not be written.
	Refused map[string]uint64 `json:"refused"`
}
