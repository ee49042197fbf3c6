package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"journalist/internal/record"
	"journalist/internal/source"
	"journalist/internal/vfs"
	"journalist/internal/vfs/faultfs"
)

func TestThrough(t *testing.T) {
	dir, s := filepath.Join(t.TempDir(), "stdin"), newServer()
	q, stop := running(t, Options{Dir: dir, Output: s.output(t)})
	b := source.NewBuilder(record.NewSourceID(), 0)
	b.Add([]byte("with an extra"), 3, record.LineSplit, func(dst []byte) []byte { return append(dst, `{"a":1}`...) })
	b.Add(nil, 1, 0, nil)
	if err := q.Send(t.Context(), b.Take(7, fields, 0), nil); err != nil {
		t.Fatal(err)
	}
	send(t, q, "plain", strings.Repeat("x", record.MaxValue))
	got := s.wait(t, 4)
	want := []string{`with an extra {"a":1} [_split] type=t`, " type=t", "plain type=t", strings.Repeat("x", record.MaxValue) + " type=t"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("row %d: %.100q, want %.100q", i, got[i], want[i])
		}
	}
	drain(t, q)
	stop()
	if err := q.Send(t.Context(), lines("late"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("send after the end: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("segments are left although all is acknowledged: %v, %v", left, err)
	}
	// The identity and the positions go on.
	id, at := q.id, q.mu.acked
	q, _ = running(t, Options{Dir: dir, Output: s.output(t)})
	send(t, q, "again")
	s.wait(t, 5)
	if q.id != id || s.to[id] <= at {
		t.Errorf("second life: id %s at %d, first %s at %d", q.id, s.to[id], id, at)
	}
}

// What is not acknowledged is handed out again after a restart, and a server that
// has it already takes it once.
func TestRestart(t *testing.T) {
	dir, s := t.TempDir(), newServer()
	s.hold = true
	o := Options{Dir: dir, Output: s.output(t), SegmentBytes: 300, Bytes: 1 << 20}
	var want []string
	for life := range 4 {
		q, stop := running(t, o)
		for i := range 10 {
			text := fmt.Sprintf("life %d line %d", life, i)
			want = append(want, text+" type=t")
			send(t, q, text)
		}
		s.wait(t, len(want))
		if life == 2 {
			s.release(true)
		}
		stop()
	}
	if got := s.wait(t, len(want)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// A full queue makes the sender wait until something is acknowledged.
func TestFull(t *testing.T) {
	s := newServer()
	s.hold = true
	q, _ := running(t, Options{Dir: t.TempDir(), Output: s.output(t), Bytes: 16 << 10, SegmentBytes: 2 << 10})
	text := strings.Repeat("y", 1000)
	n := 0
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := q.Send(ctx, lines(fmt.Sprint(n, text)), nil)
		cancel()
		if err != nil {
			break
		}
		n++
	}
	if st := q.Status(); !st.Full || st.Bytes > 16<<10 || n < 8 {
		t.Fatalf("%d lines went in: %+v", n, st)
	}
	sent := make(chan error, 1)
	go func() { sent <- q.Send(t.Context(), lines("the next"), nil) }()
	s.wait(t, n)
	s.release(false)
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the sender still waits")
	}
	s.wait(t, n+1)
	drain(t, q)
	if st := q.Status(); st.Full || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

// A damaged frame costs what is behind it in its file, no more.
func TestDamage(t *testing.T) {
	dir, s := t.TempDir(), newServer()
	s.hold = true
	o := Options{Dir: dir, Output: s.output(t), SegmentBytes: 100, Bytes: 1 << 20}
	q, stop := running(t, o)
	for i := range 6 {
		send(t, q, fmt.Sprintf("line %d %s", i, strings.Repeat("z", 60)))
	}
	stop()
	segs, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil || len(segs) != 6 {
		t.Fatalf("%v, %v", segs, err)
	}
	flip := func(name string, at int) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[at] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip(segs[1], headerSize+30) // a frame
	flip(segs[3], 10)            // a header
	flip(segs[5], headerSize+2)  // a length, in the last file
	s = newServer()
	o.Output = s.output(t)
	q, stop = running(t, o)
	got := s.wait(t, 3)
	for i, k := range []int{0, 2, 4} {
		if !strings.HasPrefix(got[i], fmt.Sprintf("line %d ", k)) {
			t.Errorf("row %d is %.20q", i, got[i])
		}
	}
	send(t, q, "after the damage")
	s.wait(t, 4)
	drain(t, q)
	if st := q.Status(); st.Lost == 0 {
		t.Errorf("nothing is said to be lost: %+v", st)
	}
	stop()
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 { // the state, and what was set aside
		t.Errorf("left: %v", left)
	}
}

// A segment that was begun when the process ended is begun again.
func TestEmptySegment(t *testing.T) {
	dir, s := t.TempDir(), newServer()
	o := Options{Dir: dir, Output: s.output(t)}
	q, stop := running(t, o)
	send(t, q, "one")
	s.wait(t, 1)
	drain(t, q)
	stop()
	name := segmentName(dir, q.mu.acked)
	if err := os.WriteFile(name, appendHeader(nil, magicSegment, q.id, q.mu.acked), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"two", "three"} {
		q, stop = running(t, o)
		send(t, q, text)
		s.wait(t, i+2)
		drain(t, q)
		stop()
	}
}

// The lost state file costs nothing but the acknowledged position.
func TestStateLost(t *testing.T) {
	for _, damage := range []func(string) error{os.Remove, func(name string) error { return os.WriteFile(name, []byte("nonsense"), 0o600) }} {
		dir, s := t.TempDir(), newServer()
		s.hold = true
		o := Options{Dir: dir, Output: s.output(t)}
		q, stop := running(t, o)
		send(t, q, "one")
		s.wait(t, 1)
		stop()
		if err := damage(filepath.Join(dir, "state")); err != nil {
			t.Fatal(err)
		}
		q, stop = running(t, o)
		send(t, q, "two")
		if got := s.wait(t, 2); got[1] != "two type=t" {
			t.Errorf("%q", got)
		}
		stop()
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	h := appendHeader(nil, magicState, record.SourceID{1}, 0)
	h[len(magicState)] = 9
	h = sum(h)
	name := filepath.Join(dir, "state")
	if err := os.WriteFile(name, h, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, Output: newServer().output(t)}); !errors.Is(err, ErrVersion) {
		t.Fatal(err)
	}
}

// A disk that fails delays lines and loses none.
func TestFaults(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.EIO, faultfs.ENOSPC, faultfs.Short} {
		for n := range 8 {
			fsys, s := faultfs.New(vfs.OS), newServer()
			q, stop := running(t, Options{FS: fsys, Dir: filepath.Join(t.TempDir(), "q"), Output: s.output(t), SegmentBytes: 200, Bytes: 1 << 20})
			send(t, q, "before")
			fsys.FailAt(n, kind, false)
			var want []string
			for i := range 6 {
				text := fmt.Sprintf("line %d", i)
				want = append(want, text+" type=t")
				send(t, q, text)
			}
			fsys.Heal()
			if got := s.wait(t, 7); fmt.Sprint(got[1:]) != fmt.Sprint(want) {
				t.Errorf("kind %d at %d: %q", kind, n, got)
			}
			drain(t, q)
			stop()
		}
	}
}

// While the disk is full, what is acknowledged is removed.
func TestFullDiskMakesRoom(t *testing.T) {
	full, s := &fullDisk{FS: vfs.OS}, newServer()
	s.hold = true
	dir := filepath.Join(t.TempDir(), "q")
	q, _ := running(t, Options{FS: full, Dir: dir, Output: s.output(t), SegmentBytes: 100, Bytes: 1 << 20, SaveInterval: time.Hour})
	for i := range 10 {
		send(t, q, fmt.Sprintf("line %d %s", i, strings.Repeat("z", 60)))
	}
	s.wait(t, 10)
	full.full.Store(true)
	done := make(chan struct{})
	if err := q.Send(t.Context(), lines("waits"), func(*record.Lines) { close(done) }); err != nil {
		t.Fatal(err)
	}
	waitError(t, q)
	s.release(false)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) <= 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d segments are left", len(left))
		}
	}
	full.full.Store(false)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the line still waits")
	}
	s.wait(t, 11)
	drain(t, q)
}

// A full disk holds nothing up while a server takes lines, and the order stays.
func TestFullDiskPassesOn(t *testing.T) {
	full, s := &fullDisk{FS: vfs.OS}, newServer()
	q, _ := running(t, Options{FS: full, Dir: filepath.Join(t.TempDir(), "q"), Output: s.output(t), SegmentBytes: 100, Bytes: 1 << 20})
	var want []string
	for i := range 30 {
		full.full.Store(i/10 == 1)
		text := fmt.Sprintf("line %d %s", i, strings.Repeat("z", 60))
		want = append(want, text+" type=t")
		send(t, q, text)
	}
	if d := cmp.Diff(want, s.wait(t, 30)); d != "" {
		t.Error(d)
	}
	drain(t, q)
}

// A run of which rules left no line is acknowledged whether a server takes it or not.
func TestFullDiskEmptyRun(t *testing.T) {
	full, s := &fullDisk{FS: vfs.OS}, newServer()
	q, err := Open(Options{FS: full, Dir: filepath.Join(t.TempDir(), "q"), Output: func(ctx context.Context, l *record.Lines, acked func(*record.Lines)) error {
		if len(l.Rows) == 0 {
			return errors.New("a server that takes no run without lines")
		}
		return s.output(t)(ctx, l, acked)
	}})
	if err != nil {
		t.Fatal(err)
	}
	full.full.Store(true)
	var acked sync.WaitGroup
	for _, l := range []*record.Lines{lines("one"), lines()} { // before Run, so that they are written together
		acked.Add(1)
		if err := q.Send(t.Context(), l, func(*record.Lines) { acked.Done() }); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	all := make(chan struct{})
	go func() { acked.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		t.Error("a run is never acknowledged")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	full.full.Store(false)
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

// What neither the disk nor a server took is told at the end.
func TestFullDiskWithoutServer(t *testing.T) {
	full := &fullDisk{FS: vfs.OS}
	q, err := Open(Options{FS: full, Dir: filepath.Join(t.TempDir(), "q"), Output: func(ctx context.Context, _ *record.Lines, _ func(*record.Lines)) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}})
	if err != nil {
		t.Fatal(err)
	}
	full.full.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	if err := q.Send(t.Context(), lines("waits"), nil); err != nil {
		t.Fatal(err)
	}
	waitError(t, q)
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "before the disk took") {
		t.Errorf("the end: %v", err)
	}
	full.full.Store(false)
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzFrames(f *testing.F) {
	frame, _ := appendFrame(nil, 1, lines("a", "bc"), 0)
	f.Add(frame)
	f.Add(append(frame, frame...))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Frames behind a good checksum: the decoder must cope with any payload.
		for _, payload := range [][]byte{data, data[min(len(data), frameHeader):]} {
			fr, err := decodeFrame(payload)
			if err != nil {
				continue
			}
			l := &record.Lines{Data: payload}
			if err := fr.appendRows(l, len(payload), 0); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			for i := range l.Rows {
				_, _ = l.Text(i), l.ExtraOf(i)
			}
			decodeFields(fr.fields)
		}
		if _, _, err := cutFrame(data); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSpool(b *testing.B) {
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = fmt.Sprintf("Jan  2 15:04:05 host app[%d]: a line of usual length that says what happened", i)
	}
	l := lines(texts...)
	got := make(chan int, 1000)
	q, err := Open(Options{Dir: b.TempDir(), Output: func(_ context.Context, l *record.Lines, acked func(*record.Lines)) error {
		acked(l)
		got <- len(l.Rows)
		return nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	b.SetBytes(int64(len(l.Data)))
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		if err := q.Send(ctx, l, nil); err != nil {
			b.Fatal(err)
		}
		rows += 1000
		for n := true; n; {
			select {
			case k := <-got:
				rows -= k
			default:
				n = false
			}
		}
	}
	for rows > 0 {
		rows -= <-got
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
}
