package store

import "journalist/internal/store/part"

// piece is some bytes of a row group: of one column, or of none when column is "".
type piece struct {
	column    string
	kind      string // how they are encoded, or what they are
	bytes     int64  // on disk; of a block that several share, its share
	raw       int64  // uncompressed
	values    int64  // of the column; of its several pieces one has them
	templates int64
}

// kindDirectory is what says where everything is; heads and footers of files count
// to it.
const kindDirectory = "directory"

// pieces tells what the bytes of a row group are, reading its directory and the
// structure of its texts, of a part that was opened without a cache. What no piece
// covers is the directory's.
func pieces(r *part.Reader, i int, add func(piece)) error {
	return r.Pieces(i, func(p part.Piece) {
		add(piece{column: p.Column, kind: p.Kind, bytes: p.Bytes, raw: p.Raw, values: p.Values, templates: p.Templates})
	})
}
