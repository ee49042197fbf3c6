package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"journalist/internal/match"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// FuzzSearch puts arbitrary lines into parts, many times with small changes so that
// they become templates, and compares what a pattern finds with the lines that it
// matches. Everything comes back to the byte.
func FuzzSearch(f *testing.F) {
	m := newMaker(rand.New(rand.NewPCG(1, 16)))
	for i, line := range lineKinds {
		var lines []byte
		for range 4 {
			lines = append(append(lines, line(m)...), '\n')
		}
		f.Add(lines, fmt.Sprint(i), uint8(i))
	}
	f.Add([]byte("sshd[1]: from 10.0.0.1\nsshd[22]: from 10.0.0.27\n"), "0.0.2", uint8(2))
	f.Add([]byte("a\x00b\x01c\x02\n\xff\xfe\nÜber ʼn İ\n"), "ü", uint8(0))
	f.Fuzz(func(t *testing.T, lines []byte, pattern string, how uint8) {
		if len(lines) > 4<<10 || len(pattern) > 200 {
			return
		}
		p := patternOf(pattern, how)
		if p == nil {
			return
		}
		var rows []row
		for i := range 40 {
			for _, line := range bytes.Split(lines, []byte("\n")) {
				// Digits of the line count up, so that they vary.
				varied := bytes.Map(func(r rune) rune {
					if r >= '0' && r <= '9' && i > 0 {
						return '0' + (r-'0'+rune(i*len(rows)))%10
					}
					return r
				}, line)
				if i == 0 || !bytes.ContainsAny(line, "0123456789") {
					varied = line // as it is, were it no text
				}
				rows = append(rows, row{"logs", start.UnixNano() + int64(len(rows)), []field{{"message", record.StringValue(varied)}}})
			}
			if len(rows) > 2000 {
				break
			}
		}
		s, err := Open(options(newFS()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }() // in memory
		if err := s.Append(context.Background(), batchOf(rows)); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, e := range []scan.Expr{nil, scan.Text{Pattern: p}, scan.Not{X: scan.Text{Field: "message", Pattern: p}}} {
			req := all()
			req.Filter = e
			got, _ := collect(t, s, req)
			diff(t, show(e), got, expected(rows, req))
		}
	})
}

func patternOf(text string, how uint8) *match.Pattern {
	switch how % 6 {
	case 0:
		return match.NewWord(text)
	case 1:
		return match.NewPrefix(text)
	case 2:
		return match.NewSubstring(text)
	case 3:
		return match.NewWildcard(text)
	}
	p, err := match.NewRegexp(text, how%2 == 0)
	if err != nil {
		return nil
	}
	return p
}
