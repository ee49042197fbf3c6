package main

import (
	"net/http"
	"strings"
	"testing"

	"journalist/internal/cli"
)

// Without a terminal the shell asks line by line, and says with its exit code how
// the last line that failed ended.
func TestShellScript(t *testing.T) {
	files(t)
	code, out, errs := journalist(t, "level:error | fields took\n\n.output csv\n* | stats count() as n\n.limit 1\n.output raw\n* | fields took\n", "shell", "--file", "b.json", "-o", "json")
	if code != 0 || out != "{\"took\":12}\nn\n2\n12\n" {
		t.Errorf("code %d, %q, %s", code, out, errs)
	}
	code, out, errs = journalist(t, "level:(\n.nope\n.since soon\n.tz Moon\n.output xml\n.limit 0\n.follow x\n.help\n.fields level:info\nquit\nnever\n", "shell", "--file", "b.json")
	if code != cli.ExitUsage || !strings.Contains(out, ".since 15m") || !strings.Contains(out, "took") || strings.Contains(errs, "never") {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
	for _, want := range []string{"^", "there is no .nope", ".since soon", ".tz Moon", ".output xml", ".limit 0", "tail -F"} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr lacks %q: %s", want, errs)
		}
	}
	if code, _, errs := journalist(t, "", "shell", "--stdin"); code != cli.ExitUsage || !strings.Contains(errs, "--file") {
		t.Errorf("code %d, %s", code, errs)
	}
}

func TestShellCompletion(t *testing.T) {
	fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/fields" {
			t.Errorf("asked %s", r.URL)
		}
		answer(`{"sampled":3,"fields":[{"name":"level","top":[{"value":"error","count":2}]},{"name":"user name","top":[{"value":"a b","count":1}]}],"stats":{}}`)(w, r)
	})
	complete := func(args ...string) string {
		_, out, _ := journalist(t, "", append([]string{"__complete"}, args...)...)
		at := strings.LastIndex(out, "\n:")
		if at < 0 {
			return out
		}
		return out[:at]
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"query", "l"}, "level:"},
		{[]string{"query", "x level:"}, "x level:error"},
		{[]string{"tail", "level:er"}, "level:error"},
		{[]string{"values", ""}, "level\nuser name"},
		{[]string{"values", "level", "x AND l"}, "x AND level:"},
		{[]string{"facets", "x | sta"}, "x | stats"},
		{[]string{"query", "--format", ""}, "auto\ntext\njson"},
	} {
		if got := complete(c.args...); got != c.want {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
}
