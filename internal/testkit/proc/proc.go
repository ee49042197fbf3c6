// Package proc builds and starts the real binaries, journalist and scribe, on
// loopback with fresh ports and folders, stops or kills them, and reads what they
// cost from /proc.
//
// It stands beside the way: test/e2e and bench/ drive with it everything from
// internal/tail to internal/api. Only Linux.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Binaries are the paths of the two programs.
type Binaries struct{ Journalist, Scribe string }

// Build builds both binaries into dir.
func Build(ctx context.Context, dir string) (Binaries, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), "journalist/cmd/journalist", "journalist/cmd/scribe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return Binaries{Journalist: filepath.Join(dir, "journalist"), Scribe: filepath.Join(dir, "scribe")}, nil
}

// FreeAddr returns a loopback address whose TCP port was free a moment ago.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// Process is a running program. Its methods may be called from several goroutines.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done

	mu  sync.Mutex
	out bytes.Buffer
}

// Start starts a program in dir with these additional environment variables; what
// it prints is kept for Output.
func Start(dir string, env []string, program string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout = (*processOutput)(p)
	p.cmd.Stderr = (*processOutput)(p)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

type processOutput Process

const keepOutput = 1 << 20

func (o *processOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.out.Len() > keepOutput {
		o.out.Next(o.out.Len() / 2)
	}
	return o.out.Write(b)
}

// Output is what the program printed so far (its last MiB).
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the program's exit code, -1 while it runs or when a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Kill ends the program with kill -9 and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the program to end (SIGTERM) and waits for it; after the time-out it
// is killed and that is the error.
func (p *Process) Stop(timeout time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("%s did not stop within %s; its output:\n%s", p.cmd.Path, timeout, p.Output())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %s; its output:\n%s", p.cmd.Path, p.cmd.ProcessState, p.Output())
	}
	return nil
}

// Usage is what a process took so far.
type Usage struct {
	CPU     time.Duration // user and system
	PeakRSS int64         // bytes
}

// clockTick is USER_HZ, which is 100 on every Linux that Go supports.
const clockTick = 100

// Usage reads the process's cost from /proc; it must still run.
func (p *Process) Usage() (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return Usage{}, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return Usage{}, fmt.Errorf("/proc/%d/stat: %q", p.PID(), stat)
	}
	var ticks int64
	for _, s := range f[11:13] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return Usage{}, err
		}
		ticks += n
	}
	u := Usage{CPU: time.Duration(ticks) * time.Second / clockTick}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Usage{}, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			if err != nil {
				return Usage{}, err
			}
			u.PeakRSS = kb << 10
		}
	}
	return u, nil
}

// DiskUse adds up the files below dir. It is called while a store works there.
func DiskUse(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a merge removed it meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return nil // as above
	})
	return total, err
}
