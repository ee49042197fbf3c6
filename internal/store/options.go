package store

import (
	"errors"
	"log/slog"
	"time"

	"journalist/internal/metrics"
	"journalist/internal/vfs"
)

// Options say how a store works. Only Dir must be set.
type Options struct {
	FS      vfs.FS // vfs.OS
	Dir     string
	Logger  *slog.Logger
	Metrics *metrics.Set
	// Retention is how much is kept, by dataset; the key "" is for those that have
	// no entry.
	Retention map[string]Retention
	// DiskFloor is how many bytes are always left free on the disk: below, the
	// oldest data go, and when that is not enough nothing more is taken. 0 means
	// 5 % of the file system, at most 1 GiB.
	DiskFloor uint64
	// MemtableBytes bounds the rows that are held in memory until they are written
	// to parts. Default 32 MiB.
	MemtableBytes int64
	// QueueBytes bounds the batches that wait for their commit. Default 32 MiB.
	QueueBytes int64
	// FlushEvery is how long rows stay in memory at most. Default 10 minutes.
	FlushEvery time.Duration
	// RetainEvery is how often Retain runs by itself. Default 1 minute; negative
	// means never.
	RetainEvery time.Duration
	// ScanBytes is the memory budget of a scan that names none. Default 64 MiB.
	ScanBytes int64
	// CacheBytes bounds what is kept of parts between queries: directories,
	// templates, dictionaries and word filters; ColumnBytes columns that are asked
	// for again. Defaults 32 and 24 MiB; negative means nothing.
	CacheBytes, ColumnBytes int64
	// Clock tells the time of day. Default time.Now.
	Clock func() time.Time
}

// Retention is how much of a dataset is kept; zero is no limit.
type Retention struct {
	Age   time.Duration
	Bytes int64 // on disk
}

func (o *Options) ensureDefaults() error {
	if o.Dir == "" {
		return errors.New("store: no data directory")
	}
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	setDefault(&o.MemtableBytes, 32<<20)
	setDefault(&o.QueueBytes, 32<<20)
	setDefault(&o.ScanBytes, 64<<20)
	setDefault(&o.CacheBytes, 32<<20)
	setDefault(&o.ColumnBytes, 24<<20)
	setDefault(&o.FlushEvery, 10*time.Minute)
	setDefault(&o.RetainEvery, time.Minute)
	if o.MemtableBytes < 0 || o.QueueBytes < 0 || o.ScanBytes < 0 || o.FlushEvery < 0 {
		return errors.New("store: negative limit")
	}
	for name, r := range o.Retention {
		if r.Age < 0 || r.Bytes < 0 {
			return errors.New("store: negative retention of dataset " + name)
		}
	}
	return nil
}

func setDefault[T ~int64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// The names below the data directory.
const (
	lockName      = "LOCK"
	manifestName  = "MANIFEST"
	positionsName = "POSITIONS"
	walDir        = "wal"
	dataDir       = "data"
	quarantineDir = "quarantine"
	partSuffix    = ".part"
	goneSuffix    = ".gone"
	tmpSuffix     = ".tmp"
)
