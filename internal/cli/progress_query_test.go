package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Lines of progress are no rows, wherever they stand; without the wish they would be.
func TestQueryProgress(t *testing.T) {
	asked := ""
	c := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = string(body)
		progress := `{"progress":{"groups":10,"groups_done":%d,"rows_scanned":100,"bytes_read":7,"reached":"1970-01-01T00:00:01Z","elapsed_ms":2000}}` + "\n"
		fmt.Fprintf(w, progress, 1)
		fmt.Fprint(w, `{"a":1}`+"\n"+`{"progress":{}}`+"\n")
		fmt.Fprintf(w, progress, 2)
		fmt.Fprint(w, `{"stats":{"rows_matched":2}}`+"\n")
	})
	var rows []string
	var done []int64
	st, err := c.QueryWatched(t.Context(), Question{Query: "*"}, func(r *Row) error {
		rows = append(rows, string(r.Raw))
		return nil
	}, func(p QueryProgress) {
		if p.Groups != 10 || p.Reached == "" {
			t.Errorf("%+v", p)
		}
		done = append(done, p.GroupsDone)
	})
	if err != nil || st.RowsMatched != 2 || strings.Join(rows, " ") != `{"a":1} {"progress":{}}` || fmt.Sprint(done) != "[1 2]" {
		t.Errorf("rows %q, progress %v, %+v, %v", rows, done, st, err)
	}
	if !strings.Contains(asked, `"progress":true`) {
		t.Errorf("asked %s", asked)
	}
	if rows, _, err := ask(t, c); err != nil || len(rows) != 4 || strings.Contains(asked, "progress") {
		t.Errorf("without the wish: %q, %v", rows, err)
	}
}
