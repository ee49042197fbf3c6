package tail

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"journalist/internal/frame"
	"journalist/internal/record"
)

func packedBytes(t testing.TB, ext string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	if ext == ".zst" {
		z, _ := zstd.NewWriter(&out)
		_, err = z.Write(b)
		if cerr := z.Close(); err == nil {
			err = cerr
		}
	} else {
		z := gzip.NewWriter(&out)
		_, err = z.Write(b)
		if cerr := z.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compress does what gzip and zstd --rm do: the other file has the time of the
// first, which is removed.
func (r *rig) compress(name, ext string) {
	r.t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	fi, err := os.Stat(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	err = os.WriteFile(r.path(name+ext), packedBytes(r.t, ext, b), 0o600)
	if err == nil {
		err = os.Chtimes(r.path(name+ext), fi.ModTime(), fi.ModTime())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.remove(name)
}

func wide(o *Options) { o.Groups[0].Paths[0] += "*" }

// allLogs follows every log of the folder.
func allLogs(o *Options) {
	o.Groups[0].Paths[0] = filepath.Join(filepath.Dir(o.Groups[0].Paths[0]), "*.log")
}

// rotated settles until everything that takes some time has happened.
func (r *rig) later() {
	r.t.Helper()
	for range 3 {
		r.advance(copyWait / 2)
		r.settle()
	}
}

// TestCompressedIsKnown: what was read before it was compressed does not come
// again, under whatever name, and over restarts.
func TestCompressedIsKnown(t *testing.T) {
	for _, ext := range []string{".gz", ".zst"} {
		r := newRig(t, wide)
		r.write("app.log", "a\nb\n")
		r.settle()
		r.want("a|b")
		r.rename("app.log", "app.log.1")
		r.write("app.log", "c\n")
		r.settle()
		r.compress("app.log.1", ext)
		r.later()
		r.want("c")
		r.rename("app.log.1"+ext, "app.log.2"+ext)
		r.later()
		r.restart()
		r.later()
		r.write("app.log", "d\n")
		r.settle()
		r.want("d")
		r.remove("app.log.2" + ext)
		r.later()
		r.want("")
		if s := r.logged(); strings.Contains(s, "lost") || strings.Contains(s, "level=WARN") {
			t.Errorf("log is:\n%s", s)
		}
		r.stop()
	}
}

// TestCompressedRest: what was not read before is read from the compressed file,
// under the same identity, whether the pattern gives that or not.
func TestCompressedRest(t *testing.T) {
	for _, glob := range []string{"", "*"} {
		for _, ext := range []string{".gz", ".zst"} {
			r := newRig(t, func(o *Options) { o.Groups[0].Paths[0] += glob })
			r.write("app.log", "a\n")
			r.settle()
			r.want("a")
			id := r.reg.All()[0].ID
			r.stop()
			r.write("app.log", "b\npart")
			r.rename("app.log", "app.log.1")
			r.compress("app.log.1", ext)
			r.write("app.log", "c\n")
			r.start()
			r.settle()
			r.later()
			if len(r.lines) != 3 || r.lines[1].id != id || r.lines[1].start != 2 {
				t.Errorf("lines are %+v", r.lines)
			}
			r.want("c|b|part[_unterminated]")
			r.restart()
			r.later()
			r.want("")
			r.stop()
		}
	}
}

// TestCompressedWhileClosed: nobody has the file open when its rest is compressed.
func TestCompressedWhileClosed(t *testing.T) {
	for _, seen := range []bool{false, true} {
		r := newRig(t, func(o *Options) { o.CloseIdle = time.Nanosecond })
		r.write("app.log", "a\n")
		r.settle()
		r.advance(time.Second)
		r.settle()
		r.want("a")
		r.write("app.log", "b\n")
		if seen {
			r.tl.scan() // nobody reads
		}
		r.compress("app.log", ".gz")
		r.later()
		r.want("b")
		r.stop()
	}
}

// TestCompressedUnread: files that were compressed before scribe came are read,
// unless they are old or the group does not want that.
func TestCompressedUnread(t *testing.T) {
	r := newRig(t, func(o *Options) {
		dir := filepath.Dir(o.Groups[0].Paths[0])
		o.Groups = []Group{{Paths: []string{dir + "/no.log*"}, SkipCompressed: true}, {Paths: []string{dir + "/*.log*"}}}
	})
	for i, name := range []string{"app.log.3", "app.log.2", "app.log.1", "no.log.1"} {
		r.write(name, name+"\nx\n")
		r.age(name, time.Duration(4-i)*7*time.Hour)
		r.compress(name, []string{".gz", ".zst"}[i%2])
	}
	r.write("app.log", "now\n")
	r.write("no.log", "no\n")
	r.age("no.log", time.Minute) // the older one comes first
	r.settle()
	r.later()
	r.want("no|now|app.log.2|x|app.log.1|x")
	r.restart()
	r.later()
	r.want("")
}

// TestCompressedCopy: gzip -k leaves the file where it is, and that is read.
func TestCompressedCopy(t *testing.T) {
	r := newRig(t, wide)
	r.write("app.log", "a\n")
	r.copy("app.log", "keep")
	r.compress("keep", ".gz")
	r.rename("keep.gz", "app.log.gz")
	r.later()
	r.want("a")
	r.write("app.log", "b\n")
	r.later()
	r.want("b")
}

// TestCompressedResumes: a restart in the middle of a large compressed file goes on
// where the acks ended, and the memory stays in its bounds.
func TestCompressedResumes(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "line %06d of a file that is not small\n", i)
	}
	for _, ext := range []string{".gz", ".zst"} {
		r := newRig(t, wide)
		if err := os.WriteFile(r.path("app.log.1"+ext), packedBytes(t, ext, []byte(b.String())), 0o600); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.advance(time.Minute)
		for next := 0; next < 100_000; {
			r.tl.scan()
			for range 4 {
				if f := r.tl.next(false); f != nil {
					r.tl.done(f, r.tl.step(t.Context(), f))
				}
				r.acks.Wait()
			}
			if err := r.reg.Flush(); err != nil {
				t.Fatal(err)
			}
			for _, l := range r.lines {
				if want := fmt.Sprintf("line %06d of a file that is not small", next); l.text != want {
					t.Fatalf("line is %q, want %q", l.text, want)
				}
				next++
			}
			r.lines = nil
			r.restart()
			r.tl.scan()
			r.advance(time.Minute)
		}
		r.later()
		r.want("")
		r.stop()
	}
}

// TestCompressedDamaged: what unpacks is sent, and the damage is told once.
func TestCompressedDamaged(t *testing.T) {
	for _, ext := range []string{".gz", ".zst"} {
		r := newRig(t, wide)
		var text strings.Builder
		for i := range 50_000 {
			fmt.Fprintf(&text, "line %d %x\n", i, i*i*7919)
		}
		b := packedBytes(t, ext, []byte(text.String()))
		if err := os.WriteFile(r.path("app.log.1"+ext), b[:len(b)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.path("app.log.2"+ext), b[:9], 0o600); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.later()
		r.later()
		got := strings.TrimSuffix(r.texts(), "[_unterminated]")
		if n := strings.Count(got, "|"); n < 5_000 || !strings.HasPrefix(strings.ReplaceAll(text.String(), "\n", "|"), got) {
			t.Errorf("%s: %d lines came", ext, n)
		}
		if n := strings.Count(r.logged(), "is damaged"); n != 2 {
			t.Errorf("%s: damage is told %d times:\n%s", ext, n, r.logged())
		}
		if err := os.WriteFile(r.path("app.log.1"+ext), b, 0o600); err != nil { // it was still being copied
			t.Fatal(err)
		}
		r.later()
		if rest := r.texts(); !strings.HasSuffix(strings.ReplaceAll(text.String(), "\n", "|"), rest+"|") || rest == "" {
			t.Errorf("%s: the rest is %.50q…", ext, rest)
		}
		r.stop()
	}
}

// TestManyCompressed: however many there are, few are open at a time.
func TestManyCompressed(t *testing.T) {
	r := newRig(t, func(o *Options) { wide(o); o.Workers = 2; o.Groups[0].Frame = frame.Options{} })
	for i := range 30 {
		name := fmt.Sprintf("app.log.%02d", i)
		r.write(name, strings.Repeat(name+"\n", 30_000))
		r.compress(name, ".gz")
	}
	r.settle()
	r.advance(time.Minute)
	r.settle()
	count := make(map[string]int)
	for _, l := range r.lines {
		count[l.text]++
	}
	if len(count) != 30 {
		t.Errorf("%d files came", len(count))
	}
	for name, n := range count {
		if n != 30_000 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
	if n := r.tl.unpacking.Load(); n != 0 || r.tl.open.Load() != 0 {
		t.Errorf("%d files are still unpacked, %d open", n, r.tl.open.Load())
	}
}

// TestUnpackAnywhere compares reading a packed file at any place with the bytes.
func TestUnpackAnywhere(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdefghij", 5000))
	for i := range text {
		text[i] += byte(i / 977 % 5)
	}
	for _, ext := range []string{".gz", ".zst"} {
		name := filepath.Join(t.TempDir(), "x"+ext)
		if err := os.WriteFile(name, packedBytes(t, ext, text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := osFS{}.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		closed := 0
		p, err := unpack(h, map[string]string{".gz": "gzip", ".zst": "zstd"}[ext], func() { closed++ })
		if err != nil {
			t.Fatal(err)
		}
		if !p.claims(uint64(len(text))) || p.claims(uint64(len(text)-1)) {
			t.Errorf("%s: the size it claims is wrong", ext)
		}
		for _, at := range [][2]int{{0, 10}, {500, record.HeadMax}, {90_000, 300}, {90_100, 20_000}, {90_100, 50}, {90_120, 3000}, {10, 2000}, {1, 99_999}, {1, 100_000}, {100_000, 1}, {200_000, 9}, {99_999, 1}} {
			b := make([]byte, at[1])
			n, err := p.ReadAt(b, int64(at[0]))
			from := min(at[0], len(text))
			want := text[from:min(from+at[1], len(text))]
			if !bytes.Equal(b[:n], want) || (err != nil) != (n < at[1]) {
				t.Errorf("%s: %d bytes at %d: %d, %v", ext, at[1], at[0], n, err)
			}
		}
		if err := p.Close(); err != nil || closed != 1 {
			t.Errorf("closed %d times: %v", closed, err)
		}
	}
}
