package tail

import (
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"time"

	"journalist/internal/record"
)

// What Cut answers when it cannot do what is asked.
var (
	// ErrNotFollowed: the file is not read.
	ErrNotFollowed = errors.New("file is not followed")
	// ErrNotAcked: the acknowledgements did not come in time; nothing was cut.
	ErrNotAcked = errors.New("not everything that was read of the file is acknowledged")
	// ErrNoCut: the file's encoding needs its beginning.
	ErrNoCut = errors.New("a file of this encoding cannot be cut")
)

// Cutting is what a cut has done: what is left of the file begins at Next, what
// was taken out is in Copy, "" for nowhere.
type Cutting struct {
	Next uint64
	Copy string
}

// cutPoll is how often Cut looks whether it may begin.
const cutPoll = 5 * time.Millisecond

// Cut takes the file at path out of reading, waits for what was read of it to be
// acknowledged, calls cut with the offset up to which it was, and reads on where
// cut says, as a new generation. Bytes before that offset may be taken out of the
// file in cut, which must not return before it is clear whether they were. An error
// of cut, which is returned, means that the file is as it was. What cut makes at
// copyTo is not looked at before Cut returns. Cut waits until ctx ends; several
// goroutines may call it.
func (t *Tailer) Cut(ctx context.Context, path, copyTo string, cut func(acked uint64) (Cutting, error)) error {
	t.cutting.RLock()
	defer t.cutting.RUnlock()
	defer t.reserve(copyTo)()
	fi, err := t.fs.Stat(path)
	if err != nil {
		return err
	}
	node, _, ok := inodeOf(fi)
	if !ok {
		return ErrNotFollowed
	}
	f, err := t.take(ctx, path, node)
	if err != nil {
		return err
	}
	defer t.done(f, true)
	if f.framer != nil && f.framer.Unit() != 1 {
		return ErrNoCut
	}
	if err := t.waitAcked(ctx, f); err != nil {
		return err
	}
	done, err := cut(f.offset)
	if err != nil {
		return err
	}
	return t.goOn(ctx, f, path, done)
}

// reserve keeps what is at path from being followed until release is called.
func (t *Tailer) reserve(path string) (release func()) {
	path = filepath.Clean(path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reserved == nil {
		t.reserved = make(map[string]int)
	}
	t.reserved[path]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.reserved[path]--; t.reserved[path] == 0 {
			delete(t.reserved, path)
		}
	}
}

// take makes the caller the one who is busy with a file that is recognised, or has
// nothing to recognise it by. One that a pattern gives will be found.
func (t *Tailer) take(ctx context.Context, path string, node inode) (*file, error) {
	for {
		t.mu.Lock()
		f := t.files[node]
		_, given := t.bornAs(path, path)
		switch {
		case f == nil && given != nil:
		case f == nil || f.finished || f.unread != "":
			t.mu.Unlock()
			return nil, ErrNotFollowed
		case !f.busy && !f.registering && !f.void && (f.bound || f.size == 0):
			for i, q := range t.queue {
				if q == f {
					t.queue = append(t.queue[:i:i], t.queue[i+1:]...)
					break
				}
			}
			f.queued, f.busy, f.again = false, true, false
			t.mu.Unlock()
			return f, nil
		}
		t.mu.Unlock()
		if !pause(ctx) {
			return nil, ErrNotAcked
		}
	}
}

func (t *Tailer) waitAcked(ctx context.Context, f *file) error {
	for {
		t.mu.Lock()
		ok := f.pub.acked >= f.pub.from
		t.mu.Unlock()
		if ok {
			return nil
		}
		if !pause(ctx) {
			return ErrNotAcked
		}
	}
}

func pause(ctx context.Context) bool {
	timer := time.NewTimer(cutPoll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// goOn makes what is left of f, with which the caller is busy, a new generation.
func (t *Tailer) goOn(ctx context.Context, f *file, path string, done Cutting) error {
	gens, err := t.cutGenerations(path, f.label, f.node, done)
	old := f.id
	f.restart()
	f.regrown = true
	t.mu.Lock()
	delete(t.byID, old)
	f.bound, f.maxSize, f.changed = false, 0, t.o.Clock()
	if !old.IsZero() {
		// Without its inode: what is written next may begin as it did.
		t.reg.Note(old, 0, 0, f.pub.from, record.Gone)
	}
	if err != nil || len(gens) == 0 {
		f.publishLocked()
		t.mu.Unlock()
		return err
	}
	here := gens[0].Ino == f.node.ino && gens[0].Dev == f.node.dev
	if here {
		f.resume(gens[0])
		f.fields = t.fieldsOf(f.group, f.label)
		f.bound, f.registering = true, true
		t.byID[f.id] = f
	}
	f.publishLocked()
	t.mu.Unlock()
	durable := make(chan error, 1)
	t.reg.Register(func(err error) {
		if here {
			t.registered(f, gens[0].ID, err)
		}
		durable <- err
	}, gens...)
	select {
	case err := <-durable:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cutGenerations makes the generations of a cut: what is left of the file, if that
// has a known beginning, and the copy, if that is one that would be read.
func (t *Tailer) cutGenerations(path, label string, node inode, done Cutting) (gens []record.Generation, err error) {
	if done.Next > 0 {
		g, err := generationAt(t.fs, path, label, done.Next)
		if err != nil {
			return nil, err
		}
		if g.Dev != node.dev || g.Ino != node.ino {
			return nil, errors.New("file was replaced while its head was cut off")
		}
		gens = append(gens, g)
	}
	if done.Copy == "" {
		return gens, nil
	}
	t.mu.Lock()
	_, read := t.bornAs(done.Copy, done.Copy)
	t.mu.Unlock()
	if read == nil {
		return gens, nil
	}
	g, err := copyGeneration(t.fs, done.Copy, label)
	if err == nil && g.Head.Len > 0 {
		gens = append(gens, g)
	}
	return gens, nil //nolint:nilerr // a copy that is gone is not read either
}

// copyGeneration is that of a copy of which everything is acknowledged. It has the
// log's name, by which also what becomes of the copy is recognised.
func copyGeneration(fsys FS, path, label string) (record.Generation, error) {
	fi, err := fsys.Stat(path)
	if err != nil {
		return record.Generation{}, err
	}
	g, err := generationAt(fsys, path, label, uint64(max(fi.Size(), 0)))
	g.State = record.Gone // known by its inode all the same
	return g, err
}

// generationAt is a new generation of the file at path of which all before to is
// acknowledged.
func generationAt(fsys FS, path, label string, to uint64) (g record.Generation, err error) {
	h, err := fsys.Open(path)
	if err != nil {
		return g, err
	}
	defer func() { _ = h.Close() }() // only read
	fi, err := h.Stat()
	if err != nil {
		return g, err
	}
	node, _, _ := inodeOf(fi)
	g = record.Generation{ID: record.NewSourceID(), Path: label, Dev: node.dev, Ino: node.ino, To: to, Size: uint64(max(fi.Size(), 0))}
	if g.Size < to {
		return g, errors.New("file became shorter while its head was cut off")
	}
	var buf [record.HeadMax]byte
	n, err := h.ReadAt(buf[:min(g.Size, record.HeadMax)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return g, err
	}
	g.Head = record.MakeFingerprint(buf[:n])
	b := buf[:min(to, record.TailMax)]
	if n, err := h.ReadAt(b, int64(to)-int64(len(b))); n < len(b) {
		return g, errors.Join(errors.New("file became shorter while it was looked at"), noEOF(err))
	}
	g.Tail = record.MakeFingerprint(b)
	return g, nil
}

// AckedOf tells how far the file at path with this inode is acknowledged, at least
// its length when that is all of it; followed is false for one that is not read.
func (t *Tailer) AckedOf(path string, dev, ino uint64) (acked uint64, followed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var id record.SourceID
	if f := t.files[inode{dev, ino}]; f != nil && !f.finished {
		if f.unread != "" {
			return 0, false
		}
		if !f.bound {
			return 0, true
		}
		if !packedName(path) {
			return f.pub.acked, true
		}
		id = f.pub.id
	}
	for _, g := range t.reg.Inode(ino) {
		if (id.IsZero() && g.Dev == dev && sameName(g.Path, path)) || (!id.IsZero() && g.ID == id) {
			return ackedOf(g, path), true
		}
	}
	_, g := t.bornAs(path, path)
	return 0, g != nil
}

// ackedOf: positions in a compressed file are of what was compressed, and its size
// is not known before its end.
func ackedOf(g record.Generation, path string) uint64 {
	if packedName(path) && g.To >= g.Size {
		return math.MaxUint64
	}
	return g.To
}

// Recut registers what is left of a file whose head was cut off, when nobody reads
// it: what is acknowledged of it ends at done.Next. It returns when that is durable.
// What is registered already stays.
func Recut(fsys FS, reg Positions, path string, done Cutting) error {
	if fsys == nil {
		fsys = osFS{}
	}
	fi, err := fsys.Stat(path)
	if err != nil {
		return err
	}
	node, _, _ := inodeOf(fi)
	label := ""
	for _, g := range reg.Inode(node.ino) {
		if g.Dev != node.dev || g.State == record.Gone {
			continue
		}
		if h, err := fsys.Open(path); err == nil {
			same, err := matches(h, g.Head, g.Tail, g.To)
			_ = h.Close() // only read
			if err == nil && same && g.To >= done.Next {
				return nil // registered before
			}
		}
		if label == "" {
			label = g.Path
		}
		reg.Note(g.ID, 0, 0, g.To, record.Gone)
	}
	if label == "" {
		return nil // not forwarded
	}
	var gens []record.Generation
	if done.Next > 0 {
		g, err := generationAt(fsys, path, label, done.Next)
		if err != nil {
			return err
		}
		gens = append(gens, g)
	}
	if done.Copy != "" {
		if g, err := copyGeneration(fsys, done.Copy, label); err == nil && g.Head.Len > 0 {
			gens = append(gens, g)
		}
	}
	durable := make(chan error, 1)
	reg.Register(func(err error) { durable <- err }, gens...)
	return <-durable
}

// CutUnread is Cut for a file that nobody reads, because no scribe runs: what the
// registry knows to be acknowledged may be cut off.
func CutUnread(fsys FS, reg Positions, path string, cut func(acked uint64) (Cutting, error)) error {
	if fsys == nil {
		fsys = osFS{}
	}
	g, ok, err := KnownAt(fsys, reg, path)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotFollowed
	}
	done, err := cut(g.To)
	if err != nil {
		return err
	}
	return Recut(fsys, reg, path, done)
}

// KnownAt finds the generation of which the registry knows the file at path to be.
func KnownAt(fsys FS, reg Positions, path string) (g record.Generation, ok bool, err error) {
	if fsys == nil {
		fsys = osFS{}
	}
	h, err := fsys.Open(path)
	if err != nil {
		return g, false, err
	}
	defer func() { _ = h.Close() }() // only read
	fi, err := h.Stat()
	if err != nil {
		return g, false, err
	}
	node, _, _ := inodeOf(fi)
	for _, g := range reg.Inode(node.ino) {
		if g.Dev != node.dev || g.Head.Len == 0 {
			continue
		}
		if same, err := matches(h, g.Head, g.Tail, g.To); err != nil || same {
			return g, same, err
		}
	}
	return g, false, nil
}

// KnownAcked is AckedOf where no scribe runs.
func KnownAcked(fsys FS, reg Positions, path string) (acked uint64, ok bool, err error) {
	g, ok, err := KnownAt(fsys, reg, path)
	if err != nil || !ok {
		return 0, false, err
	}
	return ackedOf(g, path), true, nil
}
