package cli

import (
	"fmt"
	"io"
	"strings"
)

// RenderFields shows the answer of fields: a line for each field with how many of
// the sampled rows have it, how many values it has there, and the commonest.
func RenderFields(w io.Writer, a FieldsAnswer, o RenderOptions) error {
	t := &tableRenderer{w: w, o: o}
	for _, f := range a.Fields {
		share := 0.0
		if a.Sampled > 0 {
			share = 100 * float64(f.Count) / float64(a.Sampled)
		}
		var top []string
		for _, v := range f.Top {
			top = append(top, fmt.Sprintf("%s (%d)", shorten(v.Value, 40), v.Count))
		}
		row := Row{Fields: []RowField{
			{Name: "field", Value: jsonString(f.Name)},
			{Name: "kind", Value: jsonString(f.Kind)},
			{Name: "rows", Value: fmt.Appendf(nil, "%d", f.Count)},
			{Name: "share", Value: fmt.Appendf(nil, `"%5.1f%%"`, share)},
			{Name: "values", Value: fmt.Appendf(nil, "%d", f.Distinct)},
			{Name: "commonest", Value: jsonString(strings.Join(top, ", "))},
		}}
		if err := t.Row(&row); err != nil {
			return err
		}
	}
	return t.Flush()
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
