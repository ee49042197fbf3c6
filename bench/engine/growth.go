package main

import (
	"context"
	"time"
)

// growthFigures is one store with so many copies of the corpus.
type growthFigures struct {
	Title  string      `json:"title"`
	Copies int         `json:"copies"`
	Load   loadFigures `json:"load"`
	// DiskStopped is without what a log repeats while rows are in memory.
	DiskStopped int64                      `json:"disk_stopped_bytes"`
	RSSLoad     int64                      `json:"peak_rss_load_bytes"`
	RSS         int64                      `json:"peak_rss_bytes"`
	Questions   map[string]*questionReport `json:"questions"`

	ours bool
}

// measureGrowth loads 1, 4, 16 … copies of the corpus, each copy's times behind
// those of the one before, and asks every question of each: what a row costs must
// not grow with the store, and no question may cost more than the rows it is about.
func (b *bencher) measureGrowth(ctx context.Context) (list []growthFigures, err error) {
	for _, copies := range b.steps {
		for i, st := range b.starters(copies) {
			g := growthFigures{Copies: copies, ours: i == 0, Questions: map[string]*questionReport{}}
			if err := b.with(ctx, st, func(s store) error { return b.grow(ctx, s, &g) }); err != nil {
				return nil, err
			}
			list = append(list, g)
		}
	}
	return list, nil
}

func (b *bencher) grow(ctx context.Context, s store, g *growthFigures) error {
	g.Title = s.title()
	before, err := s.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range g.Copies {
		if err := b.pushAll(ctx, s, b.corpus.sets, time.Duration(i)*b.corpus.span()); err != nil {
			return err
		}
	}
	g.Load.Wall = time.Since(start).Seconds()
	if err := b.idle(ctx, s); err != nil {
		return err
	}
	if err := b.rest(ctx, s); err != nil {
		return err
	}
	u, err := s.usage()
	if err != nil {
		return err
	}
	rows, raw := total(b.corpus.sets)
	g.Load.Rows, g.Load.Raw = rows*int64(g.Copies), raw*int64(g.Copies)
	g.Load.CPU, g.RSSLoad = (u.CPU - before.CPU).Seconds(), u.PeakRSS
	if g.Load.Disk, err = s.disk(); err != nil {
		return err
	}
	b.say("%s: %d times the corpus, %d rows: CPU %.2f s, disk %.2f MB", g.Title, g.Copies, g.Load.Rows, g.Load.CPU, mega(g.Load.Disk))
	if err := b.askAll(ctx, s, questions, g.Questions); err != nil {
		return err
	}
	if u, err = s.usage(); err != nil {
		return err
	}
	g.RSS = u.PeakRSS
	if err := s.stop(); err != nil {
		return err
	}
	g.DiskStopped, err = s.disk()
	return err
}
