package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"journalist/internal/scan"
)

func TestRenderInventory(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	inv := scan.Inventory{
		Rows: 1_234_567, Bytes: 10_000_000, RawBytes: 123_000_000, Parts: 3, Groups: 40, GroupsRead: 20, MemoryRows: 1, MemoryBytes: 999, WALBytes: 2_000,
		CacheBytes: 5_000, Sources: 12, DeletedRows: 7, Tombstones: 1, Aside: scan.Aside{Files: 2, Bytes: 300}, Disk: scan.Disk{Free: 5e9, Total: 1e10, Floor: 5e8},
		Kinds: []scan.InventoryKind{{Kind: "templates", Columns: 40, Bytes: 9_000_000, RawBytes: 90_000_000}, {Kind: "directory", Bytes: 1_000_000}},
		Datasets: []scan.InventoryDataset{
			{
				Name: "logs", Rows: 1_234_560, Bytes: 9_900_000, RawBytes: 122_000_000, Parts: 2, Groups: 39, GroupsRead: 19, Templates: 77, First: day, Last: day.AddDate(0, 0, 9), ColumnCount: 5,
				Columns: []scan.InventoryColumn{
					{Name: "message", Kind: "templates", Groups: 39, Values: 1_234_560, Bytes: 8_000_000, RawBytes: 80_000_000, Templates: 77},
					{Name: "evil\x1b[31m", Kind: "dict", Groups: 1, Values: 10, Bytes: 50},
				},
			},
			{Name: "web", Rows: 7, Bytes: 100_000, Parts: 1, Groups: 1, GroupsRead: 1, ColumnCount: 1, Columns: []scan.InventoryColumn{{Name: "url", Kind: "plain", Groups: 1, Values: 7, Bytes: 90_000}}},
		},
		Partial: []string{"part x cannot be read"},
	}
	var out strings.Builder
	if err := RenderInventory(&out, &inv, 2); err != nil {
		t.Fatal(err)
	}
	const want = `records     1,234,567
on disk     10.0 MB in 3 parts of 40 row groups
as columns  123.0 MB in memory, 12.3 times the bytes on disk
in memory   1 record, 999 B
log         2.0 kB write-ahead
cache       5.0 kB
sources     12 with a known position
deleted     7 records still in files, in 1 part with a tombstone
quarantine  2 damaged files, 300 B
disk        5.0 GB free of 10.0 GB, 500.0 MB stay free

DATASET    RECORDS     BYTES   SHARE  TIMES  PARTS  GROUPS  TEMPLATES  OLDEST                NEWEST
logs     1,234,560    9.9 MB  99.0 %   12.3      2      39         77  2026-01-02T03:04:05Z  2026-01-11T03:04:05Z
web              7  100.0 kB   1.0 %             1       1          0

KIND        BYTES   SHARE  TIMES  COLUMNS
templates  9.0 MB  90.0 %   10.0       40
directory  1.0 MB  10.0 %
estimated from 20 of 40 row groups

COLUMN   DATASET    BYTES   SHARE  TIMES     VALUES  BYTES/VALUE  TEMPLATES  KIND
message  logs      8.0 MB  80.0 %   10.0  1,234,560         6.48         77  templates
url      web      90.0 kB   0.9 %                 7     12857.14             plain
2 of 6 columns
not counted: part x cannot be read
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	if err := RenderInventory(&out, &inv, 100); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, `evil\x1b[31m`) {
		t.Errorf("a column's name acts on the terminal: %q", text)
	}
	out.Reset()
	if err := RenderInventory(&out, &scan.Inventory{}, 20); err != nil || !strings.Contains(out.String(), "records     0") {
		t.Errorf("%v %s", err, out.String())
	}
}

func TestRenderProblems(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out strings.Builder
	if err := RenderProblems(&out, []scan.Problem{
		{Severity: scan.SeverityError, What: "It broke.", Remedy: "Mend it.", Where: []string{"store/x", "a\x1b[2Jb"}, Since: now.Add(-3 * time.Hour)},
		{Severity: scan.SeverityWarning, What: "It creaks.", Remedy: "Oil it."},
	}, now); err != nil {
		t.Fatal(err)
	}
	const want = `ERROR: It broke. (began 3 h ago)
  where: store/x
  where: a\x1b[2Jb
  do:    Mend it.
WARNING: It creaks.
  do:    Oil it.
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestClientStats(t *testing.T) {
	var asked, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = w.Write([]byte(body)) // a client that is gone fails the test by itself
	}))
	defer server.Close()
	c, err := NewClient(ClientOptions{Server: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body = `{"progress":{"groups":9,"groups_done":4}}` + "\n" + `{"inventory":{"rows":5},"health":{"problems":[{"kind":"full"}]}}` + "\n"
	told := int64(0)
	inv, health, err := c.Stats(context.Background(), scan.InventoryRequest{Dataset: "a b", MaxGroups: -1, MaxColumns: 7}, func(p scan.InventoryProgress) { told += p.GroupsDone })
	if err != nil || inv.Rows != 5 || len(health.Problems) != 1 || told != 4 || asked != "/api/v1/stats?columns=7&dataset=a+b&groups=all" {
		t.Errorf("%+v %+v %v, %d, %s", inv, health, err, told, asked)
	}
	for text, want := range map[string]string{
		`{"progress":{}}` + "\n": "broke off",
		"":                       "broke off",
		"<html>\n":               "no JSON",
		`{"error":{"kind":"internal","detail":"the disk broke"}}` + "\n": "the disk broke",
	} {
		body = text
		if _, _, err := c.Stats(context.Background(), scan.InventoryRequest{}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	body = `{"problems":[{"kind":"damaged","where":["x"]}],"taking":true}`
	if h, err := c.Health(context.Background()); err != nil || !h.Taking || h.Problems[0].Where[0] != "x" || asked != "/api/v1/health" {
		t.Errorf("%+v %v %s", h, err, asked)
	}
}
