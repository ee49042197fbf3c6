package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"journalist/internal/rotate/conf"
)

// compress compresses a file and removes it. After a crash what is there of the
// result counts only when the source is gone.
func (r *Runner) compress(ctx context.Context, x *unit, s *step, again bool) error {
	flag := os.O_RDONLY
	if x.Shred {
		flag = os.O_RDWR
	}
	in, err := os.OpenFile(s.From, flag|openNoFollow, 0)
	if again && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	defer func() { _ = in.Close() }() // only read
	if again {
		if err := removeFile(s.To); err != nil {
			return err
		}
	}
	out, err := r.newFile(x, s.To, *s.Attr)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // what counts is synced
	if err = pack(ctx, &x.plan, s.From, out, in); err == nil {
		r.hook("packed")
		err = out.Sync()
	}
	if err == nil {
		// A file system that keeps no times is no reason to keep the file.
		_ = os.Chtimes(s.To, time.Unix(0, s.Attr.ATime), time.Unix(0, s.Attr.MTime))
		err = syncDirs(s.To)
	}
	if err != nil {
		_ = os.Remove(s.To) // the first error is the one to tell
		return fmt.Errorf("compress %s: %w", s.From, err)
	}
	r.hook("compressed")
	return r.removeOpen(ctx, &x.plan, s.From, in)
}

// pack runs the program that compresses, or does its work where that is known.
func pack(ctx context.Context, p *plan, name string, out, in *os.File) error {
	if w, ok, err := packer(p.Compressor, out); ok {
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, in); err != nil {
			_ = w.Close() // the first error is the one to tell
			return err
		}
		return w.Close()
	}
	cmd := exec.CommandContext(ctx, p.Compressor.Command, p.Compressor.Options...)
	cmd.Stdin, cmd.Stdout = in, out
	cmd.Env = append(os.Environ(), "LOGROTATE_COMPRESSED_FILENAME="+name)
	if err := p.run(cmd); err != nil {
		return fmt.Errorf("%s: %w", p.Compressor.Command, err)
	}
	return nil
}

// run runs a program as the user that rotates; its error says what the program said.
func (p *plan) run(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if p.Su != nil && os.Geteuid() == 0 {
		cmd.SysProcAttr = credential(p.Su.UID, p.Su.GID)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLine(said.String()))
	}
	return nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s[:min(len(s), 300)]
}

// packer is gzip or zstd, when their options are no more than a level.
func packer(c conf.Compressor, out io.Writer) (w io.WriteCloser, ok bool, err error) {
	level := 0
	for _, o := range c.Options {
		n, err := strconv.Atoi(strings.TrimPrefix(o, "-"))
		if err != nil || n < 1 || n > 22 {
			return nil, false, nil
		}
		level = n
	}
	switch filepath.Base(c.Command) {
	case "gzip":
		if level > 9 {
			return nil, false, nil
		}
		if level == 0 {
			level = 6
		}
		w, err = gzip.NewWriterLevel(out, level)
		return w, true, err
	case "zstd":
		if level == 0 {
			level = 3
		}
		w, err = zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1))
		return w, true, err
	}
	return nil, false, nil
}

// remove removes an old rotation, after preremove and with shred if that is said.
func (r *Runner) remove(ctx context.Context, p *plan, name string) error {
	var f *os.File
	if p.Shred {
		var err error
		f, err = os.OpenFile(name, os.O_RDWR|openNoFollow, 0)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it is removed
	} else if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return r.removeOpen(ctx, p, name, f)
}

func (r *Runner) removeOpen(ctx context.Context, p *plan, name string, f *os.File) error {
	if p.PreRemove != "" {
		if err := r.script(ctx, "preremove", p.PreRemove, name); err != nil {
			return fmt.Errorf("%s is not removed: %w", name, err)
		}
	}
	if p.Shred {
		if err := shred(ctx, p, name, f); err != nil {
			return err
		}
	}
	r.hook("removing")
	return removeFile(name)
}

// shred overwrites a file by the program of that name.
func shred(ctx context.Context, p *plan, name string, f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if attrOf(fi).Links > 1 && !p.AllowHardlink {
		return fmt.Errorf("%s has several names and is not shredded (see allowhardlink)", name)
	}
	args := []string{"-u"}
	if p.ShredCycles > 0 {
		args = append(args, "-n", strconv.Itoa(p.ShredCycles))
	}
	cmd := exec.CommandContext(ctx, "shred", append(args, "-")...)
	cmd.Stdout = f
	if err := p.run(cmd); err != nil {
		return fmt.Errorf("shred %s: %w", name, err)
	}
	return nil
}

// script runs a script as the user who runs scribe, whatever su says.
func (r *Runner) script(ctx context.Context, name, text string, args ...string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", text, "logrotate_script"}, args...)...)
	var said bytes.Buffer
	w := &limited{b: &said, left: 64 << 10}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.WaitDelay = 5 * time.Second // what it leaves running may keep its output open
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if said.Len() > 0 {
		r.log.Info("script of a rotation said", "script", name, "text", strings.TrimSpace(said.String()))
	}
	if err != nil {
		return fmt.Errorf("script %s: %w: %s", name, err, firstLine(said.String()))
	}
	return nil
}

// limited keeps the start of what is written.
type limited struct {
	b    *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.b.Write(p[:n])
	return len(p), nil
}
