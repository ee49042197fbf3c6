package typed

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"journalist/internal/store/stream"
)

var update = flag.Bool("update", false, "write testdata/format.txt anew")

// The bytes of every kind are those in testdata: what was stored once must be read
// for ever. go test -update writes them anew.
func TestFormatStays(t *testing.T) {
	var out strings.Builder
	for _, s := range []string{
		"x1y|x22y|x333y", "007|1000", "0.5|1.25|100", "0|0.0|0.00", "10.0.0.1|255.255.255.255",
		"[2024-01-31T12:34:56.12Z]|[2024-02-29T00:00:00Z]", "Feb 29 12:00:00|Jan  1 00:00:00", "0xDEADBEEF|0xCAFEBABE",
		"d41d8cd98f00b204e9800998ecf8427e|900150983cd24fb0d6963f7d28e17f72",
		"550e8400-e29b-41d4-a716-446655440000|6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	} {
		w := stream.NewMemory()
		v := vector(strings.Split(s, "|")...)
		raw, _ := Append(nil, w.Writer, v)
		d := stream.NewDecoder(raw)
		fmt.Fprintf(&out, "%s %s: % x\n", Read(&d, v.Len()).Kind(), s, raw)
		src, _ := w.Source()
		for id := stream.ID(0); ; id++ {
			b, err := src.Stream(id)
			if err != nil {
				break
			}
			fmt.Fprintf(&out, "\t%d: % x\n", id, b)
		}
	}
	compare(t, out.String())
}

func compare(t *testing.T, got string) {
	t.Helper()
	name := filepath.Join("testdata", "format.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the format is another one than in %s (go test -update writes it anew):\n%s", name, got)
	}
}
