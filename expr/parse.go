package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weft-data/weft/dtype"
)

// maxParse bounds the text that Parse takes.
const maxParse = 1 << 20

// Parse reads the text form that String writes; the two are inverse to each
// other. Beyond what String writes it takes "not x" without parentheses, and instants
// without an offset, which are the wall clock of their zone as in a cast of text.
//
// Errors: what was found and what would be right, with the position in bytes.
// Columns are not looked up and types not checked: that is Infer's.
func Parse(text string) (Expr, error) {
	if len(text) > maxParse {
		return Expr{}, fmt.Errorf("expr: a text of %d bytes; at most %d", len(text), maxParse)
	}
	p := &parser{s: text}
	e, err := p.all()
	if err != nil {
		return Expr{}, err
	}
	return e, nil
}

type parser struct {
	s     string
	tok   token
	end   int // byte after tok
	depth int
}

// advance moves to the next token.
func (p *parser) advance() error {
	t, err := next(p.s, p.end)
	if err != nil {
		return err
	}
	p.tok, p.end = t, t.at+len(t.text)
	if t.kind == '"' {
		q, _ := strconv.QuotedPrefix(p.s[t.at:])
		p.end = t.at + len(q)
	}
	return nil
}

func (p *parser) is(text string) bool {
	return p.tok.text == text && (p.tok.kind == 'o' || p.tok.kind == 'a')
}

// accept skips text if it is next.
func (p *parser) accept(text string) (bool, error) {
	if !p.is(text) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) want(text string) error {
	if !p.is(text) {
		return fail(p.tok.at, "unexpected %s, want %q", p.tok, text)
	}
	return p.advance()
}

func (p *parser) all() (e Expr, err error) {
	if err := p.advance(); err != nil {
		return e, err
	}
	if e.N, err = p.expr(0); err != nil {
		return e, err
	}
	if named, err := p.accept("as"); err != nil {
		return e, err
	} else if named {
		if p.tok.kind != 'a' && p.tok.kind != '"' || p.tok.kind == 'a' && !isIdent(p.tok.text) || p.tok.text == "" {
			return e, fail(p.tok.at, "unexpected %s, want a name", p.tok)
		}
		e.Name = p.tok.text
		if err := p.advance(); err != nil {
			return e, err
		}
	}
	if p.tok.kind != '.' {
		return e, fail(p.tok.at, "unexpected %s after the expression", p.tok)
	}
	if height(e.N) > MaxDepth {
		return e, fmt.Errorf("expr: nested more than %d deep", MaxDepth)
	}
	return e, nil
}

// height is how deeply nodes are nested.
func height(n Node) int {
	h := 0
	for _, k := range kids(n) {
		h = max(h, height(k))
	}
	return h + 1
}

var bySign = func() map[string]string {
	m := map[string]string{}
	for fn, op := range infixes {
		m[op.sign] = fn
	}
	return m
}()

// expr reads an expression whose operators bind at least as strongly as least:
// operator precedence after Pratt.
func (p *parser) expr(least int) (Node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, fail(p.tok.at, "nested more than %d deep", MaxDepth)
	}
	defer func() { p.depth-- }()
	x, err := p.prefix()
	if err != nil {
		return nil, err
	}
	compared := false
	for {
		if p.is("in") && least <= precCmp {
			if x, err = p.member(x); err != nil {
				return nil, err
			}
			continue
		}
		fn, ok := bySign[p.tok.text]
		op := infixes[fn]
		if !ok || p.tok.kind == '"' || op.prec < least {
			return x, nil
		}
		if op.prec == precCmp {
			if compared {
				return nil, fail(p.tok.at, "comparisons do not chain; join them with and")
			}
			compared = true
		}
		if x, err = p.infix(x, fn, op); err != nil {
			return nil, err
		}
	}
}

// infix reads the right side of an operator; and and or take all their operands.
func (p *parser) infix(x Node, fn string, op infix) (Node, error) {
	args := []Node{x}
	for p.is(op.sign) {
		if err := p.advance(); err != nil {
			return nil, err
		}
		y, err := p.expr(op.prec + 1)
		if err != nil {
			return nil, err
		}
		args = append(args, y)
		if op.prec != precAnd && op.prec != precOr {
			break
		}
	}
	return Func{fn, args}, nil
}

func (p *parser) member(x Node) (Node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	m := Member{X: x, In: []Literal{}}
	at := p.tok.at
	args, err := p.list()
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		l, ok := a.(Literal)
		if !ok {
			return nil, fail(at, "in takes constants, got %s", brief(a))
		}
		m.In = append(m.In, l)
	}
	return m, nil
}

// list reads (a, b, …).
func (p *parser) list() (args []Node, err error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	for !p.is(")") {
		if len(args) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		a, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	return args, p.advance()
}

// prefix reads an operand.
func (p *parser) prefix() (Node, error) {
	t := p.tok
	if t.kind == '.' {
		return nil, fail(t.at, "the expression ends where an operand is wanted")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch {
	case t.kind == '"':
		return Literal{Type: tText, S: t.text}, nil
	case t.kind == '0':
		return number64(t, "")
	case t.kind == 'a':
		return p.word(t)
	case t.text == "(":
		x, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		return x, p.want(")")
	case t.text == "-" && p.tok.kind == '0':
		num := p.tok
		if err := p.advance(); err != nil {
			return nil, err
		}
		return number64(num, "-")
	case t.text == "-":
		x, err := p.expr(precNeg)
		return Func{"neg", []Node{x}}, err
	}
	return nil, fail(t.at, "unexpected %s, want an operand", t)
}

// number64 reads an int64 or float64 constant.
func number64(t token, sign string) (Node, error) {
	if strings.ContainsAny(t.text, ".eE") {
		f, err := strconv.ParseFloat(sign+t.text, 64)
		if err != nil {
			return nil, fail(t.at, "%s%s is no float64", sign, t.text)
		}
		return Literal{Type: tFloat64, F: f}, nil
	}
	i, err := strconv.ParseInt(sign+t.text, 10, 64)
	if err != nil {
		return nil, fail(t.at, "%s%s does not fit int64; write uint64(…) or a float", sign, t.text)
	}
	return Literal{Type: tInt64, I: i}, nil
}

// word reads what begins with the word t, which is already skipped.
func (p *parser) word(t token) (Node, error) {
	switch t.text {
	case "null":
		return Literal{Type: tNull, Null: true}, nil
	case "true", "false":
		l := Literal{Type: tBool}
		if t.text == "true" {
			l.I = 1
		}
		return l, nil
	case "case":
		return p.when()
	case "cast", "try_cast":
		if p.is("(") {
			return p.cast(t.text == "cast")
		}
	case "col":
		if p.is("(") {
			return p.column()
		}
	case "not":
		if !p.is("(") {
			x, err := p.expr(precCmp)
			return Func{"not", []Node{x}}, err
		}
	}
	_, isType := kindOf(t.text)
	switch {
	case isType && (p.is("(") || p.is("[")):
		return p.typed(t)
	case p.is("("):
		if lookup(t.text) == nil {
			return nil, fail(t.at, "unknown function %q%s", t.text, nearestFunction(t.text))
		}
		args, err := p.list()
		return Func{t.text, args}, err
	case keywords[t.text]:
		return nil, fail(t.at, "unexpected %s, want an operand", t)
	case !isIdent(t.text):
		return nil, fail(t.at, `%q is no name; write col(%s) for a column`, t.text, strconv.Quote(t.text))
	}
	return Column{t.text}, nil
}

func (p *parser) when() (Node, error) {
	var w When
	for {
		more, err := p.accept("when")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		cond, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		if err := p.want("then"); err != nil {
			return nil, err
		}
		then, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		w.If, w.Then = append(w.If, cond), append(w.Then, then)
	}
	if len(w.If) == 0 {
		return nil, fail(p.tok.at, `unexpected %s, want "when"`, p.tok)
	}
	if other, err := p.accept("else"); err != nil {
		return nil, err
	} else if other {
		if w.Else, err = p.expr(0); err != nil {
			return nil, err
		}
	}
	return w, p.want("end")
}

func (p *parser) cast(strict bool) (Node, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	x, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if err := p.want(","); err != nil {
		return nil, err
	}
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	to, err := p.typeName(t)
	if err != nil {
		return nil, err
	}
	return Cast{x, to, strict}, p.want(")")
}

func (p *parser) column() (Node, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	t := p.tok
	if t.kind != '"' {
		return nil, fail(t.at, "unexpected %s, want the name of a column in quotes", t)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return Column{t.text}, p.want(")")
}

func kindOf(name string) (dtype.Kind, bool) {
	for k := dtype.Null; k <= dtype.Struct; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// typeName reads the type whose first word t is already skipped.
func (p *parser) typeName(t token) (dtype.Type, error) {
	if _, ok := kindOf(t.text); !ok || t.kind != 'a' {
		return dtype.Type{}, fail(t.at, `unexpected %s, want a type like "int64"`, t)
	}
	out, n, err := dtype.ParsePrefix(p.s[t.at:])
	if err == nil {
		err = checkType(out)
	}
	if err != nil {
		return out, fail(t.at, "%v", err)
	}
	p.end = t.at + n
	return out, p.advance()
}

// typed reads a constant that names its type: int8(3), date("2024-05-01"), utf8(null).
func (p *parser) typed(t token) (Node, error) {
	typ, err := p.typeName(t)
	if err != nil {
		return nil, err
	}
	if err := p.want("("); err != nil {
		return nil, err
	}
	l, err := p.typedValue(typ)
	if err == nil {
		err = p.want(")")
	}
	if err != nil {
		return nil, err
	}
	if err := checkLit(l); err != nil {
		return nil, fail(t.at, "%v", err)
	}
	return l, nil
}

func (p *parser) typedValue(typ dtype.Type) (Literal, error) {
	l := Literal{Type: typ}
	sign := ""
	if minus, err := p.accept("-"); err != nil {
		return l, err
	} else if minus {
		sign = "-"
	}
	t := p.tok
	if err := p.advance(); err != nil {
		return l, err
	}
	var err error
	switch {
	case t.kind == 'a' && t.text == "null" && sign == "":
		l.Null = true
		return l, nil
	case t.kind == '0':
		err = readNumber(&l, sign+t.text)
	case t.kind == '"' && sign == "":
		err = readText(&l, t.text)
	default:
		err = errSyntax
	}
	if err != nil {
		return l, fail(t.at, "%s%s is no %s: %v", sign, t, typ, err)
	}
	return l, nil
}

func readNumber(l *Literal, s string) (err error) {
	switch k := l.Type.Kind; {
	case k.IsFloat():
		if l.F, err = strconv.ParseFloat(s, k.Width()*8); err != nil {
			return numError(err)
		}
	case k == dtype.Uint64:
		var u uint64
		u, err = strconv.ParseUint(s, 10, 64)
		l.I = int64(u)
		return numError(err)
	case k.IsInt() || isTime(k) || isClock(k):
		l.I, err = strconv.ParseInt(s, 10, 64)
		return numError(err)
	default:
		return errSyntax
	}
	return nil
}

func readText(l *Literal, s string) error {
	switch k := l.Type.Kind; {
	case k.IsVar():
		l.S = s
		return nil
	case k.IsFloat():
		return readOdd(l, s)
	case k == dtype.Decimal128 || isTime(k) || isClock(k):
		c, err := castLit(Literal{Type: tText, S: s}, l.Type)
		l.I, l.S = c.I, c.S
		return err
	}
	return errSyntax
}

// readOdd reads floats that are no numbers; see floatText.
func readOdd(l *Literal, s string) error {
	switch s {
	case "nan":
		l.F = math.NaN()
	case "inf":
		l.F = math.Inf(1)
	case "-inf":
		l.F = math.Inf(-1)
	case "NaN", "+Inf", "-Inf": // as they are printed
		l.F, _ = parseFloat(s, 64)
	default:
		digits, ok := strings.CutPrefix(s, "nan:")
		b, err := strconv.ParseUint(digits, 16, 64)
		if l.F = math.Float64frombits(b); !ok || err != nil || l.F == l.F {
			return errSyntax
		}
	}
	return nil
}
