package part

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"journalist/internal/store/chunk"
	"journalist/internal/store/column"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/vfs"
	"journalist/internal/wire"
)

// Writer writes one part. It is used by one goroutine.
type Writer struct {
	file    vfs.File
	out     *bufio.Writer
	dataset string
	at      int64 // end of what was written
	synced  int64 // end of what was handed to the disk
	groups  []GroupInfo
	columns column.Encoder
	err     error
}

// Create begins a part in a new file with this name.
func Create(fsys vfs.FS, name, dataset string) (*Writer, error) {
	f, err := fsys.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create part: %w", err)
	}
	w := &Writer{file: f, out: bufio.NewWriterSize(f, 256<<10), dataset: dataset}
	w.write(append([]byte(magic), version, 0, 0, 0))
	return w, nil
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
	w.at += int64(len(b))
}

// AddGroup writes a chunk as a row group. The groups of a part are in order of
// arrival: where two have rows of equal time, the first one's came first.
func (w *Writer) AddGroup(c *chunk.Chunk) error {
	start := w.at
	put := func(block []byte) stream.Ref {
		ref := stream.Ref{Off: uint32(w.at - start), Len: uint32(len(block)), Sum: stream.Checksum(block)}
		w.write(block)
		return ref
	}
	streams := stream.NewWriter(put)
	columns := w.encode(streams, c)
	dir := streams.Finish(binary.AppendUvarint(nil, uint64(c.Len())))
	ref := put(stream.AppendBlock(nil, append(dir, columns...)))
	if w.at-start > 1<<31 {
		w.err = errors.Join(w.err, fmt.Errorf("row group of %d bytes", w.at-start))
	}
	w.syncSome()
	w.groups = append(w.groups, GroupInfo{
		Off: start, Len: w.at - start, Rows: c.Len(), First: c.Times[0], Last: c.Times[c.Len()-1], Bytes: c.Size(), dir: ref,
	})
	return w.err
}

// encode puts the streams of a chunk and returns its directory, all but what says
// where the streams are.
func (w *Writer) encode(streams *stream.Writer, c *chunk.Chunk) []byte {
	w.columns.Begin()
	dir := ints.Append(nil, streams, c.Times)
	dir = binary.AppendUvarint(dir, uint64(streams.Put(stream.Structure, encodeShapes(c.Names, c.Shapes))))
	dir = binary.AppendUvarint(dir, uint64(len(c.Shapes)))
	if len(c.Shapes) > 1 {
		dir = ints.AppendCodes(dir, streams, c.ShapeOf)
	}
	dir = binary.AppendUvarint(dir, uint64(streams.Len()))
	owns := own(c.Cols, c.Len())
	n := 0
	var rare []*column.Col
	for i, col := range c.Cols {
		if owns[i] {
			n++
		} else {
			rare = append(rare, col)
		}
	}
	dir = binary.AppendUvarint(dir, uint64(n))
	for i, col := range c.Cols {
		if owns[i] {
			dir = w.columns.Append(dir, streams, col, c.Len())
		}
	}
	dir = w.appendRest(dir, streams, rare)
	return w.columns.AppendCommon(dir, streams)
}

// syncEvery is how many bytes of a part may wait for the disk. A file system's
// journal makes the sync of one file wait for what others left to be written: a
// part synced at its end only would hold up the write-ahead log, and with it every
// acknowledgement, for as long as the whole part takes.
const syncEvery = 4 << 20

func (w *Writer) syncSome() {
	if w.err != nil || w.at-w.synced < syncEvery {
		return
	}
	if w.err = w.out.Flush(); w.err == nil {
		w.err = w.file.Sync()
	}
	w.synced = w.at
}

// CopyGroup copies a group of another part as it is, after checking that its
// directory is sound.
func (w *Writer) CopyGroup(r *Reader, i int) error {
	g := r.part.Groups[i]
	if _, err := r.directory(i); err != nil {
		return err
	}
	start := w.at
	if _, err := io.CopyN(writeTo{w}, io.NewSectionReader(r.file, g.Off, g.Len), g.Len); err != nil {
		return fmt.Errorf("copy a row group of part %s: %w", r.part.Path, err)
	}
	g.Off = start
	w.groups = append(w.groups, g)
	w.syncSome()
	return w.err
}

// writeTo is the writer as an io.Writer.
type writeTo struct{ w *Writer }

func (t writeTo) Write(b []byte) (int, error) {
	t.w.write(b)
	return len(b), t.w.err
}

// Size is how many bytes were written.
func (w *Writer) Size() int64 { return w.at }

// Finish writes the footer, syncs and closes the file.
func (w *Writer) Finish() error {
	w.write(encodeFooter(w.dataset, w.groups))
	err := w.err
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	return nil
}

// Abort closes the file; the caller removes it.
func (w *Writer) Abort() {
	_ = w.file.Close() // the file is thrown away
}

func encodeFooter(dataset string, groups []GroupInfo) []byte {
	b := wire.AppendBytes(nil, dataset)
	b = binary.AppendUvarint(b, uint64(len(groups)))
	for _, g := range groups {
		for _, n := range []int64{g.Off, g.Len, int64(g.Rows), g.Bytes} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		b = binary.AppendVarint(b, g.First)
		b = binary.AppendVarint(b, g.Last)
		b = g.dir.Append(b)
	}
	out := stream.AppendBlock(nil, b)
	sum := stream.Checksum(out)
	n := uint32(len(out))
	out = binary.LittleEndian.AppendUint32(out, n)
	out = binary.LittleEndian.AppendUint32(out, sum)
	return append(append(out, magic[:3]...), version)
}

func decodeFooter(raw []byte, end int64) (dataset string, groups []GroupInfo, err error) {
	d := column.NewDecoder(raw)
	dataset = string(d.Bytes())
	groups = make([]GroupInfo, d.Count(10))
	for i := range groups {
		g := &groups[i]
		off, n, rows, size := d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint()
		g.First, g.Last = d.Varint(), d.Varint()
		g.dir = stream.ReadRef(&d.Decoder)
		if off < headSize || off > uint64(end) || n > uint64(end)-off || rows == 0 || rows > maxRowsRead || size > 1<<40 || g.First > g.Last {
			d.Fail("row group %d: %d bytes at %d, %d rows, times %d to %d", i, n, off, rows, g.First, g.Last)
			break
		}
		g.Off, g.Len, g.Rows, g.Bytes = int64(off), int64(n), int(rows), int64(size)
	}
	if d.Err() == nil && len(d.Data) > 0 {
		d.Fail("%d bytes after the footer", len(d.Data))
	}
	return dataset, groups, d.Err()
}

// Cut splits rows in Order into runs of about the same size that each fit a row group:
// of MaxBytes or a little more, so that no small one is left over, or one row that is
// bigger. It weighs every row by itself, because a group of a few huge rows among many
// small ones must stay below stream.MaxBlock too.
func Cut(refs []chunk.Ref, chunks []*chunk.Chunk) [][]chunk.Ref {
	const most = MaxBytes + MaxBytes/4
	sizes := make([][]uint32, len(chunks))
	for i, c := range chunks {
		sizes[i] = c.RowSizes()
	}
	all := int64(0)
	for _, r := range refs {
		all += int64(sizes[r.Src][r.Row])
	}
	groups := max((all+most-1)/most, (int64(len(refs))+MaxRows-1)/MaxRows)
	var out [][]chunk.Ref
	from, size, done := 0, int64(0), int64(0)
	for i, r := range refs {
		n := int64(sizes[r.Src][r.Row])
		if i-from == MaxRows || i > from && (size+n > most || done >= all*int64(len(out)+1)/groups) {
			out = append(out, refs[from:i])
			from, size = i, 0
		}
		size += n
		done += n
	}
	if from < len(refs) {
		out = append(out, refs[from:])
	}
	return out
}
