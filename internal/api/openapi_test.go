package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// object is a part of the OpenAPI document.
type object = map[string]any

// openapi is docs/openapi.yaml as the server hands it out.
type openapi struct {
	t   *testing.T
	all object
}

func readOpenAPI(t *testing.T) *openapi {
	t.Helper()
	got := newWorld(t).do("read", "GET", "/api/v1/openapi.yaml", "")
	if got.Code != 200 || got.Header().Get("Content-Type") != "application/yaml" {
		t.Fatalf("%d %v", got.Code, got.Header())
	}
	var tree any
	if err := yaml.Unmarshal(got.Body.Bytes(), &tree); err != nil {
		t.Fatal(err)
	}
	// By way of JSON: what is no JSON (a key that is no text, for example) is no
	// OpenAPI either.
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	d := &openapi{t: t}
	if err := json.Unmarshal(data, &d.all); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows a reference.
func (d *openapi) resolve(v any) object {
	o, ok := v.(object)
	if !ok {
		d.t.Fatalf("%v is no object", v)
	}
	ref, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	at := d.all
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		next, ok := at[step].(object)
		if !ok {
			d.t.Fatalf("%s leads nowhere", ref)
		}
		at = next
	}
	return d.resolve(at)
}

// operation is one method of one path.
type operation struct {
	method, path string
	object
	params []object
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (d *openapi) operations() (list []operation) {
	paths := d.all["paths"].(object)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(object)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if !slices.Contains(methods, method) {
				continue
			}
			op := operation{method: strings.ToUpper(method), path: path, object: item[method].(object)}
			for _, from := range []object{item, op.object} {
				list, _ := from["parameters"].([]any)
				for _, p := range list {
					op.params = append(op.params, d.resolve(p))
				}
			}
			list = append(list, op)
		}
	}
	return list
}

// in returns the parameters that stand in the query or the path.
func (op operation) in(where string) (names []string) {
	for _, p := range op.params {
		if p["in"] == where {
			names = append(names, p["name"].(string))
		}
	}
	slices.Sort(names)
	return names
}

// keys that the objects of OpenAPI 3.1 may have, and those they must have.
var objectKeys = map[string]struct{ may, must []string }{
	"document":  {[]string{"openapi", "info", "servers", "tags", "security", "paths", "components"}, []string{"openapi", "info", "paths"}},
	"info":      {[]string{"title", "version", "summary", "description", "license"}, []string{"title", "version"}},
	"path":      {append([]string{"summary", "description", "parameters"}, methods...), nil},
	"operation": {[]string{"operationId", "tags", "summary", "description", "security", "parameters", "requestBody", "responses", "x-whole-server"}, []string{"operationId", "tags", "summary", "security", "responses"}},
	"parameter": {[]string{"name", "in", "description", "required", "schema", "example"}, []string{"name", "in", "schema"}},
	"response":  {[]string{"description", "headers", "content"}, []string{"description"}},
	"body":      {[]string{"description", "content", "required"}, []string{"content"}},
	"media":     {[]string{"schema", "example"}, nil},
	"schema": {[]string{
		"$ref", "type", "format", "description", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "allOf",
		"minimum", "maximum", "minLength", "maxLength", "minProperties", "maxProperties", "pattern", "default",
	}, nil},
}

func (d *openapi) shape(what, where string, o object) {
	for key := range o {
		if !slices.Contains(objectKeys[what].may, key) {
			d.t.Errorf("%s: a %s has no %q", where, what, key)
		}
	}
	for _, key := range objectKeys[what].must {
		if o[key] == nil || o[key] == "" {
			d.t.Errorf("%s: a %s needs %q", where, what, key)
		}
	}
}

func (d *openapi) schema(where string, v any) {
	o, ok := v.(object)
	if !ok {
		if _, ok = v.(bool); !ok {
			d.t.Errorf("%s: %v is no schema", where, v)
		}
		return
	}
	d.shape("schema", where, o)
	if o["$ref"] != nil {
		d.resolve(o)
		return
	}
	properties, _ := o["properties"].(object)
	for name, p := range properties {
		d.schema(where+"."+name, p)
	}
	required, _ := o["required"].([]any)
	for _, name := range required {
		if _, ok := properties[name.(string)]; !ok && properties != nil {
			d.t.Errorf("%s: %s is required and not described", where, name)
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if o[key] != nil {
			d.schema(where+" "+key, o[key])
		}
	}
	for _, key := range []string{"anyOf", "allOf"} {
		list, _ := o[key].([]any)
		for _, s := range list {
			d.schema(where+" "+key, s)
		}
	}
	if p, ok := o["pattern"].(string); ok {
		if _, err := regexp.Compile(p); err != nil {
			d.t.Errorf("%s: %v", where, err)
		}
	}
}

func (d *openapi) content(where string, v any) {
	content, _ := v.(object)
	for kind, m := range content {
		if !strings.Contains(kind, "/") {
			d.t.Errorf("%s: %q is no media type", where, kind)
		}
		d.shape("media", where, m.(object))
		if s := m.(object)["schema"]; s != nil {
			d.schema(where+" "+kind, s)
		}
	}
}

func (d *openapi) response(where string, o object) {
	d.shape("response", where, o)
	d.content(where, o["content"])
}

func (d *openapi) parameter(where string, p object) {
	where = fmt.Sprint(where, " ", p["name"])
	d.shape("parameter", where, p)
	d.schema(where, p["schema"])
	if !slices.Contains([]string{"query", "path", "header"}, p["in"].(string)) || p["in"] == "path" && p["required"] != true {
		d.t.Errorf("%s: in %v, required %v", where, p["in"], p["required"])
	}
}

// TestOpenAPIIsWellFormed holds the document against what OpenAPI 3.1 demands of one.
func TestOpenAPIIsWellFormed(t *testing.T) {
	d := readOpenAPI(t)
	d.shape("document", "document", d.all)
	d.shape("info", "info", d.all["info"].(object))
	if v, _ := d.all["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi %q", v)
	}
	tags, ids := map[string]bool{}, map[string]bool{}
	for _, tag := range d.all["tags"].([]any) {
		tags[tag.(object)["name"].(string)] = true
	}
	components := d.all["components"].(object)
	schemes := components["securitySchemes"].(object)
	for path, item := range d.all["paths"].(object) {
		if !strings.HasPrefix(path, "/") {
			t.Errorf("path %q", path)
		}
		d.shape("path", path, item.(object))
	}
	for _, op := range d.operations() {
		where := op.method + " " + op.path
		d.shape("operation", where, op.object)
		if id, _ := op.object["operationId"].(string); ids[id] {
			t.Errorf("%s: a second operation %s", where, id)
		} else {
			ids[id] = true
		}
		for _, tag := range op.object["tags"].([]any) {
			if !tags[tag.(string)] {
				t.Errorf("%s: no tag %v", where, tag)
			}
		}
		for _, s := range op.object["security"].([]any) {
			for name := range s.(object) {
				if schemes[name] == nil {
					t.Errorf("%s: no security scheme %s", where, name)
				}
			}
		}
		var names []string
		for _, p := range op.params {
			d.parameter(where, p)
			if names = append(names, fmt.Sprint(p["in"], p["name"])); slices.Contains(names[:len(names)-1], names[len(names)-1]) {
				t.Errorf("%s: %s twice", where, p["name"])
			}
		}
		var inPath []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(op.path, -1) {
			inPath = append(inPath, m[1])
		}
		if !slices.Equal(inPath, op.in("path")) {
			t.Errorf("%s: parameters %v", where, op.in("path"))
		}
		if body, ok := op.object["requestBody"].(object); ok {
			d.shape("body", where, body)
			d.content(where, body["content"])
		}
		responses := op.object["responses"].(object)
		if len(responses) == 0 || responses["200"] == nil {
			t.Errorf("%s: no good response", where)
		}
		for status, r := range responses {
			if !regexp.MustCompile(`^[1-5]\d\d$`).MatchString(status) {
				t.Errorf("%s: status %s", where, status)
			}
			d.response(where+" "+status, d.resolve(r))
		}
	}
	for name, s := range components["schemas"].(object) {
		d.schema(name, s)
	}
	d.usedOnce(components)
}

// usedOnce finds components that nothing refers to.
func (d *openapi) usedOnce(components object) {
	text, err := json.Marshal(d.all)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, kind := range []string{"schemas", "responses", "parameters"} {
		for name := range components[kind].(object) {
			if !strings.Contains(string(text), `"#/components/`+kind+"/"+name+`"`) {
				d.t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
	}
}

// undocumented are the routes of the table that stand for many paths: the document
// has their one known member, or none.
var undocumented = map[string]string{
	"/{path...}":         "GET /",
	"/elastic/{path...}": "",
}

// TestOpenAPIHasEveryRoute holds the document against the table of routes: the
// paths, methods, scopes and parameters of both are the same.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	d := readOpenAPI(t)
	documented := map[string]operation{}
	for _, op := range d.operations() {
		documented[op.method+" "+op.path] = op
	}
	srv := newWorld(t).handler.(*Server)
	for _, rt := range srv.table {
		name := strings.ReplaceAll(rt.pattern(), "{$}", "")
		if known, ok := undocumented[rt.pattern()]; ok {
			if name = known; name == "" {
				continue
			}
		}
		op, ok := documented[name]
		if !ok {
			t.Errorf("%s is not documented", name)
			continue
		}
		delete(documented, name)
		if got := op.scope(); got != string(rt.rule.scope()) || (len(op.object["security"].([]any)) == 0) != (rt.rule == public) {
			t.Errorf("%s: scope %q, the route has %q", name, got, rt.rule.scope())
		}
		whole, _ := op.object["x-whole-server"].(bool)
		if whole != (rt.rule == mayMeasure || rt.rule == mayOwn) {
			t.Errorf("%s: x-whole-server is %v", name, whole)
		}
		if want := strings.Fields(rt.params); rt.dialect == ours {
			slices.Sort(want)
			if got := op.in("query"); !slices.Equal(got, want) {
				t.Errorf("%s: parameters %v, the route has %v", name, got, want)
			}
		}
	}
	for name := range documented {
		t.Errorf("%s is documented, and there is no such route", name)
	}
}

// scope is the one that all ways of security demand.
func (op operation) scope() string {
	scope := ""
	for i, s := range op.object["security"].([]any) {
		for _, scopes := range s.(object) {
			list := fmt.Sprint(scopes.([]any)...)
			if i > 0 && list != scope {
				return "different ones"
			}
			scope = list
		}
	}
	return scope
}
