package cli

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"journalist/internal/query/lang"
)

// Completer completes what is being typed of a query: fields and their values as the
// source knows them, pipes and functions of the language. Its methods may be called
// from several goroutines.
type Completer struct {
	// Ask gets the fields with their commonest values; nil: there are none.
	Ask func(ctx context.Context) ([]FieldInfo, error)

	mu     sync.Mutex
	fields []FieldInfo
	asked  time.Time
}

// fieldsLife is for how long the fields are not asked for again.
const fieldsLife = time.Minute

// maxCandidates is how many ways to go on are offered.
const maxCandidates = 100

// Complete returns what may stand in place of text[start:], and where that begins.
// A source that does not answer offers nothing.
func (c *Completer) Complete(ctx context.Context, text string) (start int, candidates []string) {
	start = wordStart(text)
	word := text[start:]
	before := strings.TrimRight(text[:start], " \t\n")
	inPipe := strings.LastIndexByte(before, '|') >= 0
	switch {
	case strings.HasSuffix(before, "|"):
		for _, p := range pipes() {
			candidates = offer(candidates, word, p+" ")
		}
	case strings.ContainsAny(word, ":="):
		candidates = c.values(ctx, word)
	default:
		for _, f := range c.known(ctx) {
			name := quotedName(f.Name)
			if !inPipe {
				name += ":"
			}
			candidates = offer(candidates, word, name)
		}
		if inPipe && afterStats(before) {
			for _, f := range lang.Functions {
				candidates = offer(candidates, word, f+"(")
			}
		}
	}
	slices.Sort(candidates)
	return start, slices.Compact(candidates)
}

// FieldNames are the fields that begin with a text.
func (c *Completer) FieldNames(ctx context.Context, begin string) []string {
	var names []string
	for _, f := range c.known(ctx) {
		names = offer(names, begin, f.Name)
	}
	slices.Sort(names)
	return names
}

func offer(list []string, word, candidate string) []string {
	if len(list) < maxCandidates && len(candidate) >= len(word) && strings.EqualFold(candidate[:len(word)], word) {
		return append(list, candidate)
	}
	return list
}

// wordStart is where the word that is being typed begins: behind the last space,
// parenthesis, comma, pipe or minus outside of quotes.
func wordStart(text string) int {
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte(" \t\n(),|", c) >= 0, c == '-' && i == start:
			start = i + 1
		}
	}
	return start
}

// afterStats tells that the last pipe computes aggregates.
func afterStats(before string) bool {
	pipe := strings.TrimLeft(before[strings.LastIndexByte(before, '|')+1:], " \t\n")
	return strings.HasPrefix(pipe, "stats") || strings.HasPrefix(pipe, "timechart")
}

// values offers the values of the field that the word names.
func (c *Completer) values(ctx context.Context, word string) []string {
	at := strings.IndexAny(word, ":=")
	name, op := word[:at], word[at:at+1]
	var list []string
	for _, f := range c.known(ctx) {
		if quotedName(f.Name) != name {
			continue
		}
		for _, v := range f.Top {
			if v.Value == "" || len(v.Value) > 200 || strings.HasSuffix(v.Value, "…") {
				continue
			}
			value := strings.TrimPrefix((&lang.Text{Field: "f", Kind: lang.Word, Text: v.Value}).String(), "f:")
			typed := word[at+1:]
			if strings.HasPrefix(typed, `"`) && !strings.HasPrefix(value, `"`) {
				value = `"` + value + `"`
			}
			if candidate := name + op + value; len(offer(nil, word, candidate)) > 0 || typed == "" {
				list = append(list, candidate)
			}
		}
	}
	return list[:min(len(list), maxCandidates)]
}

// known are the source's fields, asked at most once a minute.
func (c *Completer) known(ctx context.Context) []FieldInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Ask == nil || time.Since(c.asked) < fieldsLife {
		return c.fields
	}
	c.asked = time.Now()
	if fields, err := c.Ask(ctx); err == nil {
		c.fields = fields
	}
	return c.fields
}

// quotedName spells a field's name as the language reads it.
func quotedName(name string) string {
	return strings.TrimPrefix((&lang.Fields{Names: []string{name}}).String(), "fields ")
}

// pipes are the pipes of the language.
var pipes = sync.OnceValue(func() []string {
	var known []string
	for _, name := range []string{
		"compare", "context", "dedup", "eval", "extract", "facets", "fields", "limit", "patterns", "rare", "sort", "stats", "timechart", "top", "uniq", "where",
	} {
		if _, err := lang.Parse("* | " + name); err == nil || !strings.Contains(err.Error(), "there is no pipe") {
			known = append(known, name)
		}
	}
	return known
})
