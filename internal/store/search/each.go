package search

import (
	"math/bits"

	"journalist/internal/match"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
)

// A few wanted texts are decoded by themselves.
const fewOf = 64

// each asks about each text.
func (s *Search) each(n *text.Node, src stream.Source, want []uint64, found *result) error {
	if want != nil {
		switch count := ones(want[:(n.Len()+63)/64]); {
		case count == 0:
			return nil
		case count < n.Len()/fewOf:
			return s.few(n, src, want, found)
		}
	}
	v, err := n.Texts(src)
	if err != nil {
		return err
	}
	if v.Len() != n.Len() {
		return stream.Corrupt("%d texts, %d expected", v.Len(), n.Len())
	}
	got := make([]uint64, (n.Len()+63)/64)
	for w := range got {
		some := ^uint64(0)
		if want != nil {
			some = want[w]
		}
		to := min(v.Len(), 64*w+64)
		if some == 0 || !s.pattern.MayMatchIn(v.Data[v.Offsets[64*w]:v.Offsets[to]]) {
			continue
		}
		for i := 64 * w; i < to; i++ {
			if some>>(i&63)&1 != 0 && s.matches(v.At(i)) {
				got[w] |= 1 << (i & 63)
			}
		}
	}
	if s.auto != nil && s.overflow() {
		return s.each(n, src, want, found)
	}
	found.add(got)
	return nil
}

// matches asks the automaton only where the pattern is the slower one.
func (s *Search) matches(b []byte) bool {
	if s.auto == nil || s.pattern.Kind() != match.Regexp {
		return s.pattern.Match(b)
	}
	return s.ends(s.auto.Run(s.auto.Start(), b))
}

func (s *Search) few(n *text.Node, src stream.Source, want []uint64, found *result) error {
	var rows []uint32
	for i, w := range want[:(n.Len()+63)/64] {
		for ; w != 0; w &= w - 1 {
			rows = append(rows, uint32(64*i+bits.TrailingZeros64(w)))
		}
	}
	v, err := n.Take(src, rows)
	if err != nil {
		return err
	}
	if v.Len() != len(rows) {
		return stream.Corrupt("%d texts, %d expected", v.Len(), len(rows))
	}
	s.got = append(s.got[:0], make([]uint64, (n.Len()+63)/64)...)
	for i, row := range rows {
		if s.pattern.Match(v.At(i)) {
			s.got[row>>6] |= 1 << (row & 63)
		}
	}
	found.add(s.got)
	return nil
}
