// Package frame makes rows of a source's bytes: it cuts them into lines, decodes
// them to UTF-8, takes the lines of containers out of their wrapping, and joins the
// lines of one event, as those of a stack trace.
//
// It is the first station behind the reading of bytes: internal/tail, and whatever
// else reads streams, hands it what it read and passes the rows on down the way to
// internal/ship. What they look like is internal/record's Lines.
//
// # Where a run may end
//
// scribe begins again, after a restart, at the position that was acknowledged, and
// a server knows rows by their positions. So the rows must be the same wherever
// framing began. A position is clean when no row covers bytes on both sides of it;
// runs begin and end at clean positions only, and all rules of this package look
// at nothing that lies before one. Two things break this, and both only cut an
// event in two, differently before and after a restart: an event that was taken for
// complete because nothing came for some time, and streams of a container whose
// events overlap without end. A server then keeps the rest of the row that it has
// in part (see internal/store).
package frame

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"journalist/internal/record"
)

// Options say what the rows of some sources look like. The zero Options are lines
// of UTF-8 (or of bytes nobody knows: they are kept as they are).
type Options struct {
	// MaxLine is the longest text of one row in bytes, at least 16, at most and by
	// default record.MaxValue. In another encoding than UTF-8 it is also the most
	// bytes of the source that one line may take.
	MaxLine int
	// OverLong says what becomes of longer lines: "split" (by default), or
	// "truncate".
	OverLong string
	// Encoding is a name of the WHATWG's list, as utf-16le or shift_jis; "" is
	// UTF-8, "utf-16" lets the byte order mark decide.
	Encoding string
	// Format is "" for lines as they are, "docker" or "cri" for the files that
	// container engines write, "container" for either.
	Format string
	// Multiline joins lines; nil does not.
	Multiline *Multiline
}

// Over-long lines.
const (
	Split    = "split"
	Truncate = "truncate"
)

// Formats of containers' files.
const (
	FormatDocker    = "docker"
	FormatCRI       = "cri"
	FormatContainer = "container"
)

// Multiline says which lines make one event: the stack traces of some languages,
// or what a pattern says, as Logstash's multiline codec does.
type Multiline struct {
	// Languages are of Languages(); a list of them joins the traces of all.
	Languages []string
	// Pattern is a regular expression (RE2) in which %{NAME} stands for one of
	// Logstash's patterns. A line that matches (with Negate: that does not) belongs
	// to the line before it (What "previous", the default) or behind it ("next").
	Pattern string
	Negate  bool
	What    string
	// FlushAfter is how long an event waits for more lines, 5 s by default. Lines of
	// containers carry their times, which then count.
	FlushAfter time.Duration
	// MaxLines and MaxBytes bound one event, by default to 500 lines and to MaxLine
	// bytes; what is beyond begins another one, and the first is marked.
	MaxLines int
	MaxBytes int
}

// What a line that matches belongs to.
const (
	Previous = "previous"
	Next     = "next"
)

// Ending says what is behind the bytes that Frame gets. The zero Ending: more may
// come, or is there already.
type Ending struct {
	// Quiet is how long nothing came behind them.
	Quiet time.Duration
	// Last: nothing will ever come behind them.
	Last bool
}

const (
	defaultFlush = 5 * time.Second
	defaultLines = 500
	// historyMax is how many bytes before a position say whether it is inside a line.
	historyMax = 256
)

// Framer makes rows as its Options say. It keeps nothing between calls and may be
// used by any number of goroutines.
type Framer struct {
	maxLine  int
	truncate bool
	plain    bool
	enc      *encoding
	format   string
	multi    *multiline // nil: each line is an event
	flush    time.Duration
	// bigEndian is what For returns for a source that begins with the byte order
	// mark of UTF-16BE; nil where the mark does not decide.
	bigEndian *Framer
	works     sync.Pool // of *work
	n         *counts
}

type counts struct{ undecodable, damaged, cut atomic.Int64 }

// Counts are what a Framer met with that is not as it should be.
type Counts struct {
	// Undecodable are characters that are not of the encoding; U+FFFD stands in
	// their place.
	Undecodable int64
	// Damaged are lines that are not of the container format; they are kept as they
	// are, with a field _error.
	Damaged int64
	// Cut are the bytes that OverLong "truncate" left out.
	Cut int64
}

// New checks the options and makes a Framer.
func New(o Options) (*Framer, error) {
	f := &Framer{maxLine: o.MaxLine, format: o.Format, flush: defaultFlush, n: new(counts)}
	if f.maxLine == 0 {
		f.maxLine = record.MaxValue
	}
	if f.maxLine < 16 || f.maxLine > record.MaxValue {
		return nil, fmt.Errorf("frame: longest line is %d bytes, must be between 16 and %d", o.MaxLine, record.MaxValue)
	}
	switch o.OverLong {
	case "", Split:
	case Truncate:
		f.truncate = true
	default:
		return nil, fmt.Errorf("frame: over-long lines: %q is neither %s nor %s", o.OverLong, Split, Truncate)
	}
	switch o.Format {
	case "", FormatDocker, FormatCRI, FormatContainer:
	default:
		return nil, fmt.Errorf("frame: format %q is not known; there are %s, %s and %s", o.Format, FormatDocker, FormatCRI, FormatContainer)
	}
	var err error
	if f.enc, err = lookup(o.Encoding); err != nil {
		return nil, err
	}
	if f.enc != nil && f.format != "" {
		return nil, errors.New("frame: files of container engines are UTF-8; leave out the encoding")
	}
	if o.Multiline != nil {
		if f.multi, err = newMultiline(*o.Multiline, f.maxLine); err != nil {
			return nil, err
		}
		f.flush = f.multi.flush
	}
	f.plain = f.enc == nil && f.format == "" && f.multi == nil
	if f.enc != nil && f.enc.either {
		big := o
		big.Encoding = "utf-16be"
		if f.bigEndian, err = New(big); err != nil {
			return nil, err
		}
		f.bigEndian.n = f.n
	}
	return f, nil
}

// Plain tells that rows are lines as they are: the text is the source's bytes.
func (f *Framer) Plain() bool { return f.plain }

// Unit is how many bytes a line's end takes at least: positions are multiples of it.
func (f *Framer) Unit() int {
	if f.enc != nil && f.enc.wide {
		return 2
	}
	return 1
}

// NeedsHead tells that For must be asked for each source.
func (f *Framer) NeedsHead() bool { return f.bigEndian != nil }

// For returns the Framer of a source that begins with head, of which the first two
// bytes matter.
func (f *Framer) For(head []byte) *Framer {
	if f.bigEndian != nil && len(head) >= 2 && head[0] == 0xFE && head[1] == 0xFF {
		return f.bigEndian
	}
	return f
}

// Window is how many bytes of the source Frame may need to find a row: when it got
// as many it moves on.
func (f *Framer) Window() int {
	if f.plain {
		return f.maxLine + 2
	}
	return max(f.extent(), f.physicalMax()+4) + f.physicalMax() + 16
}

// extent is the most bytes of the source from the first to the last of one event.
func (f *Framer) extent() int {
	if f.format != "" {
		return record.MaxValue + 64<<10
	}
	if f.multi != nil {
		n := f.multi.maxBytes
		if f.enc != nil {
			n = min(2*n, record.MaxValue)
		}
		return n + 4*min(f.multi.maxLines, 4<<10) // and the line ends
	}
	return f.maxLine
}

// physicalMax is the longest line in the source.
func (f *Framer) physicalMax() int {
	if f.format != "" {
		return record.MaxValue
	}
	return f.maxLine
}

// Grow is how many times its size data may grow by the texts that Frame adds
// behind it. A buffer with room for them saves an allocation.
func (f *Framer) Grow() int {
	switch {
	case f.plain:
		return 1
	case f.enc != nil:
		return 4
	case f.format != "":
		return 3
	}
	return 2
}

// Counts returns what all users of f met with.
func (f *Framer) Counts() Counts {
	return Counts{Undecodable: f.n.undecodable.Load(), Damaged: f.n.damaged.Load(), Cut: f.n.cut.Load()}
}

// Frame makes rows of data[off:], which begins at start in its source, a clean
// position. What lies before off are the bytes before start, as far as they are at
// hand; historyMax of them are enough. It sets l.Rows (whose room it uses), l.Extras
// and l.Data, which begins with data and goes on in its spare room, or elsewhere
// where that is not enough.
//
// used is how many bytes the rows take, with what was left out: the next call begins
// behind them. It may be 0, and it may be more than 0 without rows. full tells that
// there was no room for more rows, so that the next call need not wait for more
// bytes. A wait above 0 says that an event is held back, and after how long, if
// nothing comes, Frame should be asked again.
func (f *Framer) Frame(l *record.Lines, data []byte, off int, start uint64, end Ending) (used int, full bool, wait time.Duration) {
	l.Rows, l.Extras = l.Rows[:0], l.Extras[:0]
	rest := 0 // of a line whose beginning is gone
	if f.truncate {
		if rest = f.insideLine(data, off); rest > 0 {
			f.n.cut.Add(int64(rest))
		}
	}
	if f.plain {
		used, full = f.lines(l, data, off+rest, start+uint64(rest), end.Last)
		l.Data = data[:off+rest+used]
		return rest + used, full, 0
	}
	w, ok := f.works.Get().(*work)
	if !ok {
		w = newWork(f)
	}
	used, full, wait = w.frame(l, data, off+rest, start+uint64(rest), end)
	f.works.Put(w)
	return rest + used, full, wait
}

// maxRows is how many rows a buffer may give.
func maxRows(data []byte) int { return max(64, cap(data)/32) }
