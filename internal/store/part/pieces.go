package part

import (
	"journalist/internal/scan"
	"journalist/internal/store/column"
	"journalist/internal/store/stream"
	"journalist/internal/store/text"
)

// Piece is some bytes of a row group: of one column, or of none when Column is "".
type Piece struct {
	Column string
	// Kind is how they are encoded: "const", "dict", "ints", what the root of the
	// texts is ("template", "time", "plain" …), "rare", or what they are: "filter",
	// "times", "shapes".
	Kind      string
	Bytes     int64 // on disk; of a block that several streams share, their share
	Raw       int64 // uncompressed
	Values    int64 // of the column, in one of its pieces
	Templates int64
}

// Pieces tells what the bytes of group i are. It reads its directory and the
// structure of texts. What no piece covers is the directory's.
func (r *Reader) Pieces(i int, add func(Piece)) error {
	g, err := r.Group(i)
	if err != nil {
		return err
	}
	s := shares{table: g.dir.table, raw: make([]int64, len(g.dir.table.Blocks))}
	for id := range stream.ID(s.table.Len()) {
		if n, _, ok := s.table.Block(id); ok {
			s.raw[n] += int64(s.table.Size(id))
		}
	}
	end := g.dir.shapes
	add(s.piece("", "times", 0, end))
	add(s.piece("", "shapes", end, g.dir.first))
	at := g.dir.first
	for j := range g.dir.entries {
		e := &g.dir.entries[j]
		if err := s.column(g, e, e.Name, at, add); err != nil {
			return err
		}
		at += stream.ID(e.Streams)
	}
	last := g.dir.common.First()
	if g.dir.rest.values > 0 && at < last {
		p := s.piece("", "rare", at, last)
		p.Values = int64(g.dir.rest.values)
		add(p)
	}
	add(s.piece("", "filter", max(at, last), stream.ID(s.table.Len())))
	return nil
}

// shares tells how much of its block a stream takes.
type shares struct {
	table *stream.Table
	raw   []int64 // of each block
}

// piece sums up the streams [from, to).
func (s *shares) piece(column, kind string, from, to stream.ID) Piece {
	p := Piece{Column: column, Kind: kind}
	for id := from; id < to && int(id) < s.table.Len(); id++ {
		s.add(&p, id)
	}
	return p
}

func (s *shares) add(p *Piece, id stream.ID) {
	if n, _, ok := s.table.Block(id); ok {
		size := int64(s.table.Size(id))
		p.Raw += size
		p.Bytes += int64(s.table.Blocks[n].Len) * size / max(s.raw[n], 1)
	}
}

// column tells the pieces of a column whose streams begin at first.
func (s *shares) column(g *Group, e *column.Entry, name string, first stream.ID, add func(Piece)) error {
	values := Piece{Column: name, Kind: formNames[e.Form], Values: int64(e.Len)}
	filter := Piece{Column: name, Kind: "filter"}
	if e.Form == scan.Plain {
		n, err := e.Node(g.src)
		if err != nil {
			return g.wrap("column "+name, err)
		}
		values.Kind = n.Kind().String()
		if n.Kind() == text.Typed {
			values.Kind = n.TypedKind().String()
		}
		n.Walk(func(_ int, n *text.Node) {
			if n.Kind() == text.Template {
				values.Templates += int64(len(n.Templates()))
			}
		})
	}
	for id := first; id < first+stream.ID(e.Streams) && int(id) < s.table.Len(); id++ {
		if e.IsFilter(id) {
			s.add(&filter, id)
		} else {
			s.add(&values, id)
		}
	}
	add(values)
	if filter.Bytes > 0 {
		add(filter)
	}
	return nil
}

var formNames = map[scan.Form]string{scan.Plain: "plain", scan.Consts: "const", scan.Dict: "dict", scan.Ints: "ints"}
