package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress draws one line that says how far something is and how fast it goes. It
// is for a terminal only: make none elsewhere. A nil *Progress does nothing. Used
// by one goroutine.
type Progress struct {
	w     io.Writer
	total int64 // bytes of all files, 0 when not known
	clock func() time.Time

	begun, drawn time.Time
	name         string
	before       int64 // bytes of the files that are done
	last         int64
	width        int
}

// NewProgress makes a progress line on a terminal.
func NewProgress(w io.Writer, total int64) *Progress {
	return &Progress{w: w, total: total, clock: time.Now}
}

// Update says that done bytes of the file are read and rows records arrived in
// all. It draws at most ten times a second.
func (p *Progress) Update(name string, done, rows int64) {
	if p == nil {
		return
	}
	now := p.clock()
	if p.begun.IsZero() {
		p.begun = now
	}
	if name != p.name {
		p.before += p.last
		p.name, p.last = name, 0
	}
	p.last = done
	if now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = now
	p.draw(p.line(now, p.before+done, rows))
}

func (p *Progress) line(now time.Time, bytes, rows int64) string {
	var b strings.Builder
	if p.total > 0 {
		share := min(1, float64(bytes)/float64(p.total))
		const cells = 24
		full := int(share * cells)
		fmt.Fprintf(&b, "[%s%s] %3.0f%%  ", strings.Repeat("=", full), strings.Repeat(" ", cells-full), 100*share)
	}
	fmt.Fprintf(&b, "%s lines", Thousands(rows))
	if s := now.Sub(p.begun).Seconds(); s >= 0.5 {
		fmt.Fprintf(&b, "  %s/s", Bytes(int64(float64(bytes)/s)))
	}
	fmt.Fprintf(&b, "  %s", shorten(Safe(p.name), 40))
	return b.String()
}

func (p *Progress) draw(line string) {
	n := len([]rune(line))
	pad := max(0, p.width-n)
	p.width = n
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
}

// Clear takes the line away.
func (p *Progress) Clear() {
	if p == nil || p.width == 0 {
		return
	}
	fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
	p.width = 0
}
