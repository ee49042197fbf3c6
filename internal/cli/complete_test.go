package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestComplete(t *testing.T) {
	c := &Completer{Ask: func(context.Context) ([]FieldInfo, error) {
		return []FieldInfo{
			{Name: "level", Top: []FieldValue{{Value: "error"}, {Value: "Error x"}, {Value: "cut…"}, {Value: ""}}},
			{Name: "left.over", Top: []FieldValue{{Value: "12"}}},
			{Name: "user name", Top: []FieldValue{{Value: `a "b"`}}},
		}, nil
	}}
	for _, q := range []struct {
		text, want string
	}{
		{"le", "0 left.over: level:"},
		{"x (le", "3 left.over: level:"},
		{"-LEV", "1 level:"},
		{"x level:", `2 level:"Error x" level:error`},
		{"level:err", "0 level:error"},
		{`level:"e`, `0 level:"Error x" level:"error"`},
		{"level=err", "0 level=error"},
		{"left.over:1", "0 left.over:12"},
		{`"le`, "0 "},
		{`"a \" b" le`, "9 left.over: level:"},
		{"nothing:x", "0 "},
		{"x | so", "4 sort "},
		{"x | where le", "10 left.over level"},
		{"x | stats count() by le", "21 left.over level"},
		{"x | stats cou", "10 count( count_uniq("},
		{"x | stats max(le", "14 left.over level"},
		{"x | sort us", `9 `},
		{`x | sort "us`, `9 "user name"`},
	} {
		start, list := c.Complete(t.Context(), q.text)
		if got := fmt.Sprintf("%d %s", start, strings.Join(list, " ")); got != q.want {
			t.Errorf("%s: %s, want %s", q.text, got, q.want)
		}
	}
	if got := c.FieldNames(t.Context(), "us"); len(got) != 1 || got[0] != "user name" {
		t.Errorf("%q", got)
	}
	if start, list := new(Completer).Complete(t.Context(), "a b"); start != 2 || len(list) != 0 {
		t.Errorf("without a source: %d %q", start, list)
	}
}

// The source is asked once a minute, also while it does not answer.
func TestCompleteAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := &Completer{Ask: func(context.Context) ([]FieldInfo, error) {
			if asked++; asked == 1 {
				return nil, errors.New("away")
			}
			return []FieldInfo{{Name: "level"}}, nil
		}}
		for range 3 {
			if _, list := c.Complete(t.Context(), "l"); len(list) != 0 {
				t.Errorf("%q", list)
			}
		}
		time.Sleep(fieldsLife)
		if _, list := c.Complete(t.Context(), "l"); len(list) != 1 || asked != 2 {
			t.Errorf("%q, asked %d times", list, asked)
		}
	})
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "history")
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one", "", " secret", "two", "two", "th\nree"} {
		h.Add(line)
	}
	if err := h.Save(); err != nil {
		t.Fatal(err)
	}
	h, err = OpenHistory(path)
	if err != nil || h.Len() != 3 || h.At(0) != "th ree" || h.At(2) != "one" {
		t.Errorf("%d lines, %v", h.Len(), err)
	}
	for i := range 2 * maxHistory {
		h.Add(fmt.Sprint(i))
	}
	if h.Len() != maxHistory || h.At(0) != fmt.Sprint(2*maxHistory-1) {
		t.Errorf("%d lines, newest %s", h.Len(), h.At(0))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := OpenHistory(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}
