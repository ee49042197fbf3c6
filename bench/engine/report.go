package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that a run found out; it is the JSON file.
type report struct {
	Started     time.Time       `json:"started"`
	CPUs        int             `json:"cpus"`
	Conns       int             `json:"connections"`
	Runs        int             `json:"runs"`
	FloorMS     float64         `json:"question_floor_ms"`
	Sets        []*set          `json:"sets"`
	Figures     []figure        `json:"figures,omitempty"`
	Wrong       []string        `json:"wrong,omitempty"`
	NotAnswered []string        `json:"not_answered,omitempty"`
	Notes       []string        `json:"notes,omitempty"`
	Journalist  *storeReport    `json:"journalist,omitempty"`
	Rival       *storeReport    `json:"rival,omitempty"`
	Growth      []growthFigures `json:"growth,omitempty"`
}

func newReport(o options, c *corpus) *report {
	return &report{Started: time.Now().UTC(), CPUs: runtime.NumCPU(), Conns: o.conns, Runs: o.runs, FloorMS: floorMS, Sets: c.sets}
}

// write prints the tables and writes the file.
func (r *report) write(w io.Writer, file string) error {
	var b strings.Builder
	if r.Journalist != nil {
		r.printSets(&b)
		r.printQuestions(&b)
		r.printFigures(&b)
	}
	if len(r.Growth) > 0 {
		r.printGrowth(&b)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"note", r.Notes}, {"NOT ANSWERED", r.NotAnswered}, {"WRONG", r.Wrong}} {
		for _, line := range part.lines {
			fmt.Fprintf(&b, "%s: %s\n", part.title, line)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// table prints lines of cells, the first one is the head. The first cell stands
// at the left; the others are numbers and stand at the right. A last cell whose
// head is empty is a remark.
func table(w io.Writer, lines [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	widest := 0
	for _, l := range lines {
		widest = max(widest, len([]rune(l[0])))
	}
	for _, l := range lines {
		name := l[0] + strings.Repeat(" ", widest-len([]rune(l[0])))
		end := "\t"
		if lines[0][len(l)-1] == "" {
			end = ""
		}
		fmt.Fprintf(t, "%s\t%s%s\n", name, strings.Join(l[1:], "\t"), end)
	}
	_ = t.Flush() // w is in memory
	fmt.Fprintln(w)
}

func num(format string, x float64) string { return fmt.Sprintf(format, x) }

// times prints a ratio.
func times(x float64) string { return fmt.Sprintf("%.2fx", x) }

// printSets shows loading set by set.
func (r *report) printSets(w io.Writer) {
	lines := [][]string{{"set", "rows", "raw MB", "CPU s", "MB/CPU s", "krows/CPU s", "disk MB"}}
	if r.Rival != nil {
		lines[0] = append(lines[0], "rival CPU s", "rival disk MB", "CPU", "disk")
	}
	// comparable: the bytes are the set's own, not what a shared store grew by.
	line := func(name string, a, b loadFigures, comparable bool) {
		l := []string{name, fmt.Sprint(a.Rows), num("%.1f", mega(a.Raw)), num("%.2f", a.CPU), num("%.1f", a.megaPerCPU()), num("%.0f", a.rowsPerCPU()/1e3), num("%.2f", mega(a.Disk))}
		if r.Rival != nil {
			disk := "-"
			if comparable && b.Disk > 0 {
				disk = times(float64(a.Disk) / float64(b.Disk))
			}
			l = append(l, num("%.2f", b.CPU), num("%.2f", mega(b.Disk)), times(a.CPU/max(b.CPU, 0.01)), disk)
		}
		lines = append(lines, l)
	}
	rival := &storeReport{}
	if r.Rival != nil {
		rival = r.Rival
	}
	for _, s := range r.Sets {
		line(s.Name, r.Journalist.Sets[s.Name], rival.Sets[s.Name], false)
	}
	line("all", r.Journalist.All.loadFigures, rival.All.loadFigures, true)
	// What is on disk is exact here: the sets are alone and the store is stopped.
	apart := func(title string, a, b map[string]sizeFigures) {
		for _, name := range sortedKeys(a) {
			x, y := a[name], b[name]
			x.Disk, y.Disk = x.DiskStopped, y.DiskStopped
			line(title+name, x.loadFigures, y.loadFigures, true)
		}
	}
	apart("only ", r.Journalist.Groups, rival.Groups)
	apart("only ", r.Journalist.Alone, rival.Alone)
	table(w, lines)
}

// printQuestions shows the questions, the worst ratio first.
func (r *report) printQuestions(w io.Writer) {
	lines := [][]string{{"question", "best ms", "median", "CPU ms"}}
	var ratios map[string]float64
	if r.Rival != nil {
		lines[0] = append(lines[0], "rival best", "median", "CPU ms", "ratio")
		ratios = r.questionRatios()
	}
	names := sortedKeys(r.Journalist.Questions)
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case ratios[a] > ratios[b]:
			return -1
		case ratios[a] < ratios[b]:
			return 1
		}
		return 0
	})
	for _, name := range names {
		l := append([]string{name}, cells(r.Journalist.Questions[name])...)
		if r.Rival != nil {
			ratio := "-"
			if x, ok := ratios[name]; ok {
				ratio = times(x)
			}
			l = append(append(l, cells(r.Rival.Questions[name])...), ratio)
		}
		lines = append(lines, l)
	}
	table(w, lines)
}

func cells(q *questionReport) []string {
	if q == nil || q.Best == 0 {
		return []string{"-", "-", "-"}
	}
	return []string{num("%.1f", q.Best), num("%.1f", q.Median), num("%.0f", q.CPU)}
}

// printFigures shows what is judged.
func (r *report) printFigures(w io.Writer) {
	lines := [][]string{{"figure", "journalist", "rival", "", "must reach", "aim", ""}}
	bound := func(f figure, x float64) string {
		switch {
		case x == 0:
			return "-"
		case f.Higher:
			return "≥ " + f.print(x)
		}
		return "≤ " + f.print(x)
	}
	for _, f := range r.Figures {
		verdict := ""
		switch {
		case f.Must == 0:
		case f.missed():
			verdict = "MISSED"
		case f.Aim != 0 && f.reaches(f.Aim):
			verdict = "aim"
		default:
			verdict = "ok"
		}
		ratio := ""
		if f.Ratio {
			ratio = times(f.Value)
		}
		lines = append(lines, []string{f.Name, f.amount(f.Ours), f.amount(f.Rival), ratio, bound(f, f.Must), bound(f, f.Aim), strings.TrimRight(fmt.Sprintf("   %-7s %s", verdict, f.Note), " ")})
	}
	table(w, lines)
}

func (f figure) amount(x float64) string {
	if x == 0 {
		return "-"
	}
	return strings.TrimSpace(fmt.Sprintf("%.2f %s", x, f.Unit))
}

// print prints a bound in the unit of what is judged.
func (f figure) print(x float64) string {
	if f.Ratio {
		return times(x)
	}
	return fmt.Sprintf("%g %s", x, f.Unit)
}

// printGrowth shows what a row and a question cost with every size of the store.
func (r *report) printGrowth(w io.Writer) {
	byTitle := map[string][]growthFigures{}
	for _, g := range r.Growth {
		byTitle[g.Title] = append(byTitle[g.Title], g)
	}
	for _, title := range sortedKeys(byTitle) {
		list := byTitle[title]
		head := []string{title}
		rows, cpu, disk, rss := []string{"rows"}, []string{"CPU µs a row"}, []string{"disk bytes a row, stopped"}, []string{"peak RSS MB"}
		for _, g := range list {
			n := float64(max(g.Load.Rows, 1))
			head = append(head, fmt.Sprintf("%d times", g.Copies))
			rows = append(rows, fmt.Sprint(g.Load.Rows))
			cpu = append(cpu, num("%.3f", g.Load.CPU*1e6/n))
			disk = append(disk, num("%.3f", float64(g.DiskStopped)/n))
			rss = append(rss, num("%.0f", mega(g.RSS)))
		}
		table(w, [][]string{head, rows, cpu, disk, rss})
		lines := [][]string{{"best ms (CPU ms)"}}
		for _, g := range list {
			lines[0] = append(lines[0], fmt.Sprintf("%d times", g.Copies))
		}
		lines[0] = append(lines[0], "grows")
		for _, name := range sortedKeys(list[0].Questions) {
			l := []string{name}
			for _, g := range list {
				if q := g.Questions[name]; q != nil && q.Best > 0 {
					l = append(l, fmt.Sprintf("%.1f (%.0f)", q.Best, q.CPU))
				} else {
					l = append(l, "-")
				}
			}
			first, last := list[0].Questions[name], list[len(list)-1].Questions[name]
			grows := "-"
			if last != nil && first.Best > 0 && last.Best > 0 {
				grows = times(last.Best / first.Best)
			}
			lines = append(lines, append(l, grows))
		}
		table(w, lines)
	}
}
