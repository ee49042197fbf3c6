package text

import "journalist/internal/store/stream"

// Walk calls f for the node and for all below it, parents first, with how deep they
// stand.
func (n *Node) Walk(f func(depth int, n *Node)) { n.walk(0, f) }

func (n *Node) walk(depth int, f func(depth int, n *Node)) {
	f(depth, n)
	for _, c := range n.inner {
		c.walk(depth+1, f)
	}
}

// Summary is what a tree consists of, for people.
type Summary struct {
	Values    int // of the root
	Templates int // of all template nodes
	Kinds     [Plain + 1]KindSummary
}

// KindSummary counts what the nodes of one kind in a tree have.
type KindSummary struct {
	Nodes, Values int
	Bytes         int // of their own streams and static texts, uncompressed
}

// Describe summarises the tree under the node. It reads all of its streams.
func (n *Node) Describe(src stream.Source) (Summary, error) {
	s := Summary{Values: n.n}
	var err error
	n.Walk(func(_ int, n *Node) {
		k := &s.Kinds[n.Kind()]
		k.Nodes++
		k.Values += n.n
		c := counter{src: src}
		if err == nil {
			err = n.readOwn(&c)
		}
		k.Bytes += c.n
		if n.forms != nil {
			s.Templates += len(n.forms.all)
		}
	})
	return s, err
}

// readOwn reads what belongs to the node but not to those below it.
func (n *Node) readOwn(c *counter) error {
	var err error
	switch n.form {
	case formConst, formConstStream:
		c.n += len(n.text)
	case formTyped:
		_, err = n.typed.Texts(c)
	case formDict:
		_, err = n.Codes(c, nil)
	case formTemplate:
		c.n += len(n.forms.static)
		_, err = n.IDs(c, nil)
	case formShort:
		c.n += int(n.chunk.len)
	default:
		d := decoder{src: c}
		_, err = d.plain(n)
	}
	return err
}

// counter counts the bytes that are read.
type counter struct {
	src stream.Source
	n   int
}

func (c *counter) Stream(id stream.ID) ([]byte, error) {
	b, err := c.src.Stream(id)
	c.n += len(b)
	return b, err
}
