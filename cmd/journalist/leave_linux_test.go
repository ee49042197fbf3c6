package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"journalist/internal/cli"
)

// Ctrl-C ends a query also when nobody reads its rows.
func TestInterruptWhileNobodyReads(t *testing.T) {
	home(t)
	if err := os.WriteFile("big.log", bytes.Repeat([]byte("a line of a log\n"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "query", "--file", "big.log", "-o", "raw", "*")
	cmd.Env = append(os.Environ(), "JOURNALIST_TEST_PROGRAM=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended unless the test failed
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	state, err := cmd.Process.Wait()
	if err != nil || state.ExitCode() != cli.ExitInterrupted {
		t.Errorf("%v, %v", state, err)
	}
	if err := out.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
