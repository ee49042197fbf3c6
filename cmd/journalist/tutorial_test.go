package main

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the answers that came into docs/tutorial.md")

// TestTutorial runs every command of docs/tutorial.md on the sample that the page is
// about and compares with what the page shows.
func TestTutorial(t *testing.T) {
	page, err := filepath.Abs("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fake(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked the server: %s", r.URL) })
	t.Chdir(filepath.Join(filepath.Dir(page), "samples"))
	var got strings.Builder
	inside, commands := false, 0
	for line := range strings.Lines(string(want)) {
		switch {
		case line == "```console\n":
			inside = true
		case line == "```\n":
			inside = false
		case inside && strings.HasPrefix(line, "$ "):
			got.WriteString(line)
			got.WriteString(tutorialAnswer(t, strings.TrimSpace(line[2:])))
			commands++
			continue
		case inside:
			continue
		}
		got.WriteString(line)
	}
	if steps := strings.Count(string(want), "\n## "); steps < 13 || commands < steps {
		t.Errorf("%d commands in %d steps", commands, steps)
	}
	switch {
	case got.String() == string(want):
	case *rewrite:
		if err := os.WriteFile(page, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		lines := strings.Split(got.String(), "\n")
		for i, line := range strings.Split(string(want), "\n") {
			if i >= len(lines) || lines[i] != line {
				t.Fatalf("line %d: the page has\n%s\nand the answer is\n%s", i+1, line, strings.Join(lines[min(i, len(lines)):min(i+5, len(lines))], "\n"))
			}
		}
		t.Error("the page ends too early")
	}
}

// tutorialAnswer runs a command as a shell would.
func tutorialAnswer(t *testing.T, command string) string {
	t.Helper()
	stdin := ""
	if file, rest, ok := strings.Cut(command, " | journalist"); ok && strings.HasPrefix(file, "cat ") {
		text, err := os.ReadFile(file[len("cat "):])
		if err != nil {
			t.Fatal(err)
		}
		stdin, command = string(text), "journalist"+rest
	}
	var args []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	if args[0] != "journalist" {
		t.Fatalf("no command of ours: %s", command)
	}
	code, out, errs := journalist(t, stdin, args[1:]...)
	if code != 0 || errs != "" || out == "" {
		t.Errorf("%s: code %d, %s%s", command, code, out, errs)
	}
	return out
}
