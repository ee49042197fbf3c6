package loggen

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestLinesAreNumberedAndRepeatable(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if _, err := New(1, "web", start, time.Millisecond).Write(w, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatal("the same seed made different lines")
	}
	lines := strings.Split(strings.TrimSuffix(a.String(), "\n"), "\n")
	if len(lines) != 1000 {
		t.Fatalf("%d lines, want 1000", len(lines))
	}
	for i, l := range lines {
		if tag, n, ok := Number(l); !ok || tag != "web" || n != i {
			t.Fatalf("line %d: Number(%q) = %q, %d, %v", i, l, tag, n, ok)
		}
	}
	if avg := a.Len() / 1000; avg < 90 || avg > 170 {
		t.Errorf("lines have %d bytes on average, want about 125", avg)
	}
}

func TestNumberRefusesOtherLines(t *testing.T) {
	for _, l := range []string{"", "7", "n=", "some text 12", "a-1", " n=x"} {
		if _, _, ok := Number(l); ok {
			t.Errorf("Number(%q) found one", l)
		}
	}
}
