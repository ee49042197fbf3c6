// Package truncate takes the lines out of a log file that its writer keeps open,
// without losing what is written meanwhile.
//
// It is a leaf of internal/rotate, which says which file and how far, above
// internal/record and internal/vfs.
//
// The usual way, to copy a file and then to set its length to 0, loses what is
// written between the two. Here the copy ends after a whole line, and then the
// head that was copied is taken out of the file by fallocate's collapse-range,
// which moves the rest forward and touches nothing else. That works in whole
// blocks; the rest of the last one, less than a block, is overwritten with blanks
// and a line end, and is left out of the next copy. A writer that does not append
// goes on where it was: for it the copied head becomes a hole instead. Only where
// the file system can do neither is the length set to 0, at once after the copy
// has caught up, and what may have been lost is estimated.
package truncate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"journalist/internal/record"
	"journalist/internal/vfs"
)

// Way is how a head was taken out.
type Way string

// The ways.
const (
	Whole    Way = "whole"    // nobody writes: the length was set to 0
	Collapse Way = "collapse" // blocks were removed, the rest filled
	Punch    Way = "punch"    // the head is a hole
	Unsafe   Way = "unsafe"   // the length was set to 0 while somebody may write
)

// NoLimit lets all whole lines be taken.
const NoLimit = ^uint64(0)

// Job says what to do.
type Job struct {
	// Path is the log, Copy where its lines go; "" for nowhere.
	Path, Copy string
	Dev, Ino   uint64
	// Fill is how many bytes at the start stand for what was taken out before.
	Fill uint64
	// Limit is where a line ends up to which bytes may be taken, NoLimit for all.
	// With a limit the unsafe way is not taken.
	Limit uint64
	// Classic takes the unsafe way, with a copy that begins as the log does: for a
	// reader who finds the rest of a truncated file in its copy.
	Classic bool
	// Create makes the copy, with the mode and the owner that it is to have. It
	// must fail if there is one.
	Create func(name string) (*os.File, error)
	// Note makes an Intent durable; nothing is taken out before it has returned.
	Note func(Intent) error
	// Step is called between the steps; tests stop there. nil does nothing.
	Step func(name string)
	// NoCollapse and NoPunch have tests see a file system that can do neither.
	NoCollapse, NoPunch bool
}

// Intent is what must be known to complete a job that was cut off.
type Intent struct {
	Way    Way                `json:"way"`
	End    uint64             `json:"end"`    // bytes before it are in the copy
	Remove uint64             `json:"remove"` // and so many of them go from the file
	Size   uint64             `json:"size"`   // the file's size then
	Head   record.Fingerprint `json:"head"`   // of the file's start then
}

// Result says what was done.
type Result struct {
	Way Way
	// Fill is how many bytes at the start of the file now stand for what was taken.
	Fill uint64
	// Taken is how many bytes went to the copy.
	Taken uint64
	// AtRisk estimates how much of what was written may be in neither file.
	AtRisk uint64
}

// ErrUnsafe means that only the unsafe way is left, and that a limit forbids it.
var ErrUnsafe = errors.New("the file system can take nothing out of a file")

// headLen is how much of a file tells whether its head is still there.
const headLen = 64 << 10

// Run does a job.
func Run(j Job) (Result, error) {
	src, size, err := j.open(os.O_RDONLY) // a handle to write would count as a writer
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = src.Close() }() // only read
	quiet := unwritten(src)
	from := max(j.Fill, holeAt(src))
	if from > size || j.Classic {
		from = 0 // truncated by somebody else, or to be copied as it begins
	}
	end := size
	if j.Limit != NoLimit {
		if end = j.Limit; end > size {
			return Result{}, fmt.Errorf("%s: has %d bytes, of which %d are said to be known", j.Path, size, j.Limit)
		}
		from = min(from, end)
	}
	c := &copier{job: &j, src: src, from: from, at: from}
	if err := c.open(); err != nil {
		return Result{}, err
	}
	defer c.close()
	if err := c.copyTo(end); err != nil {
		return Result{}, err
	}
	whole := quiet && end == size
	if j.Limit == NoLimit && !whole && !j.Classic {
		if end, err = c.settle(); err != nil {
			return Result{}, err
		}
	}
	j.step("copied")
	in := Intent{Way: j.way(whole, end), End: end, Size: max(size, c.at)}
	if in.Way == Collapse {
		in.Remove = removable(src, end, in.Size)
	}
	if in.Head, err = headOf(src, headLen); err != nil {
		return Result{}, err
	}
	if err := c.sync(end); err != nil {
		return Result{}, err
	}
	return j.take(in, c)
}

// way chooses how to take the head out. A writer that does not append would leave
// a hole behind what is taken.
func (j *Job) way(whole bool, end uint64) Way {
	switch {
	case whole:
		return Whole
	case j.Classic:
		return Unsafe
	case !j.NoPunch && writesAt(j.Dev, j.Ino):
		return Punch
	}
	return Collapse
}

// blockMax is the most that is overwritten instead of removed.
const blockMax = 64 << 10

// take notes the intent and carries it out, or a lesser one where the file system
// refuses.
func (j *Job) take(in Intent, c *copier) (Result, error) {
	for {
		if in.Way == Unsafe && j.Limit != NoLimit {
			c.discard()
			return Result{}, fmt.Errorf("%s: %w", j.Path, ErrUnsafe)
		}
		if err := j.Note(in); err != nil {
			return Result{}, err
		}
		j.step("noted")
		if in.Way == Unsafe {
			return j.unsafe(c)
		}
		fill, err := j.apply(c.src, in)
		switch {
		case err == nil:
			return Result{Way: in.Way, Fill: fill, Taken: in.End - c.from}, nil
		case errors.Is(err, errWritten):
			// Somebody opened it for writing since.
			in.Way = Collapse
			in.Remove = removable(c.src, in.End, in.Size)
		case errors.Is(err, errors.ErrUnsupported) && in.Way == Punch:
			in.Way = Collapse
			in.Remove = removable(c.src, in.End, in.Size)
		case errors.Is(err, errors.ErrUnsupported) && in.Way == Collapse && in.End < blockMax:
			in.Remove = 0
		case errors.Is(err, errors.ErrUnsupported):
			in.Way = Unsafe
		default:
			return Result{}, err
		}
	}
}

// removable is how many bytes can be removed as whole blocks, and leave something.
func removable(f *os.File, end, size uint64) uint64 {
	block := blockSize(f)
	n := end / block * block
	if n >= size && n > 0 {
		n -= block
	}
	return n
}

var errWritten = errors.New("the file is open for writing")

// apply takes the head out. It may be repeated as long as the removal was not.
func (j *Job) apply(f *os.File, in Intent) (fill uint64, err error) {
	if in.Way == Whole {
		size, err := sizeOf(f)
		if err != nil {
			return 0, err
		}
		if size != in.Size || !unwritten(f) {
			return 0, errWritten
		}
		if err := truncate(f, j.Path); err != nil {
			return 0, err
		}
		j.step("taken")
		return 0, f.Sync()
	}
	w, _, err := j.open(os.O_RDWR)
	if err != nil {
		return 0, err
	}
	defer func() { _ = w.Close() }() // what counts was synced
	if in.Way == Punch {
		if err := punch(w, in.End); err != nil {
			return 0, err
		}
		j.step("taken")
		return in.End, w.Sync()
	}
	if in.Remove > 0 {
		if j.NoCollapse {
			return 0, errors.ErrUnsupported
		}
		if err := collapse(w, in.Remove); err != nil {
			return 0, err
		}
	}
	j.step("removed")
	fill = in.End - in.Remove
	if err := writeFill(w, fill); err != nil {
		return 0, err
	}
	j.step("taken")
	return fill, w.Sync()
}

// writeFill overwrites what is in the copy and could not be removed: a line of
// blanks, which the tools that read logs take no offence at.
func writeFill(f *os.File, n uint64) error {
	if n == 0 {
		return nil
	}
	b := bytes.Repeat([]byte{' '}, int(n))
	b[n-1] = '\n'
	_, err := f.WriteAt(b, 0)
	return err
}

// unsafe catches up and sets the length to 0 as soon as there is nothing left.
func (j *Job) unsafe(c *copier) (Result, error) {
	grown := uint64(0)
	for range 100 {
		size, err := sizeOf(c.src)
		if err != nil {
			return Result{}, err
		}
		if size <= c.at {
			break
		}
		grown = size - c.at
		if err := c.copyTo(size); err != nil {
			return Result{}, err
		}
	}
	if err := truncate(c.src, j.Path); err != nil {
		return Result{}, err
	}
	j.step("taken")
	if err := c.sync(c.at); err != nil {
		return Result{}, err
	}
	return Result{Way: Unsafe, Taken: c.at - c.from, AtRisk: grown}, c.src.Sync()
}

// Resume completes a job that was cut off after it had noted its last intent.
// again means that nothing was taken out: the job is to be run anew, without the
// copy that is there.
func Resume(j Job, in Intent) (res Result, again bool, err error) {
	f, size, err := j.open(os.O_RDONLY)
	if errors.Is(err, errReplaced) || errors.Is(err, os.ErrNotExist) {
		return Result{Way: in.Way}, false, nil // somebody else went on
	}
	if err != nil {
		return res, false, err
	}
	defer func() { _ = f.Close() }() // what counts was synced
	if in.Head.Len > headLen || in.Remove > in.End || in.End-in.Remove > 2*blockMax && in.Way == Collapse {
		return res, false, fmt.Errorf("%s: a note of what was under way makes no sense: %+v", j.Path, in)
	}
	head, err := headOf(f, int(in.Head.Len)) // it may have grown
	if err != nil {
		return res, false, err
	}
	untouched := size >= in.Size && head == in.Head
	res = Result{Way: in.Way}
	switch in.Way {
	case Whole, Unsafe:
		return res, untouched && in.Size > 0, nil
	case Collapse:
		if untouched && in.Remove > 0 {
			return res, true, nil
		}
		in.Remove, in.End = 0, in.End-in.Remove
	}
	res.Fill, err = j.apply(f, in)
	return res, false, err
}

var errReplaced = errors.New("is another file now")

// open opens the log and makes sure that it is the one that is meant.
func (j *Job) open(flag int) (*os.File, uint64, error) {
	f, err := os.OpenFile(j.Path, flag|noFollow, 0)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil {
		if n, _, _ := vfs.InodeOf(fi); !fi.Mode().IsRegular() || n.Dev != j.Dev || n.Ino != j.Ino {
			err = fmt.Errorf("%s: %w", j.Path, errReplaced)
		}
	}
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, 0, err
	}
	return f, uint64(fi.Size()), nil
}

func (j *Job) step(name string) {
	if j.Step != nil {
		j.Step(name)
	}
}

func sizeOf(f *os.File) (uint64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(fi.Size()), nil
}

// headOf is of the first n bytes, or of all where there are fewer.
func headOf(f *os.File, n int) (record.Fingerprint, error) {
	b := make([]byte, n)
	got, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return record.Fingerprint{}, err
	}
	return record.MakeFingerprint(b[:got]), nil
}

// copier writes the copy.
type copier struct {
	job      *Job
	src, dst *os.File // dst is nil where no copy is wanted
	from, at uint64
	buf      []byte
}

func (c *copier) open() (err error) {
	if c.job.Copy == "" {
		return nil
	}
	c.dst, err = c.job.Create(c.job.Copy)
	return err
}

func (c *copier) close() {
	if c.dst != nil {
		_ = c.dst.Close() // what counts was synced
		c.dst = nil
	}
}

// discard removes a copy of what was not taken out.
func (c *copier) discard() {
	if c.dst != nil {
		c.close()
		_ = os.Remove(c.job.Copy) // the next attempt moves it out of the way
	}
}

// copyTo copies up to an offset of the log.
func (c *copier) copyTo(end uint64) error {
	if c.dst == nil {
		c.at = max(c.at, end)
		return nil
	}
	if c.buf == nil {
		c.buf = make([]byte, 256<<10)
	}
	for c.at < end {
		n, err := c.src.ReadAt(c.buf[:min(uint64(len(c.buf)), end-c.at)], int64(c.at))
		if n == 0 {
			if errors.Is(err, io.EOF) {
				err = errors.New("became shorter while it was copied")
			}
			return fmt.Errorf("%s: %w", c.job.Path, err)
		}
		if _, err := c.dst.Write(c.buf[:n]); err != nil {
			return err
		}
		c.at += uint64(n)
	}
	return nil
}

// settle copies what was written meanwhile and returns where the last whole line
// in the copy ends.
func (c *copier) settle() (uint64, error) {
	for range 8 {
		size, err := sizeOf(c.src)
		if err != nil {
			return 0, err
		}
		small := size-min(size, c.at) < 64<<10
		if err := c.copyTo(size); err != nil {
			return 0, err
		}
		if small {
			break
		}
	}
	var b [32 << 10]byte
	for at := c.at; at > c.from; {
		n := min(uint64(len(b)), at-c.from)
		if _, err := c.src.ReadAt(b[:n], int64(at-n)); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := bytes.LastIndexByte(b[:n], '\n'); i >= 0 {
			return at - n + uint64(i) + 1, nil
		}
		at -= n
	}
	if c.at-c.from > record.MaxValue {
		return c.at, nil // no lines at all
	}
	return c.from, nil
}

// sync cuts the copy after the offset end of the log and makes it durable. The
// unsafe way copies on from there.
func (c *copier) sync(end uint64) error {
	c.at = end
	if c.dst == nil {
		return nil
	}
	if err := c.dst.Truncate(int64(end - c.from)); err != nil {
		return err
	}
	if _, err := c.dst.Seek(int64(end-c.from), io.SeekStart); err != nil {
		return err
	}
	if err := c.dst.Sync(); err != nil {
		return err
	}
	return vfs.OS.SyncDir(filepath.Dir(c.job.Copy))
}
