package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"journalist/internal/scan"
)

// A long query that is asked to says every second how far it is; the rows and the
// trailer are as without.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.querier.run = func(ctx context.Context, yield func(*scan.Block) error) error {
			p := scan.ProgressOf(ctx)
			p.Expect(10)
			time.Sleep(1500 * time.Millisecond)
			p.Add(&scan.Stats{GroupsRead: 3, GroupsSkipped: 1, RowsScanned: 100, BytesRead: 7})
			p.Reach(1e9)
			time.Sleep(time.Second)
			return yield(statsBlock())
		}
		rows, trailer := split(t, w.query(`{"query":"x","progress":true}`).Body.String())
		want := []string{
			`{"progress":{"groups":10,"groups_done":0,"rows_scanned":0,"bytes_read":0,"elapsed_ms":1000}}`,
			`{"progress":{"groups":10,"groups_done":4,"rows_scanned":100,"bytes_read":7,"reached":"1970-01-01T00:00:01Z","elapsed_ms":2000}}`,
		}
		if len(rows) != 4 || rows[0] != want[0] || rows[1] != want[1] || len(trailer["stats"]) == 0 {
			t.Errorf("%s", strings.Join(rows, "\n"))
		}
		if rows, _ = split(t, w.query(`{"query":"x"}`).Body.String()); len(rows) != 2 {
			t.Errorf("not asked for: %s", rows)
		}
		if got := w.do("read", "GET", "/api/v1/values?field=a&progress=1", "").Body.String(); !strings.HasPrefix(got, want[0]) {
			t.Error(got)
		}
		if got := w.query(`{"query":"x","progress":true}`, "Accept", "text/csv").Body.String(); strings.Contains(got, "progress") {
			t.Error(got)
		}
		// What fails behind a line with progress ends the stream with its error.
		w.querier.run = func(context.Context, func(*scan.Block) error) error {
			time.Sleep(1500 * time.Millisecond)
			return &scan.BudgetError{What: "groups"}
		}
		_, trailer = split(t, w.query(`{"query":"x","progress":true}`).Body.String())
		var e struct{ Kind string }
		if err := json.Unmarshal(trailer["error"], &e); err != nil || e.Kind != "limit" {
			t.Errorf("%s %v", trailer["error"], err)
		}
	})
}
