package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sample")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	if err := writeSample(dir, now); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(dir + "/*.log")
	if err != nil || len(names) != 4 {
		t.Fatalf("files %v, error %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "@clf@") || strings.Contains(string(text), "@iso@") || strings.Contains(string(text), "@syslog@") || strings.Contains(string(text), "@pg@") {
			t.Errorf("%s has a time that was not filled in", name)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		want := map[string]string{
			"nginx-access.log": "[01/Mar/2026:11:10:00 +0100]", "shop.log": "2026-03-01T11:10:00.000+01:00",
			"auth.log": "Mar  1 11:10:00 web-01", "postgresql.log": "2026-03-01 10:10:00.000 UTC",
		}[filepath.Base(name)]
		if !strings.Contains(first, want) {
			t.Errorf("%s begins %q, want the time %s", name, first, want)
		}
	}
}
