package conf

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// value tells what follows a directive on its line.
type value int

const (
	none   value = iota
	maybe        // a word or nothing
	word         // a word
	line         // the rest of the line, which may be empty
	script       // lines up to endscript
)

type directive struct {
	value value
	do    func(p *parser, s *Set, v string) error
}

func flag(f func(s *Set)) directive {
	return directive{none, func(_ *parser, s *Set, _ string) error { f(s); return nil }}
}

func number(least int, at func(s *Set) *int) directive {
	return directive{word, func(_ *parser, s *Set, v string) error {
		n, err := strconv.ParseInt(v, 0, 32)
		if err != nil || int(n) < least {
			return fmt.Errorf("%q is no number from %d on", v, least)
		}
		*at(s) = int(n)
		return nil
	}}
}

func text(at func(s *Set) *string) directive {
	return directive{word, func(_ *parser, s *Set, v string) error { *at(s) = v; return nil }}
}

func scriptAt(at func(s *Set) *string) directive {
	return directive{script, func(_ *parser, s *Set, v string) error { *at(s) = v; return nil }}
}

func size(set func(s *Set, n int64)) directive {
	return directive{word, func(_ *parser, s *Set, v string) error {
		n, err := parseSize(v)
		if err == nil {
			set(s, n)
		}
		return err
	}}
}

func created(at func(s *Set) **Create) directive {
	return directive{line, func(_ *parser, s *Set, v string) error {
		c, err := parseCreate(v, true)
		if err == nil {
			*at(s) = &c
		}
		return err
	}}
}

// nothing is what directives do that have no effect here.
func nothing(*parser, *Set, string) error { return nil }

func parseSize(v string) (int64, error) {
	unit := int64(1)
	digits := v
	switch v[len(v)-1] {
	case 'k', 'K':
		unit, digits = 1<<10, v[:len(v)-1]
	case 'M':
		unit, digits = 1<<20, v[:len(v)-1]
	case 'G':
		unit, digits = 1<<30, v[:len(v)-1]
	}
	n, err := strconv.ParseInt(digits, 0, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is no size: write a number, and k, M or G", v)
	}
	return n * unit, nil
}

// extensions are what known programs append to names.
var extensions = map[string]string{"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst", "compress": ".Z", "zip": "zip"}

// directives are all that logrotate 3.21 knows; init fills it because include
// comes back here.
var directives map[string]directive

func init() {
	directives = map[string]directive{
		"hourly":  flag(func(s *Set) { s.Period = Hourly }),
		"daily":   flag(func(s *Set) { s.Period = Daily; s.Threshold = 1 }),
		"weekly":  {maybe, weekly},
		"monthly": flag(func(s *Set) { s.Period = Monthly }),
		"yearly":  flag(func(s *Set) { s.Period = Yearly }),
		"size":    size(func(s *Set, n int64) { s.Period = BySize; s.Threshold = n }),
		"minsize": size(func(s *Set, n int64) { s.MinSize = n }),
		"maxsize": size(func(s *Set, n int64) { s.MaxSize = n }),

		"rotate": number(-1, func(s *Set) *int { return &s.Rotate }),
		"minage": number(0, func(s *Set) *int { return &s.MinAge }),
		"maxage": number(0, func(s *Set) *int { return &s.MaxAge }),
		"start":  number(0, func(s *Set) *int { return &s.Start }),

		"ifempty":          flag(func(s *Set) { s.IfEmpty = true }),
		"notifempty":       flag(func(s *Set) { s.IfEmpty = false }),
		"missingok":        flag(func(s *Set) { s.MissingOK = true }),
		"nomissingok":      flag(func(s *Set) { s.MissingOK = false }),
		"ignoreduplicates": flag(func(s *Set) { s.IgnoreDuplicates = true }),

		"compress":        flag(func(s *Set) { s.Compress = true }),
		"nocompress":      flag(func(s *Set) { s.Compress = false }),
		"delaycompress":   flag(func(s *Set) { s.DelayCompress = true }),
		"nodelaycompress": flag(func(s *Set) { s.DelayCompress = false }),
		"compresscmd":     {word, compressCommand},
		"uncompresscmd":   {word, nothing}, // only mailing would need it
		"compressext":     text(func(s *Set) *string { return &s.Compressor.Ext }),
		"compressoptions": {line, compressOptions},

		"copy":           flag(func(s *Set) { s.Copy = true }),
		"nocopy":         flag(func(s *Set) { s.Copy = false }),
		"copytruncate":   flag(func(s *Set) { s.CopyTruncate = true; s.RenameCopy = false }),
		"nocopytruncate": flag(func(s *Set) { s.CopyTruncate = false }),
		"renamecopy":     flag(func(s *Set) { s.RenameCopy = true; s.CopyTruncate = false }),
		"norenamecopy":   flag(func(s *Set) { s.RenameCopy = false }),
		"create":         created(func(s *Set) **Create { return &s.Create }),
		"nocreate":       flag(func(s *Set) { s.Create = nil }),

		"dateext":       flag(func(s *Set) { s.DateExt = true }),
		"nodateext":     flag(func(s *Set) { s.DateExt = false }),
		"dateyesterday": flag(func(s *Set) { s.DateYesterday = true }),
		"datehourago":   flag(func(s *Set) { s.DateHourAgo = true }),
		"dateformat":    {line, dateFormat},
		"extension":     text(func(s *Set) *string { return &s.Extension }),
		"addextension":  text(func(s *Set) *string { return &s.AddExtension }),

		"olddir":         {word, func(_ *parser, s *Set, v string) error { s.OldDir = home(v); return nil }},
		"noolddir":       flag(func(s *Set) { s.OldDir = "" }),
		"createolddir":   created(func(s *Set) **Create { return &s.CreateOldDir }),
		"nocreateolddir": flag(func(s *Set) { s.CreateOldDir = nil }),

		"sharedscripts":   flag(func(s *Set) { s.SharedScripts = true }),
		"nosharedscripts": flag(func(s *Set) { s.SharedScripts = false }),
		"firstaction":     scriptAt(func(s *Set) *string { return &s.First }),
		"prerotate":       scriptAt(func(s *Set) *string { return &s.Pre }),
		"postrotate":      scriptAt(func(s *Set) *string { return &s.Post }),
		"preremove":       scriptAt(func(s *Set) *string { return &s.PreRemove }),
		"lastaction":      scriptAt(func(s *Set) *string { return &s.Last }),

		"su":              {line, su},
		"shred":           flag(func(s *Set) { s.Shred = true }),
		"noshred":         flag(func(s *Set) { s.Shred = false }),
		"shredcycles":     number(0, func(s *Set) *int { return &s.ShredCycles }),
		"allowhardlink":   flag(func(s *Set) { s.AllowHardlink = true }),
		"noallowhardlink": flag(func(s *Set) { s.AllowHardlink = false }),

		"mail":      {word, mail},
		"nomail":    {none, nothing},
		"mailfirst": {none, nothing},
		"maillast":  {none, nothing},
		"errors":    {line, func(p *parser, _ *Set, _ string) error { p.warnf("errors has had no effect for long"); return nil }},

		"include":  {word, include},
		"tabooext": {line, func(p *parser, s *Set, v string) error { return p.taboos(s, v, "*") }},
		"taboopat": {line, func(p *parser, s *Set, v string) error { return p.taboos(s, v, "") }},
	}
}

// directive reads a directive with what belongs to it. More of them may stand on
// the same line.
func (p *parser) directive() {
	start := p.pos
	for p.pos < len(p.s) && isAlpha(p.s[p.pos]) {
		p.pos++
	}
	key := p.s[start:p.pos]
	d, ok := directives[key]
	if !ok {
		hint := ""
		if n := nearest(key); n != "" {
			hint = fmt.Sprintf(": did you mean %s?", n)
		}
		p.errorf("unknown directive %q%s", key, hint)
		p.rest()
		return
	}
	if p.pos < len(p.s) && !strings.ContainsRune(" \t\r\n=}", rune(p.s[p.pos])) {
		p.errorf("no blank after %s", key)
		p.rest()
		return
	}
	at := p.line
	v, ok := p.value(key, d.value)
	if !ok {
		return
	}
	if err := d.do(p, p.set, v); err != nil {
		now := p.line
		p.line = at
		p.errorf("%s: %v", key, err)
		p.line = now
	}
}

func (p *parser) value(key string, kind value) (v string, ok bool) {
	if kind == none {
		return "", true
	}
	if kind == script {
		if p.set == p.def {
			p.errorf("%s stands outside of a block", key)
		}
		return p.script(key)
	}
	blanks := func() {
		for p.pos < len(p.s) && (p.s[p.pos] == ' ' || p.s[p.pos] == '\t') {
			p.pos++
		}
	}
	blanks()
	if p.pos < len(p.s) && p.s[p.pos] == '=' {
		p.pos++
		blanks()
	}
	if kind == line {
		start := p.pos
		v = p.rest()
		if i := strings.LastIndex(v, "}"); i >= 0 && strings.TrimSpace(v[i+1:]) == "" && (i == 0 || v[i-1] == ' ' || v[i-1] == '\t') {
			v, p.pos = v[:i], start+i // the block ends on the same line
		}
		return strings.TrimRight(v, " \t\r"), true
	}
	start := p.pos
	for p.pos < len(p.s) && !strings.ContainsRune(" \t\r\n", rune(p.s[p.pos])) && (p.s[p.pos] != '}' || p.pos > start) {
		p.pos++
	}
	v = p.s[start:p.pos]
	if kind == maybe && v != "" && (v[0] < '0' || v[0] > '9') {
		p.pos, v = start, "" // the next directive
	}
	if kind == word && v == "" {
		p.errorf("%s needs a value", key)
		return "", false
	}
	return v, true
}

func weekly(_ *parser, s *Set, v string) error {
	s.Period, s.Weekday = Weekly, 0
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n > 7 {
		return fmt.Errorf("%q is no weekday: 0 is Sunday, 6 Saturday, 7 every seven days", v)
	}
	s.Weekday = n
	return nil
}

func compressCommand(_ *parser, s *Set, v string) error {
	s.Compressor.Command = v
	if ext, ok := extensions[path.Base(v)]; ok {
		s.Compressor.Ext = ext
	}
	return nil
}

func compressOptions(_ *parser, s *Set, v string) (err error) {
	s.Compressor.Options, err = words(v)
	return err
}

func su(_ *parser, s *Set, v string) error {
	c, err := parseCreate(v, false)
	if err == nil && (c.UID < 0 || c.GID < 0) {
		err = errors.New("name a user and a group")
	}
	if err == nil {
		s.Su = &c.Owner
	}
	return err
}

func dateFormat(_ *parser, s *Set, v string) error {
	switch {
	case v == "":
		return errors.New("needs a value")
	case strings.ContainsRune(v, '/'):
		return errors.New("a / makes no file name")
	case len(v) > 63:
		return errors.New("is too long")
	}
	s.DateFormat = v
	return nil
}

func mail(p *parser, _ *Set, _ string) error {
	p.warnf("mail: scribe mails no logs; they are forwarded, and removed as without mail")
	return nil
}

func include(p *parser, s *Set, v string) error {
	if p.r.nesting >= maxNesting {
		return fmt.Errorf("files include each other more than %d deep", maxNesting)
	}
	p.r.nesting++
	defer func() { p.r.nesting-- }()
	if !p.r.path(home(v), s, Problem{File: p.file, Line: p.line}) {
		p.bad = true
	}
	return nil
}

func (p *parser) taboos(s *Set, v, prefix string) error {
	if s != p.def {
		return errors.New("may not stand in a block")
	}
	rest, more := strings.CutPrefix(v, "+")
	if !more {
		p.r.taboo = nil
	}
	for _, w := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		p.r.taboo = append(p.r.taboo, prefix+w)
	}
	return nil
}
