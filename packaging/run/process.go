package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is one of the two programs, with its output in a file.
type process struct {
	name    string
	logFile string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	err     error         // valid after done
}

// start starts a program in a process group of its own, so that Ctrl-C reaches
// only this program, which stops the others in their order. Should this program
// be killed, they get SIGTERM.
func start(logFile, program string, args ...string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	p := &process{name: program, logFile: logFile, cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop asks the program to end and waits for it; after the time-out it is killed.
func (p *process) stop(timeout time.Duration) error {
	select {
	case <-p.done:
		return nil // whoever noticed has said why
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(timeout):
		_ = p.cmd.Process.Kill() // it may have ended just now
		<-p.done
		return fmt.Errorf("%s did not stop within %s and was killed; see %s", p.name, timeout, p.logFile)
	}
	if p.err != nil {
		return p.explain(fmt.Errorf("%s: %w", p.name, p.err))
	}
	return nil
}

// explain adds the last lines of the program's log to an error.
func (p *process) explain(err error) error {
	text, readErr := os.ReadFile(p.logFile)
	if readErr != nil {
		return err
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	if len(lines) > 10 {
		lines = lines[len(lines)-10:]
	}
	return fmt.Errorf("%w; the end of %s:\n  %s", err, p.logFile, strings.Join(lines, "\n  "))
}

// admin runs a command of journalist on the data folder and returns what it
// prints, without the line end.
func (d *demo) admin(args ...string) (string, error) {
	cmd := exec.Command(d.program("journalist"), append(args, "--data", d.data)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("journalist %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}
