// Package commanddocs holds a program's commands and flags against the page that
// documents them. Only tests of cmd/journalist and cmd/scribe import it.
package commanddocs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Check fails the test where the page lacks a command, or the command's row and what
// is said of all commands above the rows lack one of its flags; and where a row names
// a flag that its command does not have.
func Check(t *testing.T, root *cobra.Command, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+root.Name()+"\n")
	if !found {
		t.Fatalf("%s has no section %s", page, root.Name())
	}
	section, _, _ = strings.Cut(section, "\n## ")
	shared, rows, _ := strings.Cut(section, "\n| command |")
	root.InitDefaultCompletionCmd()
	check(t, root, flags(shared), rows)
}

// named finds flags; a row begins with its commands.
var named = regexp.MustCompile(`--[a-z][a-z0-9-]+`)

func flags(text string) map[string]bool {
	set := map[string]bool{}
	for _, f := range named.FindAllString(text, -1) {
		set[f] = true
	}
	return set
}

func check(t *testing.T, c *cobra.Command, shared map[string]bool, rows string) {
	t.Helper()
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			check(t, sub, shared, rows)
		}
	}
	if c.HasSubCommands() {
		return
	}
	path := strings.Replace(c.CommandPath(), "completion "+c.Name(), "completion bash", 1)
	row, found := rowOf(rows, path)
	if !found {
		t.Errorf("no row has the command %s", path)
		return
	}
	if path == c.Root().Name()+" serve" { // has a table of its own
		_, row, _ = strings.Cut(rows, "\n### "+path+"\n")
	}
	said := flags(row)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if !f.Hidden && f.Name != "help" && !said[name] && !shared[name] {
			t.Errorf("%s: the flag %s is not documented", path, name)
		}
	})
	for name := range said {
		if c.Flags().Lookup(name[2:]) == nil {
			t.Errorf("%s has no flag %s", path, name)
		}
	}
}

// rowOf returns the table's row whose first cell has the command.
func rowOf(rows, path string) (string, bool) {
	for line := range strings.Lines(rows) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if strings.HasPrefix(line, "| `") && (strings.Contains(cell, "`"+path+"`") || strings.Contains(cell, "`"+path+" ")) {
			return line, true
		}
	}
	return "", false
}
