package config

import (
	"fmt"
	"strings"
)

// expand replaces ${NAME} by the environment variable, and ${NAME:-text} by text
// where the variable is not set or empty. $${ stands for ${. Everything else stays
// as it is, so that a dollar sign in a pattern means what it means there.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		inner, after, closed := strings.Cut(rest, "}")
		name, other, hasOther := strings.Cut(inner, ":-")
		switch {
		case strings.HasSuffix(before, "$"): // $${
			out.WriteString("{")
			text = rest
			continue
		case !closed || !isName(name):
			out.WriteString("${")
			text = rest
			continue
		}
		v, ok := lookup(name)
		switch {
		case hasOther && v == "":
			v = other
		case !ok:
			return "", fmt.Errorf("the environment variable %q is not set (${%s:-text} gives a default, $${ stands for ${)", name, name)
		}
		out.WriteString(v)
		text = after
	}
}

// isName tells that s may be the name of a variable: ${1} in a replacement is none.
func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
