package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// LSFNames are the names of logstash-forwarder's registry, the newest first. It
// lies in the working directory of the process.
var LSFNames = []string{".logstash-forwarder", ".lumberjack"}

// lsfState is one entry of it; zero values are left out there.
type lsfState struct {
	Source string `json:"source"`
	Offset int64  `json:"offset"`
	Inode  uint64 `json:"inode"`
	Device uint64 `json:"device"`
}

// maxLSF bounds the registry that is read: some 300,000 files.
const maxLSF = 64 << 20

// Import is what became of the entries of a logstash-forwarder registry.
type Import struct {
	// Resumed files go on where logstash-forwarder stopped, Renamed ones too,
	// although they have another name now.
	Resumed, Renamed []string
	// Fresh files are read from their start; the text says why.
	Fresh map[string]string
}

// ImportLSF takes the positions over from a registry of logstash-forwarder 0.4.0
// or 0.3.1, which stays as it is. It returns when they are durable. Files are
// recognised by device and inode, under their own name or another one in the same
// folder. It is meant for a first start, before any file is followed: a file that
// this registry already knows keeps the position it has.
func (r *Registry) ImportLSF(file string) (Import, error) {
	imp := Import{Fresh: make(map[string]string)}
	f, err := r.fs.Open(file)
	if err != nil {
		return imp, fmt.Errorf("registry: import: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxLSF+1))
	_ = f.Close() // only read
	if err != nil {
		return imp, fmt.Errorf("registry: import %s: %w", file, err)
	}
	if len(data) > maxLSF {
		return imp, fmt.Errorf("registry: import %s: is longer than %d bytes", file, maxLSF)
	}
	var states map[string]*lsfState
	if err := json.Unmarshal(data, &states); err != nil {
		return imp, fmt.Errorf("registry: import %s: not a logstash-forwarder registry: %w", file, err)
	}
	var gens []record.Generation
	for name, st := range states {
		if st == nil {
			continue
		}
		if st.Source == "" {
			st.Source = name
		}
		path, err := r.lsfFind(st)
		var g record.Generation
		if err == nil {
			g, err = r.lsfGeneration(st, path)
		}
		switch {
		case err != nil:
			imp.Fresh[st.Source] = err.Error()
			continue
		case path == st.Source:
			imp.Resumed = append(imp.Resumed, path)
		default:
			imp.Renamed = append(imp.Renamed, path)
		}
		gens = append(gens, g)
	}
	slices.Sort(imp.Resumed)
	slices.Sort(imp.Renamed)
	if len(gens) == 0 {
		return imp, nil
	}
	res := make(chan error, 1)
	r.Register(func(err error) { res <- err }, gens...)
	if err := <-res; err != nil {
		return imp, fmt.Errorf("registry: import %s: %w", file, err)
	}
	return imp, nil
}

// lsfFind returns where the file of an entry is now.
func (r *Registry) lsfFind(st *lsfState) (string, error) {
	for _, g := range r.Inode(st.Inode) {
		if g.Dev == st.Device {
			return "", errors.New("is already known here")
		}
	}
	fi, err := r.fs.Stat(st.Source)
	if err == nil && isNode(fi, st) {
		return st.Source, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	dir := filepath.Dir(st.Source)
	entries, err := r.fs.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && isNode(fi, st) {
			return filepath.Join(dir, e.Name()), nil
		}
	}
	return "", errors.New("is another file now, and no file beside it has its inode")
}

func isNode(fi fs.FileInfo, st *lsfState) bool {
	n, _, ok := vfs.InodeOf(fi)
	return ok && fi.Mode().IsRegular() && n.Ino == st.Inode && n.Dev == st.Device
}

// lsfGeneration looks into the file of an entry. logstash-forwarder counts a CRLF
// as one byte, so that after such a line its offset is one short.
func (r *Registry) lsfGeneration(st *lsfState, path string) (record.Generation, error) {
	var g record.Generation
	f, err := r.fs.Open(path)
	if err != nil {
		return g, err
	}
	defer func() { _ = f.Close() }() // only read
	fi, err := f.Stat()
	if err != nil {
		return g, err
	}
	if !isNode(fi, st) {
		return g, errors.New("was replaced while it was looked at")
	}
	if st.Offset < 0 || st.Offset > fi.Size() {
		return g, fmt.Errorf("was truncated: it has %d bytes, %d were read", fi.Size(), st.Offset)
	}
	offset := st.Offset
	if offset > 0 && offset < fi.Size() {
		b, err := readAt(f, offset-1, 2)
		if err != nil {
			return g, err
		}
		if string(b) == "\r\n" {
			offset++
		}
	}
	head, err := readAt(f, 0, int(min(fi.Size(), record.HeadMax)))
	if err != nil {
		return g, err
	}
	n := min(offset, record.TailMax)
	tail, err := readAt(f, offset-n, int(n))
	if err != nil {
		return g, err
	}
	return record.Generation{
		ID: record.NewSourceID(), Path: st.Source, Dev: st.Device, Ino: st.Inode,
		Head: record.MakeFingerprint(head), Tail: record.MakeFingerprint(tail),
		To: uint64(offset), Size: uint64(fi.Size()),
	}, nil
}

func readAt(f vfs.File, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if k, err := f.ReadAt(b, off); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("became shorter while it was looked at")
		}
		return nil, err
	}
	return b, nil
}
