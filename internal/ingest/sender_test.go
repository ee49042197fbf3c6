package ingest

import (
	"strings"
	"testing"
)

func TestSender(t *testing.T) {
	ctx := t.Context()
	if SenderFrom(ctx).May("") {
		t.Error("nobody may write")
	}
	all := SenderFrom(WithSender(ctx, Sender{Name: "a"}))
	if all.Name != "a" || !all.May("") || !all.May("x") {
		t.Errorf("unbound sender: %+v", all)
	}
	bound := Sender{Datasets: []string{"logs"}}
	if !bound.May("") || !bound.May("logs") || bound.May("shop") {
		t.Error("sender bound to logs")
	}
}

func TestCheckDataset(t *testing.T) {
	for _, good := range []string{"logs", "a", "0", "logs-app.web_1", strings.Repeat("x", MaxDatasetName)} {
		if err := CheckDataset(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "-a", "_a", ".a", "A", "a b", "a/b", "a\x00", "é", "a*", "<x>", strings.Repeat("x", MaxDatasetName+1)} {
		if CheckDataset(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
