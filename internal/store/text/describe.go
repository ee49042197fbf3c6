package text

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
	Kind      Kind
	Nodes     int // of all kinds
	Kinds     [Plain + 1]KindSummary
	Templates int // of all template nodes
	Values    int // of the root
}

// KindSummary counts the nodes of one kind in a tree.
type KindSummary struct {
	Nodes, Values int
}

// Describe summarises the tree under the node.
func (n *Node) Describe() Summary {
	s := Summary{Kind: n.Kind(), Values: n.n}
	n.Walk(func(_ int, n *Node) {
		s.Nodes++
		k := &s.Kinds[n.Kind()]
		k.Nodes++
		k.Values += n.n
		if n.forms != nil {
			s.Templates += len(n.forms.all)
		}
	})
	return s
}
