package store

import "context"

// purgeOnce writes one part with deleted rows anew without them, if there is one.
// Row groups without deleted rows are copied as they are, when they are big.
func (s *Store) purgeOnce(ctx context.Context) (bool, error) {
	s.mergeMu.Lock()
	defer s.mergeMu.Unlock()
	s.mu.Lock()
	var p *livePart
	for _, q := range s.mu.parts {
		if q.gone != nil {
			p = q
			p.refs++
			break
		}
	}
	s.mu.Unlock()
	if p == nil {
		return false, nil
	}
	clean := &livePart{folder: p.folder, partition: p.partition, lo: p.lo, hi: p.hi, edition: p.edition + 1}
	if done, err := s.rewrite(ctx, []*livePart{p}, clean); !done || err != nil {
		return err == nil, err
	}
	s.m.purges.Inc()
	s.o.Logger.Info("deleted rows are gone from a part", "part", clean.Path, "rows", p.gone.count(), "bytes_before", p.Size, "bytes", clean.Size)
	return true, s.saveManifest()
}
