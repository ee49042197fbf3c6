// Package docs carries the description of the HTTP API inside the binary.
//
// Up the way internal/api serves it, and a test there holds it against the routes;
// down the way there is nothing: it imports none of ours.
package docs

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
