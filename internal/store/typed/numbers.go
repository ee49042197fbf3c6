package typed

import "journalist/internal/store/ints"

// Affixes returns the bytes before and after the value that all texts have.
func (h *Head) Affixes() (prefix, suffix []byte) { return h.prefix, h.suffix }

// Numbers returns, for texts that are whole numbers between their affixes, these
// numbers, and with how many digits at least they are written; nil for other texts.
func (h *Head) Numbers() (values *ints.Head, width int) {
	switch h.kind {
	case Int:
		return h.values, 1
	case Digits:
		return h.values, h.width
	}
	return nil, 0
}
