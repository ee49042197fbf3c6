package config

import (
	"bytes"
	"encoding/json"
)

// schema is a piece of a JSON Schema.
type schema map[string]any

// Texts of values that editors can check. ${NAME} may stand in each.
const (
	variable     = `\$\{`
	sizeText     = `^ *[0-9]+(\.[0-9]+)? *([kKmMgGtT][iI]?)?[bB]?( */ *s)? *$|` + variable
	durationText = `^ *(0|([0-9]+(\.[0-9]+)?(y|w|d|h|m|s|ms|us|µs|ns))+) *$|` + variable
)

var (
	sizeSchema     = schema{"anyOf": []any{schema{"type": "integer", "minimum": 0}, schema{"type": "string", "pattern": sizeText}}}
	durationSchema = schema{"anyOf": []any{schema{"const": 0}, schema{"type": "string", "pattern": durationText}}}
	fieldsSchema   = schema{"type": "object", "additionalProperties": schema{"type": []string{"string", "number", "boolean"}}}
)

// objectSchema describes a mapping of these keys. null is an empty mapping, and
// for each value as if the key were not there.
func objectSchema(keys []key) schema {
	properties := schema{}
	for _, k := range keys {
		s := schema{}
		for name, v := range k.schema {
			s[name] = v
		}
		if k.doc != "" {
			s["description"] = k.doc
		}
		properties[k.name] = s
	}
	return schema{"type": "object", "additionalProperties": false, "properties": properties}
}

// ForwarderSchema is the JSON Schema of scribe.yml, for editors.
func ForwarderSchema() ([]byte, error) {
	r := forwarderReader{out: &Forwarder{}}
	s := objectSchema(r.top())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "scribe.yml"
	s["description"] = "Configuration of scribe, the log forwarder"
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(s)
	return out.Bytes(), err
}
