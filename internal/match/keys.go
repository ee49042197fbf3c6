package match

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pair is two words with one byte between them, which is one of PairSeparators:
// both numbers of "58.218", the name and the host of "root@example".
type Pair struct {
	A, B []byte // folded and cut as EachWord reports them
	Sep  byte
}

// PairSeparators are the bytes that may stand between the words of a Pair.
const PairSeparators = ".@%+-"

// keys is what every matching text contains.
type keys struct {
	words [][]byte
	pairs []Pair
	runs  [][]byte
}

// Words returns folded complete words that every matching text contains as
// complete words, as EachWord reports them: where an index knows that one of them
// is absent, nothing matches. There may be none. The caller must not change them.
func (p *Pattern) Words() [][]byte { return p.keys.words }

// Keys returns Words and pairs of such words that every matching text contains
// with exactly one byte between them. The caller must not change them.
func (p *Pattern) Keys() (words [][]byte, pairs []Pair) { return p.keys.words, p.keys.pairs }

// Runs returns folded runs of at least three letters, digits and bytes of
// PairSeparators and _, all ASCII, that every matching text contains without regard
// to case; other than Words they need not be complete. There may be none. The caller
// must not change them.
func (p *Pattern) Runs() [][]byte { return p.keys.runs }

// minRun is the least length of a run.
const minRun = 3

// addRuns adds the distinct runs of a literal.
func (k *keys) addRuns(literal []byte) {
	literal = AppendFold(nil, literal)
	for from, i := 0, 0; i <= len(literal); i++ {
		if i < len(literal) && (wordByte[literal[i]] || strings.IndexByte(PairSeparators, literal[i]) >= 0) {
			continue
		}
		run := literal[from:i:i]
		if from = i + 1; len(run) >= minRun && !slices.ContainsFunc(k.runs, func(r []byte) bool { return bytes.Equal(r, run) }) {
			k.runs = append(k.runs, run)
		}
	}
}

// add adds the runs of a literal, the distinct words of a literal, and their pairs, that are complete in
// every text that contains it. openLeft and openRight say that the text may go on
// at that end with more of the same word.
func (k *keys) add(literal []byte, openLeft, openRight bool) {
	k.addRuns(literal)
	from, to := 0, len(literal)
	if openLeft {
		for from < to && wordAfter(literal, from) {
			_, n := utf8.DecodeRune(literal[from:])
			from += n
		}
	}
	if openRight {
		for to > from && wordBefore(literal, to) {
			_, n := utf8.DecodeLastRune(literal[:to])
			to -= n
		}
	}
	literal = literal[from:to]
	var last []byte
	lastEnd := -1
	for i := 0; i < len(literal); {
		if !wordAfter(literal, i) {
			_, n := utf8.DecodeRune(literal[i:])
			i += n
			continue
		}
		word, n := foldWord(make([]byte, 0, MaxWord), literal[i:])
		k.addWord(word)
		if lastEnd >= 0 && i == lastEnd+1 && bytes.IndexByte([]byte(PairSeparators), literal[lastEnd]) >= 0 {
			k.addPair(Pair{A: last, B: word, Sep: literal[lastEnd]})
		}
		i += n
		last, lastEnd = word, i
	}
}

func (k *keys) addWord(word []byte) {
	if !slices.ContainsFunc(k.words, func(w []byte) bool { return bytes.Equal(w, word) }) {
		k.words = append(k.words, word)
	}
}

func (k *keys) addPair(p Pair) {
	if !slices.ContainsFunc(k.pairs, func(q Pair) bool {
		return q.Sep == p.Sep && bytes.Equal(q.A, p.A) && bytes.Equal(q.B, p.B)
	}) {
		k.pairs = append(k.pairs, p)
	}
}
