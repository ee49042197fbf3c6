package ui

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// The page runs under a policy without inline scripts, inline styles and foreign
// origins; a build that needs one of them would be a blank page.
func TestBuiltPageFitsItsPolicy(t *testing.T) {
	b, err := fs.ReadFile(Dist(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	html := string(b)
	for _, forbidden := range []string{"<style", " style=", " onload=", "http://", "https://", "javascript:"} {
		if strings.Contains(html, forbidden) {
			t.Errorf("index.html contains %q", forbidden)
		}
	}
	for _, script := range regexp.MustCompile(`<script[^>]*>[^<]*`).FindAllString(html, -1) {
		if !strings.Contains(script, " src=") || !strings.HasSuffix(script, ">") {
			t.Errorf("an inline script: %s", script)
		}
	}
}

// What index.html names must be in the binary, and nothing else: a file left over
// from an older build would be carried along for ever.
func TestBuiltPageIsWhole(t *testing.T) {
	b, err := fs.ReadFile(Dist(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{"index.html": true}
	for _, m := range regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
		named[m[1]] = true
		if info, err := fs.Stat(Dist(), m[1]); err != nil {
			t.Errorf("index.html names %s: %v", m[1], err)
		} else if info.Size() == 0 {
			t.Errorf("%s is empty", m[1])
		}
	}
	if len(named) < 3 {
		t.Errorf("index.html names %v, want at least a script and a style sheet", named)
	}
	err = fs.WalkDir(Dist(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !named[path] {
			t.Errorf("%s is in the build but not named by index.html", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
