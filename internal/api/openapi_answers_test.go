package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"journalist/internal/problem"
	"journalist/internal/scan"
)

// TestOpenAPIParameters holds the bounds of the parameters against the handlers.
func TestOpenAPIParameters(t *testing.T) {
	d := readOpenAPI(t)
	w := newWorld(t, func(o *Options) { o.Keeper, o.MaxTails = &fakeKeeper{}, 1 })
	w.handler.(*Server).tails <- struct{}{} // a tail would not end
	for _, op := range d.operations() {
		if op.method != "GET" || !strings.HasPrefix(op.path, apiPrefix) || op.path == "/api/v1/tail" {
			continue
		}
		ask := func(what string, change map[string]string, good bool) {
			t.Helper()
			v := map[string]string{}
			for _, p := range op.params {
				if p["example"] != nil {
					v[p["name"].(string)] = fmt.Sprint(p["example"])
				}
			}
			maps.Copy(v, change)
			var query []string
			for k, x := range v {
				query = append(query, k+"="+x)
			}
			got := w.do("read", "GET", op.path+"?"+strings.Join(query, "&"), "")
			if (got.Code == http.StatusOK) != good || !good && got.Code != http.StatusBadRequest {
				t.Errorf("%s, %s: %d %.200s", op.path, what, got.Code, got.Body)
			}
		}
		ask("examples", nil, true)
		ask("unknown parameter", map[string]string{"unknown": "x"}, false)
		for _, p := range op.params {
			name, schema := p["name"].(string), p["schema"].(object)
			switch {
			case schema["type"] == "boolean":
				ask(name, map[string]string{name: "maybe"}, false)
			case schema["maximum"] != nil:
				least, most := int(schema["minimum"].(float64)), int(schema["maximum"].(float64))
				ask(name+" least", map[string]string{name: fmt.Sprint(least)}, true)
				ask(name+" most", map[string]string{name: fmt.Sprint(most)}, true)
				ask(name+" below", map[string]string{name: fmt.Sprint(least - 1)}, false)
				ask(name+" above", map[string]string{name: fmt.Sprint(most + 1)}, false)
			case schema["maxLength"] != nil:
				ask(name+" too long", map[string]string{name: strings.Repeat("x", int(schema["maxLength"].(float64))+1)}, false)
			}
			if p["required"] == true {
				ask(name+" missing", map[string]string{name: ""}, false)
			}
		}
	}
}

// TestOpenAPIBodies holds the documented bodies against what is read.
func TestOpenAPIBodies(t *testing.T) {
	d := readOpenAPI(t)
	for name, of := range map[string]any{"Question": question{}, "Deletion": deletionQuestion{}} {
		var want []string
		for i := range reflect.TypeOf(of).NumField() {
			want = append(want, reflect.TypeOf(of).Field(i).Tag.Get("json"))
		}
		slices.Sort(want)
		schema := d.resolve(object{"$ref": "#/components/schemas/" + name})
		if got := slices.Sorted(maps.Keys(schema["properties"].(object))); !slices.Equal(got, want) {
			t.Errorf("%s has %v, and %v are read", name, got, want)
		}
	}
	kinds := d.resolve(object{"$ref": "#/components/schemas/Problem"})["properties"].(object)["kind"].(object)["enum"].([]any)
	if got, want := fmt.Sprint(kinds...), fmt.Sprint(toAny(problem.Kinds())...); got != want {
		t.Errorf("kinds %s, want %s", got, want)
	}
}

func toAny(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// TestOpenAPIAnswers holds answers against their schemas.
func TestOpenAPIAnswers(t *testing.T) {
	d := readOpenAPI(t)
	w := newWorld(t, func(o *Options) {
		o.Keeper = &fakeKeeper{tell: true}
		o.Deleter = &fakeDeleter{answer: scan.Deleted{Rows: 5, Parts: 2}, tell: true}
	})
	w.querier.blocks = []*scan.Block{statsBlock()}
	w.querier.stats = scan.Stats{RowsMatched: 2, Partial: []string{"x"}, Notes: []string{"y"}}
	w.querier.buckets = []scan.Bucket{{Start: 0, Count: 3, By: map[string]int64{"warn": 1}}, {Start: 60e9}}
	w.querier.fields = []scan.FieldInfo{{Name: "a", Kind: "int", Count: 5, Distinct: 2, Top: []scan.ValueCount{{Value: "1", Count: 4}}}}
	for _, c := range []struct{ token, method, target, body string }{
		{"read", "POST", "/api/v1/query", `{"query":"x"}`},
		{"read", "POST", "/api/v1/query", `{"query":"(x"}`},
		{"read", "POST", "/api/v1/query", `x`},
		{"none", "POST", "/api/v1/query", `{}`},
		{"ingest", "POST", "/api/v1/query", `{}`},
		{"read", "GET", "/api/v1/hosts", ""},
		{"read", "GET", "/api/v1/values?field=a", ""},
		{"read", "GET", "/api/v1/values", ""},
		{"read", "GET", "/api/v1/histogram?by=level", ""},
		{"read", "GET", "/api/v1/fields", ""},
		{"read", "GET", "/api/v1/me", ""},
		{"read", "GET", "/api/v1/health", ""},
		{"shop", "GET", "/api/v1/health", ""},
		{"read", "GET", "/api/v1/stats", ""},
		{"admin", "POST", "/api/v1/delete", `{"query":"x"}`},
		{"none", "POST", "/api/v1/login", `{"token":"wrong"}`},
		{"none", "POST", "/api/v1/login", `{"token":"` + w.tokens["read"] + `"}`},
		{"read", "POST", "/api/v1/logout", `{}`},
		{"ingest", "POST", "/api/v1/ingest/jsonl", `{"a":1}` + "\nx\n"},
		{"ingest", "POST", "/api/v1/ingest/jsonl", "x\n"},
		{"none", "GET", "/healthz", ""},
		{"none", "GET", "/readyz", ""},
		{"none", "GET", "/elastic/", ""},
		{"ingest", "GET", "/elastic/", ""},
		{"ingest", "GET", "/elastic/_license", ""},
		{"ingest", "GET", "/elastic/_cluster/health", ""},
		{"ingest", "GET", "/elastic/_cat/health", ""},
	} {
		var header []string
		if strings.Contains(c.target, "jsonl") {
			header = []string{"Content-Type", "application/x-ndjson"}
		}
		got := w.do(c.token, c.method, c.target, c.body, header...)
		path, _, _ := strings.Cut(c.target, "?")
		where := fmt.Sprintf("%s %s: %d %v", c.method, c.target, got.Code, got.Header().Get("Content-Type"))
		item, _ := d.all["paths"].(object)[path].(object)
		op, _ := item[strings.ToLower(c.method)].(object)
		r := op["responses"].(object)[fmt.Sprint(got.Code)]
		if r == nil {
			t.Errorf("%s: this status is not documented", where)
			continue
		}
		kind, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
		media, ok := d.resolve(r)["content"].(object)[kind].(object)
		if !ok {
			t.Errorf("%s: this content type is not documented", where)
			continue
		}
		bodies := []string{got.Body.String()}
		if kind == "application/x-ndjson" {
			bodies = strings.Split(strings.TrimSuffix(bodies[0], "\n"), "\n")
		}
		for _, body := range bodies {
			var v any = body
			if kind != "text/plain" {
				if err := json.Unmarshal([]byte(body), &v); err != nil {
					t.Errorf("%s: %v", where, err)
				}
			}
			if err := d.check(media["schema"], v); err != nil {
				t.Errorf("%s: %s: %v", where, body, err)
			}
		}
	}
}

// check holds a value against a schema: as much of JSON Schema as the document uses.
func (d *openapi) check(schema, v any) error {
	if allowed, ok := schema.(bool); ok {
		if !allowed {
			return fmt.Errorf("%v is not described", v)
		}
		return nil
	}
	s := d.resolve(schema)
	if s["const"] != nil && s["const"] != v {
		return fmt.Errorf("%v is not %v", v, s["const"])
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		return fmt.Errorf("%v is none of %v", v, list)
	}
	if s["type"] != nil && !slices.ContainsFunc(asList(s["type"]), func(kind any) bool { return isKind(kind.(string), v) }) {
		return fmt.Errorf("%v is no %v", v, s["type"])
	}
	for _, sub := range asList(s["allOf"]) {
		if err := d.check(sub, v); err != nil {
			return err
		}
	}
	if list := asList(s["anyOf"]); list != nil && !slices.ContainsFunc(list, func(sub any) bool { return d.check(sub, v) == nil }) {
		return fmt.Errorf("%v is like none of them", v)
	}
	if list, ok := v.([]any); ok && s["items"] != nil {
		for _, x := range list {
			if err := d.check(s["items"], x); err != nil {
				return err
			}
		}
	}
	o, ok := v.(object)
	if !ok {
		return nil
	}
	for _, name := range asList(s["required"]) {
		if _, ok := o[name.(string)]; !ok {
			return fmt.Errorf("%v is missing", name)
		}
	}
	properties, _ := s["properties"].(object)
	for name, x := range o {
		sub := properties[name]
		if sub == nil {
			sub = s["additionalProperties"]
		}
		if sub == nil {
			continue
		}
		if err := d.check(sub, x); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func isKind(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == "object"
}
