package lang

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dump prints a tree so that two that mean the same print the same.
func dump(x any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(x))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dumpValue(b, v.Elem())
	case reflect.Struct:
		b.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			n := v.Type().Field(i).Name
			if n == "Pos" || n == "Warnings" || n == "text" || v.Field(i).IsZero() {
				continue
			}
			b.WriteString(n + ":")
			dumpValue(b, v.Field(i))
			b.WriteByte(' ')
		}
		b.WriteString("}")
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			dumpValue(b, v.Index(i))
			b.WriteByte(' ')
		}
		b.WriteString("]")
	default:
		fmt.Fprintf(b, "%#v", v.Interface())
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ query, canonical string }{
		{"", ""},
		{"   ", ""},
		{"*", "*"},
		{"error", "error"},
		{"Connection refused", "Connection refused"},
		{`"connection refused"`, `"connection refused"`},
		{`'say "hi"'`, `"say \"hi\""`},
		{`"a\nb\"c\\d"`, `"a\\nb\"c\\d"`},
		{"a AND b && c", "a b c"},
		{"a or b || c d", "a OR b OR c d"},
		{"(a OR b) c", "(a OR b) c"},
		{"a (b c)", "a b c"},
		{"NOT info OR debug", "-info OR debug"},
		{"-(info OR debug)", "-(info OR debug)"},
		{"connection not found", "connection -found"},
		{"!a +b --c", "-a b --c"},
		{"a - b", `a "-" b`},
		{"web-01", "web-01"},
		{"10.0.0.1", "10.0.0.1"},
		{"550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"},
		{"/var/log/app", `"/var/log/app"`},
		{"/var/log/app.log error", `"/var/log/app.log" error`},
		{"v1.2.3", "v1.2.3"},
		{"10:42:31", `"10:42:31"`},
		{"https://example.com/x?a=b", `"https://example.com/x?a=b"`},
		{"fe80::1", `"fe80::1"`},
		{"00:1a:2B:3c:4d:5e", `"00:1a:2B:3c:4d:5e"`},
		{"std::sort", `"std::sort"`},
		{`C:\Windows`, `"C:\\Windows"`},
		{"don't", `"don't"`},
		{"[error]", `"[error]"`},
		{"conn*", "conn*"},
		{`"connection ref"*`, `"connection ref"*`},
		{"*uthent*", "*uthent*"},
		{"*Exception", "*Exception"},
		{"a*b*", "a*b*"},
		{"/var/log/*.log", `"/var/log/"*.log`},
		{`'/a'*b 'c/i'`, `"/a"*b "c/i"`},
		{`/a*b | eval c = d/e`, `"/a"*b | eval c = d / e`},
		{`/a*~p 'b/i'`, `"/a"*~p "b/i"`}, // without the first quotes /a*~p "b/i would be an expression
		{`/a/~2 /a*/^3 "a"*b~2`, `"/a/" "/a"*/ a*b`},
		{`x:(\a*b :c*d)`, `x:"\\a"*b x:":c"*d`},
		{`"a b"*c "a*"*b`, `"a b"* c "a*"* b`},
		{"/fail(ed|ure)/", "/fail(ed|ure)/"},
		{"/a b/i", "/a b/i"},
		{`/a\/b/`, `/a\/b/`},
		{"level:error", "level:error"},
		{"level: error", "level:error"},
		{`level:"very bad"`, `level:"very bad"`},
		{"level:*", "_exists_:level"},
		{"_exists_:level", "_exists_:level"},
		{`-_exists_:"my field"`, `-_exists_:"my field"`},
		{`"my field":x`, `"my field":x`},
		{"host=web-01", "host=web-01"},
		{`host=""`, `host=""`},
		{`host:""`, `host=""`},
		{"host!=web-01", "host!=web-01"},
		{"status>500", "status>500"},
		{"status > 500", "status>500"},
		{"status:>=500", "status>=500"},
		{`status="500"`, `status="500"`},
		{`name="bob"`, `name=bob`},
		{"took:>250ms size:<=10MB", "took>250ms size<=10MB"},
		{"s:[500 TO 599]", "s:[500 TO 599]"},
		{"s:{500 to 599]", "s:{500 TO 599]"},
		{"s:[500 TO *]", "s:[500 TO *]"},
		{"s:{* TO *}", "_exists_:s"},
		{`d:["a b" TO now-1h}`, `d:["a b" TO now-1h}`},
		{"s:(400 OR 404 -x >=500 [1 TO 2] /re/ *)", "s:400 OR s:404 -s:x s>=500 s:[1 TO 2] s:/re/ _exists_:s"},
		{"s:(a b) c", "s:a s:b c"},
		{"user.name:bob @timestamp:>2026-01-31", "user.name:bob @timestamp>2026-01-31"},
		{"_time:1h", "_time:1h"},
		{"_time:2026-01-31", "_time:2026-01-31"},
		{"_time:[now-2h TO now-1h}", "@timestamp:[now-2h TO now-1h}"},
		{`_time:>="2026-01-31 10:00"`, `@timestamp>="2026-01-31 10:00"`},
		{"and:x not=5", `"and":x "not"=5`},
		{`"and"`, `"and"`},
		{"word~2 word^3 \"a b\"~5", `word word "a b"`},
		{"dataset=nginx error", "dataset=nginx error"},
		{"größe:5 日志", `"größe":5 "日志"`},
		{"| stats count()", "| stats count()"},
		{"error | stats count() as n by level", "error | stats count() as n by level"},
		{"* | stats count(), count(x) as c if_ by_ | limit 1", ""},
		{
			"* | STATS count() AS n, dc(user) if (level:error OR x) as u, avg(took) BY host, time(5m), bucket(size, 1000)",
			"* | stats count() as n, count_uniq(user) if (level:error OR x) as u, avg(took) by host, time(5m), bucket(size, 1000)",
		},
		{"* | stats count(*) by (a, b)", "* | stats count() by a, b"},
		{"* | fields a, b.c, \"d e\"", "* | fields a, b.c, \"d e\""},
		{"* | fields - a, b", "* | fields - a, b"},
		{"* | fields -a", "* | fields - a"},
		{"* | sort -n, host | head 5", "* | sort -n, host | limit 5"},
		{"* | sort by n desc, host asc", "* | sort -n, host"},
		{"* | stats count() | sort -count()", `* | stats count() | sort -"count()"`},
		{"* | stats p95(took), MEDIAN(a) as m, p99.9(b), Quantile( 0.50 , c ) if (x)", "* | stats p95(took), median(a) as m, p99.9(b), quantile(0.5, c) if (x)"},
		{"* | sort -p95(took), -median(x), quantile(.5, y)", `* | sort -"p95(took)", -"median(x)", "quantile(0.5, y)"`},
		{`* | extract "] \"<m> <_>" from message | rex '<a>\<b>' FROM "x y"`, `* | extract "] \"<m> <_>" | extract "<a>\\<b>" from "x y"`},
		{"* | top host | RARE 3 by (a, b) | uniq by a | dedup a, \"b c\"", `* | top 10 host | rare 3 a, b | uniq a | dedup a, "b c"`},
		{"* | timechart | timechart 90s by a, b | timechart 1h30m count() as n, p95(x) if (y) by (z)", "* | timechart count() | timechart 90s count() by a, b | timechart 90m count() as n, p95(x) if (y) by z"},
		{"* | stats rate(), first(a), last(b) as l, values(c)", "* | stats rate(), first(a), last(b) as l, values(c)"},
		{"* | eval x = a-b*-c/(d+2.5e-3) % 250ms", "* | eval x = a - (((b * -c) / (d + 2.5e-3)) % 250ms)"},
		{"* | eval x=if(a OR b:>5) 'y' else IF (c) 1 else 2|limit 1", `* | eval x = if (a OR b>5) "y" else if (c) 1 else 2 | limit 1`},
		{`* | eval "x y" = Concat( a ,"b", field("c-d"), field(e), -(-5), .5 )`, `* | eval "x y" = concat(a, "b", field("c-d"), e, --5, .5)`},
		{"* | eval x = (if (a) b else c) + field(else) - field(and)", `* | eval x = ((if (a) b else c) + field("else")) - field("and")`},
		{`* | extract /a (?P<b>\d+)\/x/i from c|limit 1`, `* | extract /a (?P<b>\d+)\/x/i from c | limit 1`},
		{"* | context | context 3 | context 3 3 by (host, file) | context 2 0 by a", "* | context 5 | context 3 | context 3 | context 2 0 by a"},
		{`* | patterns | patterns 3 of message | patterns of "x y"`, `* | patterns 50 | patterns 3 | patterns 50 of "x y"`},
		{"* | compare 90m | compare 1w", "* | compare 90m | compare 1w"},
		{"user:in(level:error | fields user) -ip:in(x)", "user:in(level:error | fields user) -ip:in(x)"},
		{"a:(in(b) OR c)", "a:in(b) OR a:c"},
		{`"x y":in(a:in(b | top 3 c | fields c)|uniq "x y" )`, `"x y":in(a:in(b | top 3 c | fields c) | uniq "x y")`},
		{"a:in(* | timechart) b:in(* | eval b = (1+2)*c) c:in(* | stats count() as c by (d))", "a:in(* | timechart count()) b:in(* | eval b = (1 + 2) * c) c:in(* | stats count() as c by d)"},
		{"a:in b:in* in(c)", `a:"in" b:"in"* "in" c`},
		{"* | Facets | facets 7|limit 2", "* | facets 20 | facets 7 | limit 2"},
		{"* | stats count() as n by h | where n > 5 h=x", "* | stats count() as n by h | where n>5 h=x"},
	} {
		q, err := Parse(c.query)
		if c.canonical == "" && strings.TrimSpace(c.query) != "" {
			if err == nil {
				t.Errorf("%s: no error", c.query)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if got := q.String(); got != c.canonical {
			t.Errorf("%s: %s, want %s", c.query, got, c.canonical)
		}
		again(t, q)
	}
}

// again checks that the canonical form parses to the same tree.
func again(t interface {
	Helper()
	Fatalf(string, ...any)
}, q *Query,
) {
	t.Helper()
	s := q.String()
	q2, err := Parse(s)
	if err != nil {
		t.Fatalf("canonical %q: %v", s, err)
	}
	if a, b := dump(q), dump(q2); a != b {
		t.Fatalf("canonical %q is another tree:\n%s\n%s", s, a, b)
	}
}

func TestPositions(t *testing.T) {
	q, err := Parse(`größe:5 (a OR -level:error) | stats count() if (x) by time(1m)`)
	if err != nil {
		t.Fatal(err)
	}
	and := q.Filter.(*And)
	or := and.List[1].(*Or)
	st := q.Pipes[0].(*Stats)
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"and", and.Offset(), 0},
		{"or", or.Offset(), 11},
		{"not", or.List[1].Offset(), 16},
		{"text", or.List[1].(*Not).X.Offset(), 17},
		{"stats", st.Offset(), 32},
		{"agg", st.Aggs[0].Offset(), 38},
		{"if", st.Aggs[0].If.Offset(), 50},
		{"key", st.By[0].Offset(), 56},
	} {
		if c.got != c.want {
			t.Errorf("%s at %d, want %d", c.name, c.got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		query  string
		column int
		parts  string // what message and hint must say, with | between
	}{
		{`größe "x`, 7, `not closed`},
		{"(a b", 5, "expected )|column 1"},
		{"a b)", 4, "closes nothing"},
		{"a and", 6, `after and|"and"`},
		{"or a", 1, `before OR|"or"`},
		{"a or", 5, `after or`},
		{"not", 4, `after not|"not"`},
		{"a || | limit 5", 6, "expected a filter after"},
		{"stats count()", 13, `follows a`},
		{"()", 2, "inside of the parentheses"},
		{"level:", 7, `value for the field level|"level:"`},
		{"level==x", 6, "== is no comparison|= is exact"},
		{"level=~x", 6, "=~ is no comparison|/expression/"},
		{"host=web*", 6, "host:web*"},
		{"host=", 6, `written ""`},
		{">5", 1, "needs a field"},
		{"s:[1 2]", 6, "expected TO|[a TO b]"},
		{"s:[1 TO 2", 10, "not closed"},
		{"s:[error]", 9, "expected TO|quote"},
		{"x:in()", 6, "expected a filter"},
		{"x:in(a | fields b", 18, "column 5 is not closed"},
		{"x:in(a) b)", 10, "closes nothing"},
		{"x:in(a | stat count())", 10, "did you mean stats?"},
		{"x:in(a | facets)", 10, "gives values of a field|uniq"},
		{"level:in(error, warn)", 7, `level:(error OR warn)|uniq level`},
		{`x:in("a b",c , d,e,f)`, 3, `x:("a b" OR c OR d OR …)`},
		{"_time:in(a)", 7, "time"},
		{strings.Repeat("x:in(", 4) + "a" + strings.Repeat(")", 4), 18, "more than 3 queries"},
		{strings.Repeat("x:in(a) ", 21), 163, "more than 20 queries"},
		{"/a(b/", 1, "missing closing )"},
		{"_time:foo", 7, "_time:1h"},
		{"_time:now-1h", 7, "period"},
		{"_time:[a TO b]", 8, "is not a time"},
		{`""`, 1, "empty"},
		{"a | stat count()", 5, `no pipe "stat"|did you mean stats?|limit`},
		{"a |", 4, "expected a pipe|query ends"},
		{"a | stats", 10, "expected an aggregate|count()"},
		{"a | stats count by x", 17, "write count()"},
		{"a | stats cout()", 11, "did you mean count?"},
		{"a | stats p195(x)", 11, "no function p195()|sum|p95"},
		{"a | stats p95()", 15, "p95(field)"},
		{"a | stats quantile", 19, "quantile(0.95, field)"},
		{"a | stats quantile(x)", 20, "from 0 to 1|found x"},
		{"a | stats quantile(95, x)", 20, "from 0 to 1"},
		{"a | stats quantile(nan, x)", 20, "from 0 to 1"},
		{"a | stats quantile(0.5)", 23, "expected , and a field"},
		{"a | stats quantile(0.5, )", 25, "needs a field"},
		{"a | extract", 12, "quoted text|query ends"},
		{`a | extract "x`, 13, "not closed"},
		{`a | extract "x"`, 13, "binds nothing"},
		{`a | extract "<_>x<>"`, 13, "binds nothing"},
		{`a | extract "<a><b>"`, 13, "between <a> and <b>"},
		{`a | extract "<a> <a>"`, 13, "twice"},
		{`a | extract "<dataset>"`, 13, "dataset cannot be set"},
		{`a | extract "<a>" from`, 23, "name of a field"},
		{`a | extract "<a>" for b`, 19, "expected |"},
		{"a | extract /x/", 13, "binds nothing"},
		{"a | extract /(?P<x>a)(?P<x>b)/", 13, "x"},
		{"a | extract /(?P<x>a/", 13, "missing closing )"},
		{"a | extract /(?P<x>a)", 13, "not closed"},
		{"a | stats sum()", 15, "sum(field)"},
		{"a | stats by x", 11, "before by"},
		{"a | stats count() by time(5)", 27, "not a span|time(5m)"},
		{"a | stats count() by hour(x)", 22, "no key hour()"},
		{"a | stats count(), count()", 20, "two columns"},
		{"a | stats count() by x, x", 25, "two columns"},
		{"a | limit 0", 11, "from 1"},
		{"a | limit x", 11, "limit 100"},
		{"a | fields", 11, "name of a field"},
		{"a | fields a b", 14, "comma"},
		{"a | context 1001", 13, "from 0 to 1000|context 5 10"},
		{"a | context 1 -1", 15, "from 0 to 1000"},
		{"a | context x", 13, "found x"},
		{"a | context 5 by _time", 15, "cannot be equal"},
		{"a | patterns 0", 14, "from 1 to 10000|patterns 20 of path"},
		{"a | patterns x", 14, "found x"},
		{"a | patterns of", 16, "name of a field"},
		{"a | patterns 5 of @timestamp", 19, "times have no patterns|stats count()"},
		{"a | compare", 12, "expected a span|compare 1h"},
		{"a | compare 5", 13, "not a span|compare 1h"},
		{"a | facets 0", 12, "from 1|facets 10"},
		{"a | facets x", 12, "expected |found x"},
		{"a | facets 99999999999999999999", 12, "from 1"},
		{"a | sort -", 11, "name of a field"},
		{strings.Repeat("(", 200) + "a", 101, "more than 100"},
		{strings.Repeat("-", 200) + "a", 101, "more than 100"},
		{strings.Repeat("a", MaxQuery+1), 1, "65537 bytes"},
		{strings.Repeat("a", MaxText+1), 1, "at most 8192"},
	} {
		_, err := Parse(c.query)
		name := c.query[:min(len(c.query), 40)]
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if e.Column != c.column {
			t.Errorf("%s: column %d, want %d (%v)", name, e.Column, c.column, e)
		}
		for part := range strings.SplitSeq(c.parts, "|") {
			if !strings.Contains(e.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, e.Error(), part)
			}
		}
	}
}

func TestCaret(t *testing.T) {
	_, err := Parse("größe:5\nlevel==x y")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got, want := e.Caret(), "level==x y\n     ^"; got != want {
		t.Errorf("caret:\n%s\nwant:\n%s", got, want)
	}
	_, err = Parse(strings.Repeat("word ", 100) + ")" + strings.Repeat(" word", 100))
	if !errors.As(err, &e) || len([]rune(e.Caret())) > 200 {
		t.Errorf("caret of a long query: %s", e.Caret())
	}
}

func TestWarnings(t *testing.T) {
	q, err := Parse(`abc~2 "a b"~5 file.txt`)
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Warnings) != 2 || q.Warnings[0].Pos != 3 || q.Warnings[1].Pos != 11 {
		t.Fatalf("warnings %+v", q.Warnings)
	}
}

func TestExplain(t *testing.T) {
	q, err := Parse(`connection not found level:(error OR warn) took:[1 TO 5} | limit 3`)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(Explain(q), "; ")
	want := "connection; NOT found; (level has error OR level has warn); took >= 1 and took < 5; limit 3"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Random trees print to a query that parses to the same tree.
func TestCanonicalFormOfRandomTrees(t *testing.T) {
	text := rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9_.\-]{1,6}`),
		rapid.SampledFrom([]string{"and", "Or", "NOT", "to", "now", "now-1h", "in", "-x", "~2", "a:b", "a=b", "(x", `"`, `\`, `a"b\c`, "ä ö", "[x]", "500", "-5", "1.5h", "*", "a*b", "/x/", " ", "|", "_time", "desc"}),
	)
	fieldName := rapid.OneOf(rapid.StringMatching(`[a-z@_][a-z0-9_.]{0,5}`), text).Filter(func(s string) bool {
		return !isTime(s) && s != existsField
	})
	var filter func(depth int) *rapid.Generator[Filter]
	filter = func(depth int) *rapid.Generator[Filter] {
		return rapid.Custom(func(t *rapid.T) Filter {
			kinds := 8
			if depth > 0 {
				kinds = 11
			}
			if depth == 1 {
				kinds = 12
			}
			switch rapid.IntRange(0, kinds-1).Draw(t, "node") {
			case 0:
				return &All{}
			case 1:
				return &Exists{Field: fieldName.Draw(t, "field")}
			case 2:
				return &Time{Text: rapid.SampledFrom([]string{"1h", "1h30m", "2026-01-31", "2026-01-31T10:00", "today"}).Draw(t, "span")}
			case 3, 4:
				f := &Text{Kind: TextKind(rapid.IntRange(0, 1).Draw(t, "kind")), Text: text.Draw(t, "text")}
				if rapid.Bool().Draw(t, "with field") {
					f.Field = fieldName.Draw(t, "field")
				}
				return f
			case 5:
				return rapid.SampledFrom([]Filter{
					&Text{Kind: Substring, Text: "a:b/c"}, &Text{Kind: Wildcard, Text: "a*b:c"}, &Text{Field: "f", Kind: Wildcard, Text: "-*x*y"}, &Text{Kind: Wildcard, Text: "/a*b"},
					&Text{Kind: Regexp, Text: `a b|c\/d`}, &Text{Field: "x y", Kind: Regexp, Text: `\d+`, Fold: true},
				}).Draw(t, "pattern")
			case 6:
				s := text.Draw(t, "scalar")
				return &Compare{Field: fieldName.Draw(t, "field"), Op: Op(rapid.IntRange(0, 5).Draw(t, "op")), Value: Scalar{Text: s, Literal: numberLike(s)}}
			case 7:
				s := text.Draw(t, "scalar")
				r := &Range{Field: fieldName.Draw(t, "field"), From: &Scalar{Text: s, Literal: numberLike(s)}, FromOpen: rapid.Bool().Draw(t, "open")}
				if rapid.Bool().Draw(t, "both") {
					r.To, r.ToOpen = &Scalar{Text: "599"}, rapid.Bool().Draw(t, "open")
				}
				return r
			case 11:
				x := filter(0).Draw(t, "x")
				return &In{Field: fieldName.Draw(t, "field"), Query: &Query{Filter: x, Pipes: []Pipe{&Fields{Names: []string{"x"}}}}}
			case 8:
				x := filter(depth-1).Draw(t, "x")
				return &Not{X: x}
			case 9:
				a := &And{}
				for _, x := range rapid.SliceOfN(filter(depth-1), 2, 4).Draw(t, "list") {
					if _, ok := x.(*And); !ok {
						a.List = append(a.List, x)
					}
				}
				if len(a.List) < 2 {
					return &All{}
				}
				return a
			}
			o := &Or{}
			for _, x := range rapid.SliceOfN(filter(depth-1), 2, 4).Draw(t, "list") {
				if _, ok := x.(*Or); !ok {
					o.List = append(o.List, x)
				}
			}
			if len(o.List) < 2 {
				return &All{}
			}
			return o
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		q := &Query{Filter: filter(3).Draw(t, "filter")}
		if rapid.Bool().Draw(t, "pipes") {
			st := &Stats{Aggs: []Agg{{Func: "count", As: fieldName.Draw(t, "as")}}}
			if n := fieldName.Draw(t, "by"); n != st.Aggs[0].As {
				st.By = append(st.By, Key{Field: n})
			}
			st.Aggs = append(st.Aggs, Agg{Func: "sum", Field: fieldName.Draw(t, "arg"), If: filter(1).Draw(t, "if")})
			q.Pipes = append(q.Pipes, st, &Sort{By: []SortKey{{Field: fieldName.Draw(t, "sort"), Down: true}, {Field: "desc"}}},
				&Fields{Names: []string{fieldName.Draw(t, "keep")}, Drop: rapid.Bool().Draw(t, "drop")}, &Limit{N: 5})
		}
		again(t, q)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`level:error -"a b" (x OR y:[1 TO 5}) | stats count() as n by time(5m), host | sort -n | limit 5`,
		`a=~b`, `/a*~p 'b/i'`, `"-a"*b | eval c = d/e`, `_time:[now-1h TO "2026-01-01 00:00"]`, `/a b/i x:*y* "p"*~2`, `not not (a)`, `x:(a -b >5)`, "\xff:\xfe", `x:(a :*b*5)`,
	} {
		f.Add(s)
	}
	f.Add(`x | eval a = -b * (if (c d:[1 TO 2]) "e" else round(f, 1)) % 1h30m - field("g") | timechart 5m p95(h) by i | top 3 j | dedup k`)
	f.Add(`x:in(y | stats count() by x) | where z:(in(a) OR b) | context 3 5 by c | facets 4 | patterns 2 of d | compare 1h30m`)
	f.Add(`x | extract "a<b> \\<c" from d | extract /(?P<e>f)/i | stats p99.9(g), quantile(0.5, h)`)
	f.Add(`x | fields - a, b | rare 3 c, d | uniq by (e) | stats values(f) if (g), first(h) by time(3M), bucket(i, 5) | timechart 1y rate() | fields j | head 2`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || e.Caret() == "" {
				t.Fatalf("%q: error %#v", text, err)
			}
			return
		}
		if len(q.String()) > MaxQuery {
			return // the canonical form repeats the field of a list
		}
		again(t, q)
		Explain(q)
		Outline(q)
	})
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		`a<b>c`:             `"a"<b> "c"`,
		`<b>`:               `""<b>`,
		`<<b>>`:             `"<"<b> ">"`,
		`a < b <c>`:         `"a < b "<c>`,
		`\<a> <b>`:          `"<a> "<b>`,
		`\\<a> <b>`:         `"\\"<a> " "<b>`,
		`x\y \<z <b>\`:      `"x\\y <z "<b> "\\"`,
		`</b> <c.d-e>`:      `"</b> "<c.d-e>`,
		`<_>, <> x<größe>y`: `""<> ", "<> " x"<größe> "y"`,
	} {
		parts, err := ParseTemplate(text)
		got := ""
		for _, p := range parts {
			got += fmt.Sprintf(" %q", p.Text)
			if p.Bind {
				got += "<" + p.Name + ">"
			}
		}
		if got = strings.TrimPrefix(got, " "); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
}
