// Package texts holds many texts in two slices, so that a million of them cost no
// million allocations.
//
// It is a leaf of internal/store: internal/store/template takes texts apart,
// internal/store/typed recognises numbers in them, internal/store/text encodes
// them, internal/store/search looks into them.
package texts

// Vector is a list of texts: text i is Data[Offsets[i]:Offsets[i+1]]. Offsets has one
// entry more than there are texts and need not begin with 0; the zero Vector is
// empty. Who hands a Vector out says who may change it.
type Vector struct {
	Data    []byte
	Offsets []uint32
}

// Len is the number of texts.
func (v Vector) Len() int { return max(0, len(v.Offsets)-1) }

// At returns text i, sharing memory.
func (v Vector) At(i int) []byte { return v.Data[v.Offsets[i]:v.Offsets[i+1]:v.Offsets[i+1]] }

// Size is the number of bytes of all texts.
func (v Vector) Size() int {
	if len(v.Offsets) == 0 {
		return 0
	}
	return int(v.Offsets[len(v.Offsets)-1] - v.Offsets[0])
}

// Slice returns the texts [from, to), sharing memory.
func (v Vector) Slice(from, to int) Vector {
	return Vector{Data: v.Data, Offsets: v.Offsets[from : to+1]}
}

// Add appends a text, copying it. It must not be used on what Slice returned.
func (v *Vector) Add(text []byte) {
	v.Data = append(v.Data, text...)
	v.End()
}

// End ends the text that was appended to Data by hand.
func (v *Vector) End() {
	if len(v.Offsets) == 0 {
		v.Offsets = append(v.Offsets, 0)
	}
	v.Offsets = append(v.Offsets, uint32(len(v.Data)))
}

// Reset empties the vector and keeps its memory.
func (v *Vector) Reset() {
	v.Data = v.Data[:0]
	v.Offsets = append(v.Offsets[:0], 0)
}
