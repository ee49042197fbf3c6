// Package problem is how an HTTP client is told what went wrong: the problem
// document of RFC 9457.
//
// It is a leaf. Up the way internal/api answers with it, and internal/ingest/jsonl
// where not all of a body was taken; internal/cli and the page read it.
package problem

import (
	"strconv"

	"journalist/internal/record"
)

// ContentType is that of an answer which is a problem document.
const ContentType = "application/problem+json"

// typePrefix makes the type of a kind: a tag (RFC 4151), because there is no page to
// be found behind it.
const typePrefix = "tag:journalist,2026:"

// Document is a problem. In JSON it has type and title, which follow from the kind,
// status, detail and kind, and where they are known hint and position.
type Document struct {
	Status int
	// Kind is one of Kinds.
	Kind   string
	Detail string // what went wrong
	Hint   string // what to do about it
	// Position is where in the query the problem is, in bytes, if HasPlace says so.
	Position int
	HasPlace bool
}

// titles are the summaries of the kinds.
var titles = map[string]string{
	"auth":        "the credentials are not good for this",
	"query":       "the query cannot be understood",
	"limit":       "a limit is exceeded",
	"full":        "the server takes nothing at present",
	"bad_request": "the request is wrong",
	"unsupported": "this is not supported here",
	"not_found":   "there is nothing here",
	"internal":    "the server failed",
}

// Kinds lists the kinds of problems.
func Kinds() []string {
	return []string{"auth", "query", "limit", "full", "bad_request", "unsupported", "not_found", "internal"}
}

// Append appends the document as a JSON object on one line.
func (d *Document) Append(dst []byte) []byte {
	return append(d.AppendMembers(append(dst, '{')), '}')
}

// AppendMembers appends the members alone, for an object that has more of them.
func (d *Document) AppendMembers(dst []byte) []byte {
	dst = append(dst, `"type":`...)
	dst = record.AppendJSONString(dst, typePrefix+d.Kind)
	dst = append(dst, `,"title":`...)
	dst = record.AppendJSONString(dst, titles[d.Kind])
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(d.Status), 10)
	dst = append(dst, `,"detail":`...)
	dst = record.AppendJSONString(dst, d.Detail)
	dst = append(dst, `,"kind":`...)
	dst = record.AppendJSONString(dst, d.Kind)
	if d.Hint != "" {
		dst = append(dst, `,"hint":`...)
		dst = record.AppendJSONString(dst, d.Hint)
	}
	if d.HasPlace {
		dst = append(dst, `,"position":`...)
		dst = strconv.AppendInt(dst, int64(d.Position), 10)
	}
	return dst
}
