package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"journalist/internal/scan"
)

// RenderProblems lists what is wrong, with what to do; nothing when all is well. now
// is the time that ages are counted from.
func RenderProblems(w io.Writer, problems []scan.Problem, now time.Time) error {
	var out strings.Builder
	for _, p := range problems {
		since := ""
		if !p.Since.IsZero() {
			since = " (began " + ago(p.Since, now) + ")"
		}
		fmt.Fprintf(&out, "%s: %s%s\n", strings.ToUpper(Safe(p.Severity)), Safe(p.What), since)
		for _, where := range p.Where {
			fmt.Fprintf(&out, "  where: %s\n", Safe(where))
		}
		fmt.Fprintf(&out, "  do:    %s\n", Safe(p.Remedy))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// RenderInventory shows what a store consists of: the whole, its datasets, the kinds
// of its bytes, and the biggest columns, so many at most.
func RenderInventory(w io.Writer, inv *scan.Inventory, columns int) error {
	for _, part := range []func(io.Writer) error{
		func(w io.Writer) error { return renderWhole(w, inv) },
		func(w io.Writer) error { return renderDatasets(w, inv) },
		func(w io.Writer) error { return renderKinds(w, inv) },
		func(w io.Writer) error { return renderColumns(w, inv, columns) },
	} {
		if err := part(w); err != nil {
			return err
		}
	}
	for _, p := range inv.Partial {
		if _, err := fmt.Fprintln(w, "not counted: "+Safe(p)); err != nil {
			return err
		}
	}
	return nil
}

func renderWhole(w io.Writer, inv *scan.Inventory) error {
	t := scribeTable{}
	t.add("records", Thousands(inv.Rows))
	t.add("on disk", fmt.Sprintf("%s in %s of %s", Bytes(inv.Bytes), Counted(inv.Parts, "part"), Counted(inv.Groups, "row group")))
	if inv.RawBytes > 0 {
		t.add("as columns", fmt.Sprintf("%s in memory, %s times the bytes on disk", Bytes(inv.RawBytes), times(inv.RawBytes, inv.Bytes)))
	}
	t.add("in memory", fmt.Sprintf("%s, %s", Counted(inv.MemoryRows, "record"), Bytes(inv.MemoryBytes)))
	t.add("log", Bytes(inv.WALBytes)+" write-ahead")
	if inv.CacheBytes > 0 {
		t.add("cache", Bytes(inv.CacheBytes))
	}
	t.add("sources", Thousands(int64(inv.Sources))+" with a known position")
	if inv.Tombstones > 0 {
		t.add("deleted", fmt.Sprintf("%s still in files, in %s with a tombstone", Counted(inv.DeletedRows, "record"), Counted(inv.Tombstones, "part")))
	}
	t.add("quarantine", fmt.Sprintf("%s, %s", Counted(int64(inv.Aside.Files), "damaged file"), Bytes(inv.Aside.Bytes)))
	disk := fmt.Sprintf("%s free of %s", Bytes(int64(inv.Disk.Free)), Bytes(int64(inv.Disk.Total)))
	if inv.Disk.Floor > 0 {
		disk += fmt.Sprintf(", %s stay free", Bytes(int64(inv.Disk.Floor)))
	}
	t.add("disk", disk)
	return t.write(w)
}

func renderDatasets(w io.Writer, inv *scan.Inventory) error {
	t := scribeTable{right: []bool{false, true, true, true, true, true, true, true}}
	t.add("DATASET", "RECORDS", "BYTES", "SHARE", "TIMES", "PARTS", "GROUPS", "TEMPLATES", "OLDEST", "NEWEST")
	for _, d := range inv.Datasets {
		t.add(d.Name, Thousands(d.Rows), Bytes(d.Bytes), percent(d.Bytes, inv.Bytes), times(d.RawBytes, d.Bytes),
			Thousands(d.Parts), Thousands(d.Groups), Thousands(d.Templates), shortTime(d.First), shortTime(d.Last))
	}
	return titled(w, &t)
}

func renderKinds(w io.Writer, inv *scan.Inventory) error {
	if len(inv.Kinds) == 0 {
		return nil
	}
	t := scribeTable{right: []bool{false, true, true, true, true}}
	t.add("KIND", "BYTES", "SHARE", "TIMES", "COLUMNS")
	for _, k := range inv.Kinds {
		columns := ""
		if k.Columns > 0 {
			columns = Thousands(k.Columns)
		}
		t.add(k.Kind, Bytes(k.Bytes), percent(k.Bytes, inv.Bytes), times(k.RawBytes, k.Bytes), columns)
	}
	if err := titled(w, &t); err != nil {
		return err
	}
	if inv.GroupsRead < inv.Groups {
		_, err := fmt.Fprintf(w, "estimated from %s of %s row groups\n", Thousands(inv.GroupsRead), Thousands(inv.Groups))
		return err
	}
	return nil
}

func renderColumns(w io.Writer, inv *scan.Inventory, most int) error {
	type line struct {
		dataset string
		scan.InventoryColumn
	}
	var lines []line
	total := 0
	for _, d := range inv.Datasets {
		total += d.ColumnCount
		for _, c := range d.Columns {
			lines = append(lines, line{d.Name, c})
		}
	}
	if len(lines) == 0 || most == 0 {
		return nil
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if most > 0 && len(lines) > most {
		lines = lines[:most]
	}
	t := scribeTable{right: []bool{false, false, true, true, true, true, true, true}}
	t.add("COLUMN", "DATASET", "BYTES", "SHARE", "TIMES", "VALUES", "BYTES/VALUE", "TEMPLATES", "KIND")
	for _, c := range lines {
		each, templates := "", ""
		if c.Values > 0 {
			each = fmt.Sprintf("%.2f", float64(c.Bytes)/float64(c.Values))
		}
		if c.Templates > 0 {
			templates = Thousands(c.Templates)
		}
		t.add(c.Name, c.dataset, Bytes(c.Bytes), percent(c.Bytes, inv.Bytes), times(c.RawBytes, c.Bytes), Thousands(c.Values), each, templates, c.Kind)
	}
	if err := titled(w, &t); err != nil {
		return err
	}
	if total > len(lines) {
		_, err := fmt.Fprintf(w, "%s of %s columns\n", Thousands(int64(len(lines))), Thousands(int64(total)))
		return err
	}
	return nil
}

// titled writes a table behind an empty line.
func titled(w io.Writer, t *scribeTable) error {
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return t.write(w)
}

// times is how many times as many bytes there were before.
func times(raw, stored int64) string {
	if raw <= 0 || stored <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(raw)/float64(stored))
}

func percent(n, of int64) string {
	if of <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
