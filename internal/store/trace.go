package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/filter"
	"journalist/internal/store/part"
)

// tracer tells a scan.ScanTrace what a scan does with each unit. Workers use it at the
// same time, and nil, which is what scans have that nobody asks about, does nothing.
type tracer struct {
	to      *scan.ScanTrace
	ordered bool // units that match are done twice: when found and when all is read
	whole   bool // the source's own work lasts until a unit is done

	mu    sync.Mutex
	units []unit
	seen  []bool // of units
	open  map[*unit]*tracedRows
}

// tracedRows notes which columns of a unit are looked into, and how long that takes.
type tracedRows struct {
	rows
	trace scan.GroupTrace
	cols  map[string]bool
	since time.Time // of the opening
	found bool      // the filter is through
	again bool      // done once already
	quiet bool
}

// memoryPart is what rows stand in that are in no part yet.
const memoryPart = "memory"

func partName(p *livePart) string { return fmt.Sprintf("%s/%s/%s", p.folder, p.partition, p.file()) }

// traceUnits begins to trace a scan where somebody asks. whole: no rows are handed out,
// and the request's order does not count.
func (x *scanner) traceUnits(snap *snapshot, whole bool) {
	if x.req.Trace == nil {
		return
	}
	x.trace = &tracer{
		to: x.req.Trace, ordered: !whole && x.req.Order != scan.Any, whole: whole,
		units: snap.units, seen: make([]bool, len(snap.units)), open: map[*unit]*tracedRows{},
	}
	snap.tracePassed(x.req)
}

// tracePassed tells of the parts and row groups that the snapshot is without. The parts
// are those of now; one may have been merged since the snapshot was taken.
func (snap *snapshot) tracePassed(req *scan.Request) {
	in := map[*livePart]bool{}
	for _, p := range snap.parts {
		in[p.live] = true
		for i := range p.live.Groups {
			g := &p.live.Groups[i]
			d := scan.ByDeletion
			switch {
			case g.First >= req.To || g.Last < req.From:
				d = scan.ByTime
			case g.Rows > p.gone.group(i).count():
				continue
			}
			req.Trace.Pass(partName(p.live), 1, int64(g.Rows), d)
		}
	}
	snap.store.mu.Lock()
	parts := slices.Clone(snap.store.mu.parts)
	snap.store.mu.Unlock()
	for _, p := range parts {
		switch {
		case in[p]:
		case req.Datasets != nil && !slices.Contains(req.Datasets, p.Dataset):
			req.Trace.PassOther()
		case p.first >= req.To || p.last < req.From:
			rows := int64(0)
			for i := range p.Groups {
				rows += int64(p.Groups[i].Rows)
			}
			req.Trace.Pass(partName(p), int64(len(p.Groups)), rows, scan.ByTime)
		}
	}
}

// open opens a unit.
func (x *scanner) open(u *unit) (rows, error) {
	r, err := u.open()
	if x.trace == nil || err != nil {
		return r, err
	}
	t := &tracedRows{rows: r, trace: traceOf(u), cols: map[string]bool{}, since: time.Now()}
	x.trace.mu.Lock()
	defer x.trace.mu.Unlock()
	x.trace.open[u] = t
	return t, nil
}

func traceOf(u *unit) scan.GroupTrace {
	g := scan.GroupTrace{
		Part: memoryPart, Rows: int64(u.rows), First: time.Unix(0, u.first).UTC(), Last: time.Unix(0, u.last).UTC(), Decision: scan.Scanned,
	}
	if u.part != nil {
		g.Part, g.Group = partName(u.part.live), u.group
	}
	return g
}

// of returns what is known of a unit; one that was not opened counts as opened now.
func (t *tracer) of(u *unit) *tracedRows {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.open[u]
	if r == nil {
		r = &tracedRows{trace: traceOf(u), since: time.Now()}
		t.open[u] = r
	}
	return r
}

// denied says that headers and filters decided that nothing matches.
func (t *tracer) denied(u *unit, on *filter.Evaluation) {
	if t == nil {
		return
	}
	r := t.of(u)
	r.quiet = true
	r.trace.Took = time.Since(r.since)
	r.trace.Bytes = bytesRead(r.rows)
	r.trace.Decision, r.trace.Why = on.Why()
}

// decided says what became of a unit.
func (t *tracer) decided(u *unit, d scan.Decision, why string) {
	if t == nil {
		return
	}
	r := t.of(u)
	r.trace.Decision, r.trace.Why, r.trace.Took = d, why, time.Since(r.since)
}

// matched says which rows of a unit match.
func (t *tracer) matched(u *unit, sel filter.Bitmap) {
	if t == nil {
		return
	}
	r := t.of(u)
	r.trace.Matched, r.found, r.trace.Took = int64(sel.Count()), true, time.Since(r.since)
}

// counted says that so many rows of a unit were counted without looking into them.
func (t *tracer) counted(u *unit, rows int64, why string) {
	if t == nil {
		return
	}
	t.decided(u, scan.Counted, why)
	t.of(u).trace.Matched = rows
}

// done says that a unit is read, or why not: it is damaged, or the scan ends.
func (t *tracer) done(u *unit, err error, damaged bool) {
	if t == nil {
		return
	}
	r := t.of(u)
	if err == nil && t.ordered && r.trace.Matched > 0 && !r.again {
		r.again = true
		return
	}
	if damaged {
		r.trace.Decision, r.trace.Why = scan.Damaged, partial(u, err)
	}
	if t.whole && r.found {
		r.trace.Took = time.Since(r.since)
	}
	t.tell(u, r)
}

func (t *tracer) tell(u *unit, r *tracedRows) {
	if !r.quiet {
		r.trace.Bytes = bytesRead(r.rows)
	}
	r.trace.Columns = slices.Sorted(maps.Keys(r.cols))
	t.to.Add(&r.trace)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, u)
	t.seen[u.rank] = true
}

// end tells of the units that were not read to their end, or not at all. No worker is
// left.
func (t *tracer) end() {
	if t == nil {
		return
	}
	for u, r := range t.open {
		t.tell(u, r)
	}
	for i := range t.units {
		if !t.seen[i] {
			g := traceOf(&t.units[i])
			g.Decision = scan.Unneeded
			t.to.Add(&g)
		}
	}
}

// groupOf returns the row group that rows are, nil for those in memory.
func groupOf(r rows) *part.Group {
	switch r := r.(type) {
	case *part.Group:
		return r
	case *tracedRows:
		return groupOf(r.rows)
	}
	return nil
}

// note notes that a column is looked into; the function it returns ends that.
func (t *tracedRows) note(name string) func() {
	if t.quiet {
		return func() {}
	}
	t.cols[name] = true
	if !t.found { // the time until then counts as a whole
		return func() {}
	}
	start := time.Now()
	return func() { t.trace.Took += time.Since(start) }
}

// Times, Values, Col, Counts, Texts and Take are those of the rows.

func (t *tracedRows) Times() ([]int64, error) {
	defer t.note(record.FieldTime)()
	return t.rows.Times()
}

func (t *tracedRows) Values(name string) ([]record.Value, error) {
	defer t.note(name)()
	return t.rows.Values(name)
}

func (t *tracedRows) Col(name string) (*column.Col, error) {
	defer t.note(name)()
	return t.rows.Col(name)
}

func (t *tracedRows) Counts(name string) ([]record.Value, []int64, bool, error) {
	defer t.note(name)()
	return t.rows.Counts(name)
}

func (t *tracedRows) Texts(name string) (*filter.Texts, error) {
	defer t.note(name)()
	return t.rows.Texts(name)
}

func (t *tracedRows) Take(name string, list []uint32) (scan.Column, error) {
	defer t.note(name)()
	return t.rows.Take(name, list)
}
