package lang

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// messageField is where extract looks unless told otherwise.
const messageField = "message"

// Part is a piece of a template: some text, then a placeholder. The last part of
// a template may lack the placeholder.
type Part struct {
	Text string
	// Bind: a placeholder follows the text. Name is what it binds, "" for <_>,
	// which only skips.
	Bind bool
	Name string
}

// ParseTemplate cuts the text of an extract into its parts. <name> binds what
// lies between the texts around it, <_> and <> only skip it; any other < is
// itself, and so is one with a backslash before it.
func ParseTemplate(text string) ([]Part, error) {
	var parts []Part
	var b strings.Builder
	bound := map[string]bool{}
	for i := 0; i < len(text); {
		slashes := 0
		for i+slashes < len(text) && text[i+slashes] == '\\' {
			slashes++
		}
		switch i += slashes; {
		case i == len(text) || text[i] != '<':
			b.WriteString(text[i-slashes : i])
		case slashes%2 == 1:
			b.WriteString(text[i-slashes/2:i] + "<")
			i++
		default: // two backslashes before < are one
			b.WriteString(text[i-slashes/2 : i])
		}
		if i == len(text) || slashes%2 == 1 && text[i-1] == '<' {
			continue
		}
		name, n := placeholder(text[i:])
		if n == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		if b.Len() == 0 && len(parts) > 0 {
			return nil, fmt.Errorf("between <%s> and <%s> there must be some text, else nobody knows where one ends", parts[len(parts)-1].Name, name)
		}
		if bound[name] && name != "" {
			return nil, fmt.Errorf("<%s> is there twice", name)
		}
		bound[name] = true
		parts = append(parts, Part{Text: b.String(), Bind: true, Name: name})
		b.Reset()
		i += n
	}
	if b.Len() > 0 {
		parts = append(parts, Part{Text: b.String()})
	}
	delete(bound, "")
	return parts, checkBound(len(bound), func(yield func(string) bool) {
		for n := range bound {
			if !yield(n) {
				return
			}
		}
	})
}

// placeholder reads <name>; n is 0 where there is none.
func placeholder(s string) (name string, n int) {
	end := strings.IndexByte(s, '>')
	if s[0] != '<' || end < 0 || end > maxName {
		return "", 0
	}
	name = s[1:end]
	if name == "" || name == "_" {
		return "", end + 1
	}
	if nameLen(name) != len(name) || strings.ContainsRune(name, '/') {
		return "", 0 // </b> of HTML among them
	}
	return name, end + 1
}

// checkBound checks the fields that an extract sets.
func checkBound(n int, names func(func(string) bool)) error {
	switch {
	case n == 0:
		return errors.New("it binds nothing: write <name> where the value of a field stands")
	case n > MaxColumns:
		return fmt.Errorf("it binds more than %d fields", MaxColumns)
	}
	for name := range names {
		if isTime(name) || name == datasetField || name == existsField {
			return fmt.Errorf("the field %s cannot be set", name)
		}
	}
	return nil
}

const datasetField = "dataset"

// Fields are the names that an extract binds, in their order.
func (p *Extract) Fields() []string {
	if p.Regexp {
		re, err := p.Compile()
		if err != nil {
			return nil
		}
		var names []string
		for _, n := range re.SubexpNames() {
			if n != "" {
				names = append(names, n)
			}
		}
		return names
	}
	parts, err := ParseTemplate(p.Text)
	if err != nil {
		return nil
	}
	var names []string
	for _, x := range parts {
		if x.Name != "" {
			names = append(names, x.Name)
		}
	}
	return names
}

// Compile compiles the expression of an extract that has one.
func (p *Extract) Compile() (*regexp.Regexp, error) {
	if p.Fold {
		return regexp.Compile("(?i)" + p.Text)
	}
	return regexp.Compile(p.Text)
}

func (p *parser) extract(pos Pos) (Pipe, *Error) {
	x := &Extract{Pos: pos, Field: messageField}
	p.space()
	at := p.pos
	const hint = `as in extract "user=<user> " or extract /user=(?P<user>\w+)/`
	switch {
	case p.atQuote():
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if _, perr := ParseTemplate(text); perr != nil {
			return nil, p.errorAt(at, hint, "%v", perr)
		}
		x.Text = text
	case p.peek() == '/':
		text, fold, ok := p.regexp()
		if !ok {
			return nil, p.errorAt(at, hint, "the regular expression is not closed, or something touches its end")
		}
		x.Text, x.Fold, x.Regexp = text, fold, true
		if err := p.checkExtract(x, at); err != nil {
			err.Hint = hint
			return nil, err
		}
	default:
		return nil, p.errorAt(at, hint, "expected a quoted text with <name> in it, or a regular expression%s", p.found())
	}
	p.space()
	if p.word("from") {
		field, err := p.pipeName("the name of a field")
		if err != nil {
			return nil, err
		}
		x.Field = field
	}
	return x, nil
}

// checkExtract checks the expression of an extract.
func (p *parser) checkExtract(x *Extract, at int) *Error {
	if len(x.Text) > MaxText {
		return p.tooLong(at)
	}
	if _, err := p.expression("", x.Text, x.Fold, at, at); err != nil {
		return err
	}
	re, rerr := x.Compile()
	if rerr != nil {
		return p.errorAt(at, "", "the regular expression is wrong: %v", rerr)
	}
	bound := map[string]bool{}
	for _, n := range re.SubexpNames() {
		if n == "" {
			continue
		}
		if bound[n] {
			return p.errorAt(at, "", "(?P<%s>…) is there twice", n)
		}
		bound[n] = true
	}
	if len(bound) == 0 {
		return p.errorAt(at, "", "it binds nothing: write (?P<name>…) around the value of a field")
	}
	err := checkBound(len(bound), func(yield func(string) bool) {
		for n := range bound {
			if !yield(n) {
				return
			}
		}
	})
	if err != nil {
		return p.errorAt(at, "", "%v", err)
	}
	return nil
}

// String spells the pipe.
func (p *Extract) String() string {
	s := "extract " + quote(p.Text)
	if p.Regexp {
		s = "extract /" + p.Text + "/"
		if p.Fold {
			s += "i"
		}
	}
	if p.Field != messageField {
		s += " from " + name(p.Field)
	}
	return s
}
