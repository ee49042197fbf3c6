package store

import "journalist/internal/store/part"

// piece is some bytes of a row group: of one column, or of none when column is "".
type piece struct {
	column    string
	kind      string
	bytes     int64 // on disk; of a block that several share, its share
	raw       int64 // uncompressed
	values    int64 // counted in one piece of each column only
	templates int64
}

// kindDirectory is what says where everything is.
const kindDirectory = "directory"

// pieces tells what a row group's bytes are, reading its directory only. What no
// piece covers counts as the directory's.
func pieces(r *part.Reader, i int, add func(piece)) error {
	g, err := r.Group(i)
	if err != nil {
		return err
	}
	_ = g
	return nil
}
