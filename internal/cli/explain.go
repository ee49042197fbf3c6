package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"journalist/internal/scan"
)

// Explainings are what Question.Explain may be: only the plan, also what was done with
// each part, with each row group.
var Explainings = []string{"plan", "parts", "all"}

// Explain asks how a query is answered, as q.Explain says.
func (c *Client) Explain(ctx context.Context, q Question) (*scan.Explanation, Stats, error) {
	type line struct {
		Explain *scan.Explanation `json:"explain"`
		Stats   *Stats            `json:"stats"`
	}
	resp, err := c.post(ctx, "/api/v1/query", q)
	if err != nil {
		return nil, Stats{}, err
	}
	var x *scan.Explanation
	var stats Stats
	err = readAnswer(ctx, c, resp, "ask again", func(l *line) bool {
		if l.Explain != nil {
			x = l.Explain
		}
		if l.Stats != nil {
			stats = *l.Stats
		}
		return l.Stats != nil && x != nil
	})
	return x, stats, err
}

// Explain tells how a query over files is understood and planned. The files are not
// read.
func (f *Files) Explain(ctx context.Context, q Question) (*scan.Explanation, Stats, error) {
	req, err := f.request(q)
	if err != nil {
		return nil, Stats{}, err
	}
	engine, err := f.engine(f.o, req.Query)
	if err != nil {
		return nil, Stats{}, err
	}
	x, st, err := engine.Explain(ctx, req, scan.ExplainOptions{})
	return x, fileStats(st), queryError(err)
}

// WriteExplanation prints an explanation for people.
func WriteExplanation(w io.Writer, x *scan.Explanation, st Stats) error {
	p := &explainPrinter{w: bufio.NewWriter(w)}
	p.line("query", x.Query)
	for i, b := range x.Tree {
		p.item("parsed", i, strings.Repeat("  ", b.Depth)+b.Text)
	}
	for _, t := range x.Warnings {
		p.line("warning", t)
	}
	if x.Plan.Never {
		p.line("plan", "nothing can match: the source is not asked")
	}
	for i, t := range x.Plan.Source {
		p.item("ask", i, t)
	}
	if x.Plan.Whole != "" {
		p.line("whole", x.Plan.Whole)
	}
	for i, t := range x.Plan.Stream {
		p.item("stream", i, "| "+t)
	}
	for i, t := range x.Plan.Memory {
		p.item("memory", i, "| "+t)
	}
	for i, s := range x.Scans {
		p.scan(i+1, s)
	}
	if x.MoreScans > 0 {
		p.line("", "and "+Counted(int64(x.MoreScans), "more scan"))
	}
	if x.Scans != nil {
		p.total(x, st)
	}
	for _, n := range st.Notes {
		p.line("note", n)
	}
	return p.w.Flush()
}

// explainPrinter prints lines with a title before them. Errors of writing come with
// Flush.
type explainPrinter struct{ w *bufio.Writer }

func (p *explainPrinter) line(title, text string) {
	fmt.Fprintf(p.w, "%-8s %s\n", title, Safe(text))
}

// item is the i-th line below a title.
func (p *explainPrinter) item(title string, i int, text string) {
	if i > 0 {
		title = ""
	}
	p.line(title, text)
}

func (p *explainPrinter) scan(number int, s *scan.ScanTrace) {
	fmt.Fprintln(p.w)
	title := s.What
	if s.Answer != "" {
		title += ", " + s.Answer
	}
	p.line(fmt.Sprintf("scan %d", number), title)
	for _, t := range s.Request {
		p.line("", t)
	}
	p.part("all", &s.Total)
	for _, r := range s.Reasons {
		p.line("", "  "+decided(r.Groups, r.Decision)+": "+r.Why)
	}
	for i := range s.Parts {
		p.part(s.Parts[i].Part, &s.Parts[i])
	}
	if s.MoreParts > 0 {
		p.line("", "others: "+Counted(int64(s.MoreParts), "more part"))
	}
	if s.Others > 0 {
		p.line("", Counted(int64(s.Others), "part")+" of other datasets")
	}
	for i := range s.Groups {
		p.group(&s.Groups[i])
	}
	if s.MoreGroups > 0 {
		p.line("", "and "+Counted(int64(s.MoreGroups), "more row group"))
	}
}

func (p *explainPrinter) part(name string, t *scan.PartTrace) {
	var became []string
	for _, d := range scan.Decisions {
		if n := t.Decided[d]; n > 0 {
			became = append(became, decided(n, d))
		}
	}
	if became == nil {
		became = []string{"none"}
	}
	text := fmt.Sprintf("%s: %s of %s: %s", name, Counted(t.Groups, "row group"), Counted(t.Rows, "row"), strings.Join(became, ", "))
	p.line("", text+costs(t.Columns, t.Matched, t.Bytes, t.Took))
}

// decided tells what became of so many row groups. What is named for the reason is told
// as one.
func decided(groups int64, d scan.Decision) string {
	switch d {
	case scan.ByDeletion, scan.Unneeded, scan.Counted, scan.Scanned, scan.Damaged:
		return Thousands(groups) + " " + string(d)
	}
	return Thousands(groups) + " by " + string(d)
}

func (p *explainPrinter) group(g *scan.GroupTrace) {
	text := fmt.Sprintf("  %s/%d: %s of %s to %s: %s", g.Part, g.Group, Counted(g.Rows, "row"),
		g.First.Format(time.RFC3339), g.Last.Format(time.RFC3339), g.Decision)
	if g.Why != "" {
		text += " (" + g.Why + ")"
	}
	p.line("", text+costs(g.Columns, g.Matched, g.Bytes, g.Took))
}

// costs tells what was read, "" for nothing.
func costs(columns []string, matched, bytes int64, took time.Duration) string {
	text := ""
	if matched > 0 {
		text += "; " + Counted(matched, "row") + " matched"
	}
	if len(columns) > 0 {
		const most = 8
		names := strings.Join(columns[:min(most, len(columns))], ", ")
		if len(columns) > most {
			names += ", …"
		}
		text += "; read " + names
	}
	if bytes > 0 {
		text += ", " + Bytes(bytes)
	}
	if took >= time.Microsecond {
		text += "; " + took.Round(time.Microsecond).String()
	}
	return text
}

func (p *explainPrinter) total(x *scan.Explanation, st Stats) {
	fmt.Fprintln(p.w)
	p.line("total", fmt.Sprintf("%s in the answer; %s matched of %s looked at, %s read, %s read, %s passed over, %.1f ms",
		Counted(x.Rows, "row"), Thousands(st.RowsMatched), Thousands(st.RowsScanned), Bytes(st.BytesRead),
		Counted(st.GroupsRead, "row group"), Thousands(st.GroupsSkipped), st.ElapsedMS))
	for _, t := range st.Partial {
		p.line("partial", t)
	}
}

// CheckExplain tells whether a word says how much to explain.
func CheckExplain(word string) error {
	if !slices.Contains(Explainings, word) {
		return Exit(ExitUsage, fmt.Errorf("--explain=%s: want %s", word, strings.Join(Explainings, ", ")))
	}
	return nil
}
