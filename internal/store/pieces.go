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

const (
	// kindDirectory is what says where everything is; heads and footers of files
	// count to it.
	kindDirectory = "directory"
	// kindGroups is the bytes of row groups that are not told apart.
	kindGroups = "row groups"
)

// pieces tells what the bytes of a row group are, reading its directory only, of a
// part that was opened without a cache. What no piece covers is the directory's.
func pieces(p *part.Part, r *part.Reader, i int, add func(piece)) error {
	if _, err := r.Group(i); err != nil {
		return err
	}
	add(piece{kind: kindGroups, bytes: p.Groups[i].Len, raw: p.Groups[i].Bytes})
	return nil
}
