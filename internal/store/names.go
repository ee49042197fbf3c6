package store

import (
	"context"
	"maps"
	"slices"

	"journalist/internal/record"
	"journalist/internal/scan"
	"journalist/internal/store/filter"
)

// maxNamed is how many row groups FieldNames looks at, the last ones that came.
const maxNamed = 1000

// FieldNames returns the names of the fields of those row groups in which rows of the
// request may be. It reads what the groups' directories say, no rows; of very many
// groups, those of the last ones.
func (s *Store) FieldNames(ctx context.Context, req *scan.Request) ([]string, error) {
	x := &scanner{store: s, req: req, filter: filter.New(req.Filter)}
	snap := s.snapshot(req.From, req.To, req.Datasets)
	defer snap.close()
	known := map[string]bool{}
	for i := max(0, len(snap.units)-maxNamed); i < len(snap.units); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u := &snap.units[i]
		err := x.fieldNames(u, known)
		u.done()
		if err := x.finish(u, &scan.Stats{}, err); err != nil {
			return nil, err
		}
	}
	delete(known, record.FieldTime)
	return slices.Sorted(maps.Keys(known)), nil
}

func (x *scanner) fieldNames(u *unit, known map[string]bool) error {
	r, err := u.open()
	if err != nil {
		return err
	}
	if truth, err := x.filter.On(r).Decide(); err != nil || truth == filter.No {
		return err
	}
	names, err := r.Names()
	for _, n := range names {
		known[n] = true
	}
	return err
}
