package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// floorMS is what a question is counted as at least: below it, the times are those
// of the connection and of the machine's mood.
const floorMS = 5

// figure is a line of the table.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Ours  float64 `json:"journalist"`
	Rival float64 `json:"rival,omitempty"`
	// Value is what is judged: the ratio, or ours alone where that is the promise.
	Value  float64 `json:"value"`
	Ratio  bool    `json:"ratio"`
	Must   float64 `json:"must,omitempty"` // 0: nothing is promised
	Aim    float64 `json:"aim,omitempty"`
	Higher bool    `json:"higher_is_better,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// reaches tells whether the figure is on the good side of a bound.
func (f figure) reaches(bound float64) bool {
	if f.Higher {
		return f.Value >= bound
	}
	return f.Value <= bound
}

func (f figure) missed() bool { return f.Must != 0 && !f.reaches(f.Must) }

// compare computes the table and what is wrong with the answers.
func (r *report) compare() {
	for _, g := range r.Growth {
		if q := g.Questions["count_all"]; g.ours && !slices.Equal(q.answer.numbers(), []float64{float64(g.Load.Rows)}) {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s counts %s rows, %d were sent", g.Title, q.Answer, g.Load.Rows))
		}
	}
	if r.Journalist == nil {
		return
	}
	r.checkAnswers()
	if r.Rival != nil {
		r.Figures = append(r.Figures, r.sizes()...)
		a, b := r.Journalist.All, r.Rival.All
		r.Figures = append(r.Figures, figure{
			Name: "rows per CPU second", Unit: "thousand", Ours: a.rowsPerCPU() / 1e3, Rival: b.rowsPerCPU() / 1e3,
			Value: a.rowsPerCPU() / b.rowsPerCPU(), Ratio: true, Must: 1.3, Aim: 2, Higher: true,
		})
		r.Figures = append(r.Figures, r.speeds("", questions, 0.4, 0.2, 1.2, 0.8)...)
		r.Figures = append(r.Figures, r.speeds("further ", furtherQuestions, 0.5, 0.25, 1.2, 1)...)
	}
	r.Figures = append(r.Figures, r.promises()...)
	f := figure{Name: "peak RSS, load and questions", Unit: "MB", Ours: mega(r.Journalist.All.RSS), Value: mega(r.Journalist.All.RSS), Must: 400, Aim: 256}
	g := figure{Name: "readable after the ack, worst", Unit: "ms", Ours: r.Journalist.Readable.Worst, Value: r.Journalist.Readable.Worst, Must: 1000, Aim: 200}
	if r.Rival != nil {
		f.Rival, g.Rival = mega(r.Rival.All.RSS), r.Rival.Readable.Worst
	}
	r.Figures = append(r.Figures, f)
	if r.Journalist.Readable.Probes > 0 {
		r.Figures = append(r.Figures, g)
	}
}

// sizes are the ratios of bytes on disk.
func (r *report) sizes() (list []figure) {
	size := func(name string, ours, rival int64, must, aim float64, note string) {
		list = append(list, figure{
			Name: name, Unit: "MB", Ours: mega(ours), Rival: mega(rival), Value: float64(ours) / float64(max(rival, 1)),
			Ratio: true, Must: must, Aim: aim, Note: note,
		})
	}
	a, b := r.Journalist, r.Rival
	groups := []struct {
		name, key string
		must, aim float64
	}{{"bytes on disk, text sets", "text", 0.5, 0.38}, {"bytes on disk, JSON sets", "json", 0.6, 0.48}}
	for _, g := range groups {
		x, ok := a.Groups[g.key]
		y := b.Groups[g.key]
		if ok {
			size(g.name, x.DiskStopped, y.DiskStopped, g.must, g.aim, "in a store of their own, stopped")
		}
	}
	size("bytes on disk, all sets", a.All.Disk, b.All.Disk, 0.52, 0, "running, at rest")
	size("bytes on disk, all, stopped", a.All.DiskStopped, b.All.DiskStopped, 0, 0, "")
	return list
}

// speeds are the ratios of those questions that both answered.
func (r *report) speeds(kind string, list []question, must, aim, mustWorst, aimWorst float64) []figure {
	var sum float64
	var worst string
	n, all := 0, r.questionRatios()
	for _, q := range list {
		x, ok := all[q.name]
		if !ok {
			continue
		}
		n++
		sum += math.Log(x)
		if worst == "" || x > all[worst] {
			worst = q.name
		}
	}
	if n == 0 {
		return nil
	}
	mean := math.Exp(sum / float64(n))
	a, b := r.Journalist.Questions[worst], r.Rival.Questions[worst]
	return []figure{
		{Name: kind + "questions, geometric mean", Value: mean, Ratio: true, Must: must, Aim: aim, Note: fmt.Sprintf("best of %d, times below %d ms count as %d ms", r.Runs, floorMS, floorMS)},
		{Name: "worst " + kind + "question", Unit: "ms", Ours: a.Best, Rival: b.Best, Value: all[worst], Ratio: true, Must: mustWorst, Aim: aimWorst, Note: worst},
	}
}

// promises are the figures of the further questions that are promised in
// milliseconds.
func (r *report) promises() (list []figure) {
	if r.Journalist.Further == nil {
		return nil
	}
	add := func(name, unit string, ours, rival, must, aim float64, note string) {
		list = append(list, figure{Name: name, Unit: unit, Ours: ours, Rival: rival, Value: ours, Must: must, Aim: aim, Note: note})
	}
	rival := func(question string) float64 {
		if r.Rival == nil || r.Rival.Questions[question] == nil {
			return 0
		}
		return r.Rival.Questions[question].Best
	}
	slowest := ""
	for name, q := range r.Journalist.Questions {
		if strings.HasPrefix(name, "first_") && q.Error == "" && (slowest == "" || q.Best > r.Journalist.Questions[slowest].Best) {
			slowest = name
		}
	}
	if q := r.Journalist.Questions[slowest]; q != nil {
		add("first row, slowest filter", "ms", q.Best, rival(slowest), 50, 10, slowest)
	}
	if q := r.Journalist.Questions["patterns"]; q != nil && q.Error == "" {
		add("patterns of all rows", "ms", q.Best, rival("patterns"), 300, 200, fmt.Sprintf("%d rows", r.Journalist.Further.Rows))
	}
	theirs := 0.0
	if r.Rival != nil && r.Rival.Further != nil {
		theirs = mega(r.Rival.Further.RSS)
	}
	add("peak RSS, further questions", "MB", mega(r.Journalist.Further.RSS), theirs, 400, 256, "")
	return list
}

// questionRatios compares the best times of what both answered.
func (r *report) questionRatios() map[string]float64 {
	ratios := map[string]float64{}
	for name, a := range r.Journalist.Questions {
		b := r.Rival.Questions[name]
		if b == nil || a.Best == 0 || b.Best == 0 { // one of them did not answer
			continue
		}
		ratios[name] = max(a.Best, floorMS) / max(b.Best, floorMS)
	}
	return ratios
}

// checkAnswers notes what was answered wrongly, or not at all.
func (r *report) checkAnswers() {
	a := r.Journalist
	sent := float64(a.All.Rows)
	if q := a.Questions["count_all"]; q != nil && !slices.Equal(q.answer.numbers(), []float64{sent}) {
		r.Wrong = append(r.Wrong, fmt.Sprintf("journalist counts %v rows, %.0f were sent", q.answer.numbers(), sent))
	}
	var lost float64 // rows that the rival did not keep
	if r.Rival != nil {
		if q := r.Rival.Questions["count_all"]; q != nil && len(q.answer.numbers()) == 1 {
			lost = sent - q.answer.numbers()[0]
		}
		if lost != 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s counts %.0f rows less than it acknowledged; answers may differ by as many", r.Rival.Title, lost))
		}
	}
	for _, q := range allQuestions() {
		x := a.Questions[q.name]
		if x == nil {
			continue
		}
		if x.Error != "" {
			r.NotAnswered = append(r.NotAnswered, q.name+": "+cut(x.Error, 160))
			continue
		}
		if r.Rival == nil {
			continue
		}
		y := r.Rival.Questions[q.name]
		if y == nil || y.Error != "" {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: %s gave nothing to compare with: %s", q.name, r.Rival.Title, y.error()))
			continue
		}
		if why := q.differ(x.answer, y.answer, math.Abs(lost)); why != "" {
			r.Wrong = append(r.Wrong, q.name+": "+why)
		}
	}
}

func (q *questionReport) error() string {
	if q == nil {
		return "it was not asked"
	}
	return q.Error
}

// differ says how two answers differ, "" when they do not; slack is by how much
// each count may.
func (q question) differ(a, b rows, slack float64) string {
	switch q.by {
	case byNothing:
		return ""
	case byRows:
		if len(a) != len(b) {
			return fmt.Sprintf("%d and %d rows", len(a), len(b))
		}
		return ""
	case byTimes:
		x, y := a.times(), b.times()
		if slack == 0 && !slices.EqualFunc(x, y, time.Time.Equal) {
			return fmt.Sprintf("%d and %d times, which are not the same", len(x), len(y))
		}
		return ""
	}
	x, y := a.numbers(), b.numbers()
	if len(x) != len(y) {
		return fmt.Sprintf("%d and %d numbers", len(x), len(y))
	}
	for i := range x {
		allowed := slack
		if q.by == byEstimate {
			allowed += 0.02 * math.Abs(y[i])
		}
		if !(math.Abs(x[i]-y[i]) <= allowed) {
			return fmt.Sprintf("number %d is %v, the rival's %v", i+1, x[i], y[i])
		}
	}
	return ""
}

// missed are the figures that must be reached and are not.
func (r *report) missed() (list []string) {
	for _, f := range r.Figures {
		if f.missed() {
			list = append(list, f.Name)
		}
	}
	return list
}

// verdict is an error where an answer is wrong; when strict also where a figure is
// missed or a question was not answered.
func (r *report) verdict(strict bool) error {
	if len(r.Wrong) > 0 {
		return fmt.Errorf("wrong answers: %s", strings.Join(r.Wrong, "; "))
	}
	if !strict {
		return nil
	}
	if list := r.missed(); len(list) > 0 {
		return fmt.Errorf("not reached: %s", strings.Join(list, ", "))
	}
	if len(r.NotAnswered) > 0 {
		return fmt.Errorf("not answered: %s", strings.Join(r.NotAnswered, "; "))
	}
	return nil
}

// sortedKeys are a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
