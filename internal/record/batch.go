package record

import (
	"fmt"
	"math"
)

// Batch is a list of records on their way to the store, all of one dataset.
//
// Fields that all rows share (host, file, type) are stored once, as common
// fields; a row's own field of the same name wins over the common one. Values are
// ranges of one arena, so that a batch of thousands of lines is a handful of
// allocations. A batch is used by one goroutine at a time; whoever hands it on
// must not touch it until it is handed back.
type Batch struct {
	// Dataset is where the rows go; "" means DefaultDataset.
	Dataset string
	// Position is the part of the source the batch carries; its ID is zero when
	// the sender has no positions.
	Position Position
	// Client is the authenticated sender's name (a certificate's or token's), to
	// which source identities and window hashes are bound.
	Client string
	// Window is a hash of the bytes as they came, for senders that repeat a
	// window without an identity; 0 means none.
	Window uint64

	names  []Name
	byName map[string]uint32

	common []field
	rows   []row
	fields []field
	arena  []byte
}

// A field is 24 bytes: a name, a kind and either the integer or an arena range.
type field struct {
	name uint32
	kind Kind
	num  int64 // Int and Bool: the value; else offset<<32 | length
}

type row struct {
	time int64
	from uint32 // fields[from:to]
	to   uint32
	// start is the row's position in the source; only set with a Position.
	start uint64
	// span is how many bytes it takes there, 0 when nobody said; see SetSpan.
	span uint32
	// own: the record said its time itself; see MarkOwnTime.
	own bool
}

// Reset empties the batch for reuse. Names stay known, because the next batch of
// the same sender has the same ones; they are dropped when they grow too many.
func (b *Batch) Reset() {
	if len(b.names) > 4*MaxFields {
		b.names, b.byName = nil, nil
	}
	b.Dataset, b.Client, b.Window, b.Position = "", "", 0, Position{}
	b.common, b.rows, b.fields, b.arena = b.common[:0], b.rows[:0], b.fields[:0], b.arena[:0]
}

// Len is the number of rows.
func (b *Batch) Len() int { return len(b.rows) }

// Bytes is about what the batch occupies in memory.
func (b *Batch) Bytes() int {
	return len(b.arena) + 24*len(b.fields) + 32*len(b.rows) + 24*len(b.common)
}

// NameID returns the number of the field name with this path, which the Set and
// Add methods take.
func (b *Batch) NameID(path string) uint32 {
	if id, ok := b.byName[path]; ok {
		return id
	}
	return b.addName(path)
}

// NameIDBytes is NameID without an allocation where the name is known.
func (b *Batch) NameIDBytes(path []byte) uint32 {
	if id, ok := b.byName[string(path)]; ok {
		return id
	}
	return b.addName(string(path))
}

func (b *Batch) addName(path string) uint32 {
	if b.byName == nil {
		b.byName = make(map[string]uint32, 16)
	}
	id := uint32(len(b.names))
	b.names = append(b.names, MakeName(path))
	b.byName[path] = id
	return id
}

// Name returns the name with this number.
func (b *Batch) Name(id uint32) Name { return b.names[id] }

// Names returns all names of the batch, by number. The batch owns the slice.
func (b *Batch) Names() []Name { return b.names }

// AddRow starts a new row with this time (nanoseconds since the epoch); the
// following Add calls give it its fields.
func (b *Batch) AddRow(time int64) {
	n := uint32(len(b.fields))
	b.rows = append(b.rows, row{time: time, from: n, to: n})
}

// DropRow removes the row added last, for a decoder that finds it bad half-way.
func (b *Batch) DropRow() {
	last := len(b.rows) - 1
	b.fields = b.fields[:b.rows[last].from]
	b.rows = b.rows[:last]
}

// SetStart notes where in the source the row added last begins.
func (b *Batch) SetStart(pos uint64) { b.rows[len(b.rows)-1].start = pos }

// SetSpan notes how many bytes of the source the row added last takes, which
// TrimBefore needs. It is not part of the binary form.
func (b *Batch) SetSpan(n uint32) { b.rows[len(b.rows)-1].span = n }

// Start returns where in the source row i begins.
func (b *Batch) Start(i int) uint64 { return b.rows[i].start }

// Time returns row i's time in nanoseconds since the epoch.
func (b *Batch) Time(i int) int64 { return b.rows[i].time }

// SetTime changes row i's time.
func (b *Batch) SetTime(i int, time int64) { b.rows[i].time = time }

// MarkOwnTime says that the record added last gave its time itself, so that
// internal/pipeline does not look for one in its message. Without the mark a
// row's time is only the time of its reading or arrival. The mark is not part of
// the binary form: behind the pipeline nobody asks for it.
func (b *Batch) MarkOwnTime() { b.rows[len(b.rows)-1].own = true }

// OwnTime tells whether row i was marked by MarkOwnTime or SetOwnTime.
func (b *Batch) OwnTime(i int) bool { return b.rows[i].own }

// SetOwnTime changes row i's time to the one that the record itself says.
func (b *Batch) SetOwnTime(i int, time int64) { b.rows[i].time, b.rows[i].own = time, true }

// Extend gives row i one more value, whichever row was added last; its bytes are
// copied. It moves the row's fields unless they are the last ones, so it is for the
// few rows that need it, and DropRow must not follow it.
func (b *Batch) Extend(i int, name uint32, v Value) {
	r := &b.rows[i]
	if int(r.to) != len(b.fields) {
		from := uint32(len(b.fields))
		b.fields = append(b.fields, b.fields[r.from:r.to]...)
		r.from = from
	}
	b.fields = append(b.fields, b.field(name, v))
	r.to = uint32(len(b.fields))
}

// Replace changes the value of row i's j-th own field; its bytes are copied.
func (b *Batch) Replace(i, j int, v Value) {
	f := &b.fields[int(b.rows[i].from)+j]
	*f = b.field(f.name, v)
}

// Add gives the row added last a value; its bytes are copied.
func (b *Batch) Add(name uint32, v Value) {
	b.fields = append(b.fields, b.field(name, v))
	b.rows[len(b.rows)-1].to = uint32(len(b.fields))
}

// AddCommon gives every row of the batch a value; its bytes are copied.
func (b *Batch) AddCommon(name uint32, v Value) {
	b.common = append(b.common, b.field(name, v))
}

func (b *Batch) field(name uint32, v Value) field {
	f := field{name: name, kind: v.Kind}
	switch v.Kind {
	case Int, Bool:
		f.num = v.Int
	case Number, String, JSON:
		if len(b.arena)+len(v.Bytes) > math.MaxUint32 {
			panic(fmt.Sprintf("record: batch of %d bytes: callers cut at MaxBatchBytes", len(b.arena)))
		}
		f.num = int64(len(b.arena))<<32 | int64(len(v.Bytes))
		b.arena = append(b.arena, v.Bytes...)
	}
	return f
}

func (b *Batch) value(f field) Value {
	switch f.kind {
	case Int, Bool:
		return Value{Kind: f.kind, Int: f.num}
	case Number, String, JSON:
		off := uint64(f.num) >> 32
		return Value{Kind: f.kind, Bytes: b.arena[off : off+uint64(uint32(f.num))]}
	}
	return Value{Kind: f.kind}
}

// Fields returns how many fields of its own row i has.
func (b *Batch) Fields(i int) int { return int(b.rows[i].to - b.rows[i].from) }

// Field returns the j-th of row i's own fields, in the order they came.
func (b *Batch) Field(i, j int) (name uint32, v Value) {
	f := b.fields[int(b.rows[i].from)+j]
	return f.name, b.value(f)
}

// Uniform tells whether all rows have own fields of the same names in the same order,
// each with a value, and then how many bytes the texts of each field take.
func (b *Batch) Uniform() (sizes []int, ok bool) {
	if len(b.rows) == 0 {
		return nil, false
	}
	first := b.fields[b.rows[0].from:b.rows[0].to]
	sizes = make([]int, len(first))
	for i := range b.rows {
		row := b.fields[b.rows[i].from:b.rows[i].to]
		if len(row) != len(first) {
			return nil, false
		}
		for j := range row {
			f := &row[j]
			switch {
			case f.name != first[j].name || f.kind == Missing:
				return nil, false
			case f.kind >= Number:
				sizes[j] += int(uint32(f.num))
			}
		}
	}
	return sizes, true
}

// Commons returns how many common fields the batch has.
func (b *Batch) Commons() int { return len(b.common) }

// Common returns the j-th common field.
func (b *Batch) Common(j int) (name uint32, v Value) {
	f := b.common[j]
	return f.name, b.value(f)
}

// Find returns the value of row i's field with this dotted name, its own before
// the common one.
func (b *Batch) Find(i int, dotted string) (Value, bool) {
	r := b.rows[i]
	for _, f := range b.fields[r.from:r.to] {
		if b.names[f.name].Dotted == dotted {
			return b.value(f), true
		}
	}
	for _, f := range b.common {
		if b.names[f.name].Dotted == dotted {
			return b.value(f), true
		}
	}
	return Value{}, false
}

// Own returns the value of row i's own field with this number; Missing when it has
// none.
func (b *Batch) Own(i int, name uint32) Value {
	if j := b.own(i, name); j >= 0 {
		_, v := b.Field(i, j)
		return v
	}
	return Value{}
}

// own is which of row i's own fields has this number, -1 when none does.
func (b *Batch) own(i int, name uint32) int {
	r := &b.rows[i]
	fields := b.fields[r.from:r.to]
	for j := range fields {
		if fields[j].name == name {
			return j
		}
	}
	return -1
}

// TrimBefore removes the rows that were committed with an earlier batch, because
// they lie before pos in the source, and returns how many.
//
// A row that lies on both sides of pos is one that the sender framed otherwise
// before: it took an event, or a last line, for complete that went on later. What is
// committed of it stays, and the row keeps the rest of its message where that is the
// source's bytes; else it stays whole, because what comes twice is better than what
// is lost.
func (b *Batch) TrimBefore(pos uint64) int {
	n := 0
	for n < len(b.rows) && b.rows[n].start < pos && b.rows[n].start+uint64(b.rows[n].span) <= pos {
		n++
	}
	b.rows = b.rows[n:]
	if len(b.rows) > 0 && b.rows[0].start < pos && !b.cutFirst(pos) {
		b.rows = b.rows[1:]
		n++
	}
	return n
}

// cutFirst takes what lies before pos off the first row's message. It is false when
// nothing is left of it but a line end.
func (b *Batch) cutFirst(pos uint64) bool {
	r := &b.rows[0]
	message := b.own(0, b.NameID(FieldMessage))
	if message < 0 {
		return true
	}
	_, text := b.Field(0, message)
	if ends := int64(r.span) - int64(len(text.Bytes)); text.Kind != String || ends < 0 || ends > 2 {
		return true
	}
	done := pos - r.start
	if done >= uint64(len(text.Bytes)) {
		return false
	}
	b.Replace(0, message, StringValue(text.Bytes[done:]))
	if offset := b.own(0, b.NameID(FieldOffset)); offset >= 0 {
		if _, v := b.Field(0, offset); v.Kind == Int && uint64(v.Int) == r.start {
			b.Replace(0, offset, IntValue(int64(pos)))
		}
	}
	r.start, r.span = pos, r.span-uint32(done)
	return true
}
