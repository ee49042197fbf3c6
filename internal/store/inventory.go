package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"journalist/internal/scan"
	"journalist/internal/store/memtable"
	"journalist/internal/store/part"
)

const (
	defaultGroups  = 20_000
	defaultColumns = 200
	// leastGroups is how many row groups of a dataset are looked into however many
	// others there are.
	leastGroups = 64
	// mostColumns bounds the columns that are told apart; all further ones are one.
	mostColumns = 200_000
	// otherColumns is the name of the line of those that are not listed.
	otherColumns = "(other columns)"
	// progressEvery is how often progress is told.
	progressEvery = 200 * time.Millisecond
)

// Inventory tells what the store consists of. It reads the directories of row
// groups, no columns, past the cache; progress is called now and then by the calling
// goroutine and may be nil.
func (s *Store) Inventory(ctx context.Context, req scan.InventoryRequest, progress func(scan.InventoryProgress)) (scan.Inventory, error) {
	inv := newInventory(req, s.o.Clock())
	s.mu.Lock()
	var live []*livePart
	for _, p := range s.mu.parts {
		if req.Dataset == "" || p.Dataset == req.Dataset {
			p.refs++
			live = append(live, p)
			inv.addPart(p.Part, p.gone.count())
		}
	}
	tables := s.tablesLocked()
	for _, t := range tables {
		inv.addMemory(t)
	}
	s.mu.Unlock()
	defer func() {
		for _, p := range live {
			s.release(p)
		}
	}()
	s.logMu.Lock()
	inv.out.WALBytes = s.log.Size()
	s.logMu.Unlock()
	inv.out.Sources = s.sources.len()
	inv.out.CacheBytes = s.cache.Used()
	inv.out.Aside = s.aside()
	inv.out.Disk = s.disk()
	stop := func() error {
		if s.stopped.Err() != nil {
			return s.stopped.Err()
		}
		return ctx.Err()
	}
	damaged := func(i int, err error) {
		p := live[i]
		where := fmt.Sprintf("part %s/%s/%s", p.folder, p.partition, p.file())
		if errors.Is(err, part.ErrCorrupt) {
			s.setAside(p, err)
			inv.out.Partial = append(inv.out.Partial, where+" is corrupt and was set aside")
			return
		}
		s.note(workRead, err)
		s.o.Logger.Error("part cannot be read", "error", err)
		inv.out.Partial = append(inv.out.Partial, where+" cannot be read")
	}
	open := func(i int) (*part.Part, error) { return openFile(s.o.FS, live[i].Path) }
	if err := inv.read(stop, len(live), open, damaged, progress); err != nil {
		return scan.Inventory{}, fmt.Errorf("inventory: %w", err)
	}
	return inv.finish(), nil
}

// inventory is a scan.Inventory being made. One goroutine uses it.
type inventory struct {
	req  scan.InventoryRequest
	out  scan.Inventory
	sets map[string]*datasetInventory
	cols int // told apart, of all datasets
}

// datasetInventory is what is known of one dataset so far. Columns and kinds are of
// the row groups that were read only.
type datasetInventory struct {
	scan.InventoryDataset
	first, last int64
	seen        int64 // row groups passed while reading, read or not
	groupBytes  int64 // of all row groups
	overhead    int64 // heads and footers of parts
	readBytes   int64 // of those that were read
	kinds       map[string]*scan.InventoryKind
	columns     map[string]*scan.InventoryColumn
}

func newInventory(req scan.InventoryRequest, now time.Time) *inventory {
	if req.MaxGroups == 0 {
		req.MaxGroups = defaultGroups
	}
	if req.MaxColumns == 0 {
		req.MaxColumns = defaultColumns
	}
	return &inventory{req: req, out: scan.Inventory{Time: now.UTC()}, sets: map[string]*datasetInventory{}}
}

func (v *inventory) dataset(name string) *datasetInventory {
	d := v.sets[name]
	if d == nil {
		d = &datasetInventory{kinds: map[string]*scan.InventoryKind{}, columns: map[string]*scan.InventoryColumn{}}
		d.Name = name
		v.sets[name] = d
	}
	return d
}

// addPart adds what a part's footer says.
func (v *inventory) addPart(p *part.Part, deleted int64) {
	d := v.dataset(p.Dataset)
	first, last := p.Bounds()
	if d.Parts == 0 || first < d.first {
		d.first = first
	}
	if d.Parts == 0 || last > d.last {
		d.last = last
	}
	rows := p.Rows() - deleted
	d.Rows += rows
	d.Bytes += p.Size
	d.Parts++
	d.Groups += int64(len(p.Groups))
	d.DeletedRows += deleted
	v.out.Rows += rows
	v.out.DeletedRows += deleted
	if deleted > 0 {
		v.out.Tombstones++
	}
	size := p.Size
	for i := range p.Groups {
		d.RawBytes += p.Groups[i].Bytes
		d.groupBytes += p.Groups[i].Len
		size -= p.Groups[i].Len
	}
	d.overhead += size
}

func (v *inventory) addMemory(t *memtable.Table) {
	for _, name := range t.Datasets() {
		if v.req.Dataset != "" && name != v.req.Dataset {
			continue
		}
		d := v.dataset(name)
		for _, c := range t.Chunks(name) {
			d.MemoryRows += int64(c.Len())
			d.Rows += int64(c.Len())
			v.out.Rows += int64(c.Len())
			v.out.MemoryRows += int64(c.Len())
			v.out.MemoryBytes += c.Size()
		}
	}
}

func (d *datasetInventory) kind(name string) *scan.InventoryKind {
	k := d.kinds[name]
	if k == nil {
		k = &scan.InventoryKind{Kind: name}
		d.kinds[name] = k
	}
	return k
}

// quota is how many of a dataset's row groups are read.
func (v *inventory) quota(d *datasetInventory, all int64) int64 {
	most := int64(v.req.MaxGroups)
	if most < 0 || all <= most {
		return d.Groups
	}
	// Groups and most are below 2^40 and 2^31.
	return min(d.Groups, max(leastGroups, d.Groups*most/all))
}

// read looks into the row groups of n parts, all or an even sample of them. stop is
// asked between row groups; a part for which damaged was called is left out from
// there on.
func (v *inventory) read(stop func() error, n int, open func(i int) (*part.Part, error), damaged func(i int, err error), progress func(scan.InventoryProgress)) error {
	var all, wanted int64
	for _, d := range v.sets {
		all += d.Groups
	}
	quotas := map[*datasetInventory]int64{}
	for _, d := range v.sets {
		quotas[d] = v.quota(d, all)
		wanted += quotas[d]
	}
	done := int64(0)
	told := time.Now()
	for i := range n {
		if err := stop(); err != nil {
			return err
		}
		err := func() error {
			p, err := open(i)
			if err != nil {
				damaged(i, err)
				return nil
			}
			d, r := v.dataset(p.Dataset), (*part.Reader)(nil)
			quota := quotas[d]
			defer func() {
				if r != nil {
					_ = r.Close() // only read
				}
			}()
			for g := range p.Groups {
				// Evenly: as many of the first k groups as are k's share.
				before := d.seen * quota / max(d.Groups, 1)
				d.seen++
				if d.seen*quota/max(d.Groups, 1) == before {
					continue
				}
				if err := stop(); err != nil {
					return err
				}
				if r == nil {
					if r, err = p.Reader(); err != nil {
						damaged(i, err)
						return nil
					}
				}
				if err := v.readGroup(d, p, r, g); err != nil {
					damaged(i, err)
					return nil
				}
				done++
				if progress != nil && time.Since(told) >= progressEvery {
					told = time.Now()
					progress(scan.InventoryProgress{Groups: wanted, GroupsDone: done})
				}
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	return nil
}

// readGroup adds one row group's columns.
func (v *inventory) readGroup(d *datasetInventory, p *part.Part, r *part.Reader, i int) error {
	var list []piece
	if err := pieces(r, i, func(x piece) { list = append(list, x) }); err != nil {
		return err
	}
	d.GroupsRead++
	d.readBytes += p.Groups[i].Len
	rest := p.Groups[i].Len
	in := map[*scan.InventoryColumn]bool{}
	for _, x := range list {
		k := d.kind(x.kind)
		k.Bytes += x.bytes
		k.RawBytes += x.raw
		rest -= x.bytes
		if x.column == "" {
			continue
		}
		k.Columns++
		c := d.columns[x.column]
		if c == nil {
			name := x.column
			if v.cols++; v.cols > mostColumns {
				name = otherColumns
			}
			if c = d.columns[name]; c == nil {
				c = &scan.InventoryColumn{Name: name, Kinds: map[string]int64{}}
				d.columns[name] = c
			}
		}
		if !in[c] {
			in[c] = true
			c.Groups++
		}
		c.Kinds[x.kind] += x.bytes
		c.Bytes += x.bytes
		c.RawBytes += x.raw
		c.Values += x.values
		c.Templates += x.templates
		d.Templates += x.templates
	}
	if rest != 0 {
		d.kind(kindDirectory).Bytes += rest // the directory, and what rounding left of shared blocks
	}
	return nil
}

// finish scales what was sampled, sorts and sums up.
func (v *inventory) finish() scan.Inventory {
	out := &v.out
	kinds := map[string]*scan.InventoryKind{}
	out.Datasets = []scan.InventoryDataset{}
	for _, d := range v.sets {
		d.scale()
		if d.overhead > 0 {
			d.kind(kindDirectory).Bytes += d.overhead
		}
		if d.Parts > 0 {
			d.First, d.Last = timeOf(d.first), timeOf(d.last)
		}
		out.Bytes += d.Bytes
		out.RawBytes += d.RawBytes
		out.Parts += d.Parts
		out.Groups += d.Groups
		out.GroupsRead += d.GroupsRead
		for name, k := range d.kinds {
			sum := kinds[name]
			if sum == nil {
				sum = &scan.InventoryKind{Kind: name}
				kinds[name] = sum
			}
			sum.Bytes += k.Bytes
			sum.RawBytes += k.RawBytes
			sum.Columns += k.Columns
		}
		d.Kinds = sortedKinds(d.kinds)
		d.ColumnCount = len(d.columns)
		d.Columns = v.sortedColumns(d.columns)
		out.Datasets = append(out.Datasets, d.InventoryDataset)
	}
	out.Kinds = sortedKinds(kinds)
	slices.SortFunc(out.Datasets, func(a, b scan.InventoryDataset) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Name, b.Name))
	})
	return *out
}

// scale makes an estimate for all row groups of what was found in some.
func (d *datasetInventory) scale() {
	if d.GroupsRead == d.Groups || d.readBytes == 0 {
		return
	}
	bytes := float64(d.groupBytes) / float64(d.readBytes)
	groups := float64(d.Groups) / float64(d.GroupsRead)
	by := func(f float64, n *int64) { *n = int64(float64(*n)*f + 0.5) }
	for _, k := range d.kinds {
		by(bytes, &k.Bytes)
		by(bytes, &k.RawBytes)
		by(groups, &k.Columns)
	}
	for _, c := range d.columns {
		by(bytes, &c.Bytes)
		by(bytes, &c.RawBytes)
		by(groups, &c.Values)
		by(groups, &c.Templates)
		by(groups, &c.Groups)
		for name, n := range c.Kinds {
			c.Kinds[name] = int64(float64(n)*bytes + 0.5)
		}
	}
	by(groups, &d.Templates)
}

func sortedKinds(kinds map[string]*scan.InventoryKind) []scan.InventoryKind {
	out := []scan.InventoryKind{}
	for _, k := range kinds {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b scan.InventoryKind) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// sortedColumns lists the biggest columns, and the others as one.
func (v *inventory) sortedColumns(columns map[string]*scan.InventoryColumn) []scan.InventoryColumn {
	list := slices.SortedFunc(maps.Values(columns), func(a, b *scan.InventoryColumn) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	most := v.req.MaxColumns
	if most < 0 || len(list) < most {
		most = len(list)
	}
	out := []scan.InventoryColumn{}
	others := &scan.InventoryColumn{Name: otherColumns, Kinds: map[string]int64{}}
	for i, c := range list {
		if i < most {
			c.Kind = greatest(c.Kinds)
			out = append(out, *c)
			continue
		}
		others.Bytes += c.Bytes
		others.RawBytes += c.RawBytes
		others.Values += c.Values
		others.Templates += c.Templates
		others.Groups = max(others.Groups, c.Groups)
		for k, n := range c.Kinds {
			others.Kinds[k] += n
		}
	}
	if len(list) > most {
		others.Kind = greatest(others.Kinds)
		out = append(out, *others)
	}
	return out
}

// greatest is the kind with the most bytes.
func greatest(kinds map[string]int64) string {
	best := ""
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		if best == "" || kinds[k] > kinds[best] {
			best = k
		}
	}
	return best
}
