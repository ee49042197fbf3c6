package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"journalist/internal/store"
	"journalist/internal/vfs"
)

// errorName is the entry of the stream that says why nothing follows.
const errorName = "ERROR"

// SendOptions say what Send sends.
type SendOptions struct {
	FS vfs.FS
	// Data is the data folder whose tokens and certificates go along.
	Data string
	// Program is the version of this program.
	Program string
	// Have is what the receiver has.
	Have []File
}

// entry is a file on its way.
type entry struct {
	File
	open func() (io.ReadCloser, error)
}

// Send writes a backup's stream: the index, and the files that the receiver does not
// have. It takes the snapshot, so that the stream begins when that is there; an
// error before the first byte was written is the caller's to tell.
func Send(ctx context.Context, st *store.Store, o SendOptions, w io.Writer) error {
	extra, err := readExtra(o.FS, o.Data)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	snap, err := st.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer snap.Close()
	index := Index{Version: version, Made: time.Now().UTC().Truncate(time.Second), Program: o.Program, Rows: snap.Rows}
	entries, err := snapshotEntries(snap)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	have := map[File]bool{}
	for _, f := range o.Have {
		have[f] = true
	}
	var send []entry
	for _, e := range append(entries, extra...) {
		index.Files = append(index.Files, e.File)
		if !e.part() || !have[e.File] {
			send = append(send, e)
		}
	}
	data, err := json.Marshal(&index)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	out := tar.NewWriter(w)
	if err := put(out, File{Name: indexName, Size: int64(len(data))}, bytes.NewReader(data)); err != nil {
		return err
	}
	for _, e := range send {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := e.open()
		if err != nil { // a damaged part was set aside, perhaps
			reason := []byte(fmt.Sprintf("%s cannot be read any more; try again", e.Name))
			return errors.Join(fmt.Errorf("backup: %w", err), put(out, File{Name: errorName, Size: int64(len(reason))}, bytes.NewReader(reason)), out.Close())
		}
		err = put(out, e.File, r)
		_ = r.Close() // only read
		if err != nil {
			return err
		}
	}
	return out.Close()
}

func put(out *tar.Writer, f File, r io.Reader) error {
	h := &tar.Header{Name: f.Name, Size: f.Size, Mode: 0o600, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if err := out.WriteHeader(h); err != nil {
		return fmt.Errorf("backup: %s: %w", f.Name, err)
	}
	if _, err := io.CopyN(out, r, f.Size); err != nil {
		return fmt.Errorf("backup: %s: %w", f.Name, err)
	}
	return nil
}

// snapshotEntries lists the files of the store.
func snapshotEntries(snap *store.Snapshot) ([]entry, error) {
	var entries []entry
	for i := range snap.Files {
		f := &snap.Files[i]
		e := entry{File: File{Name: storeDir + "/" + f.Name, Size: f.Size}, open: f.Open}
		var err error
		if f.Part {
			e.Tail, err = f.Tail()
		} else {
			e.CRC, err = sumOf(f)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func sumOf(f *store.SnapshotFile) (uint32, error) {
	r, err := f.Open()
	if err != nil {
		return 0, err
	}
	data, err := io.ReadAll(r)
	return checksum(data), errors.Join(err, r.Close())
}

// readExtra reads the tokens and certificates. They may change meanwhile, a
// certificate and its key one after the other: it reads until two readings agree.
func readExtra(fsys vfs.FS, data string) ([]entry, error) {
	const attempts = 10
	before, err := readDirs(fsys, data)
	for range attempts {
		if err != nil {
			return nil, err
		}
		var again []entry
		if again, err = readDirs(fsys, data); err == nil && same(before, again) {
			return again, nil
		}
		before = again
	}
	return nil, errors.New("tokens and certificates do not stop changing: try again")
}

func same(a, b []entry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].File != b[i].File {
			return false
		}
	}
	return true
}

func readDirs(fsys vfs.FS, data string) ([]entry, error) {
	var entries []entry
	for _, dir := range wholeDirs {
		err := walk(fsys, filepath.Join(data, dir), func(name string) error {
			rel, err := filepath.Rel(data, name)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if filepath.Base(name) == "lock" || strings.HasSuffix(name, ".tmp") || checkName(rel) != nil {
				return nil
			}
			content, err := readSmall(fsys, name)
			if vfs.IsNotExist(err) {
				return nil // gone between listing and reading; the second reading tells
			}
			if err != nil {
				return err
			}
			entries = append(entries, entry{
				File: File{Name: rel, Size: int64(len(content)), CRC: checksum(content)},
				open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}
