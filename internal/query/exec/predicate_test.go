package exec

import (
	"strings"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
)

func TestPredicate(t *testing.T) {
	row := map[string]string{"message": "GET /health 200", "level": "debug", "status": "200"}
	get := func(name string) (record.Value, bool) {
		v, ok := row[name]
		return record.StringValue([]byte(v)), ok
	}
	each := func(f func(string, record.Value) bool) {
		for k, v := range row {
			if !f(k, record.StringValue([]byte(v))) {
				return
			}
		}
	}
	for text, want := range map[string]bool{
		"level:debug": true, "level:info": false, "/health": true, "GET status>=200": true, "-GET": false,
		"status>=300 OR level:(debug OR trace)": true, "*": true,
	} {
		e, err := Predicate(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := scan.Eval(e, get, each); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a | stats count()": "a filter alone", "u:in(a | fields u)": "no query inside", "x OR -(_time:1h y)": "no time", "(a": "",
	} {
		if _, err := Predicate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}
