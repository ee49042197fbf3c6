package lang

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every example in the tables and blocks of the documentation is a query.
func TestDocumentationParses(t *testing.T) {
	text, err := os.ReadFile("../../../docs/query-language.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, _ := strings.Cut(string(text), "## Grammar")
	span := regexp.MustCompile("`([^`]+)`")
	n := 0
	check := func(query string) {
		n++
		if _, err := Parse(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	section, block, inBlock := "", "", false
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			if inBlock && !strings.HasPrefix(block, "error: ") {
				if strings.HasPrefix(block, "stats") {
					block = "* | " + block
				}
				check(block)
			}
			inBlock, block = !inBlock, ""
		case inBlock:
			block += line + "\n"
		case strings.HasPrefix(line, "#"):
			section = strings.Trim(line, "# ")
		case strings.HasPrefix(line, "| `"):
			cell, _, _ := strings.Cut(strings.ReplaceAll(line[2:], `\|`, "\x00"), "|")
			for _, m := range span.FindAllStringSubmatch(strings.ReplaceAll(cell, "\x00", "|"), -1) {
				q := m[1]
				switch section {
				case "Pipes":
					q = "* | " + strings.NewReplacer(" n", " 5", " m", " 6", "stats … by …", "stats count() by x", `"…"`, `"<a> "`, "…", "x").Replace(q)
				case "eval":
					q = "* | eval x = " + q
				case "extract":
					q = "* | " + q
				case "stats":
					q = "* | stats " + q
				}
				check(q)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d examples were found", n)
	}
}
