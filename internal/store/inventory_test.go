package store

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"journalist/internal/scan"
	"journalist/internal/vfs"
)

// sums checks what must hold between the figures of an inventory.
func sums(t *testing.T, what string, inv scan.Inventory) {
	t.Helper()
	var bytes, rows, parts, groups, raw int64
	for i, d := range inv.Datasets {
		if i > 0 && d.Bytes > inv.Datasets[i-1].Bytes {
			t.Errorf("%s: %s is not in its place", what, d.Name)
		}
		bytes, rows, parts, groups, raw = bytes+d.Bytes, rows+d.Rows, parts+d.Parts, groups+d.Groups, raw+d.RawBytes
		kinds := int64(0)
		for _, k := range d.Kinds {
			kinds += k.Bytes
			if k.Bytes < 0 {
				t.Errorf("%s: %s: %d bytes of kind %s", what, d.Name, k.Bytes, k.Kind)
			}
		}
		// Estimates are rounded once for each kind.
		if off := kinds - d.Bytes; d.GroupsRead == d.Groups && off != 0 || off > int64(len(d.Kinds)) || off < -int64(len(d.Kinds)) {
			t.Errorf("%s: the kinds of %s have %d bytes, its parts %d", what, d.Name, kinds, d.Bytes)
		}
		for _, c := range d.Columns {
			of := int64(0)
			for _, n := range c.Kinds {
				of += n
			}
			if of != c.Bytes && d.GroupsRead == d.Groups || c.Groups > d.Groups || c.Kinds[c.Kind] == 0 && c.Bytes > 0 {
				t.Errorf("%s: column %s of %s: %+v", what, c.Name, d.Name, c)
			}
		}
	}
	if bytes != inv.Bytes || rows != inv.Rows || parts != inv.Parts || groups != inv.Groups || raw != inv.RawBytes {
		t.Errorf("%s: the datasets have %d bytes, %d rows, %d parts, %d row groups, %d raw; the whole %+v", what, bytes, rows, parts, groups, raw, inv)
	}
}

func mustInventory(t *testing.T, s *Store, req scan.InventoryRequest) scan.Inventory {
	t.Helper()
	inv, err := s.Inventory(context.Background(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestInventory(t *testing.T) {
	fsys, rows := filled(t)
	s, err := Open(options(fsys))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(context.Background(), batchOf([]row{{dataset: "web", time: start.UnixNano(), fields: []field{{"message", text("in memory")}}}})); err != nil {
		t.Fatal(err)
	}
	inv := mustInventory(t, s, scan.InventoryRequest{})
	sums(t, "all", inv)
	st := s.Stats()
	if inv.Rows != int64(len(rows))+1 || inv.MemoryRows != 1 || inv.MemoryBytes == 0 || inv.Parts != 3 || inv.Groups != 3 || inv.GroupsRead != 3 || inv.WALBytes != st.WALBytes || inv.Bytes != st.Datasets["logs"].Bytes+st.Datasets["web"].Bytes {
		t.Errorf("%+v", inv)
	}
	logs := inv.Datasets[0]
	if d := st.Datasets["logs"]; logs.Name != "logs" || logs.Rows != 600 || logs.First.UnixNano() != d.First || logs.Last.UnixNano() != d.Last || logs.Parts != 2 {
		t.Errorf("%+v", logs)
	}
	if one := mustInventory(t, s, scan.InventoryRequest{Dataset: "web"}); len(one.Datasets) != 1 || one.Rows != 301 || one.Parts != 1 {
		t.Errorf("%+v", one)
	}
	if none := mustInventory(t, s, scan.InventoryRequest{Dataset: "nobody"}); len(none.Datasets) != 0 || none.Rows != 0 {
		t.Errorf("%+v", none)
	}
	sums(t, "few columns", mustInventory(t, s, scan.InventoryRequest{MaxColumns: 2}))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Inventory(ctx, scan.InventoryRequest{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A stopped store tells the same.
	s = mustOpen(t, options(fsys))
	open := mustInventory(t, s, scan.InventoryRequest{})
	stopped, err := Inspect(func() error { return nil }, fsys, "/data", scan.InventoryRequest{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sums(t, "stopped", stopped)
	stopped.Time, stopped.CacheBytes, stopped.Disk = open.Time, open.CacheBytes, open.Disk
	if !reflect.DeepEqual(open, stopped) {
		t.Errorf("open:\n%+v\nstopped:\n%+v", open, stopped)
	}
}

// TestInventorySamples: of many row groups an even sample is read, and of each
// dataset some.
func TestInventorySamples(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	days(t, s, "logs", 90)
	days(t, s, "web", 3)
	whole := mustInventory(t, s, scan.InventoryRequest{MaxGroups: -1})
	sums(t, "all", whole)
	if whole.Groups != 93 || whole.GroupsRead != 93 {
		t.Fatalf("%+v", whole)
	}
	some := mustInventory(t, s, scan.InventoryRequest{MaxGroups: 10})
	sums(t, "some", some)
	if some.Datasets[0].GroupsRead != leastGroups || some.Datasets[1].GroupsRead != 3 || some.Bytes != whole.Bytes || some.Rows != whole.Rows {
		t.Errorf("%+v", some)
	}
	// The parts are alike, so that the estimates must be near.
	for i, k := range whole.Kinds {
		if e := some.Kinds[i]; e.Kind != k.Kind || e.Bytes < k.Bytes*9/10 || e.Bytes > k.Bytes*11/10 {
			t.Errorf("estimated %+v of %+v", e, k)
		}
	}
}

// TestInventoryOfDamage: what is damaged is set aside by a running store, and only
// named by who looks at a stopped one.
func TestInventoryOfDamage(t *testing.T) {
	clean, _ := filled(t)
	name := files(t, clean, "/data/data")[0]
	found := 0
	for at := int64(0); at < size(t, clean, name); at += 7 {
		fsys := clean.CrashClone(1)
		if err := fsys.Flip(name, at, 0x20); err != nil {
			t.Fatal(err)
		}
		inv, err := Inspect(func() error { return nil }, fsys, "/data", scan.InventoryRequest{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(files(t, fsys, "/data/quarantine")) != 0 {
			t.Fatal("looking at a stopped store changed it")
		}
		if len(inv.Partial) > 0 {
			found++
			if !strings.HasPrefix(inv.Partial[0], "data/data/logs/") || strings.Contains(inv.Partial[0], "/data/data/data") {
				t.Fatal(inv.Partial)
			}
		}
		s, err := Open(options(fsys))
		if err != nil {
			t.Fatal(err)
		}
		live := mustInventory(t, s, scan.InventoryRequest{})
		after := mustInventory(t, s, scan.InventoryRequest{})
		aside := s.Health().Aside.Files
		if (len(inv.Partial) > 0) != (aside == 1) || len(after.Partial) != 0 || len(live.Partial) > aside {
			t.Fatalf("at %d: %v, %v, %v, %d set aside", at, inv.Partial, live.Partial, after.Partial, aside)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no directory was hit")
	}
}

// TestInspectRefused: a store that is open, and a folder that is none.
func TestInspectRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	on := func() error { return nil }
	if _, err := Inspect(on, vfs.OS, dir, scan.InventoryRequest{}, nil); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("while open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if inv, err := Inspect(on, vfs.OS, dir, scan.InventoryRequest{}, nil); err != nil || inv.Rows != 0 || inv.Disk.Total == 0 {
		t.Errorf("%+v %v", inv, err)
	}
	if _, err := Inspect(on, vfs.OS, dir+"/nothing", scan.InventoryRequest{}, nil); !vfs.IsNotExist(err) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
