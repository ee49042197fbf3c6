package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"journalist/internal/record"
)

// bencher holds what all measurements of a run share.
type bencher struct {
	options
	corpus *corpus
	work   string // folder for the stores
	stores int    // started so far, for their folders' names
}

// storeReport is everything measured of one store.
type storeReport struct {
	Title     string                     `json:"title"`
	Sets      map[string]loadFigures     `json:"sets"`
	All       allFigures                 `json:"all"`
	Groups    map[string]sizeFigures     `json:"groups,omitempty"` // text, json: loaded without the others
	Alone     map[string]sizeFigures     `json:"alone,omitempty"`  // each set by itself
	Questions map[string]*questionReport `json:"questions"`
	Readable  readableFigures            `json:"readable"`
	Further   *furtherFigures            `json:"further,omitempty"`
}

// furtherFigures are those of the store that holds the corpus and the made set.
type furtherFigures struct {
	Rows int64 `json:"rows"`
	RSS  int64 `json:"peak_rss_bytes"` // load and questions
}

// allFigures are those of the store that holds all sets.
type allFigures struct {
	loadFigures
	DiskStopped int64 `json:"disk_stopped_bytes"` // after a stop in order
	RSSLoad     int64 `json:"peak_rss_load_bytes"`
	RSS         int64 `json:"peak_rss_bytes"` // questions included
}

// sizeFigures are those of a store that holds some sets. It is loaded, left to
// rest, stopped, and then measured: nothing is in memory or in a log any more.
type sizeFigures struct {
	loadFigures
	DiskStopped int64 `json:"disk_stopped_bytes"`
}

// readableFigures is how long after its ack a row was in an answer.
type readableFigures struct {
	Median float64 `json:"median_ms"`
	Worst  float64 `json:"worst_ms"`
	Probes int     `json:"probes"`
}

// window is the range of time that our questions cover: all rows of so many
// copies of the corpus and of the made set, and the probes behind them.
func (b *bencher) window(copies int) (from, to time.Time) {
	last := epoch.Add(time.Duration(copies) * b.corpus.span())
	if made := epoch.Add(time.Duration(b.made) * rowStep); made.After(last) {
		last = made
	}
	return epoch, last.Add(time.Hour)
}

// starters are the stores to measure, ours first.
func (b *bencher) starters(copies int) []start {
	from, to := b.window(copies)
	list := []start{startOurs(b.bin, from, to)}
	if b.rival != "" {
		list = append(list, startRival(b.rival))
	}
	return list
}

// with starts a store in a new folder, hands it to f and removes it.
func (b *bencher) with(ctx context.Context, st start, f func(s store) error) (err error) {
	b.stores++
	dir := filepath.Join(b.work, fmt.Sprintf("store-%d", b.stores))
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := st(ctx, dir)
	if err != nil {
		return err
	}
	defer s.kill()
	return f(s)
}

// measure measures all stores. Steps of one kind follow each other, so that a
// change of the machine's mood meets both.
func (b *bencher) measure(ctx context.Context) (ours, rival *storeReport, err error) {
	starters := b.starters(1)
	reports := make([]*storeReport, len(starters))
	for i, st := range starters {
		r := &storeReport{Sets: map[string]loadFigures{}, Groups: map[string]sizeFigures{}, Alone: map[string]sizeFigures{}, Questions: map[string]*questionReport{}}
		reports[i] = r
		if err := b.with(ctx, st, func(s store) error { return b.measureAll(ctx, s, r) }); err != nil {
			return nil, nil, err
		}
	}
	if b.made > 0 {
		if err := b.measureFurther(ctx, starters, reports); err != nil {
			return nil, nil, err
		}
	}
	for name, sets := range b.groupsOfSets() {
		for i, st := range starters {
			f, err := b.size(ctx, st, sets)
			if err != nil {
				return nil, nil, err
			}
			reports[i].Groups[name] = f
			b.say("%s: only %s sets: %.2f MB on disk, stopped", reports[i].Title, name, mega(f.DiskStopped))
		}
	}
	if b.alone {
		for _, one := range b.corpus.sets {
			for i, st := range starters {
				f, err := b.size(ctx, st, []*set{one})
				if err != nil {
					return nil, nil, err
				}
				reports[i].Alone[one.Name] = f
				b.say("%s: only %s: %.3f MB on disk, stopped", reports[i].Title, one.Name, mega(f.DiskStopped))
			}
		}
	}
	if len(reports) > 1 {
		rival = reports[1]
	}
	return reports[0], rival, nil
}

// groupsOfSets are the text and the JSON sets, where there are both: else the
// group is the whole.
func (b *bencher) groupsOfSets() map[string][]*set {
	text, json := b.corpus.of(false), b.corpus.of(true)
	if !b.groups || len(text) == 0 || len(json) == 0 {
		return nil
	}
	return map[string][]*set{"text": text, "json": json}
}

// measureAll loads set by set and asks everything.
func (b *bencher) measureAll(ctx context.Context, s store, r *storeReport) error {
	r.Title = s.title()
	empty, err := s.usage()
	if err != nil {
		return err
	}
	for _, one := range b.corpus.sets {
		f, err := b.load(ctx, s, []*set{one}, 0)
		if err != nil {
			return err
		}
		r.Sets[one.Name] = f
		r.All.Wall += f.Wall
		b.say("%s: %-14s %9d rows %7.1f MB, wall %6.2f s, CPU %6.2f s = %6.1f MB and %7.1f thousand rows a CPU second, disk %+.2f MB",
			r.Title, one.Name, f.Rows, mega(f.Raw), f.Wall, f.CPU, f.megaPerCPU(), f.rowsPerCPU()/1e3, mega(f.Disk))
	}
	if err := b.rest(ctx, s); err != nil {
		return err
	}
	u, err := s.usage()
	if err != nil {
		return err
	}
	r.All.Rows, r.All.Raw = total(b.corpus.sets)
	r.All.CPU, r.All.RSSLoad = (u.CPU - empty.CPU).Seconds(), u.PeakRSS
	if r.All.Disk, err = s.disk(); err != nil {
		return err
	}
	b.say("%s: all %d rows, CPU %.2f s, disk %.2f MB, peak RSS %.0f MB", r.Title, r.All.Rows, r.All.CPU, mega(r.All.Disk), mega(u.PeakRSS))
	if err := b.askAll(ctx, s, questions, r.Questions); err != nil {
		return err
	}
	if u, err = s.usage(); err != nil {
		return err
	}
	r.All.RSS = u.PeakRSS
	if r.Readable, err = b.probe(ctx, s); err != nil {
		return err
	}
	b.say("%s: peak RSS with questions %.0f MB; a row is readable %.1f ms after its ack (worst of %d: %.1f ms)",
		r.Title, mega(u.PeakRSS), r.Readable.Median, r.Readable.Probes, r.Readable.Worst)
	if err := s.stop(); err != nil {
		return err
	}
	r.All.DiskStopped, err = s.disk()
	return err
}

// measureFurther loads the corpus and the made set into stores of their own and asks
// the further questions.
func (b *bencher) measureFurther(ctx context.Context, starters []start, reports []*storeReport) error {
	made, err := makeOrders(ctx, filepath.Join(b.work, "made"), b.made)
	if err != nil {
		return err
	}
	sets := append(slices.Clone(b.corpus.sets), made)
	for i, st := range starters {
		r := reports[i]
		err := b.with(ctx, st, func(s store) error {
			f, err := b.load(ctx, s, sets, 0)
			if err != nil {
				return err
			}
			if err := b.rest(ctx, s); err != nil {
				return err
			}
			b.say("%s: %d rows with the made ones, CPU %.2f s", r.Title, f.Rows, f.CPU)
			if err := b.askAll(ctx, s, furtherQuestions, r.Questions); err != nil {
				return err
			}
			u, err := s.usage()
			r.Further = &furtherFigures{Rows: f.Rows, RSS: u.PeakRSS}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// size loads some sets into a store of their own.
func (b *bencher) size(ctx context.Context, st start, sets []*set) (f sizeFigures, err error) {
	err = b.with(ctx, st, func(s store) (err error) {
		if f.loadFigures, err = b.load(ctx, s, sets, 0); err != nil {
			return err
		}
		if err := b.rest(ctx, s); err != nil {
			return err
		}
		if err := s.stop(); err != nil {
			return err
		}
		f.DiskStopped, err = s.disk()
		return err
	})
	return f, err
}

// probeWait is how long a row may stay unreadable before that is an error.
const probeWait = time.Minute

// probe sends rows one by one, each in a body of its own, and asks for each until
// it is found.
func (b *bencher) probe(ctx context.Context, s store) (f readableFigures, err error) {
	_, to := b.window(1)
	var took []float64
	for i := range b.probes {
		word := fmt.Sprintf("readableprobe%dq", i)
		body := []byte(action + rowHead)
		body = to.Add(-time.Minute).AppendFormat(body, timeLayout)
		body = append(body, `","host":"h0","app":"probe","message":`...)
		body = record.AppendJSONString(body, "a line with "+word+" in it")
		body = append(body, '}', '\n')
		if err := s.push(ctx, body); err != nil {
			return f, err
		}
		ack := time.Now()
		query, _ := s.text(question{ours: "message:" + word + " | stats count() as n", rival: word + " | count() n"})
		for {
			answer, err := s.ask(ctx, query)
			if err != nil {
				return f, err
			}
			if slices.Equal(answer.numbers(), []float64{1}) {
				break
			}
			if time.Since(ack) > probeWait {
				return f, fmt.Errorf("%s: a row is not readable %s after its ack", s.title(), probeWait)
			}
			if err := pause(ctx, time.Millisecond); err != nil {
				return f, err
			}
		}
		took = append(took, time.Since(ack).Seconds()*1e3)
	}
	if f.Probes = len(took); f.Probes > 0 {
		f.Median, f.Worst = median(took), slices.Max(took)
	}
	return f, nil
}

// median of some numbers, which are sorted by it.
func median(list []float64) float64 {
	slices.Sort(list)
	mid := len(list) / 2
	if len(list)%2 == 0 {
		return (list[mid-1] + list[mid]) / 2
	}
	return list[mid]
}
