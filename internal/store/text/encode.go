package text

import (
	"encoding/binary"
	"fmt"
	"sync"

	"journalist/internal/match"
	"journalist/internal/store/ints"
	"journalist/internal/store/stream"
	"journalist/internal/store/template"
	"journalist/internal/store/texts"
	"journalist/internal/store/typed"
	"journalist/internal/wire"
)

// Options say how texts are encoded.
type Options struct {
	// Variable, if set, gets every value that is not static text of templates that
	// separate words whole, so that a word of a text is either in one of the values
	// or, whole, in one of the templates' pieces of the root or of the entries of the
	// root's dictionary. Where the distinct values are known only they are given. The
	// vector is valid until Variable returns.
	Variable func(texts.Vector)
	// Static, if set, gets those pieces: Variable and Static together get every word.
	Static func(piece []byte)
}

// say tells which values of a node Variable gets.
type say uint8

const (
	sayNothing  say = iota // they were given already, or lie in a value that was
	sayAll                 // all values
	sayVariable            // those that no template says
)

const (
	// minEncoded is the number of values from which they are looked at more closely.
	minEncoded = 16
	// minTemplated is the same for templates of a slot's values.
	minTemplated = 32
	// maxLevels is how deep columns of templates have templates themselves.
	maxLevels = 3
)

// encoder encodes one tree.
type encoder struct {
	w      *stream.Writer
	o      Options
	dst    []byte // the structure
	buf    []byte // scratch
	short  []byte // the chunk that is being filled
	chunks []stream.ID
	nodes  int // at most so many, with those that are still to come
	slots  int
	levels []*level
	level  int
}

// level is the scratch memory of one level of the recursion.
type level struct {
	miner template.Miner
	dict  dict
}

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// Encode puts a tree of the texts v and returns the stream of its structure. v.Size()
// plus v.Len() must not exceed MaxSize, nor v.Len() 4 Mi: that is the caller's mistake
// and panics, because it could not be read again.
func Encode(w *stream.Writer, v texts.Vector, o Options) stream.ID {
	if v.Len() > maxValues || v.Size()+v.Len() > MaxSize {
		panic(fmt.Sprintf("text: %d texts of %d bytes are more than a vector may have", v.Len(), v.Size()))
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.w, e.o = w, o
	e.dst, e.short, e.chunks = e.dst[:0], e.short[:0], e.chunks[:0]
	e.nodes, e.slots, e.level = 2, 0, 0
	e.node(v, 0, sayVariable, false)
	e.endChunk()
	e.dst = binary.AppendUvarint(e.dst, uint64(len(e.chunks)))
	for _, id := range e.chunks {
		e.id(id)
	}
	id := w.Put(stream.Structure, e.dst)
	e.w, e.o = nil, Options{}
	return id
}

func (e *encoder) number(n int)    { e.dst = binary.AppendUvarint(e.dst, uint64(n)) }
func (e *encoder) id(id stream.ID) { e.dst = stream.AppendID(e.dst, id) }

func (e *encoder) give(v texts.Vector) {
	if e.o.Variable != nil && v.Len() > 0 {
		e.o.Variable(v)
	}
}

// node appends a node for v: the first kind that fits. depth counts templates within
// templates; distinct says that no value comes twice.
func (e *encoder) node(v texts.Vector, depth int, what say, distinct bool) {
	if allSame(v) {
		e.constant(v, what)
		return
	}
	if v.Len() < minEncoded {
		e.plain(v, what)
		return
	}
	start := len(e.dst)
	e.dst = append(e.dst, formTyped)
	if dst, ok := typed.Append(e.dst, e.w, v); ok {
		e.dst = dst
		e.stats(v)
		if what != sayNothing {
			e.give(v)
		}
		return
	}
	e.dst = e.dst[:start]
	if e.level == len(e.levels) {
		e.levels = append(e.levels, &level{})
	}
	l := e.levels[e.level]
	e.level++
	defer func() { e.level-- }()
	if !distinct && l.dict.build(v) {
		e.dictionary(l, depth, what)
		return
	}
	if depth < maxLevels && e.templates(l, v, depth, what) {
		return
	}
	e.plain(v, what)
}

func allSame(v texts.Vector) bool {
	if v.Len() == 0 {
		return true
	}
	first := v.At(0)
	for i := 1; i < v.Len(); i++ {
		if string(v.At(i)) != string(first) {
			return false
		}
	}
	return true
}

func (e *encoder) constant(v texts.Vector, what say) {
	if v.Len() == 0 {
		e.dst = append(e.dst, formConst, 0)
		return
	}
	if what != sayNothing {
		e.give(v.Slice(0, 1))
	}
	text := v.At(0)
	if len(text) <= inline {
		e.dst = wire.AppendBytes(append(e.dst, formConst), text)
		return
	}
	e.dst = append(e.dst, formConstStream)
	e.id(e.w.Put(stream.Texts, text))
}

// stats appends the lengths of v and what it consists of.
func (e *encoder) stats(v texts.Vector) {
	shortest, longest := len(v.At(0)), 0
	for i := range v.Len() {
		n := int(v.Offsets[i+1] - v.Offsets[i])
		shortest, longest = min(shortest, n), max(longest, n)
	}
	e.number(shortest)
	e.number(longest - shortest)
	e.about(v)
}

// about appends the classes that occur in v and, where these leave it open, the letters.
func (e *encoder) about(v texts.Vector) {
	chars, letters := match.About(v.Data[v.Offsets[0]:v.Offsets[v.Len()]])
	e.number(int(chars))
	if chars&lettered != 0 {
		e.number(int(letters))
	}
}

// lettered are the classes of bytes that may be letters.
const lettered = match.CharHexLower | match.CharLower | match.CharHexUpper | match.CharUpper | match.CharHigh

func (e *encoder) dictionary(l *level, depth int, what say) {
	e.dst = append(e.dst, formDict)
	e.number(l.dict.entries.Len())
	e.node(l.dict.entries, depth, what, true)
	e.dst = ints.AppendCodes(e.dst, e.w, l.dict.codes)
}

// plain appends the texts themselves.
func (e *encoder) plain(v texts.Vector, what say) {
	if what != sayNothing {
		e.give(v)
	}
	ended := true
	size := v.Size() + v.Len()
	buf := e.buf[:0]
	for i := range v.Len() {
		buf = append(append(buf, v.At(i)...), 0)
	}
	e.buf = buf
	if zeros(buf) != v.Len() {
		ended = false
	}
	switch {
	case ended && size <= chunkSize/4:
		e.dst = append(e.dst, formShort)
		e.number(size)
		e.about(v)
		e.putShort(buf)
	case ended:
		e.dst = append(e.dst, formEnded)
		e.stats(v)
		e.id(e.w.Put(stream.Texts, buf))
	default:
		e.dst = append(e.dst, formMeasured)
		e.stats(v)
		lengths := make([]int64, v.Len())
		for i := range lengths {
			lengths[i] = int64(v.Offsets[i+1] - v.Offsets[i])
		}
		e.dst = ints.Append(e.dst, e.w, lengths)
		e.id(e.w.Put(stream.Texts, v.Data[v.Offsets[0]:v.Offsets[v.Len()]]))
	}
}

// putShort adds short texts to the chunks as parser.short takes them out again.
func (e *encoder) putShort(b []byte) {
	if len(e.short)+len(b) > chunkSize {
		e.endChunk()
	}
	e.short = append(e.short, b...)
}

func (e *encoder) endChunk() {
	if len(e.short) > 0 {
		e.chunks = append(e.chunks, e.w.Put(stream.Texts, e.short))
		e.short = e.short[:0]
	}
}
