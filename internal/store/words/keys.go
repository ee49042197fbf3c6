package words

import (
	"bytes"
	"slices"

	"journalist/internal/match"
)

// Key is a key that every text that matches a pattern has.
type Key struct {
	Hash uint64 // of a word or a pair
	// Text is folded and occurs, without regard to case, in every text that has the
	// key; nil where that is not known.
	Text []byte
	// grams, if not nil, is what the key is instead of Hash: a part of a token.
	grams []uint16
}

// Filter is what is kept of the values of a column. It is immutable.
type Filter struct {
	Words Bloom
	Grams Grams
	// NoGrams: they were not kept.
	NoGrams bool
}

// May tells whether one of the values may have the key.
func (f *Filter) May(k Key) bool {
	if k.grams != nil {
		return f.NoGrams || f.Grams.may(k.grams)
	}
	return f.Words.May(k.Hash)
}

// MayAll tells whether a value that has all the keys may be among those that the
// filter was made from.
func (f *Filter) MayAll(keys []Key) bool {
	for _, k := range keys {
		if !f.May(k) {
			return false
		}
	}
	return true
}

// KeysOf returns the keys of a pattern: where one of them is missing, nothing
// matches. There may be none.
func KeysOf(p *match.Pattern) []Key {
	var keys []Key
	ws, pairs := p.Keys()
	for _, w := range ws {
		keys = append(keys, Key{Hash: Hash(w), Text: w})
	}
	for _, p := range pairs {
		keys = append(keys, pairKey(p.A, p.Sep, p.B))
	}
	for _, run := range p.Runs() {
		known := slices.ContainsFunc(keys, func(k Key) bool { return bytes.Equal(k.Text, run) })
		if grams := gramsOf(run); grams != nil && !known {
			keys = append(keys, Key{Text: run, grams: grams})
		}
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
