package archtest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/format/columns.md anew")

// formats are the packages whose comments describe what streams hold, in the order
// in which a reader meets them.
var formats = []string{"text", "typed", "ints", "words"}

const columnsHead = `# Columns

What the streams of a row group hold; where they stand is said by [part.md](part.md). This is what the packages
themselves say of their bytes: ` + "`go test ./internal/archtest -update`" + ` brings it here, and the test fails where the two differ.
`

// TestFormats holds docs/format/columns.md against the package comments, so that a
// format is described in one place only.
func TestFormats(t *testing.T) {
	var b strings.Builder
	b.WriteString(columnsHead)
	for _, name := range formats {
		doc := packageComment(t, filepath.Join("internal", "store", name))
		_, rest, ok := strings.Cut(doc, "\n# ")
		if !ok {
			t.Fatalf("internal/store/%s: its comment has no section about its bytes", name)
		}
		b.WriteString("\n## internal/store/" + name + "\n\n#")
		b.WriteString(strings.ReplaceAll("## "+strings.TrimSpace(rest), "\n# ", "\n### "))
		b.WriteString("\n")
	}
	file := filepath.Join("..", "..", "docs", "format", "columns.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != b.String() {
		t.Errorf("docs/format/columns.md differs from the package comments (%v): go test ./internal/archtest -update", err)
	}
}
