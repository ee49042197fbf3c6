// Package backup copies a running server's data into a folder and from there back:
// it sends a snapshot of the store, the certificate authority and the tokens as one
// stream, receives what a folder does not have yet, and restores.
//
// Up the way are cmd/journalist's commands backup and restore, with internal/api
// between where the server is elsewhere; down the way internal/store makes the
// snapshot and checks copies. docs/format/backup.md describes the folder and the
// stream.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"journalist/internal/vfs"
)

// version is of the folder and of the stream.
const version = 1

// The names in a backup's folder.
const (
	indexName = "BACKUP"
	nextName  = "BACKUP.next" // an index whose files are all there, some as NAME.new
	lockName  = "backup.lock"
	newSuffix = ".new"
	storeDir  = "store"
	dataDir   = "store/data"
)

// ErrNoBackup says that a folder holds something else.
var ErrNoBackup = errors.New("not a backup made by journalist")

// Index says what a backup consists of. It stands in the folder as BACKUP and comes
// first in the stream.
type Index struct {
	Version int       `json:"version"`
	Made    time.Time `json:"made"`
	Program string    `json:"program"` // version of the server
	Rows    int64     `json:"rows"`
	Files   []File    `json:"files"`
}

// File is a file of a backup.
type File struct {
	// Name is relative to the data folder, with slashes.
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Tail is a part's last bytes, hexadecimal. Parts have checksums in themselves.
	Tail string `json:"tail,omitempty"`
	// CRC is the CRC-32C of every other file.
	CRC uint32 `json:"crc32c,omitempty"`
}

func (f *File) part() bool { return f.Tail != "" }

// Bytes is the size of all files.
func (x *Index) Bytes() int64 {
	n := int64(0)
	for i := range x.Files {
		n += x.Files[i].Size
	}
	return n
}

// Request is what a folder has already. The body of the request for a backup is this
// as JSON.
type Request struct {
	Have []File `json:"have"`
}

// limits of what is believed.
const (
	maxIndex = 256 << 20
	maxSmall = 64 << 20 // a file that is no part
	maxFiles = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// parseIndex reads an index and checks that its names stay in the folder.
func parseIndex(data []byte) (*Index, error) {
	var x Index
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, fmt.Errorf("%w: its index cannot be read: %w", ErrNoBackup, err)
	}
	if x.Version != version {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrNoBackup, x.Version, version)
	}
	if len(x.Files) > maxFiles {
		return nil, fmt.Errorf("%w: %d files", ErrNoBackup, len(x.Files))
	}
	seen := map[string]bool{}
	for i := range x.Files {
		f := &x.Files[i]
		if err := checkName(f.Name); err != nil {
			return nil, err
		}
		if f.Size < 0 || !f.part() && f.Size > maxSmall || seen[f.Name] {
			return nil, fmt.Errorf("%w: %q of %d bytes", ErrNoBackup, f.Name, f.Size)
		}
		seen[f.Name] = true
	}
	if !seen[storeDir+"/MANIFEST"] {
		return nil, fmt.Errorf("%w: it has no store", ErrNoBackup)
	}
	return &x, nil
}

// Folders of the data folder that are copied whole beside the store.
var wholeDirs = []string{"auth", "pki"}

// checkName lets through what belongs into a backup, and nothing that would lie
// elsewhere.
func checkName(name string) error {
	top, _, _ := strings.Cut(name, "/")
	known := name == "store/MANIFEST" || name == "store/POSITIONS" || strings.HasPrefix(name, dataDir+"/") || slices.Contains(wholeDirs, top)
	if !fs.ValidPath(name) || !known || path.Dir(name) == "." || strings.HasSuffix(name, newSuffix) || strings.HasSuffix(name, ".tmp") || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%w: it names a file %q", ErrNoBackup, name)
	}
	return nil
}

// walk calls f for every file below a folder; a missing folder has none.
func walk(fsys vfs.FS, dir string, f func(name string) error) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil && !vfs.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			err = walk(fsys, name, f)
		case e.Type().IsRegular():
			err = f(name)
		default:
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readSmall reads a file that must not be bigger than small files are.
func readSmall(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(data) > maxSmall {
		err = fmt.Errorf("%s is bigger than %d bytes", name, maxSmall)
	}
	return data, err
}
