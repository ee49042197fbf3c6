package api

import (
	"context"
	"errors"
	"strings"
	"testing"

	"journalist/internal/scan"
)

// fakeKeeper notes what it was asked.
type fakeKeeper struct {
	well   bool // nothing is wrong
	asked  []scan.InventoryRequest
	tell   bool // progress, before the answer
	err    error
	during func()
}

func (k *fakeKeeper) Inventory(_ context.Context, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, error) {
	k.asked = append(k.asked, req)
	if k.tell {
		progress(scan.InventoryProgress{Groups: 7, GroupsDone: 3})
	}
	if k.during != nil {
		k.during()
	}
	return scan.Inventory{Rows: 5}, k.err
}

func (k *fakeKeeper) Health() scan.Health {
	if k.well {
		return scan.Health{Taking: true}
	}
	return scan.Health{
		Problems: []scan.Problem{{Kind: "damaged", Severity: scan.SeverityError, What: "1 damaged file.", Remedy: "Restore.", Where: []string{"store/quarantine/data+secret+x.part"}}},
		Aside:    scan.Aside{Files: 1, Bytes: 10, List: []scan.AsideFile{{Path: "store/quarantine/data+secret+x.part", Dataset: "secret"}}},
		Refused:  map[string]uint64{"full": 2},
	}
}

func TestStats(t *testing.T) {
	k := &fakeKeeper{tell: true}
	w := newWorld(t, func(o *Options) { o.Keeper = k })
	got := w.do("read", "GET", "/api/v1/stats?dataset=logs&columns=all&groups=50", "")
	lines := strings.Split(strings.TrimSpace(got.Body.String()), "\n")
	if got.Code != 200 || len(lines) != 2 || lines[0] != `{"progress":{"groups":7,"groups_done":3}}` ||
		!strings.HasPrefix(lines[1], `{"health":{"problems":[{"kind":"damaged"`) || !strings.Contains(lines[1], `"inventory":{`) || !strings.Contains(lines[1], `"rows":5`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if want := (scan.InventoryRequest{Dataset: "logs", MaxGroups: 50, MaxColumns: -1}); k.asked[0] != want {
		t.Errorf("%+v", k.asked[0])
	}
	for _, bad := range []string{"groups=x", "groups=-1", "columns=1e3", "colums=1"} {
		if got := w.do("read", "GET", "/api/v1/stats?"+bad, ""); got.Code != 400 {
			t.Errorf("%s: %d %s", bad, got.Code, got.Body)
		}
	}
	k.err = errors.New("disk broke at /srv/data")
	if got := w.do("read", "GET", "/api/v1/stats", ""); !strings.Contains(got.Body.String(), `{"error":{"type":"tag:journalist,2026:internal"`) || strings.Contains(got.Body.String(), "/srv") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	k.tell = false
	if got := w.do("read", "GET", "/api/v1/stats", ""); got.Code != 500 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	k.err, k.well = nil, true
	for _, path := range []string{"/api/v1/stats", "/api/v1/health"} {
		if got := w.do("read", "GET", path, ""); !strings.Contains(got.Body.String(), `"problems":[]`) {
			t.Errorf("%s of a server that is well: %s", path, got.Body)
		}
	}
	// Not more than two at once.
	k.err = nil
	depth := 0
	k.during = func() {
		depth++
		if depth == maxInventories {
			if got := w.do("read", "GET", "/api/v1/stats", ""); got.Code != 429 || got.Header().Get("Retry-After") == "" {
				t.Errorf("%d %s", got.Code, got.Body)
			}
			return
		}
		if got := w.do("read", "GET", "/api/v1/stats", ""); got.Code != 200 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if got := w.do("read", "GET", "/api/v1/stats", ""); got.Code != 200 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// Who is bound to datasets hears what is wrong, and no names or figures of others.
func TestHealthOfTheStore(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Keeper = &fakeKeeper{} })
	got := w.do("read", "GET", "/api/v1/health", "")
	for _, part := range []string{`"kind":"damaged"`, `"remedy":"Restore."`, `"where":["store/quarantine/data+secret+x.part"]`, `"full":2`, `"taking":false`} {
		if !strings.Contains(got.Body.String(), part) {
			t.Errorf("%s is not in %s", part, got.Body)
		}
	}
	got = w.do("shop", "GET", "/api/v1/health", "")
	if got.Code != 200 || !strings.Contains(got.Body.String(), "1 damaged file.") || strings.Contains(got.Body.String(), "secret") || strings.Contains(got.Body.String(), "quarantine") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := w.do("shop", "GET", "/api/v1/stats", ""); got.Code != 403 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	w = newWorld(t)
	if got := w.do("read", "GET", "/api/v1/health", ""); got.Code != 200 || !strings.Contains(got.Body.String(), `"problems":[]`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := w.do("read", "GET", "/api/v1/stats", ""); got.Code != 404 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
