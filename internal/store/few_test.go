package store

import (
	"context"
	"fmt"
	"testing"

	"journalist/internal/record"
	"journalist/internal/scan"
)

// A few rows of many parts that overlap in time are had in little memory, in both
// orders and with fields that are rare.
func TestFewRowsOfManyParts(t *testing.T) {
	s := mustOpen(t, options(newFS()))
	var rows []row
	const parts, perPart = 12, 600
	for p := range parts {
		batch := make([]row, perPart)
		for i := range batch {
			n := p*perPart + i
			batch[i] = row{"logs", start.UnixNano() + int64(i), []field{
				{"n", record.IntValue(int64(n))}, {"message", text(fmt.Sprintf("%d bottles of %x on the wall", n, n*7919))},
			}}
			if i%37 == 5 {
				batch[i].fields = append(batch[i].fields, field{fmt.Sprintf("rare%d", i%5), text(fmt.Sprint("value ", n))})
			}
		}
		if err := s.Append(context.Background(), batchOf(batch)); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch...)
	}
	for _, order := range []scan.Order{scan.NewestFirst, scan.OldestFirst} {
		for _, limit := range []int{1, 40, 75} {
			req := all()
			req.Order, req.Limit, req.MaxBytes = order, limit, 160<<10
			got, _ := collect(t, s, req)
			diff(t, fmt.Sprint(order, limit), got, expected(rows, req)[:limit])
		}
	}
}
