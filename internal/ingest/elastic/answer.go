package elastic

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"journalist/internal/record"
)

// filter is which parts of the answer the client wants: its filter_path.
type filter struct {
	took, errors, items bool
	// Of an item.
	status, err, rest bool
}

var everything = filter{true, true, true, true, true, true}

// parseFilter reads filter_path as far as bulk clients use it. Exclusions and
// deeper paths than an item's keys are answered with more than was asked for.
func parseFilter(path string) filter {
	if path == "" {
		return everything
	}
	var f filter
	for p := range strings.SplitSeq(path, ",") {
		levels := strings.Split(p, ".")
		switch levels[0] {
		case "took":
			f.took = true
		case "errors":
			f.errors = true
		case "items":
			f.items = true
			key := "*"
			if len(levels) > 2 {
				key = levels[2]
			}
			switch key {
			case "status":
				f.status = true
			case "error":
				f.err = true
			case "*", "**":
				f.status, f.err, f.rest = true, true, true
			default:
				f.rest = true
			}
		default: // "*", "-took": all of it
			return everything
		}
	}
	return f
}

// appendAnswer writes the answer: compact and in this order of keys, because
// Fluent Bit looks for the literal text "errors":false,"items":[ in it.
func (q *request) appendAnswer(dst []byte, f filter, took time.Duration) []byte {
	failed := false
	for i := range q.items {
		failed = failed || q.problemOf(&q.items[i]) != nil
	}
	dst = append(dst, '{')
	if f.took {
		dst = append(dst, `"took":`...)
		dst = strconv.AppendInt(dst, took.Milliseconds(), 10)
		dst = append(dst, ',')
	}
	if f.errors {
		dst = append(dst, `"errors":`...)
		dst = strconv.AppendBool(dst, failed)
		dst = append(dst, ',')
	}
	if f.items {
		dst = append(dst, `"items":[`...)
		a := itemWriter{q: q, filter: f, ids: newIDs()}
		for i := range q.items {
			dst = a.append(dst, &q.items[i])
		}
		if dst[len(dst)-1] == ',' {
			dst = dst[:len(dst)-1]
		}
		dst = append(dst, ']', ',')
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}

// problemOf says why an item is not stored, nil when it is.
func (q *request) problemOf(it *item) *problem {
	switch {
	case it.refused != 0:
		return &q.refusals[it.refused-1]
	case it.flight == 0 || q.flights[it.flight-1].err != nil:
		return q.failed
	}
	return nil
}

// itemWriter writes items. What the items of one target and verb have in common
// is made once.
type itemWriter struct {
	q      *request
	filter filter
	ids    ids

	target uint32
	verb   verb
	known  bool
	prefix []byte // {"create":{"_index":"…","_id":"
}

const itemEnd = `","_version":1,"result":"created","status":201,"_seq_no":0,"_primary_term":1}},`

func (a *itemWriter) append(dst []byte, it *item) []byte {
	p := a.q.problemOf(it)
	if p != nil || !a.filter.rest {
		return a.appendPart(dst, it, p)
	}
	if !a.known || a.target != it.target || a.verb != it.verb {
		a.known, a.target, a.verb = true, it.target, it.verb
		a.prefix = append(append(a.prefix[:0], `{"`...), it.verb.String()...)
		a.prefix = append(a.prefix, `":{"_index":`...)
		a.prefix = record.AppendJSONString(a.prefix, a.q.targets[it.target].index)
		a.prefix = append(a.prefix, `,"_id":"`...)
	}
	dst = append(dst, a.prefix...)
	if len(it.id) > 0 {
		dst = record.AppendJSONString(dst[:len(dst)-1], it.id)
		dst = dst[:len(dst)-1]
	} else {
		dst = a.ids.append(dst)
	}
	return append(dst, itemEnd...)
}

// appendPart writes an item that failed or of which only some keys are wanted.
func (a *itemWriter) appendPart(dst []byte, it *item, p *problem) []byte {
	dst = append(append(dst, `{"`...), it.verb.String()...)
	dst = append(dst, `":{`...)
	status := 201
	if a.filter.rest {
		dst = append(dst, `"_index":`...)
		dst = record.AppendJSONString(dst, a.q.targets[it.target].index)
		dst = append(dst, `,"_id":`...)
		if len(it.id) > 0 {
			dst = record.AppendJSONString(dst, it.id)
		} else {
			dst = append(dst, "null"...)
		}
		dst = append(dst, ',')
	}
	if p != nil {
		status = p.status
	}
	if a.filter.status {
		dst = append(dst, `"status":`...)
		dst = strconv.AppendInt(dst, int64(status), 10)
		dst = append(dst, ',')
	}
	if a.filter.err && p != nil {
		dst = append(dst, `"error":{"type":`...)
		dst = record.AppendJSONString(dst, p.kind)
		dst = append(dst, `,"reason":`...)
		dst = record.AppendJSONString(dst, p.reason)
		dst = append(dst, '}', ',')
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}', '}', ',')
}

// ids makes up the _id of documents that came without: 20 characters, the first
// 12 random for each request. They are not kept.
type ids struct {
	text [20]byte
	n    uint32
}

func newIDs() ids {
	var random [9]byte
	_, _ = rand.Read(random[:]) // never fails: the program ends if there is no randomness
	var x ids
	base64.RawURLEncoding.Encode(x.text[:12], random[:])
	return x
}

func (x *ids) append(dst []byte) []byte {
	var count [6]byte
	binary.BigEndian.PutUint32(count[2:], x.n)
	x.n++
	base64.RawURLEncoding.Encode(x.text[12:], count[:])
	return append(dst, x.text[:]...)
}
