package rules

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"journalist/internal/match"
	"journalist/internal/record"
)

// Mask replaces what must not leave the machine, in the text of a row and in the
// texts of its own fields.
type Mask struct {
	quick   *match.Pattern // matches whatever expr does, and faster
	expr    *regexp.Regexp
	with    []byte
	replace func(dst, found []byte) ([]byte, bool) // instead of with
	names   []string                               // fields whose whole value is replaced
}

// Pattern makes a mask of a regular expression (RE2). In with, $1 or ${name} stands
// for what a group matched.
func Pattern(expr, with string) (Mask, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return Mask{}, fmt.Errorf("pattern %q: %w", expr, err)
	}
	if re.MatchString("") {
		return Mask{}, fmt.Errorf("pattern %q matches the empty text: it would be found everywhere", expr)
	}
	quick, err := match.NewRegexp(expr, false)
	if err != nil {
		return Mask{}, fmt.Errorf("pattern %q: %w", expr, err)
	}
	return Mask{quick: quick, expr: re, with: []byte(with)}, nil
}

// Masks are the names of the ready-made masks.
func Masks() []string { return []string{"cards", "emails", "ips", "secrets"} }

// Ready returns the masks of a ready-made name.
//
//   - secrets: the values of passwords, tokens and keys in key=value, key: value and
//     JSON, passwords in addresses, bearer and basic authorization, private keys,
//     JSON web tokens, and the keys of the well-known clouds and code hosts.
//   - cards: payment card numbers of 13 to 19 digits whose check digit is right; the
//     last four digits stay.
//   - emails: mail addresses.
//   - ips: the last part of IPv4 addresses.
func Ready(name string) ([]Mask, error) {
	switch name {
	case "secrets":
		return slices.Clone(secrets), nil
	case "cards":
		return []Mask{cards}, nil
	case "emails":
		return []Mask{emails}, nil
	case "ips":
		return []Mask{ips}, nil
	}
	return nil, fmt.Errorf("no ready-made mask %q: there are %s", name, strings.Join(Masks(), ", "))
}

// apply replaces what is found in text; n is how often. The result is text itself
// where nothing was found.
func (m *Mask) apply(text []byte) (_ []byte, n int) {
	if m.quick != nil && !m.quick.Match(text) {
		return text, 0
	}
	var out []byte
	last := 0
	for _, at := range m.expr.FindAllSubmatchIndex(text, -1) {
		var with []byte
		if m.replace != nil {
			var ok bool
			if with, ok = m.replace(nil, text[at[0]:at[1]]); !ok {
				continue
			}
		} else {
			with = m.expr.Expand(nil, m.with, text, at)
		}
		out = append(append(out, text[last:at[0]]...), with...)
		last = at[1]
		n++
	}
	if n == 0 {
		return text, 0
	}
	return append(out, text[last:]...), n
}

// mask applies masks to the row and returns how much was replaced.
func (r *row) mask(masks []Mask) int {
	total := 0
	if !r.whole {
		for i := range masks {
			text, n := masks[i].apply(r.text)
			if n > 0 {
				r.text, r.newText, r.loaded = text, true, false
				total += n
			}
		}
	}
	if !r.hasExtra {
		return total
	}
	r.list()
	changed := false
	members := slices.Clone(r.members)
	for i := range members {
		raw, n := maskValue(masks, members[i].name, members[i].raw)
		if n > 0 {
			members[i].raw, changed = raw, true
			total += n
		}
	}
	if changed {
		r.touch()
		r.members = members
	}
	return total
}

// maskValue masks the strings of a JSON value, numbers too where they are long
// enough to be one of those that are looked for.
func maskValue(masks []Mask, name string, raw []byte) (_ []byte, n int) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return raw, 0
	}
	for i := range masks {
		if slices.ContainsFunc(masks[i].names, func(s string) bool { return strings.EqualFold(s, name) }) {
			return []byte(`"***"`), 1
		}
	}
	switch raw[0] {
	case '{':
		members := appendMembers(nil, raw)
		for i := range members {
			value, k := maskValue(masks, members[i].name, members[i].raw)
			members[i].raw, n = value, n+k
		}
		if n > 0 {
			raw = appendObject(nil, members)
		}
		return raw, n
	case '[':
		return maskArray(masks, name, raw)
	}
	text := textOf(raw)
	for i := range masks {
		var k int
		text, k = masks[i].apply(text)
		n += k
	}
	if n == 0 {
		return raw, 0
	}
	return record.AppendJSONString(nil, text), n
}

func maskArray(masks []Mask, name string, raw []byte) (_ []byte, n int) {
	out := []byte{'['}
	for w := record.JSONElements(raw); w.Next(); {
		value, k := maskValue(masks, name, w.Value())
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, n = append(out, value...), n+k
	}
	if n == 0 {
		return raw, 0
	}
	return append(out, ']'), n
}
