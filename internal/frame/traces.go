package frame

import "bytes"

// language knows the stack traces of one language. start tells whether a line
// begins one, 0 for no. vague, where there is one, is asked when no language's start
// knows the line: it may say so of lines behind which no trace follows, which then
// only wait for the next line. next judges the lines behind. Lines that are held are
// most often a message of several lines, or the blank line between two parts of a
// trace.
type language struct {
	name  string
	start func(line []byte) uint8
	vague func(line []byte) uint8
	next  func(at uint8, line []byte) (uint8, verdict)
}

// languages are all there are; java's rules fit JavaScript's traces, too.
var languages = []*language{
	{"java", javaStart, javaVague, javaNext},
	{"python", pythonStart, nil, pythonNext},
	{"go", goStart, nil, goNext},
	{"ruby", rubyStart, nil, rubyNext},
	{"php", phpStart, exception, phpNext},
	{"dotnet", dotnetStart, exception, dotnetNext},
	{"javascript", javaStart, javaVague, javaNext},
}

var traceback = []byte("Traceback (most recent call last):")

func has(b []byte, sub string) bool { return bytes.Contains(b, []byte(sub)) }

func hasPrefix(b []byte, p string) bool { return len(b) >= len(p) && string(b[:len(p)]) == p }

func hasSuffix(b []byte, p string) bool { return len(b) >= len(p) && string(b[len(b)-len(p):]) == p }

func indented(b []byte) bool { return len(b) > 0 && (b[0] == ' ' || b[0] == '\t') }

// trim returns b without the blanks that it begins with.
func trim(b []byte) []byte {
	for indented(b) {
		b = b[1:]
	}
	return b
}

func blank(b []byte) bool { return len(trim(b)) == 0 }

func digit(b []byte) bool { return len(b) > 0 && b[0] >= '0' && b[0] <= '9' }

// digits returns b without the digits that it begins with, and whether there were
// any.
func digits(b []byte) ([]byte, bool) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return b[n:], n > 0
}

// fresh tells that a line looks like the beginning of a log line: a time, a
// bracket, JSON or a syslog priority. Lines of messages seldom do.
func fresh(b []byte) bool {
	return len(b) > 0 && (digit(b) || b[0] == '[' || b[0] == '{' || b[0] == '<')
}

// Java and what looks like it. At 1 was the header of an exception, at 2 frames.

func javaStart(b []byte) uint8 {
	switch {
	case javaFrame(b):
		return 2 // the header was not recognised
	case hasPrefix(b, "Exception in thread "):
		return 1
	}
	return 0
}

func javaVague(b []byte) uint8 {
	if has(b, "Exception") || has(b, "Error") || has(b, "Throwable") {
		return 1
	}
	return 0
}

// exception is vague for languages that call their errors so.
func exception(b []byte) uint8 {
	if has(b, "Exception") {
		return 1
	}
	return 0
}

// javaFrame recognises "	at a.b.C.d(E.java:1)" and "    at f (/a.js:1:2)".
func javaFrame(b []byte) bool {
	if !indented(b) {
		return false
	}
	b = trim(b)
	if hasPrefix(b, "eval ") {
		b = b[5:]
	}
	return hasPrefix(b, "at ") && (bytes.IndexByte(b, '(') > 0 || bytes.IndexByte(b, ':') > 0)
}

func javaNext(at uint8, b []byte) (uint8, verdict) {
	t := trim(b)
	switch {
	case javaFrame(b), indented(b) && (hasPrefix(t, "- locked ") || hasPrefix(t, "- waiting ") || hasPrefix(t, "- parking ")):
		return 2, goesOn
	case hasPrefix(t, "... "):
		if rest, ok := digits(t[4:]); ok && (hasPrefix(rest, " more") || hasPrefix(rest, " common frames omitted") || hasPrefix(rest, " filtered") || hasPrefix(rest, " lines matching")) {
			return 2, goesOn
		}
	case hasPrefix(t, "Caused by: "), hasPrefix(t, "Suppressed: "), hasPrefix(t, "Wrapped by: "), hasPrefix(t, "nested exception is"),
		indented(b) && hasPrefix(t, "[CIRCULAR REFERENCE"), indented(b) && hasPrefix(t, "[cause]"):
		return 1, goesOn
	case at == 2 && (string(b) == "}" || indented(b) && hasPrefix(t, "code: ") || indented(b) && string(t) == "}"):
		return 2, goesOn // the properties of a JavaScript error
	}
	if at == 1 && !fresh(b) && javaVague(b) == 0 {
		return 1, holds // a message of several lines
	}
	return at, fails
}

// Python. At 1 are frames, at 2 was the exception, at 3 a blank line behind it, at
// 4 the line that says how the next trace belongs to it.

func pythonStart(b []byte) uint8 {
	switch {
	case bytes.Contains(b, traceback):
		return 1
	case hasPrefix(b, "  File \"") && has(b, "\", line "):
		return 1
	}
	return 0
}

func pythonNext(at uint8, b []byte) (uint8, verdict) {
	switch at {
	case 1:
		switch {
		case indented(b):
			return 1, goesOn
		case pythonError(b):
			return 2, goesOn
		}
	case 2:
		switch {
		case blank(b):
			return 3, holds
		case indented(b):
			return 2, goesOn // a message of several lines, or a note
		}
	case 3:
		if hasPrefix(trimBar(b), "During handling of the above exception, another") || hasPrefix(trimBar(b), "The above exception was the direct cause") {
			return 4, goesOn
		}
	case 4:
		switch {
		case blank(trimBar(b)):
			return 4, goesOn
		case bytes.Contains(b, traceback):
			return 1, goesOn
		}
	}
	return at, fails
}

// trimBar takes the margin of an exception group off.
func trimBar(b []byte) []byte {
	b = trim(b)
	for len(b) > 0 && b[0] == '|' {
		b = trim(b[1:])
	}
	return b
}

// pythonError recognises "package.Error: message" and "KeyboardInterrupt".
func pythonError(b []byte) bool {
	if len(b) == 0 || digit(b) {
		return false
	}
	for _, c := range b {
		switch {
		case c == ':':
			return true
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '_', c == '.', c == '/', c == '-', c >= 0x80:
		default:
			return false
		}
	}
	return true
}

// Go. At 1 was a panic's message, at 2 a goroutine's frames, at 3 a blank line
// behind them, at 5 registers.

func goStart(b []byte) uint8 {
	switch {
	case goroutine(b):
		return 2
	case hasPrefix(b, "\t/") && has(b, ".go:"):
		return 2
	case has(b, "panic: "), has(b, "fatal error: "), has(b, "panic serving "), hasPrefix(b, "SIG") && has(b, ": "),
		hasPrefix(b, "runtime: "), hasPrefix(b, "unexpected fault address"):
		return 1
	}
	return 0
}

// goroutine recognises "goroutine 1 [running]:".
func goroutine(b []byte) bool {
	if !hasPrefix(b, "goroutine ") {
		return false
	}
	rest, ok := digits(b[len("goroutine "):])
	return ok && has(rest, " [")
}

func goNext(at uint8, b []byte) (uint8, verdict) {
	if goroutine(b) {
		return 2, goesOn
	}
	switch at {
	case 1:
		switch {
		case hasPrefix(b, "runtime stack:"):
			return 2, goesOn
		case indented(b), hasPrefix(b, "panic: "), hasPrefix(b, "[signal "), hasPrefix(b, "runtime: "), hasPrefix(b, "fatal error: "),
			hasPrefix(b, "PC="):
			return 1, goesOn
		case !fresh(b):
			return 1, holds // a blank line, or a message of several
		}
	case 2:
		switch {
		case indented(b), goFunction(b), hasPrefix(b, "created by "), hasPrefix(b, "..."):
			return 2, goesOn
		case blank(b):
			return 3, holds
		}
	case 3:
		switch {
		case register(b):
			return 5, goesOn
		case hasPrefix(b, "runtime stack:"):
			return 2, goesOn
		}
	case 5:
		if register(b) {
			return 5, goesOn
		}
	}
	return at, fails
}

// goFunction recognises "main.(*T).f(0x1, {0x2, 0x3})".
func goFunction(b []byte) bool {
	if len(b) == 0 || b[len(b)-1] != ')' || digit(b) {
		return false
	}
	i := bytes.IndexByte(b, '(')
	return i > 0 && bytes.IndexByte(b[:i], ' ') < 0
}

// register recognises "rax    0x0".
func register(b []byte) bool {
	i := bytes.IndexByte(b, ' ')
	return i > 0 && i < 8 && hasPrefix(trim(b[i:]), "0x")
}

// Ruby. At 1 was the error, at 2 lines of the stack, at 3 Rails' form of it.

func rubyStart(b []byte) uint8 {
	switch {
	case rubyPlace(b), bytes.HasSuffix(b, traceback):
		return 1
	case hasSuffix(b, "):") && (has(b, "Error (") || has(b, "Exception (") || has(b, "RecordNotFound (")):
		return 3
	case hasPrefix(b, "\tfrom "):
		return 2
	}
	return 0
}

// rubyPlace recognises "/app/a.rb:3:in 'f': message (Error)", as the start of a line
// or behind a logger's prefix.
func rubyPlace(b []byte) bool {
	i := bytes.Index(b, []byte(":in `"))
	if i < 0 {
		i = bytes.Index(b, []byte(":in '"))
	}
	if i < 1 {
		return false
	}
	c := b[i-1]
	return c >= '0' && c <= '9'
}

func rubyNext(at uint8, b []byte) (uint8, verdict) {
	t := trim(b)
	switch {
	case at == 3 && (rubyPlace(b) || hasPrefix(t, "Caused by:") || hasPrefix(t, "Causes:")):
		return 3, goesOn
	case at == 3 && blank(b):
		return 3, holds
	case at == 3 && indented(b):
		rest, ok := digits(t)
		if ok && hasPrefix(rest, ":") || hasPrefix(t, "=> ") {
			return 3, goesOn // a line of a template
		}
	case at == 3:
	case indented(b) && hasPrefix(t, "from "):
		return 2, goesOn
	case indented(b) && hasPrefix(t, "... ") && hasSuffix(t, "levels..."):
		return 2, goesOn
	case indented(b):
		if rest, ok := digits(t); ok && hasPrefix(rest, ": from ") {
			return 2, goesOn
		}
	case !digit(b) && rubyPlace(b) && (hasSuffix(b, ")") || at == 1):
		return 1, goesOn // the cause, or the error at the end of a reversed trace
	}
	if at == 1 && !fresh(b) && rubyStart(b) == 0 {
		return 1, holds
	}
	return at, fails
}

// PHP. At 1 was the error, at 2 lines of the stack.

func phpStart(b []byte) uint8 {
	switch {
	case has(b, "PHP Fatal error: "), has(b, "Fatal error: "), has(b, "Uncaught "), has(b, "PHP Parse error: "),
		has(b, "[object] ("):
		return 1
	case has(b, "Stack trace:"):
		return 2
	}
	return 0
}

func phpNext(at uint8, b []byte) (uint8, verdict) {
	t := trim(b)
	switch {
	case phpFrame(t), hasSuffix(b, "Stack trace:"), string(b) == "[stacktrace]":
		return 2, goesOn
	case hasPrefix(b, "  thrown in "), string(b) == `"}`, hasPrefix(b, `"} `):
		return 0, ends
	case at == 2 && hasPrefix(b, "Next "), at == 2 && hasPrefix(b, "[previous exception]"):
		return 1, goesOn
	case at == 2 && blank(b):
		return 2, holds
	case at == 2 && hasPrefix(b, "PHP "): // xdebug's form
		if rest, ok := digits(trim(b[4:])); ok && hasPrefix(rest, ". ") {
			return 2, goesOn
		}
	}
	if at == 1 && !fresh(b) && phpStart(b) == 0 && exception(b) == 0 {
		return 1, holds
	}
	return at, fails
}

// phpFrame recognises "#0 /a.php(1): f()".
func phpFrame(b []byte) bool {
	if len(b) < 2 || b[0] != '#' {
		return false
	}
	rest, ok := digits(b[1:])
	return ok && hasPrefix(rest, " ")
}

// .NET. At 1 was the header of an exception, at 2 frames, at 3 a line of its console
// logger, whose text is indented.

func dotnetStart(b []byte) uint8 {
	switch {
	case javaFrame(b):
		return 2
	case len(b) > 6 && string(b[4:6]) == ": " && b[len(b)-1] == ']':
		switch string(b[:4]) {
		case "trce", "dbug", "info", "warn", "fail", "crit":
			return 3
		}
	}
	if has(b, "Unhandled exception") {
		return 1
	}
	return 0
}

func dotnetNext(at uint8, b []byte) (uint8, verdict) {
	t := trim(b)
	switch {
	case at == 3:
		if hasPrefix(b, "      ") {
			return 3, goesOn
		}
		return at, fails
	case javaFrame(b), indented(b) && hasPrefix(t, "at "), hasPrefix(t, "--- End of "):
		return 2, goesOn
	case hasPrefix(t, "---> "):
		return 1, goesOn
	case indented(b) && hasPrefix(t, "Exception data:"):
		return 2, goesOn
	}
	if at == 1 && !fresh(b) && dotnetStart(b) == 0 && exception(b) == 0 {
		return 1, holds
	}
	return at, fails
}
