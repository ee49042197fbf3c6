package cli

import (
	"strings"
	"testing"

	"journalist/internal/scan"
)

// One of something is told as one, and what a row group was passed over for as a reason.
func TestWriteExplanationCounts(t *testing.T) {
	one := &scan.ScanTrace{
		What:      "rows",
		Total:     scan.PartTrace{Groups: 1, Rows: 1, Decided: map[scan.Decision]int64{scan.ByWords: 1}, Matched: 1},
		Reasons:   []scan.Reason{{Decision: scan.ByWords, Why: "refused", Groups: 1}},
		MoreParts: 1, MoreGroups: 1, Others: 1,
	}
	many := &scan.ScanTrace{
		What: "rows",
		Total: scan.PartTrace{
			Groups: 1005, Rows: 2000, Matched: 2,
			Decided: map[scan.Decision]int64{scan.ByTime: 2, scan.ByDeletion: 3, scan.Scanned: 1000},
		},
		Reasons:   []scan.Reason{{Decision: scan.Unneeded, Why: "enough", Groups: 2}},
		MoreParts: 2, MoreGroups: 1000, Others: 2,
	}
	var out strings.Builder
	if err := WriteExplanation(&out, &scan.Explanation{Rows: 1, Scans: []*scan.ScanTrace{one, many}, MoreScans: 2}, Stats{GroupsRead: 1}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		" all: 1 row group of 1 row: 1 by words; 1 row matched\n",
		"   1 by words: refused\n",
		" others: 1 more part\n",
		" 1 part of other datasets\n",
		" and 1 more row group\n",
		" all: 1,005 row groups of 2,000 rows: 2 by time, 3 deleted, 1,000 scanned; 2 rows matched\n",
		"   2 unneeded: enough\n",
		" others: 2 more parts\n",
		" 2 parts of other datasets\n",
		" and 1,000 more row groups\n",
		" and 2 more scans\n",
		"total    1 row in the answer; 0 matched of 0 looked at, 0 B read, 1 row group read, 0 passed over,",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q\n%s", want, &out)
		}
	}
}
