package conf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Layout is a dateformat: literal text and the verbs Y m d H M S V s.
type Layout struct {
	parts []part
	// sorted: names are ordered by the time in them, else as they are.
	sorted bool
}

type part struct {
	verb byte // 0 for literal text
	text string
}

func parseLayout(f string, sorted bool) Layout {
	l := Layout{sorted: sorted}
	f = strings.TrimLeft(f, " ")
	for i := 0; i < len(f); i++ {
		if f[i] == '%' && i+1 < len(f) && strings.IndexByte("YmdHMSVs", f[i+1]) >= 0 {
			l.parts = append(l.parts, part{verb: f[i+1]})
			i++
			continue
		}
		if n := len(l.parts); n > 0 && l.parts[n-1].verb == 0 {
			l.parts[n-1].text += f[i : i+1]
		} else {
			l.parts = append(l.parts, part{text: f[i : i+1]})
		}
	}
	return l
}

func (l Layout) at(t time.Time) string {
	var b strings.Builder
	for _, p := range l.parts {
		switch p.verb {
		case 0:
			b.WriteString(p.text)
		case 'Y':
			fmt.Fprintf(&b, "%04d", t.Year())
		case 'm':
			fmt.Fprintf(&b, "%02d", int(t.Month()))
		case 'd':
			fmt.Fprintf(&b, "%02d", t.Day())
		case 'H':
			fmt.Fprintf(&b, "%02d", t.Hour())
		case 'M':
			fmt.Fprintf(&b, "%02d", t.Minute())
		case 'S':
			fmt.Fprintf(&b, "%02d", t.Second())
		case 'V':
			_, week := t.ISOWeek()
			fmt.Fprintf(&b, "%02d", week)
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		}
	}
	return b.String()
}

func (p part) width() int {
	switch p.verb {
	case 'Y':
		return 4
	case 's':
		return 10
	}
	return 2
}

// Match tells whether a suffix is one of this layout, and which time orders it
// among others; all have the same where names are ordered as they are.
func (l Layout) Match(suffix string, loc *time.Location) (order time.Time, ok bool) {
	v := map[byte]int{'Y': 1900, 'm': 1}
	for _, p := range l.parts {
		if p.verb == 0 {
			if !strings.HasPrefix(suffix, p.text) {
				return order, false
			}
			suffix = suffix[len(p.text):]
			continue
		}
		n := p.width()
		if len(suffix) < n {
			return order, false
		}
		x := 0
		for _, c := range []byte(suffix[:n]) {
			if c < '0' || c > '9' {
				return order, false
			}
			x = x*10 + int(c-'0')
		}
		v[p.verb] = x
		suffix = suffix[n:]
	}
	switch {
	case suffix != "":
		return order, false
	case !l.sorted:
		return order, true
	case v['s'] != 0:
		return time.Unix(int64(v['s']), 0), true
	}
	return time.Date(v['Y'], time.Month(v['m']), v['d'], v['H'], v['M'], v['S'], 0, loc), true
}
