package match

// Pattern is a compiled pattern; immutable, safe for concurrent use.
type Pattern struct {
	kind Kind
	text string
}
