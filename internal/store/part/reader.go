package part

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"journalist/internal/store/stream"
	"journalist/internal/vfs"
)

// ErrCorrupt is wrapped by errors that say that a part is not what was written.
var ErrCorrupt = stream.ErrCorrupt

// VersionError says that a part was written by another version of the program.
type VersionError struct{ Version byte }

func (e *VersionError) Error() string {
	return fmt.Sprintf("it has the format version %d, this program reads %d: open it with the program that wrote it, or begin with another data folder", e.Version, version)
}

// Part is a written part as its footer describes it. It is immutable.
type Part struct {
	Path    string
	Dataset string
	Groups  []GroupInfo
	Size    int64 // of the file
	fs      vfs.FS
	id      uint64 // of this opening: what the cache knows it by
	cache   *Cache
}

// Open reads a part's footer. What is read of its groups later is kept in the cache,
// which may be nil.
func Open(fsys vfs.FS, path string, cache *Cache) (p *Part, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("part %s: %w", path, err)
		}
	}()
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size < headSize+tailSize {
		return nil, stream.Corrupt("%d bytes are too few", size)
	}
	var head [headSize]byte
	var tail [tailSize]byte
	if err := readAt(f, head[:], 0); err != nil {
		return nil, err
	}
	if err := readAt(f, tail[:], size-tailSize); err != nil {
		return nil, err
	}
	if err := checkEnds(head, tail); err != nil {
		return nil, err
	}
	n, sum := int64(binary.LittleEndian.Uint32(tail[:])), binary.LittleEndian.Uint32(tail[4:])
	if n > size-headSize-tailSize {
		return nil, stream.Corrupt("a footer of %d bytes", n)
	}
	end := size - tailSize - n
	raw, err := readBlock(f, end, stream.Ref{Len: uint32(n), Sum: sum})
	if err != nil {
		return nil, err
	}
	p = &Part{Path: path, Size: size, fs: fsys, id: parts.Add(1), cache: cache}
	p.Dataset, p.Groups, err = decodeFooter(raw, end)
	return p, err
}

// checkEnds looks at a part's first and last bytes. Both say its version, so that
// damage is not taken for a part of another one.
func checkEnds(head [headSize]byte, tail [tailSize]byte) error {
	switch {
	case string(head[:4]) != magic || string(tail[8:11]) != magic[:3]:
		return stream.Corrupt("not a whole part")
	case head[4] == tail[11] && head[4] > version || head[4] == 1 && tail[11] == magic[3]:
		return &VersionError{Version: head[4]} // version 1 ended with the whole magic
	case head[4] != version || tail[11] != version:
		return stream.Corrupt("it has the version %d at its beginning and %d at its end", head[4], tail[11])
	case head[5] != 0 || head[6] != 0 || head[7] != 0:
		return stream.Corrupt("bytes that are zero are not")
	}
	return nil
}

// Rows is the number of rows.
func (p *Part) Rows() int64 {
	n := int64(0)
	for i := range p.Groups {
		n += int64(p.Groups[i].Rows)
	}
	return n
}

// Bounds are the least and the greatest time.
func (p *Part) Bounds() (first, last int64) {
	for i := range p.Groups {
		g := &p.Groups[i]
		if i == 0 || g.First < first {
			first = g.First
		}
		if i == 0 || g.Last > last {
			last = g.Last
		}
	}
	return first, last
}

// Reader reads a part's groups. Several goroutines may use it.
type Reader struct {
	part *Part
	file vfs.File
}

// Reader opens the part's file.
func (p *Part) Reader() (*Reader, error) {
	f, err := p.fs.Open(p.Path)
	if err != nil {
		return nil, fmt.Errorf("open part: %w", err)
	}
	return &Reader{part: p, file: f}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

func (r *Reader) directory(i int) (*directory, error) {
	g := &r.part.Groups[i]
	key := cacheKey{r.part.id, i, cacheDirectory, 0}
	if dir, ok := r.part.cache.get(key).(*directory); ok {
		return dir, nil
	}
	raw, err := r.block(g, g.dir)
	if err == nil {
		var dir *directory
		if dir, err = decodeDirectory(raw, g.Rows); err == nil {
			r.part.cache.put(key, dir, int64(4*len(raw)))
			return dir, nil
		}
	}
	return nil, fmt.Errorf("part %s: row group %d: %w", r.part.Path, i, err)
}

func (r *Reader) block(g *GroupInfo, ref stream.Ref) ([]byte, error) {
	if int64(ref.Off)+int64(ref.Len) > g.Len || ref.Len == 0 {
		return nil, stream.Corrupt("block of %d bytes at %d in a group of %d", ref.Len, ref.Off, g.Len)
	}
	return readBlock(r.file, g.Off+int64(ref.Off), ref)
}

func readBlock(f vfs.File, at int64, ref stream.Ref) ([]byte, error) {
	block := make([]byte, ref.Len)
	if err := readAt(f, block, at); err != nil {
		return nil, err
	}
	if sum := stream.Checksum(block); sum != ref.Sum {
		return nil, stream.Corrupt("block of %d bytes at %d has the checksum %08x, %08x was written", ref.Len, at, sum, ref.Sum)
	}
	raw, err := stream.OpenBlock(block)
	if err != nil {
		return nil, fmt.Errorf("block at %d: %w", at, err)
	}
	return raw, nil
}

func readAt(f vfs.File, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF) || err == nil:
		return stream.Corrupt("the file ends at %d, %d bytes wanted at %d", at+int64(n), len(b), at)
	}
	return err
}
