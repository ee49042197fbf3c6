package text

import (
	"sync"

	"journalist/internal/match"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/typed"
)

// Kind is the way in which a node says what its values are.
type Kind uint8

// The kinds.
const (
	Const    Kind = iota // all values are the same: Text
	Typed                // all values are numbers or the like: TypedKind
	Dict                 // few are distinct: Entries, Codes
	Template             // they follow templates: Templates, Columns, IDs
	Plain                // the values themselves
)

var kindNames = [...]string{"const", "typed", "dict", "template", "plain"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// The kinds as they are stored. The numbers stay.
const (
	formConst = iota
	formConstStream
	formTyped
	formDict
	formTemplate
	formShort
	formEnded
	formMeasured
)

const (
	// maxValues is the most values of one node: more would come only of slots that
	// repeat within the rows, and a reader allocates by it.
	maxValues = 4 << 20
	// MaxSize is the most bytes that the texts of a vector may have together with one
	// more for each: a reader holds them at once, and they may come to be one stream.
	MaxSize = stream.MaxBlock
	// maxNodes and maxSlots bound a whole tree: what a reader keeps of it.
	maxNodes = 1 << 17
	maxSlots = 1 << 19
	// maxDepth is more than Encode nests.
	maxDepth = 24
	// chunkSize is the longest chunk of short texts. It is pooled with other streams,
	// so that a reader opens it once.
	chunkSize = 1536
	// inline is the longest constant that stands in the structure.
	inline = 256
)

// Node is a vector of texts, encoded. It is what the structure says and immutable:
// any number of goroutines may share it. What is read of streams is not kept in it,
// but for the templates' static text and how it is put together.
type Node struct {
	form           uint8
	chars          match.Chars
	letters        match.Letters
	n              int
	minLen, maxLen int

	text   []byte      // of a constant
	typed  *typed.Head // of typed texts
	codes  *ints.Head  // of a dictionary, or which template; nil for one template
	inner  []*Node     // a dictionary's entries, or the columns
	forms  *templates
	lens   *ints.Head // of measured texts
	stream stream.ID  // of plain texts
	chunk  chunk      // of short texts
}

// templates is what a template node has besides.
type templates struct {
	all    []template.Template
	static []byte
	ends   []uint32

	once    sync.Once
	program program // made when texts are first put together
}

// chunk says where short texts stand.
type chunk struct {
	tree     *tree
	number   uint32
	off, len uint32
}

// tree is what all nodes of a tree share.
type tree struct {
	chunks []stream.ID
}

// Kind is the node's kind.
func (n *Node) Kind() Kind {
	switch n.form {
	case formConst, formConstStream:
		return Const
	case formTyped:
		return Typed
	case formDict:
		return Dict
	case formTemplate:
		return Template
	}
	return Plain
}

// Len is the number of values.
func (n *Node) Len() int { return n.n }

// MinLen is the length of the shortest value, or less.
func (n *Node) MinLen() int { return n.minLen }

// MaxLen is the length of the longest value, or more.
func (n *Node) MaxLen() int { return n.maxLen }

// Chars are the classes of bytes that occur in the values, or more.
func (n *Node) Chars() match.Chars { return n.chars }

// Letters are the letters that occur in the values, or more.
func (n *Node) Letters() match.Letters { return n.letters }

// Text is the value of a Const.
func (n *Node) Text() []byte { return n.text }

// TypedKind is what the values of a Typed are.
func (n *Node) TypedKind() typed.Kind { return n.typed.Kind() }

// Entries are the distinct values of a Dict.
func (n *Node) Entries() *Node { return n.inner[0] }

// Codes appends to dst which entry each value of a Dict is.
func (n *Node) Codes(src stream.Source, dst []uint32) ([]uint32, error) {
	return n.codes.DecodeCodes(src, uint32(n.inner[0].n), dst)
}

// Templates are the templates of a Template, the most frequent first.
func (n *Node) Templates() []template.Template { return n.forms.all }

// Columns are the nodes that the slots' values are taken from, by the slots' Column.
func (n *Node) Columns() []*Node { return n.inner }

// Static is the static text of all templates in their order, each piece followed by
// a zero byte; ends says where each template's text ends. It serves to look for a
// word in all templates at once.
func (n *Node) Static() (text []byte, ends []uint32) { return n.forms.static, n.forms.ends }

// IDs appends to dst which template each value of a Template follows.
func (n *Node) IDs(src stream.Source, dst []uint32) ([]uint32, error) {
	if n.codes == nil {
		for range n.n {
			dst = append(dst, 0)
		}
		return dst, nil
	}
	return n.codes.DecodeCodes(src, uint32(len(n.forms.all)), dst)
}
