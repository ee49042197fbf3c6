package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"journalist/internal/record"
)

// The set "orders" is made, not found: rows of a service each of which has an id of
// its own, for questions about fields of very many values. It is loaded, with
// the corpus, into a store of its own.
const (
	madeName = "orders"
	// firstNeedle stands in the oldest row only.
	firstNeedle = "oldestneedleq"
)

// makeOrders writes the bodies of the made set, the same ones each time.
func makeOrders(ctx context.Context, dir string, n int64) (*set, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &set{Name: madeName, JSON: true}
	r := rand.New(rand.NewPCG(1, 2))
	var body []byte
	for ; s.Rows < n; s.Rows++ {
		s.last = epoch.Add(time.Duration(s.Rows) * rowStep)
		start := len(body)
		body = appendOrder(body, r, s.Rows, s.last)
		s.Raw += int64(len(body) - start - len(action))
		if len(body) < bodyBytes && s.Rows+1 < n {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.writeBody(dir, body); err != nil {
			return nil, err
		}
		body = body[:0]
	}
	return s, nil
}

func appendOrder(dst []byte, r *rand.Rand, row int64, at time.Time) []byte {
	id, customer, item := r.Uint64(), int(r.ExpFloat64()*3000), r.IntN(40)
	took := int(r.ExpFloat64()*40) + 1
	status := 200
	switch r.IntN(200) {
	case 0:
		status = 503
	case 1, 2, 3:
		status = 404
	}
	dst = append(append(dst, action...), rowHead...)
	dst = at.AppendFormat(dst, timeLayout)
	dst = fmt.Appendf(dst, `","host":"h%d","app":"`+madeName+`","id":"%016x","customer":"c%d","status":%d,"took":%d,"path":"/shop/item%d","message":`,
		row%7, id, customer, status, took, item)
	text := fmt.Sprintf("order of customer c%d: GET /shop/item%d gave %d in %d ms", customer, item, status, took)
	switch {
	case row == 0:
		text += ", " + firstNeedle
	case status == 503:
		text += ", upstream refused"
	}
	dst = record.AppendJSONString(dst, []byte(text))
	return append(dst, '}', '\n')
}
