package sim

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"journalist/internal/record"
	"journalist/internal/testkit/memsink"
)

// A line is one numbered line of a service.
type line struct {
	file string // the name of the log it was written to
	text string
	// whole: all of it is written, with its end, into one file.
	whole bool
	// maybe: nobody can know it, because it was destroyed before scribe could read
	// it; why says how.
	maybe string
	// torn: its pieces lie in different files, or its end came after the file was
	// taken for complete.
	torn bool
	// again: nobody can know that a file that it lies in was read before.
	again bool
}

// The ledger knows all lines. Its methods may be called from several goroutines.
type ledger struct {
	mu    sync.Mutex
	lines []*line
}

// lineText is what a line looks like: <number padding>.
var lineText = regexp.MustCompile(`<(\d+)[^<>\n]*>`)

// next makes a line of about this many bytes.
func (l *ledger) next(file string, size int) (number int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number = len(l.lines)
	text = fmt.Sprintf("<%d %s>", number, strings.Repeat("é"+strconv.Itoa(number%10), size/3))
	l.lines = append(l.lines, &line{file: file, text: text})
	return number, text
}

func (l *ledger) update(number int, f func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.lines[number])
}

// numbers are those of the lines that lie in data, whole or in part.
func numbers(data []byte) (found []int) {
	for _, m := range lineText.FindAllSubmatch(data, -1) {
		n, _ := strconv.Atoi(string(m[1])) // digits
		found = append(found, n)
	}
	return found
}

// destroyed notes that data is lost for scribe, unless it was sent or lies
// elsewhere.
func (l *ledger) destroyed(data []byte, elsewhere []*inode, sent map[int]bool, why string) {
	var kept map[int]bool
	for _, n := range numbers(data) {
		if sent[n] {
			continue
		}
		if kept == nil {
			kept = map[int]bool{}
			for _, e := range elsewhere {
				for _, n := range append(numbers(e.data), numbers(e.plain)...) {
					kept[n] = true
				}
			}
		}
		if !kept[n] {
			l.update(n, func(x *line) { x.maybe = why })
		}
	}
}

// missing are the lines that must be there and are not.
func (l *ledger) missing(got map[int]int) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, x := range l.lines {
		if got[n] == 0 && x.whole && x.maybe == "" && !x.torn {
			out = append(out, fmt.Sprintf("line %d of %s is missing", n, x.file))
		}
	}
	return out
}

// arrived counts the lines that a server has.
func arrived(rows []memsink.Row) map[int]int {
	got := map[int]int{}
	for _, r := range rows {
		if m := lineText.FindStringSubmatch(r.Message); m != nil && m[0] == r.Message {
			n, _ := strconv.Atoi(m[1]) // digits
			got[n]++
		}
	}
	return got
}

// joined puts the pieces of split lines together. Rows without positions stay.
func joined(rows []memsink.Row) (out []memsink.Row, problems []string) {
	bySource := map[record.SourceID][]memsink.Row{}
	var order []record.SourceID
	for _, r := range rows {
		// A few NUL bytes at the start of a file nobody saw before are not known for a
		// hole.
		if cut := strings.TrimLeft(r.Message, "\x00"); len(r.Message)-len(cut) < 64 {
			r.Message = cut
		}
		if r.Source.IsZero() {
			out = append(out, r)
			continue
		}
		if bySource[r.Source] == nil {
			order = append(order, r.Source)
		}
		bySource[r.Source] = append(bySource[r.Source], r)
	}
	for _, id := range order {
		rows := bySource[id]
		for i := 1; i < len(rows); i++ {
			if rows[i].Start <= rows[i-1].Start {
				problems = append(problems, fmt.Sprintf("source %v: a row at %d came behind one at %d", id, rows[i].Start, rows[i-1].Start))
				break
			}
		}
		var text strings.Builder
		for _, r := range rows {
			text.WriteString(r.Message)
			if strings.Contains(r.Fields[record.FieldTags], "_split") {
				continue
			}
			r.Message = text.String()
			text.Reset()
			out = append(out, r)
		}
		if text.Len() > 0 {
			r := rows[len(rows)-1]
			r.Message = text.String()
			out = append(out, r)
		}
	}
	return out, problems
}

// check holds what the servers have against what was written. With once, no line
// may be there twice.
func (l *ledger) check(rows []memsink.Row, once, wide bool) (problems []string) {
	got := arrived(rows)
	problems = append(problems, l.missing(got)...)
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, times := range got {
		switch {
		case n >= len(l.lines):
			problems = append(problems, fmt.Sprintf("line %d was never written", n))
		case once && times > 1 && !l.lines[n].again:
			problems = append(problems, fmt.Sprintf("line %d of %s came %d times: %v", n, l.lines[n].file, times, where(rows, l.lines[n].text)))
		}
	}
	for _, r := range rows {
		m := lineText.FindStringSubmatch(r.Message)
		if m == nil || m[0] != r.Message {
			if !l.pieceLocked(r.Message) {
				problems = append(problems, fmt.Sprintf("a row that nobody wrote: %q of %s at %d", r.Message, r.Fields["file"], r.Start))
			}
			continue
		}
		n, _ := strconv.Atoi(m[1]) // digits
		if n >= len(l.lines) {
			continue
		}
		want, file := logDir+"/"+l.lines[n].file, r.Fields["file"]
		if r.Message != l.lines[n].text {
			problems = append(problems, fmt.Sprintf("line %d is %q, was written as %q", n, r.Message, l.lines[n].text))
		}
		if file != want && !(wide && strings.HasPrefix(file, want+".")) {
			problems = append(problems, fmt.Sprintf("line %d of %s came under the name %s", n, want, file))
		}
	}
	slices.Sort(problems)
	return problems
}

func where(rows []memsink.Row, text string) (out []string) {
	for _, r := range rows {
		if r.Message == text {
			out = append(out, fmt.Sprintf("%s at %d as %s", r.Source, r.Start, r.Fields["file"]))
		}
	}
	return out
}

// pieceLocked tells that text is made of pieces of torn lines.
func (l *ledger) pieceLocked(text string) bool {
	if text == "" {
		return true
	}
	text = strings.Trim(text, "\uFFFD") // half a character
	for _, x := range l.lines {
		if x.torn && (strings.Contains(x.text, text) || piecesOf(text, x.text)) {
			return true
		}
		if x.maybe != "" && strings.HasPrefix(x.text, text) {
			return true // split, and the rest was destroyed
		}
	}
	return false
}

// piecesOf tells that text begins or ends with a piece of a torn line and has a
// whole line, or nothing, besides.
func piecesOf(text, torn string) bool {
	if i := strings.Index(text, "<"); i > 0 && strings.HasSuffix(torn, text[:i]) {
		rest := text[i:]
		m := lineText.FindString(rest)
		return m == rest
	}
	if i := strings.LastIndex(text, "<"); i > 0 && strings.HasPrefix(torn, text[:i]) {
		return lineText.FindString(text[i:]) == text[i:]
	}
	return false
}

// tally says how lines fared, for the log of a test.
func (l *ledger) tally(got map[int]int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole, lost, torn := 0, map[string]int{}, 0
	for n, x := range l.lines {
		switch {
		case got[n] > 0:
			whole++
		case x.maybe != "":
			lost[x.maybe]++
		case x.torn:
			torn++
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d lines, %d arrived, %d torn, lost for everybody: %v", len(l.lines), whole, torn, lost)
	return b.String()
}
