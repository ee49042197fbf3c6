package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// number reads a whole number within bounds.
func (r *forwarderReader) number(to *int, least, most int) value {
	return parsed(&r.reader, to, schema{"anyOf": []any{
		schema{"type": "integer", "minimum": least, "maximum": most}, schema{"type": "string", "pattern": variable},
	}}, func(s string) (int, error) {
		n, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q: write a number from %d to %d", s, least, most)
		}
		return n, nil
	})
}

// size reads a number of bytes; 0 or at least the least.
func (r *forwarderReader) size(to *int64, least int64) value { return r.sizeMost(to, least, 0) }

func (r *forwarderReader) sizeMost(to *int64, least, most int64) value {
	return parsed(&r.reader, to, sizeSchema, func(s string) (int64, error) { return sizeWithin(s, least, most) })
}

func sizeWithin(s string, least, most int64) (int64, error) {
	n, err := ParseSize(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "/s")))
	switch {
	case err != nil:
		return 0, err
	case n != 0 && n < least:
		return 0, fmt.Errorf("%q is too little: at least %s are needed", s, byteSize(least))
	case most > 0 && n > most:
		return 0, fmt.Errorf("%q is too much: at most %s are possible", s, byteSize(most))
	}
	return n, nil
}

// leastMemory is what scribe can keep to: the program itself, read from its file,
// takes some 10 MiB of it.
const leastMemory = 24 << 20

// ParseMemory reads a limit of scribe's memory.
func ParseMemory(s string) (int64, error) { return sizeWithin(s, leastMemory, 0) }

// ParseBandwidth reads how many bytes per second scribe may send.
func ParseBandwidth(s string) (int64, error) { return sizeWithin(s, 0, 0) }

// duration reads a duration within bounds; most 0 is none.
func (r *forwarderReader) duration(to *time.Duration, least, most time.Duration) value {
	return parsed(&r.reader, to, durationSchema, func(s string) (time.Duration, error) {
		d, err := ParseDuration(s)
		switch {
		case err != nil:
			return 0, err
		case d < least:
			return 0, fmt.Errorf("%q is too short: at least %s", s, least)
		case most > 0 && d > most:
			return 0, fmt.Errorf("%q is too long: at most %s", s, most)
		}
		return d, nil
	})
}

// name reads the name of a file; a relative one is relative to the configuration.
func (r *forwarderReader) name(to *string) value {
	return parsed(&r.reader, to, schema{"type": "string"}, func(s string) (string, error) { return r.absolute(s), nil })
}

func (r *forwarderReader) absolute(s string) string {
	if s == "" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(r.folder, s)
}

// names reads a list of names of files.
func (r *forwarderReader) names(to *[]string) value {
	v := r.texts(to)
	read := v.read
	v.read = func(n *yaml.Node, path string) {
		from := len(*to)
		read(n, path)
		for i := from; i < len(*to); i++ {
			(*to)[i] = r.absolute((*to)[i])
		}
	}
	return v
}

// not reads a flag whose opposite is kept.
func (r *forwarderReader) not(to *bool) value {
	return parsed(&r.reader, to, schema{"type": "boolean"}, func(s string) (bool, error) {
		b, err := parseFlag(s)
		return !b, err
	})
}

func (r *forwarderReader) overLong(truncate *bool) value {
	return parsed(&r.reader, truncate, schema{"enum": []string{"split", "truncate"}}, func(s string) (bool, error) {
		if s != "split" && s != "truncate" {
			return false, fmt.Errorf("%q: write split or truncate", s)
		}
		return s == "truncate", nil
	})
}

// filled reads a text that says something.
func (r *forwarderReader) filled(to *string) value {
	return parsed(&r.reader, to, schema{"type": "string", "minLength": 1}, func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", errors.New("an empty filter matches everything; write what is meant, such as 'level:debug'")
		}
		return s, nil
	})
}

// servers reads the addresses of servers; the port has a default.
func (r *forwarderReader) servers(to *[]string) value {
	return value{schema: schema{"type": "array", "items": schema{"type": "string"}}, read: func(n *yaml.Node, path string) {
		r.elements(n, path, true, func(one *yaml.Node) {
			s, ok := r.scalar(one, path)
			if !ok {
				return
			}
			if msg := checkServer(s); msg != "" {
				r.fail(one, path, "%s", msg)
				return
			}
			*to = append(*to, s)
		})
	}}
}

// fields reads a mapping of names to texts; the last of a name counts.
func (r *forwarderReader) fields(to *[]Field) value {
	return value{schema: fieldsSchema, read: func(n *yaml.Node, path string) {
		r.pairs(n, path, func(k, v *yaml.Node, path string) {
			s, ok := r.scalar(v, path)
			switch {
			case !ok:
			case k.Value == "":
				r.fail(k, path, "a field has a name")
			default:
				i := slices.IndexFunc(*to, func(f Field) bool { return f.Name == k.Value })
				if i >= 0 {
					(*to)[i].Value = s
				} else {
					*to = append(*to, Field{Name: k.Value, Value: s})
				}
			}
		})
	}}
}

// facts reads true, false or a list of facts.
func (r *forwarderReader) facts(to *[]string) value {
	return value{
		schema: schema{"anyOf": []any{schema{"type": "boolean"}, schema{"type": "array", "items": schema{"enum": hostFacts}}}},
		read: func(n *yaml.Node, path string) {
			if all, ok := isBool(n); ok {
				if all {
					*to = slices.Clone(hostFacts)
				}
				return
			}
			r.words(to, hostFacts, false).read(n, path)
		},
	}
}

// words reads a list of known words; with oneToo a single one is a list of it.
func (r *forwarderReader) words(to *[]string, known []string, oneToo bool) value {
	one := schema{"enum": known}
	s := schema{"type": "array", "items": one}
	if oneToo {
		s = schema{"anyOf": []any{one, s}}
	}
	return value{schema: s, read: func(n *yaml.Node, path string) {
		r.elements(n, path, oneToo, func(n *yaml.Node) {
			var w string
			r.choice(&w, known...).read(n, path)
			if w != "" && !slices.Contains(*to, w) {
				*to = append(*to, w)
			}
		})
	}}
}

// optional reads a mapping that may be absent; true or nothing at all is an empty
// one, false is none.
func optional[T any](r *forwarderReader, to **T, start func() T, keys func(*T) []key) value {
	zero := start()
	return value{
		single: true,
		schema: schema{"anyOf": []any{schema{"type": []string{"boolean", "null"}}, objectSchema(keys(&zero))}},
		read: func(n *yaml.Node, path string) {
			v := start()
			if on, ok := isBool(n); ok {
				if on {
					*to = &v
				}
				return
			}
			if g, ok := any(&v).(*FileGroup); ok {
				g.Line = n.Line
			}
			r.deep++ // the whole of it is single already
			r.mapping(n, path, keys(&v))
			r.deep--
			*to = &v
		},
	}
}

func (r *forwarderReader) multiline(to **Multiline) value {
	keys := func(m *Multiline) []key {
		return []key{
			{"kind", "ready-made: java, python, go, ruby, php, dotnet, javascript; one or a list", r.words(&m.Kinds, multilineKinds, true)},
			{"pattern", "a regular expression; %{TIMESTAMP_ISO8601} and the like may stand in it", r.pattern(&m.Pattern)},
			{"negate", "lines that do not match belong to another", r.flag(&m.Negate)},
			{"what", "the line that those that match belong to", r.choice(&m.What, "previous", "next")},
			{"flush_after", "how long an event may wait for its next line", r.duration(&m.FlushAfter, time.Millisecond, time.Hour)},
			{"max_lines", "the most lines of an event", r.number(&m.MaxLines, 2, 1<<20)},
			{"max_bytes", "the most bytes of an event", r.sizeMost(&m.MaxBytes, 16, mostLine)},
		}
	}
	kinds := r.words(new([]string), multilineKinds, true)
	return value{
		schema: schema{"anyOf": []any{kinds.schema, objectSchema(keys(&Multiline{}))}},
		read: func(n *yaml.Node, path string) {
			if isNull(target(n)) {
				return
			}
			m := Multiline{}
			if target(n).Kind != yaml.MappingNode {
				r.words(&m.Kinds, multilineKinds, true).read(n, path)
			} else {
				before := len(r.problems)
				r.mapping(n, path, keys(&m))
				if m.Pattern != "" && m.What == "" {
					m.What = "previous"
				}
				if (m.Pattern == "") == (len(m.Kinds) == 0) && len(r.problems) == before {
					r.fail(n, path, "needs either a kind or a pattern")
				}
			}
			*to = &m
		},
	}
}

func (r *forwarderReader) pattern(to *string) value {
	return parsed(&r.reader, to, schema{"type": "string", "minLength": 1}, func(s string) (string, error) {
		if s == "" {
			return "", errors.New("an empty pattern matches everything")
		}
		return s, checkPatternText(s)
	})
}

// sample reads a rate, alone or with the filter that it is for.
func (r *forwarderReader) sample(c *Rule) value {
	rate := func(to *float64) value {
		return parsed(&r.reader, to, schema{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, parseRate)
	}
	keys := func(to *float64) []key {
		return []key{
			{"rate", "the share that is kept: 0.1 is one in ten", rate(to)},
			{"if", "only of lines that match this filter; the others are all kept", r.filled(&c.If)},
		}
	}
	return value{schema: schema{"anyOf": []any{rate(new(float64)).schema, objectSchema(keys(new(float64)))}}, read: func(n *yaml.Node, path string) {
		before := len(r.problems)
		if target(n).Kind == yaml.ScalarNode {
			rate(&c.Sample).read(n, path)
		} else {
			r.mapping(n, path, keys(&c.Sample))
		}
		if c.Sample == 0 && len(r.problems) == before {
			r.fail(n, path, "needs a rate: {rate: 0.1}")
		}
	}}
}

func parseRate(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f > 0 && f <= 1) {
		return 0, fmt.Errorf("%q is no share: write a number above 0 and up to 1", s)
	}
	return f, nil
}

func (r *forwarderReader) masks(to *[]Mask) value {
	keys := func(m *Mask) []key {
		return []key{
			{"pattern", "a regular expression", r.pattern(&m.Pattern)},
			{"with", "what stands there instead", r.text(&m.With)},
		}
	}
	one := schema{"anyOf": []any{schema{"enum": maskKinds}, objectSchema(keys(&Mask{}))}}
	return value{schema: schema{"anyOf": []any{one, schema{"type": "array", "items": one}}}, read: func(n *yaml.Node, path string) {
		r.elements(n, path, true, func(n *yaml.Node) {
			m := Mask{With: "***"}
			if target(n).Kind == yaml.MappingNode {
				before := len(r.problems)
				r.mapping(n, path, keys(&m))
				if m.Pattern == "" && len(r.problems) == before {
					r.fail(n, path, "needs a pattern: {pattern: 'ssn=\\d+', with: 'ssn=***'}")
				}
			} else {
				r.choice(&m.Kind, maskKinds...).read(n, path)
			}
			*to = append(*to, m)
		})
	}}
}

// byteSize writes a limit as one would in a configuration.
func byteSize(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if size := int64(1) << (30 - 10*i); n >= size && n%size == 0 {
			return fmt.Sprintf("%d%s", n/size, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
