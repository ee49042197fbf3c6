package exec

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"journalist/internal/query/lang"
	"journalist/internal/record"
	"journalist/internal/scan"
)

// evalStep sets a field to what an expression gives.
type evalStep struct {
	name  string
	refs  []string    // the fields that the expression reads
	ifs   []scan.Expr // the filters in it
	value formula

	budget *budget
}

// formula computes an expression for the row of an env.
type formula func(e *env) record.Value

// env is a row as formulas see it. One goroutine uses it.
type env struct {
	refs  []record.Value // as evalStep.refs
	holds func(scan.Expr) bool
	text  []byte // holds the texts that formulas make for this row
}

func (q *query) evalStep(p *lang.Eval, c compiler) (*evalStep, error) {
	s := &evalStep{name: p.Name, budget: &q.budget}
	var err error
	s.value, err = s.compile(c, p.X)
	return s, err
}

func (s *evalStep) sets() []string { return []string{s.name} }
func (s *evalStep) cuts() bool     { return false }

func (s *evalStep) source(names []string, whole bool) ([]string, bool) {
	names = append(without(names, []string{s.name}), s.refs...)
	for _, f := range s.ifs {
		whole = fieldsOf(f, func(n string) { names = append(names, n) }) || whole
	}
	return names, whole
}

func (s *evalStep) runner() runner {
	return &evalRunner{
		evalStep: s, room: room{budget: s.budget}, setter: setter{names: []string{s.name}},
		env: env{refs: make([]record.Value, len(s.refs))}, out: newPlain(s.name, 0),
	}
}

type evalRunner struct {
	*evalStep
	env    env
	view   view
	cols   []*scan.Column
	out    scan.Column
	setter setter
	room   room
}

func (x *evalRunner) run(b *scan.Block) (*scan.Block, error) {
	x.view.reset(b)
	x.cols = x.cols[:0]
	for _, n := range x.refs {
		col := x.view.column(n)
		if col != nil { // the view has but one column of the time
			c := *col
			col = &c
		}
		x.cols = append(x.cols, col)
	}
	row := 0
	x.env.holds = func(e scan.Expr) bool { return x.view.eval(e, row) }
	out := &x.out
	out.Len, out.Kinds, out.Offsets, out.Data = 0, out.Kinds[:0], out.Offsets[:1], out.Data[:0]
	for row = range x.view.n {
		for i, c := range x.cols {
			x.env.refs[i] = record.Value{}
			if c != nil {
				x.env.refs[i] = c.Value(row)
			}
		}
		x.env.text = x.env.text[:0]
		v := x.value(&x.env)
		if err := x.room.need(len(out.Data) + len(v.Bytes) + 9*row); err != nil {
			return nil, err
		}
		appendValue(out, v)
	}
	return x.setter.set(b, []scan.Column{*out}), nil
}

// eval works on rows at hand.
func (q *query) eval(t *table, p *lang.Eval) error {
	s, err := q.evalStep(p, q.tableCompiler(t))
	if err != nil {
		return err
	}
	e := &env{refs: make([]record.Value, len(s.refs))}
	return q.set(t, s.sets(), func(dst []record.Value, r *tableRow) []record.Value {
		for i, n := range s.refs {
			e.refs[i], _ = t.get(r, n)
		}
		e.holds = func(f scan.Expr) bool {
			return scan.Eval(f,
				func(name string) (record.Value, bool) { return t.get(r, name) },
				func(f func(string, record.Value) bool) { t.each(r, f) })
		}
		e.text = e.text[:0]
		return append(dst, clone(s.value(e)))
	})
}

func (s *evalStep) compile(c compiler, x lang.Expr) (formula, error) {
	switch x := x.(type) {
	case *lang.Number:
		f, _, ok := scan.ParseNumber(x.Text)
		if !ok {
			return nil, fmt.Errorf("%q is not a number", x.Text)
		}
		v := floatValue(f)
		return func(*env) record.Value { return v }, nil
	case *lang.Literal:
		v := record.StringValue([]byte(x.Text))
		return func(*env) record.Value { return v }, nil
	case *lang.Ref:
		i := slices.Index(s.refs, x.Field)
		if i < 0 {
			i = len(s.refs)
			s.refs = append(s.refs, x.Field)
		}
		if c.isTime(x.Field) { // as a number of seconds
			return func(e *env) record.Value {
				if e.refs[i].Kind != record.Int {
					return record.Value{}
				}
				return e.float(float64(e.refs[i].Int) / 1e9)
			}, nil
		}
		return func(e *env) record.Value { return e.refs[i] }, nil
	case *lang.Neg:
		y, err := s.compile(c, x.X)
		if err != nil {
			return nil, err
		}
		return func(e *env) record.Value {
			return e.calc('-', record.IntValue(0), y(e))
		}, nil
	case *lang.Binary:
		a, err := s.compile(c, x.X)
		if err != nil {
			return nil, err
		}
		b, err := s.compile(c, x.Y)
		if err != nil {
			return nil, err
		}
		return func(e *env) record.Value { return e.calc(x.Op, a(e), b(e)) }, nil
	case *lang.If:
		return s.compileIf(c, x)
	case *lang.Call:
		return s.compileCall(c, x)
	}
	return nil, fmt.Errorf("exec: expression %T", x)
}

func (s *evalStep) compileIf(c compiler, x *lang.If) (formula, error) {
	f, err := c.filter(x.Filter)
	if err != nil {
		return nil, err
	}
	s.ifs = append(s.ifs, f)
	a, err := s.compile(c, x.Then)
	if err != nil {
		return nil, err
	}
	b, err := s.compile(c, x.Else)
	if err != nil {
		return nil, err
	}
	return func(e *env) record.Value {
		if e.holds(f) {
			return a(e)
		}
		return b(e)
	}, nil
}

func (s *evalStep) compileCall(c compiler, x *lang.Call) (formula, error) {
	args := make([]formula, len(x.Args))
	for i, a := range x.Args {
		var err error
		if args[i], err = s.compile(c, a); err != nil {
			return nil, err
		}
	}
	switch x.Func {
	case "abs", "ceil", "floor", "round":
		return rounding(x.Func, args), nil
	case "min", "max":
		return func(e *env) record.Value { return e.extreme(args, x.Func == "max") }, nil
	case "coalesce":
		return func(e *env) record.Value {
			for _, a := range args {
				if v := a(e); v.Kind != record.Missing && v.Kind != record.Null {
					return v
				}
			}
			return record.Value{}
		}, nil
	case "concat":
		return func(e *env) record.Value { return e.concat(args) }, nil
	case "len":
		return func(e *env) record.Value {
			v := args[0](e)
			if v.Kind == record.Missing || v.Kind == record.Null {
				return record.Value{}
			}
			return record.IntValue(int64(utf8.RuneCount(e.textOf(v))))
		}, nil
	case "lower", "upper":
		change := bytes.ToLower
		if x.Func == "upper" {
			change = bytes.ToUpper
		}
		return func(e *env) record.Value {
			v := args[0](e)
			if v.Kind == record.Missing || v.Kind == record.Null {
				return record.Value{}
			}
			return record.StringValue(change(e.textOf(v)))
		}, nil
	}
	return nil, fmt.Errorf("exec: function %s", x.Func)
}

func rounding(name string, args []formula) formula {
	apply := map[string]func(float64) float64{"abs": math.Abs, "ceil": math.Ceil, "floor": math.Floor, "round": math.Round}[name]
	return func(e *env) record.Value {
		f, ok := operand(args[0](e))
		if !ok {
			return record.Value{}
		}
		if len(args) == 1 {
			return e.float(apply(f))
		}
		places, ok := operand(args[1](e))
		if !ok || places != math.Trunc(places) || math.Abs(places) > 15 {
			return record.Value{}
		}
		if places < 0 {
			unit := math.Pow10(int(-places))
			return e.float(math.Round(f/unit) * unit)
		}
		unit := math.Pow10(int(places))
		if r := math.Round(f*unit) / unit; !math.IsInf(r, 0) {
			f = r
		}
		return e.float(f)
	}
}

// operand is a value as a number, where a text may have a unit.
func operand(v record.Value) (float64, bool) {
	f, ok := v.Float()
	if !ok && v.Kind == record.String && len(v.Bytes) <= 64 {
		f, _, ok = scan.ParseNumber(string(v.Bytes))
	}
	return f, ok
}

// calc computes a op b; what is no number, and division by zero, gives nothing.
func (e *env) calc(op byte, a, b record.Value) record.Value {
	if a.Kind == record.Int && b.Kind == record.Int {
		if n, ok := calcInt(op, a.Int, b.Int); ok {
			return record.IntValue(n)
		}
	}
	x, ok := operand(a)
	y, ok2 := operand(b)
	if !ok || !ok2 {
		return record.Value{}
	}
	switch op {
	case '+':
		return e.float(x + y)
	case '-':
		return e.float(x - y)
	case '*':
		return e.float(x * y)
	case '/':
		return e.float(x / y)
	}
	return e.float(math.Mod(x, y))
}

// maxExactInt bounds the integers that are computed as such; all others are
// float64s.
const maxExactInt = 1e18

func calcInt(op byte, a, b int64) (int64, bool) {
	n := int64(0)
	switch {
	case op == '+' && within(a, maxExactInt) && within(b, maxExactInt):
		n = a + b
	case op == '-' && within(a, maxExactInt) && within(b, maxExactInt):
		n = a - b
	case op == '*' && within(a, 1e9) && within(b, 1e9):
		n = a * b
	case op == '/' && b != 0 && b != -1 && a%b == 0:
		n = a / b
	case op == '%' && b != 0 && b != -1:
		n = a % b
	default:
		return 0, false
	}
	return n, within(n, maxExactInt)
}

func within(n, limit int64) bool { return -limit < n && n < limit }

// float makes a number of the row; none where it is infinite or none at all.
func (e *env) float(f float64) record.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return record.Value{}
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return record.IntValue(int64(f))
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e17 {
		format = 'e'
	}
	start := len(e.text)
	e.text = strconv.AppendFloat(e.text, f, format, -1, 64)
	return record.Value{Kind: record.Number, Bytes: e.text[start:]}
}

func (e *env) textOf(v record.Value) []byte {
	if v.Kind == record.Int || v.Kind == record.Bool {
		start := len(e.text)
		e.text = v.AppendText(e.text)
		return e.text[start:]
	}
	return v.Bytes
}

// maxConcat bounds the texts that concat makes.
const maxConcat = 1 << 20

func (e *env) concat(args []formula) record.Value {
	var text []byte
	for _, a := range args {
		v := a(e)
		if len(text)+len(v.Bytes) > maxConcat {
			return record.Value{}
		}
		text = v.AppendText(text)
	}
	return record.StringValue(text)
}

func (e *env) extreme(args []formula, largest bool) record.Value {
	best := record.Value{}
	for _, a := range args {
		v := a(e)
		if class(v) == classNone {
			continue
		}
		if c := compareValues(v, best); best.Kind == record.Missing || c != 0 && (c > 0) == largest {
			best = v
		}
	}
	return best
}
