package rules

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"

	"journalist/internal/record"
)

// worker applies the rules to one run.
type worker struct {
	r *Rules
	l *record.Lines

	data   []byte // what the run's data becomes; nil while nothing was added
	extras []record.Extra
	row    row
}

// apply goes over the rows once; those that stay move up.
func (w *worker) apply() {
	l := w.l
	w.row.of(l)
	old := l.Extras
	kept := 0
	for i := range l.Rows {
		line := l.Rows[i]
		extra := []byte(nil)
		e := record.Extra{}
		if len(old) > 0 && old[0].Row == uint32(i) {
			e, old = old[0], old[1:]
			extra = l.Data[e.Off : e.Off+e.Len]
		}
		w.row.reset(i, extra)
		if !w.line() {
			continue
		}
		l.Rows[kept] = line
		w.keep(kept, &l.Rows[kept], e)
		kept++
	}
	l.Rows, l.Extras = l.Rows[:kept], w.extras
	if w.data != nil {
		l.Data = w.data
	}
}

// keep notes what became of a row.
func (w *worker) keep(at int, line *record.Line, e record.Extra) {
	if w.row.newText {
		line.Off, line.Len = w.put(w.row.text)
	}
	switch {
	case w.row.changed:
		if line.Len == 0 && !w.row.whole {
			w.row.keepEmpty()
		}
		if text := w.row.json(); text != nil {
			off, n := w.put(text)
			w.extras = append(w.extras, record.Extra{Row: uint32(at), Off: off, Len: n})
		}
	case w.row.hasExtra:
		if w.row.whole {
			e.Off, e.Len = line.Off, line.Len
			line.Len = 0
		}
		e.Row = uint32(at)
		w.extras = append(w.extras, e)
	}
}

// put appends bytes to the run's data, which is copied the first time.
func (w *worker) put(b []byte) (off, n uint32) {
	if w.data == nil {
		w.data = append(make([]byte, 0, len(w.l.Data)+len(w.l.Data)/4+len(b)), w.l.Data...)
	}
	if len(w.data)+len(b) > math.MaxInt32 {
		b = nil // a run is at most some MiB
	}
	off = uint32(len(w.data))
	w.data = append(w.data, b...)
	return off, uint32(len(b))
}

// line applies the rules to the current row; false means that it is dropped.
func (w *worker) line() bool {
	w.parse()
	for i := range w.r.rules {
		rule := &w.r.rules[i]
		if rule.If != nil && !w.row.matches(rule.If) {
			continue
		}
		switch {
		case rule.Drop != nil:
			if w.row.matches(rule.Drop) {
				w.r.m.dropped.Inc()
				return false
			}
		case rule.Keep != nil:
			if !w.row.matches(rule.Keep) {
				w.r.m.dropped.Inc()
				return false
			}
		case rule.Sample != nil:
			if !w.sampled(rule.Sample.Rate) {
				w.r.m.sampled.Inc()
				return false
			}
			w.row.setRaw("sample_rate", fmt.Append(nil, rule.Sample.Rate))
		default:
			w.change(rule)
		}
	}
	return true
}

func (w *worker) change(rule *Rule) {
	switch {
	case len(rule.Mask) > 0:
		w.r.m.masked.Add(w.row.mask(rule.Mask))
	case len(rule.Add) > 0:
		for _, p := range rule.Add {
			w.row.setRaw(p.Name, record.AppendJSONString(nil, p.Value))
		}
	case len(rule.Remove) > 0:
		for _, name := range rule.Remove {
			w.row.remove(name)
		}
	case len(rule.Rename) > 0:
		for _, n := range rule.Rename {
			w.row.rename(n.From, n.To)
		}
	}
}

// parse makes fields of the text where that was asked for. What is no such text
// stays as it is, and says so.
func (w *worker) parse() {
	var why string
	switch w.r.format {
	case JSON:
		why = w.row.parseJSON()
	case Logfmt:
		why = w.row.parseLogfmt()
	case Text:
	}
	if why != "" {
		w.r.m.unparsed.Inc()
		w.row.setRaw(record.FieldError, record.AppendJSONString(nil, why))
	}
}

// sampled chooses a share of the rows by their place in the source.
func (w *worker) sampled(rate float64) bool {
	var key [24]byte
	copy(key[:], w.l.Position.ID[:])
	binary.LittleEndian.PutUint64(key[16:], w.l.Rows[w.row.index].Start)
	// 53 bits are what a float64 holds exactly.
	return float64(xxhash.Sum64(key[:])>>11)/(1<<53) < rate
}
