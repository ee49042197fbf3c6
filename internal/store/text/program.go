package text

import "journalist/internal/store/template"

// program says for each template of a node how its texts are put together. Columns
// whose values are all the same are static text in it.
type program struct {
	static []byte   // padded
	steps  []step   // of all templates
	ends   []uint32 // where each template's steps end
	fixed  []int    // the bytes of static text of each template
	copies []bool   // whether a template has slots that are copies
}

// step is a piece of static text and what follows it.
type step struct {
	from, to uint32 // of static
	slot     int32  // a column, or one of these
}

const (
	slotNone = -1 // the text ends
	slotCopy = -2 // slot -2-i is a copy of what follows step i of the template
)

// of returns the steps of a template.
func (p *program) of(template uint32) []step {
	from := uint32(0)
	if template > 0 {
		from = p.ends[template-1]
	}
	return p.steps[from:p.ends[template]]
}

// program returns the node's program, which is made once.
func (n *Node) program() *program {
	n.forms.once.Do(n.assemble)
	return &n.forms.program
}

// maxFixed is the longest text of a column of the same values that becomes static text.
const maxFixed = 64

// isFixed tells whether the values of a column are static text in the program.
func (n *Node) isFixed() bool { return n.Kind() == Const && len(n.text) <= maxFixed }

// assemble makes the program.
func (n *Node) assemble() {
	p := &n.forms.program
	pieces, static := 0, len(n.forms.static)
	for t := range n.forms.all {
		form := &n.forms.all[t]
		pieces += len(form.Pieces)
		for _, s := range form.Slots {
			if column, _ := n.source(form, s); column.isFixed() {
				static += len(column.text)
				pieces--
			}
		}
	}
	p.static = make([]byte, 0, static+slack)
	p.steps = make([]step, 0, pieces)
	p.ends = make([]uint32, len(n.forms.all))
	p.fixed = make([]int, len(n.forms.all))
	p.copies = make([]bool, len(n.forms.all))
	for t := range n.forms.all {
		n.assembleForm(t)
	}
	p.static = p.static[:cap(p.static)]
}

// source returns the column that a slot of a template takes its values from, and if it
// is a copy, of which slot, otherwise -1.
func (n *Node) source(form *template.Template, s template.Slot) (column *Node, original int) {
	original = -1
	for s.Copy >= 0 {
		original = s.Copy
		s = form.Slots[s.Copy]
	}
	return n.inner[s.Column], original
}

// assembleForm appends the steps of a template.
func (n *Node) assembleForm(t int) {
	p, form := &n.forms.program, &n.forms.all[t]
	first := len(p.steps)
	place := make([]int32, len(form.Slots)) // of the step of each slot
	from := len(p.static)
	for k, piece := range form.Pieces {
		p.static = append(p.static, piece...)
		s := step{from: uint32(from), slot: slotNone}
		if k < len(form.Slots) {
			column, original := n.source(form, form.Slots[k])
			if column.isFixed() {
				p.static = append(p.static, column.text...)
				continue
			}
			place[k] = int32(len(p.steps) - first)
			if s.slot = int32(form.Slots[k].Column); original >= 0 {
				s.slot = slotCopy - place[original]
				p.copies[t] = true
			}
		}
		s.to = uint32(len(p.static))
		p.fixed[t] += len(p.static) - from
		from = len(p.static)
		p.steps = append(p.steps, s)
	}
	p.ends[t] = uint32(len(p.steps))
}
