// Package match defines what it means that a text matches: words, phrases,
// prefixes, substrings, wildcards and regular expressions. The store, the query
// executor and the commands that read local files all use this one definition.
//
// It is a leaf: internal/query/lang's patterns become match.Pattern values in
// internal/query/exec, travel in internal/scan's requests and are applied by
// internal/store. A pattern comes in two forms that agree: Match for a whole text,
// and an Automaton for a text in pieces, by which internal/store/search looks into
// templates and values that were never put together. What every match must contain
// (Words, Keys) and what texts may contain (Chars) let a search pass over the rest.
package match

// Kind is the kind of a pattern.
type Kind uint8

// The kinds of patterns.
const (
	Word      Kind = iota // a word or phrase with word boundaries at both ends, any case
	Prefix                // a word boundary at the beginning only, any case
	Substring             // anywhere, any case
	Wildcard              // * is any run of bytes, the whole value must match, any case
	Regexp                // RE2, unanchored; case-sensitive unless it says (?i)
)

// IsWordByte tells whether an ASCII byte belongs to a word: letters, digits and
// the underscore. Non-ASCII letters and digits do too; see Pattern.
func IsWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
