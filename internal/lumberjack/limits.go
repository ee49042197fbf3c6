package lumberjack

import "journalist/internal/record"

// Limits are what a Reader accepts. The zero value of each field means its
// default.
type Limits struct {
	// Window is the most events of one window (16,384).
	Window int
	// Inflated is the most bytes of one window's frames after decompression
	// (64 MiB). It holds whatever the compression ratio is.
	Inflated int64
	// Frame is the most bytes of a zstd frame's content or of a block (8 MiB):
	// these are held in memory whole.
	Frame int
	// Record is the most bytes of a JSON object or of a version 1 event's values
	// together that are kept (record.MaxRecord). What is longer is cut and said to
	// be so in Event.Cut: refusing it would stop its sender for good.
	Record int
	// Fields is the most pairs of a version 1 event (record.MaxFields).
	Fields int
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Window, 16384)
	set(&l.Frame, 8<<20)
	set(&l.Record, record.MaxRecord)
	set(&l.Fields, record.MaxFields)
	if l.Inflated <= 0 {
		l.Inflated = 64 << 20
	}
	return l
}
