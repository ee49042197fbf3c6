package scan

import "journalist/internal/record"

// Block is a run of rows that match, as columns. It and everything it points to
// belong to whoever yields it and are valid only during the call of yield.
//
// The executor answers with blocks too: rows of a query without "fields" come
// whole (Times, Shapes); all other answers have their columns in Columns only
// ("@timestamp" among them where asked for) and no Times.
type Block struct {
	// Times holds each row's time, nanoseconds since the epoch, in the order asked.
	Times []int64
	// Places, with Request.Places only, orders rows of equal time, also of different
	// blocks of one scan: of two, the one that arrived later has the larger place.
	Places []uint64
	// Columns are those of Request.Columns in that order, or all with Whole.
	Columns []Column
	// Shapes and ShapeOf are set with Request.Whole: row i's record consists of
	// the fields Shapes[ShapeOf[i]], in the order they came. Their values stand in
	// the column of their dotted name.
	Shapes  [][]record.Name
	ShapeOf []uint32
	// Dataset is the dataset of all rows of the block.
	Dataset string
	// Missed, of a live tail only, is how many rows came faster than they were taken
	// before this block, which may have no rows at all.
	Missed int64
	// Worker is which of the Request.Parallel workers calls; see Request.
	Worker int
}

// Len is the number of rows.
func (b *Block) Len() int {
	if b.Times == nil && len(b.Columns) > 0 {
		return b.Columns[0].Len
	}
	return len(b.Times)
}

// Form is how a column holds its values.
type Form uint8

// The forms. A consumer may special-case the typed ones or just call Value.
const (
	Plain  Form = iota // Kinds, Offsets, Data
	Consts             // every row has Values[0]
	Dict               // row i has Values[Codes[i]]
	Ints               // row i has the integer Ints[i], none missing
)

// Column holds one field of a block's rows. A missing value has Kind Missing.
type Column struct {
	Name string // dotted
	Form Form
	// Time marks a column whose integers are nanoseconds since the epoch; they are
	// shown as RFC 3339. Only the executor's answers have it.
	Time bool
	// Len is the number of rows.
	Len int

	Values []record.Value // Consts (one) and Dict (distinct values)
	Codes  []uint32       // Dict
	Ints   []int64        // Ints

	// Plain: row i's bytes are Data[Offsets[i]:Offsets[i+1]], its kind Kinds[i]
	// (nil Kinds: all String). An Int or Bool stands as 8 bytes little endian.
	Kinds   []record.Kind
	Offsets []uint32
	Data    []byte
}

// Value returns row i's value.
func (c *Column) Value(i int) record.Value {
	switch c.Form {
	case Consts:
		return c.Values[0]
	case Dict:
		return c.Values[c.Codes[i]]
	case Ints:
		return record.IntValue(c.Ints[i])
	}
	b := c.Data[c.Offsets[i]:c.Offsets[i+1]]
	if c.Kinds == nil {
		return record.StringValue(b)
	}
	switch k := c.Kinds[i]; k {
	case record.Int, record.Bool:
		var n uint64
		for j, x := range b {
			n |= uint64(x) << (8 * j)
		}
		return record.Value{Kind: k, Int: int64(n)}
	case record.Number, record.String, record.JSON:
		return record.Value{Kind: k, Bytes: b}
	default:
		return record.Value{Kind: k}
	}
}
