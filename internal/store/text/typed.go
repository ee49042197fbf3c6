package text

import "journalist/internal/store/typed"

// Typed is what a Typed consists of.
func (n *Node) Typed() *typed.Head { return n.typed }
