package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// History keeps the lines that were typed, for the next time too, in a file that
// only its owner can read: a query may hold a name or an address. Lines that begin
// with a space are not kept. It is used by one goroutine.
type History struct {
	path  string
	lines []string // oldest first
}

// maxHistory is how many lines are kept.
const maxHistory = 1000

// HistoryPath is where the shell's history lies, beside the login.
func HistoryPath() (string, error) {
	path, err := ProfilePath()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), "history"), nil
}

// OpenHistory reads the history; a path of "" keeps it in memory only.
func OpenHistory(path string) (*History, error) {
	h := &History{path: path}
	if path == "" {
		return h, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("the history is not kept: %w", err)
	}
	for line := range bytes.Lines(data) {
		h.add(strings.TrimRight(string(line), "\r\n"))
	}
	return h, nil
}

func (h *History) add(line string) bool {
	if strings.TrimSpace(line) == "" || line[0] == ' ' || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return false
	}
	if h.lines = append(h.lines, line); len(h.lines) > maxHistory {
		h.lines = h.lines[len(h.lines)-maxHistory:]
	}
	return true
}

// Add notes a line.
func (h *History) Add(line string) { h.add(strings.ReplaceAll(line, "\n", " ")) }

// Len is the number of lines.
func (h *History) Len() int { return len(h.lines) }

// At returns a line, 0 for the newest. It panics beyond Len, as x/term demands.
func (h *History) At(i int) string { return h.lines[len(h.lines)-1-i] }

// Save writes the history.
func (h *History) Save() error {
	if h.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	text := strings.Join(h.lines, "\n")
	if text != "" {
		text += "\n"
	}
	return os.WriteFile(h.path, []byte(text), 0o600)
}
