package match

import "bytes"

// EachLine calls f with the place of every line of text that matches, in order,
// until f returns false. A line ends with "\n" or with the text; its end, with or
// without "\r", is not part of it. It is Match for each line, but looks for the
// pattern's literal over line ends first, so that lines without it cost nothing.
func (p *Pattern) EachLine(text []byte, f func(start, end int) bool) {
	look := p.lookout(text)
	for at := 0; at < len(text); {
		start := at
		if look != nil {
			i := look.next(at)
			if i < 0 {
				return
			}
			start = at + bytes.LastIndexByte(text[at:i], '\n') + 1
			at = i
		}
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i
		}
		at = end + 1
		if end > start && text[end-1] == '\r' {
			end--
		}
		if p.Match(text[start:end]) && !f(start, end) {
			return
		}
	}
}

// lookout finds the places of literals of which a match needs one.
type lookout struct {
	text []byte
	fs   []*finder
	slow []bool
	at   []int // the next place of each; len(text) for none
}

// lookout returns nil where every line has to be tried.
func (p *Pattern) lookout(text []byte) *lookout {
	var fs []*finder
	switch {
	case p.find != nil:
		fs = []*finder{p.find}
	case p.wild != nil:
		for _, f := range p.wild.parts {
			if len(fs) == 0 || len(f.folded) > len(fs[0].folded) {
				fs = []*finder{f}
			}
		}
	case len(p.re.first) > 0:
		fs = p.re.first[0]
	}
	l := &lookout{text: text, fs: fs}
	for _, f := range fs {
		if len(f.folded) == 0 || f.joinable() {
			return nil
		}
		// The two runes that fold into ASCII are rare, their first bytes are not.
		odd := f.oddK && bytes.Contains(text, []byte("\u212a")) || f.oddS && bytes.Contains(text, []byte("\u017f"))
		l.slow = append(l.slow, f.runewise || odd)
		l.at = append(l.at, -1)
	}
	if len(fs) == 0 {
		return nil
	}
	return l
}

// next is the first place at or after from, or -1.
func (l *lookout) next(from int) int {
	best := len(l.text)
	for i, f := range l.fs {
		if l.at[i] < from {
			l.at[i], _ = f.index(l.text, from, l.slow[i])
			if l.at[i] < 0 {
				l.at[i] = len(l.text)
			}
		}
		best = min(best, l.at[i])
	}
	if best == len(l.text) {
		return -1
	}
	return best
}
