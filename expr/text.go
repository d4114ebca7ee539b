package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/weft-data/weft/dtype"
)

// The binding strengths of the text form, loosest first. and, or and the
// comparisons do not chain with themselves; + - and * / // % group to the left.
const (
	precOr = iota + 1
	precXor
	precAnd
	precCmp
	precSum
	precProduct
	precNeg
	precAtom
)

type infix struct {
	sign string
	prec int
}

var infixes = map[string]infix{
	"or": {"or", precOr}, "xor": {"xor", precXor}, "and": {"and", precAnd},
	"eq": {"==", precCmp}, "ne": {"!=", precCmp}, "lt": {"<", precCmp}, "le": {"<=", precCmp}, "gt": {">", precCmp}, "ge": {">=", precCmp},
	"add": {"+", precSum}, "sub": {"-", precSum},
	"mul": {"*", precProduct}, "div": {"/", precProduct}, "intdiv": {"//", precProduct}, "mod": {"%", precProduct},
}

// keywords cannot name columns without quotes.
var keywords = map[string]bool{"and": true, "or": true, "xor": true, "not": true, "in": true, "case": true, "when": true, "then": true,
	"else": true, "end": true, "null": true, "true": true, "false": true, "as": true}

// String returns the text form, which Parse reads back:
//
//	x > 3 and not(is_null(name))            operators with the precedence of Go and SQL
//	col("a name")                           columns whose names are no identifiers
//	3  2.5  "text"  true  null              constants of int64, float64, utf8, bool
//	int8(3)  date("2024-05-01")  utf8(null) constants of other types
//	case when x > 0 then 1 else 2 end       conditionals
//	x in (1, 2)   cast(x, int64)   try_cast(x, date)   str.upper(name)
//	… as name                               the name set by As
//
// Columns that verbs make for a while, see dtype.Hidden, are shown as what they hold, which is for people only.
func (e Expr) String() string {
	var w writer
	if e.None() {
		return "none"
	}
	w.node(e.N, 0)
	if e.Name != "" {
		w.WriteString(" as ")
		w.name(e.Name)
	}
	return w.String()
}

type writer struct{ strings.Builder }

// node writes n, in parentheses when it binds looser than min.
func (w *writer) node(n Node, min int) {
	switch n := n.(type) {
	case nil:
		w.WriteString("missing()")
	case Column:
		w.column(n.Name)
	case Literal:
		w.literal(n)
	case Cast:
		w.cast(n)
	case When:
		w.when(n)
	case Member:
		w.open(precCmp < min)
		w.node(n.X, precCmp+1)
		w.WriteString(" in (")
		for i, l := range n.In {
			w.comma(i)
			w.literal(l)
		}
		w.WriteString(")")
		w.close(precCmp < min)
	case Bad:
		w.call("bad", []Node{Literal{Type: tText, S: n.Err}})
	case Func:
		w.function(n, min)
	}
}

func (w *writer) open(b bool) {
	if b {
		w.WriteString("(")
	}
}

func (w *writer) close(b bool) {
	if b {
		w.WriteString(")")
	}
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.WriteString(", ")
	}
}

func isIdent(s string) bool {
	for i, r := range s {
		if r == unicode.ReplacementChar || r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != "" && !keywords[s]
}

func (w *writer) name(s string) {
	if hidden := dtype.Hidden(s); hidden || isIdent(s) {
		w.WriteString(dtype.Shown(s))
		return
	}
	w.WriteString(strconv.Quote(s))
}

func (w *writer) column(s string) {
	switch shown := dtype.Shown(s); {
	case isIdent(s):
		w.WriteString(s)
	case dtype.Hidden(s) && strings.Contains(shown, " "):
		w.WriteString("(" + shown + ")")
	case dtype.Hidden(s):
		w.WriteString(shown)
	default:
		w.WriteString("col(" + strconv.Quote(s) + ")")
	}
}

func (w *writer) call(fn string, args []Node) {
	w.WriteString(fn + "(")
	for i, a := range args {
		w.comma(i)
		w.node(a, 0)
	}
	w.WriteString(")")
}

func (w *writer) function(n Func, min int) {
	op, ok := infixes[n.Fn]
	chain := op.prec == precAnd || op.prec == precOr
	if !ok || len(n.Args) != 2 && !(chain && len(n.Args) > 2) {
		if n.Fn == "neg" && len(n.Args) == 1 {
			if _, lit := n.Args[0].(Literal); !lit { // -3 is read as a constant
				w.open(precNeg < min)
				w.WriteString("-")
				w.node(n.Args[0], precNeg)
				w.close(precNeg < min)
				return
			}
		}
		w.call(n.Fn, n.Args)
		return
	}
	w.open(op.prec < min)
	for i, a := range n.Args {
		need := op.prec + 1
		if i == 0 && (op.prec == precSum || op.prec == precProduct) {
			need = op.prec
		}
		if i > 0 {
			w.WriteString(" " + op.sign + " ")
		}
		w.node(a, need)
	}
	w.close(op.prec < min)
}

func (w *writer) cast(n Cast) {
	if !n.Strict {
		w.WriteString("try_")
	}
	w.WriteString("cast(")
	w.node(n.X, 0)
	w.WriteString(", " + n.To.String() + ")")
}

func (w *writer) when(n When) {
	w.WriteString("case")
	for i := range min(len(n.If), len(n.Then)) {
		w.WriteString(" when ")
		w.node(n.If[i], 0)
		w.WriteString(" then ")
		w.node(n.Then[i], 0)
	}
	if n.Else != nil {
		w.WriteString(" else ")
		w.node(n.Else, 0)
	}
	w.WriteString(" end")
}

func (w *writer) literal(l Literal) {
	k := l.Type.Kind
	switch {
	case k == dtype.Null:
		w.WriteString("null")
	case l.Null:
		w.WriteString(l.Type.String() + "(null)")
	case k == dtype.Bool:
		w.WriteString(strconv.FormatBool(l.I != 0))
	case k == dtype.Int64:
		w.WriteString(strconv.FormatInt(l.I, 10))
	case k == dtype.Utf8:
		w.WriteString(strconv.Quote(l.S))
	case k == dtype.Float64 && !math.IsNaN(l.F) && !math.IsInf(l.F, 0):
		s := strconv.FormatFloat(l.F, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		w.WriteString(s)
	default:
		w.WriteString(l.Type.String() + "(" + typedText(l) + ")")
	}
}

// typedText writes the value of a literal that stands behind its type's name.
func typedText(l Literal) string {
	switch k := l.Type.Kind; {
	case k.IsVar():
		return strconv.Quote(l.S)
	case k.IsFloat():
		return floatText(l)
	case k == dtype.Uint64:
		return strconv.FormatUint(uint64(l.I), 10)
	case k == dtype.Decimal128:
		return strconv.Quote(l.S)
	case isTime(k) || isClock(k):
		if s, ok := timeText(l); ok {
			return strconv.Quote(s)
		}
	}
	return strconv.FormatInt(l.I, 10)
}

// floatText keeps the bits: NaNs other than the usual one are written as bits.
func floatText(l Literal) string {
	b := math.Float64bits(l.F)
	switch {
	case b == math.Float64bits(math.NaN()):
		return `"nan"`
	case math.IsNaN(l.F):
		return strconv.Quote("nan:" + strconv.FormatUint(b, 16))
	case math.IsInf(l.F, 1):
		return `"inf"`
	case math.IsInf(l.F, -1):
		return `"-inf"`
	}
	return strconv.FormatFloat(l.F, 'g', -1, l.Type.Width()*8)
}

// timeText writes a date or instant as text that castLit reads back, if there is one.
func timeText(l Literal) (string, bool) {
	t, err := castLit(l, tText)
	if err != nil {
		return "", false
	}
	back, err := castLit(t, l.Type)
	return t.S, err == nil && back.I == l.I
}
