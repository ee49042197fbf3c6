package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"journalist/internal/metrics"
	"journalist/internal/store"
)

// TestMetricsAreNamed holds metrics.md against what the programs count: the names
// that stand in their sources, and those that the store puts together.
func TestMetricsAreNamed(t *testing.T) {
	counted := map[string]bool{}
	set := metrics.New()
	st, err := store.Open(store.Options{Dir: t.TempDir(), Metrics: set})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	set.Write(&text)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(journalist_\w+?)(?:_bucket|_sum|_count)?(?:\{| )`).FindAllStringSubmatch(text.String(), -1) {
		counted[m[1]] = true
	}
	const cookie = "journalist_session" // no metric
	literal := regexp.MustCompile(`"((?:journalist|scribe)_\w*[a-z])"`)
	for _, dir := range []string{"../internal", "../cmd"} {
		err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			source, err := os.ReadFile(file)
			for line := range strings.Lines(string(source)) {
				for _, m := range literal.FindAllStringSubmatch(line, -1) {
					if m[1] != cookie && !strings.HasPrefix(strings.TrimSpace(line), "//") {
						counted[m[1]] = true
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?:journalist|scribe)_\w+`).FindAllString(string(page), -1) {
		named[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		if !named[name] {
			t.Errorf("metrics.md does not name %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !counted[name] {
			t.Errorf("metrics.md names %s, which nobody counts", name)
		}
	}
	if len(counted) < 100 {
		t.Errorf("only %d metrics were found", len(counted))
	}
}
