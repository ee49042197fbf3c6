package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// allowed is the import table. A key that ends in /… stands for the package and
// everything below it; the longest key wins. Test files are free.
var allowed = map[string][]string{
	"internal/wire":       {},
	"internal/record":     {"internal/wire"},
	"internal/vfs/…":      {"internal/vfs"},
	"internal/match":      {},
	"internal/metrics":    {},
	"internal/sdnotify":   {},
	"internal/query/lang": {},
	"internal/config":     {},
	"internal/archtest":   {},
	"ui":                  {},
	"docs":                {},

	"internal/scan":       {"internal/record", "internal/match"},
	"internal/problem":    {"internal/record"},
	"internal/fleet":      {"internal/record", "internal/metrics"},
	"internal/syslog":     {"internal/record"},
	"internal/lumberjack": {"internal/record", "internal/wire"},

	"internal/frame":    {"internal/record"},
	"internal/rules":    {"internal/record", "internal/scan", "internal/match", "internal/metrics"},
	"internal/tail":     {"internal/record", "internal/vfs", "internal/metrics", "internal/frame"},
	"internal/source/…": {"internal/record", "internal/vfs", "internal/metrics", "internal/frame", "internal/source/…", "internal/syslog", "internal/wire"},
	"internal/rotate/…": {"internal/record", "internal/vfs", "internal/metrics", "internal/rotate/…"},
	"internal/discover": {"internal/vfs"},
	"internal/facts":    {"internal/record"},
	"internal/registry": {"internal/record", "internal/vfs", "internal/metrics", "internal/wire"},
	"internal/ship":     {"internal/record", "internal/vfs", "internal/metrics", "internal/lumberjack"},

	"internal/ingest/…": {"internal/record", "internal/problem", "internal/ingest/…", "internal/lumberjack", "internal/metrics"},
	"internal/pipeline": {"internal/record", "internal/metrics"},
	"internal/store/…":  {"internal/record", "internal/scan", "internal/match", "internal/vfs", "internal/metrics", "internal/wire", "internal/store/…"},

	"internal/backup": {"internal/store", "internal/vfs"},

	"internal/query/exec": {"internal/record", "internal/scan", "internal/match", "internal/query/lang", "internal/metrics"},
	"internal/auth":       {"internal/vfs"},
	"internal/pki":        {"internal/vfs"},
	"internal/api/…":      {"internal/fleet", "internal/record", "internal/scan", "internal/query/lang", "internal/auth", "internal/problem", "internal/ingest/…", "internal/metrics", "internal/api/…", "ui", "docs"},
	"internal/cli/…":      {"internal/record", "internal/scan", "internal/match", "internal/query/lang", "internal/query/exec", "internal/cli/…"},
	"internal/testkit/…":  {"internal/…"},

	"cmd/…":       {"internal/…", "ui"},
	"packaging/…": {"internal/…"},
	"bench/…":     {"internal/…"},
}

// onlyFrom names packages that only these may import.
var onlyFrom = map[string][]string{
	"internal/config":  {"cmd/"},
	"internal/testkit": {"internal/testkit", "bench/", "packaging/"},
}

const module = "journalist/"

func TestImports(t *testing.T) {
	for dir, imports := range packages(t) {
		rule, ok := ruleFor(dir)
		if !ok {
			t.Errorf("%s: no rule in the import table: decide what it may import", dir)
			continue
		}
		for _, imp := range imports {
			if imp != dir && !matches(rule, imp) {
				t.Errorf("%s imports %s: the import table does not allow it", dir, imp)
			}
			for restricted, from := range onlyFrom {
				below := imp == restricted || strings.HasPrefix(imp, restricted+"/")
				if below && !slices.ContainsFunc(from, func(p string) bool { return strings.HasPrefix(dir, p) }) {
					t.Errorf("%s imports %s: only %v may", dir, imp, from)
				}
			}
		}
	}
}

// Inside internal/store the layers point downwards.
func TestStoreLayers(t *testing.T) {
	layers := []string{"internal/store", "internal/store/memtable", "internal/store/part", "internal/store/column"}
	rank := map[string]int{}
	for i, l := range layers {
		rank[l] = i
	}
	for dir, imports := range packages(t) {
		if !strings.HasPrefix(dir, "internal/store") {
			continue
		}
		for _, imp := range imports {
			if imp == "internal/store" {
				t.Errorf("%s imports its parent %s", dir, imp)
			}
			from, ok1 := rank[dir]
			to, ok2 := rank[imp]
			if ok1 && ok2 && to < from {
				t.Errorf("%s imports %s: store's layers point downwards", dir, imp)
			}
		}
	}
}

var neighbour = regexp.MustCompile(`(internal/[a-z]+|cmd/[a-z]+|ui/|\bleaf\b)`)

// Every package comment names its neighbours up and down the way.
func TestPackageComments(t *testing.T) {
	for dir := range packages(t) {
		doc := packageComment(t, dir)
		name := filepath.Base(dir)
		switch {
		case doc == "":
			t.Errorf("%s has no package comment", dir)
		case !strings.HasPrefix(doc, "Package "+name) && !strings.HasPrefix(doc, "Command "):
			t.Errorf("%s: its comment starts neither with \"Package %s\" nor with \"Command\"", dir, name)
		case !neighbour.MatchString(doc):
			t.Errorf("%s: its comment names no neighbour on the way", dir)
		case len(strings.Fields(doc)) < 20:
			t.Errorf("%s: its comment is too short to explain it", dir)
		}
	}
}

func ruleFor(dir string) ([]string, bool) {
	if rule, ok := allowed[dir]; ok {
		return rule, true
	}
	best := ""
	for key := range allowed {
		base, ok := strings.CutSuffix(key, "/…")
		if ok && (dir == base || strings.HasPrefix(dir, base+"/")) && len(key) > len(best) {
			best = key
		}
	}
	return allowed[best], best != ""
}

func matches(rule []string, imp string) bool {
	for _, r := range rule {
		if base, ok := strings.CutSuffix(r, "/…"); ok && (imp == base || strings.HasPrefix(imp, base+"/")) || r == imp {
			return true
		}
	}
	return false
}

// packages returns, by folder, what its non-test files import of ours.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string]map[string]bool{}
	walk(t, func(dir, file string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if ours, ok := strings.CutPrefix(path, module); ok {
				found[dir][ours] = true
			}
		}
	})
	out := map[string][]string{}
	for dir, set := range found {
		list := make([]string, 0, len(set))
		for imp := range set {
			list = append(list, imp)
		}
		sort.Strings(list)
		out[dir] = list
	}
	if len(out) < 5 {
		t.Fatalf("only %d packages found: the walk looks in the wrong place", len(out))
	}
	return out
}

func packageComment(t *testing.T, dir string) string {
	t.Helper()
	doc := ""
	walk(t, func(d, file string) {
		if d != dir || doc != "" {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		doc = f.Doc.Text()
	})
	return doc
}

// walk calls f for each non-test Go file with its folder below the module's root.
func walk(t *testing.T, f func(dir, file string)) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // a temporary file of a build that runs beside the test
			}
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "testdata" || name == "tools" || (strings.HasPrefix(name, ".") && path != root) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		f(filepath.ToSlash(dir), path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
