package main

import (
	"context"
	"encoding/json"

	"journalist/internal/cli"
	"journalist/internal/scan"
)

// explainQuery prints how a query is understood, planned and answered.
func (a *app) explainQuery(ctx context.Context, f *askFlags, text, how string) error {
	if err := cli.CheckExplain(how); err != nil {
		return err
	}
	q, err := f.question(text)
	if err != nil {
		return err
	}
	q.Explain = how
	from, done, err := f.open(a, f.location)
	if err != nil {
		return err
	}
	defer done()
	x, st, err := from.Explain(ctx, q)
	if err != nil {
		return a.explain(q.Query, err)
	}
	if f.form == "json" {
		err = json.NewEncoder(a.stdout).Encode(struct {
			Explain *scan.Explanation `json:"explain"`
			Stats   cli.Stats         `json:"stats"`
		}{x, st})
	} else {
		err = cli.WriteExplanation(a.stdout, x, st)
	}
	if err != nil {
		return err
	}
	return a.partial(st)
}
