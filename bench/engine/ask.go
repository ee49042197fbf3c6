package main

import (
	"context"
	"slices"
	"time"
)

// questionReport is what a question took and what it was answered with.
type questionReport struct {
	Best   float64 `json:"best_ms"`
	Median float64 `json:"median_ms"`
	CPU    float64 `json:"cpu_ms"` // of one asking; in steps of 10 ms by the number of askings
	Answer string  `json:"answer"` // its beginning
	Error  string  `json:"error,omitempty"`

	answer rows // to compare
}

// askAll asks every question that the corpus has rows for, several times each.
func (b *bencher) askAll(ctx context.Context, s store, list []question, into map[string]*questionReport) error {
	for _, q := range list {
		if q.needs != "" && !b.corpus.has(q.needs) {
			continue
		}
		r, err := b.askOne(ctx, s, q)
		if err != nil {
			return err
		}
		into[q.name] = r
		what := r.Answer
		if r.Error != "" {
			what = "ERROR " + r.Error
		}
		b.say("%s: %-16s best %8.1f ms, median %8.1f ms, CPU %8.1f ms  %s", s.title(), q.name, r.Best, r.Median, r.CPU, cut(what, 80))
	}
	return nil
}

// askOne times one question. That a store refuses it is part of the report; only
// a store that cannot be measured is an error.
func (b *bencher) askOne(ctx context.Context, s store, q question) (*questionReport, error) {
	r := &questionReport{}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	timed, check := s.text(q)
	took := make([]float64, 0, b.runs)
	for range b.runs {
		start := time.Now()
		answer, err := s.ask(ctx, timed)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			r.Error = err.Error()
			return r, nil
		}
		took = append(took, time.Since(start).Seconds()*1e3)
		r.answer = answer
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	r.Best, r.Median = slices.Min(took), median(took)
	r.CPU = (after.CPU - before.CPU).Seconds() * 1e3 / float64(b.runs)
	r.Answer = r.answer.excerpt()
	if check != "" {
		if r.answer, err = s.ask(ctx, check); err != nil {
			r.answer, r.Error = nil, "to compare: "+err.Error()
		}
	}
	return r, nil
}
