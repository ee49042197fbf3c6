package words

import (
	"bytes"

	"journalist/internal/match"
)

// Key is a key that every text that matches a pattern has.
type Key struct {
	Hash uint64
	// Text is folded and occurs, without regard to case, in every text that has the
	// key; nil where that is not known.
	Text []byte
}

// KeysOf returns the keys of a pattern: where one of them is missing, nothing
// matches. There may be none.
func KeysOf(p *match.Pattern) []Key {
	var keys []Key
	ws, pairs := p.Keys()
	for _, w := range ws {
		keys = append(keys, Key{Hash(w), w})
	}
	for _, p := range pairs {
		keys = append(keys, pairKey(p.A, p.Sep, p.B))
	}
	return keys
}

// pairKey is the key of two words with sep between them.
func pairKey(a []byte, sep byte, b []byte) Key {
	k := Key{Hash: Pair(Hash(a), sep, Hash(b))}
	if len(a) < match.MaxWord-3 { // it was not cut: b follows it
		k.Text = append(append(bytes.Clone(a), sep), b...)
	}
	return k
}

// MayAll tells whether a text that has all the keys may be among the values that the
// filter was made from.
func (b Bloom) MayAll(keys []Key) bool {
	for _, k := range keys {
		if !b.May(k.Hash) {
			return false
		}
	}
	return true
}
