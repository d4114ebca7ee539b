package expr

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// The random table has a column or two of every type that the oracle knows.
func randomSchema(r *rand.Rand) (s dtype.Schema) {
	for _, k := range []dtype.Kind{dtype.Int8, dtype.Int16, dtype.Int32, dtype.Int64, dtype.Uint8, dtype.Uint16, dtype.Uint32, dtype.Uint64,
		dtype.Float32, dtype.Float64, dtype.Bool, dtype.Utf8, dtype.Date} {
		s = append(s, dtype.Field{Name: k.String() + "a", Type: dtype.Of(k), Nullable: r.IntN(2) == 0},
			dtype.Field{Name: k.String() + "b", Type: dtype.Of(k), Nullable: true})
	}
	for u := dtype.Second; u <= dtype.Nano; u++ {
		s = append(s, dtype.Field{Name: "t" + u.String(), Type: dtype.TimestampOf(u, ""), Nullable: r.IntN(2) == 0},
			dtype.Field{Name: "z" + u.String(), Type: dtype.TimestampOf(u, "Europe/Berlin"), Nullable: true})
	}
	for _, f := range []dtype.Field{{Name: "dec", Type: dtype.DecimalOf(12, 2)}, {Name: "dur", Type: dtype.DurationOf(dtype.Milli)},
		{Name: "nanos", Type: dtype.DurationOf(dtype.Nano)}, {Name: "seconds", Type: dtype.TimeOf(dtype.Second)}, {Name: "small", Type: dtype.DecimalOf(3, 3)},
		{Name: "tod", Type: dtype.TimeOf(dtype.Micro)}, {Name: "wide", Type: dtype.DecimalOf(38, 6)}} {
		f.Nullable = r.IntN(2) == 0
		s = append(s, f)
	}
	return s
}

// scripted reports whether a function is left to the scripts and examples: what
// makes lists and structs, and digests.
func scripted(name string) bool {
	family, _, _ := strings.Cut(name, ".")
	return family == "list" || family == "struct" || oracleOf[name] == nil && !oracleKnows[name]
}

var someTexts = []string{"", "a", "ab", "aab", "B-a", "x-y-z", "é", "Straße", " pad\t", "3", "-7", "2024-02-29", "1e3", "%_", "2024-05-01 12:30:00", "true"}

// randomValue draws a value with a liking for the borders.
func randomValue(r *rand.Rand, t dtype.Type) Literal {
	l := Literal{Type: t}
	switch k := t.Kind; {
	case k == dtype.Null:
		l.Null = true
	case k == dtype.Utf8:
		l.S = someTexts[r.IntN(len(someTexts))]
	case k.IsFloat():
		odd := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1, -1.5, 2.5, 1e300, 1e-300, 1 << 60}
		if l.F = r.NormFloat64() * 10; r.IntN(2) == 0 {
			l.F = odd[r.IntN(len(odd))]
		}
		if k == dtype.Float32 {
			l.F = float64(float32(l.F))
		}
	case k == dtype.Decimal128:
		x := intTo128(r.Int64N(2000)-1000, false)
		if r.IntN(4) == 0 {
			x, _ = pow10(int(t.Precision)).sub(i128{0, 1})
		}
		if r.IntN(8) == 0 {
			x = x.neg()
		}
		if x.abs().cmp(pow10(int(t.Precision))) >= 0 {
			x = i128{0, 7}
		}
		l.S = decimalText(x, t)
	case k == dtype.Time:
		l.I = r.Int64N(secondsPerDay * t.Unit.PerSecond())
	case k == dtype.Duration:
		if l.I = r.Int64N(1e12) - 5e11; r.IntN(6) == 0 {
			l.I = []int64{0, math.MinInt64, math.MaxInt64, -1}[r.IntN(4)]
		}
	case k == dtype.Timestamp: // 1968 to 2036, among them the hours of clock changes
		sec := r.Int64N(2150e6) - 50e6
		if r.IntN(3) == 0 {
			sec = []int64{1711846800, 1729990800, 0, -1}[r.IntN(4)] + r.Int64N(9000) - 4500
		}
		l.I = sec*t.Unit.PerSecond() + r.Int64N(t.Unit.PerSecond())
	case k == dtype.Date:
		l.I = r.Int64N(25000) - 500
	case k == dtype.Uint64:
		l.I = []int64{0, 1, 7, math.MinInt64, -1, math.MaxInt64, r.Int64N(100)}[r.IntN(7)]
	default:
		lo, hi := intRange(k)
		if l.I = []int64{0, 1, 2, lo, hi, lo + 1, hi - 1, r.Int64N(20) - 10, 3, 10}[r.IntN(10)]; l.I < lo || l.I > hi {
			l.I = 1
		}
	}
	return l
}

// randomBatch draws n rows; text is plain or a dictionary. What lies under nulls
// is random too.
func randomBatch(r *rand.Rand, s dtype.Schema, n int) *chunk.Batch {
	b := &chunk.Batch{N: n, Cols: make([]chunk.Vec, len(s))}
	for c, f := range s {
		v := &vector{}
		v.reset(f.Type, n)
		switch {
		case f.Type.Kind == dtype.Utf8 && r.IntN(2) == 0:
			codes := fixed[uint32](v)
			v.Dict = randomDict(r)
			for i := range codes {
				codes[i] = uint32(r.IntN(v.Dict.Values.N))
			}
		case f.Type.Kind == dtype.Utf8:
			off := v.offsets()
			for i := range n {
				v.str = append(v.str, someTexts[r.IntN(len(someTexts))]...)
				off[i+1] = int32(len(v.str))
			}
			v.setText()
		default:
			v.allocate()
			for i := range n {
				store(v, i, randomValue(r, f.Type))
			}
		}
		if f.Nullable && n > 0 && r.IntN(4) > 0 {
			valid := v.ownValid()
			for i := range valid {
				valid[i] = r.Uint64() | r.Uint64()
			}
		}
		b.Cols[c] = v.Vec
	}
	return b
}

func randomDict(r *rand.Rand) *chunk.Dict {
	v := chunk.Vec{Type: tText, Off: []int32{0}}
	for _, i := range r.Perm(len(someTexts))[:1+r.IntN(len(someTexts))] {
		v.Str = append(v.Str, someTexts[i]...)
		v.Off = append(v.Off, int32(len(v.Str)))
		v.N++
	}
	return chunk.NewDict(v)
}

// A maker makes random expressions over a schema.
type maker struct {
	*rand.Rand
	schema dtype.Schema
	fns    []Function
}

// of makes an expression that a parameter of the class takes.
func (m *maker) of(class string, depth int) Node {
	for range 30 {
		n := m.node(depth)
		o, err := infer(n, m.schema, 0)
		if err != nil {
			continue
		}
		if _, ok := (Param{Type: class}).accept(o); ok {
			return n
		}
	}
	return m.leaf(class)
}

func (m *maker) leaf(class string) Node {
	for {
		f := m.schema[m.IntN(len(m.schema))]
		if _, ok := (Param{Type: class}).accept(operand{T: f.Type}); !ok {
			continue
		}
		if m.IntN(3) == 0 {
			l := randomValue(m.Rand, f.Type)
			if m.IntN(10) == 0 {
				l = Literal{Type: f.Type, Null: true}
			}
			return l
		}
		return Column{f.Name}
	}
}

func (m *maker) node(depth int) Node {
	if depth == 0 || m.IntN(6) == 0 {
		return m.leaf("any")
	}
	switch m.IntN(12) {
	case 0:
		return Cast{m.of("any", depth-1), m.schema[m.IntN(len(m.schema))].Type, m.IntN(3) == 0}
	case 1:
		w := When{}
		for range 1 + m.IntN(2) {
			w.If, w.Then = append(w.If, m.of("bool", depth-1)), append(w.Then, m.of("any", depth-1))
		}
		if m.IntN(3) > 0 {
			w.Else = m.of("any", depth-1)
		}
		return w
	case 2:
		x := m.of("any", depth-1)
		o, err := infer(x, m.schema, 0)
		if err != nil {
			return x
		}
		in := Member{x, []Literal{}}
		for range m.IntN(20) {
			in.In = append(in.In, randomValue(m.Rand, o.T))
		}
		return in
	}
	f := m.fns[m.IntN(len(m.fns))]
	n := Func{Fn: f.Name}
	for i, p := range f.Params {
		n.Args = append(n.Args, m.argument(f.Name, p, depth))
		for i == len(f.Params)-1 && f.Variadic && m.IntN(2) == 0 {
			n.Args = append(n.Args, m.argument(f.Name, p, depth))
		}
	}
	return n
}

func (m *maker) argument(f string, p Param, depth int) Node {
	pick := func(of ...string) Node { return Literal{Type: tText, S: of[m.IntN(len(of))]} }
	if p.Const {
		switch p.Name {
		case "digits":
			return Literal{Type: tInt64, I: m.Int64N(4)}
		case "unit":
			switch {
			case f == "date.from_epoch":
				return pick("s", "ms", "us", "ns")
			case f == "date.truncate":
				return pick(truncUnits...)
			}
			return pick("second", "minute", "day", "week")
		case "base":
			return Literal{Type: tInt64, I: []int64{2, 10, 16, 36}[m.IntN(4)]}
		case "group":
			return Literal{Type: tInt64, I: m.Int64N(2)}
		case "zone":
			return pick("", "Europe/Berlin", "America/New_York")
		case "from", "to", "new":
			return pick("a-", "xyé", "", "b")
		case "re":
			if m.IntN(2) == 0 {
				return m.pattern("a", "b", ".", "(a|b)+", "x-", "[a-z]", "é", "^", "$", "a*", `\d+`, "-?", `\b`, "(?i)B")
			}
			return pick("a", "x.y", "^a+b?$", "[a-z]-", "(a|b)+", `\b`, "é|ß", "(?i)B", `(-|[0-9]+)`, "", "a*$")
		case "layout":
			return pick("2006-01-02", "2006-01-02 15:04:05")
		case "fill":
			return pick("0", "é")
		}
		return m.pattern("%", "%", "_", "a", "b", "-", "ab", `\%`, `\_`, "é", "x.y", "[a-z]-", "3")
	}
	if p.Type == "int64" && m.IntN(2) == 0 {
		return Literal{Type: tInt64, I: m.Int64N(7) - 2}
	}
	return m.of(p.Type, depth-1)
}

// pattern is a text of some of the parts.
func (m *maker) pattern(parts ...string) Node {
	s := ""
	for range m.IntN(5) {
		s += parts[m.IntN(len(parts))]
	}
	return Literal{Type: tText, S: s}
}

func row(b *chunk.Batch, i int) []Literal {
	out := make([]Literal, len(b.Cols))
	for c := range b.Cols {
		out[c] = literalAt(&b.Cols[c], i)
	}
	return out
}

func sameLiteral(a, b Literal) bool {
	if a.Null || b.Null || a.Type != b.Type {
		return a.Null && b.Null && a.Type == b.Type
	}
	return a.I == b.I && a.S == b.S && (math.Float64bits(a.F) == math.Float64bits(b.F) || a.F != a.F && b.F != b.F)
}

var (
	roundsFlag = flag.Int("rounds", 3000, "random expressions to try")
	seedFlag   = flag.Uint64("seed", 11, "seed of the random expressions")
)

// TestAgainstOracle makes random expressions and tables and holds the program to
// the oracle, and the other functions of the package to what they promise.
func TestAgainstOracle(t *testing.T) {
	rounds := effort.Of(*roundsFlag, *roundsFlag/8)
	r := rand.New(rand.NewPCG(*seedFlag, 12))
	schema := randomSchema(r)
	var batches []*chunk.Batch
	for _, n := range []int{65, 0, 1, 3, 64, 130, 20, 2} {
		batches = append(batches, randomBatch(r, schema, n))
	}
	m := &maker{r, schema, slices.DeleteFunc(Functions(), func(f Function) bool { return scripted(f.Name) })}
	used := map[string]int{}
	for round := 0; round < rounds && !t.Failed(); round++ {
		e := Expr{N: m.node(1 + r.IntN(4))}
		if _, err := Infer(e, schema); err != nil {
			continue
		}
		walk(e.N, func(n Node) bool {
			if f, ok := n.(Func); ok {
				used[f.Fn]++
			}
			return true
		})
		check(t, e, schema, []*chunk.Batch{batches[r.IntN(len(batches))], batches[r.IntN(len(batches))]})
	}
	for _, f := range Functions() {
		if used[f.Name] == 0 && !testing.Short() && !scripted(f.Name) {
			t.Errorf("%s was never tried", f.Name)
		}
	}
}

func check(t *testing.T, e Expr, schema dtype.Schema, batches []*chunk.Batch) {
	t.Helper()
	field, _ := Infer(e, schema)
	if back, err := Parse(e.String()); err != nil || !sameExpr(t, back, e) {
		t.Fatalf("%s does not survive its text form: %s, %v", e, back, err)
	}
	p, err := Compile(e, schema)
	if err != nil {
		t.Fatalf("%s: %v", e, err)
	}
	simple := Simplify(e)
	q, err := Compile(simple, schema)
	if err != nil {
		t.Fatalf("%s simplified to %s: %v", e, simple, err)
	}
	s, sq := p.NewState(), q.NewState()
	for _, b := range append(batches, batches[0]) {
		want, failed, known := expected(e, schema, b)
		if !known {
			continue
		}
		got, err := s.Eval(b)
		if (err != nil) != failed {
			t.Fatalf("%s fails: %v, oracle: %v\n%s", e, err, failed, p.explain())
		}
		if failed {
			if !CanErrorIn(e, schema) || !CanError(e) && !comparesTimes(e, schema) {
				t.Fatalf("%s: fails with %v, but CanError says no", e, err)
			}
			continue
		}
		compareRows(t, e, got, want, b, p)
		for i, w := range want {
			if w.Null && !field.Nullable {
				t.Fatalf("%s: null in row %d, but inferred as never null", e, i)
			}
		}
		if got, err = sq.Eval(b); err != nil {
			t.Fatalf("%s does not fail, simplified %s does: %v", e, simple, err)
		}
		compareRows(t, simple, got, want, b, q)
		if field.Type == tBool {
			checkFilter(t, e, s, b, want)
		}
	}
}

// comparesTimes: the conversions between time types are what CanError does not see
// without a schema.
func comparesTimes(e Expr, s dtype.Schema) bool {
	for _, c := range Columns(e) {
		if k := s[s.Index(c)].Type.Kind; isTime(k) || isClock(k) {
			return true
		}
	}
	return false
}

// expected asks the oracle; known is false when it does not know.
func expected(e Expr, schema dtype.Schema, b *chunk.Batch) (want []Literal, failed, known bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(unsure); !ok {
				panic(p)
			}
			known = false
		}
	}()
	for i := range b.N {
		v, err := oracle{schema, row(b, i)}.eval(e.N)
		if err != nil {
			failed = true
			continue
		}
		want = append(want, v)
	}
	return want, failed, true
}

func compareRows(t *testing.T, e Expr, got *chunk.Vec, want []Literal, b *chunk.Batch, p *Program) {
	t.Helper()
	if got.N != len(want) {
		t.Fatalf("%s: %d rows, want %d", e, got.N, len(want))
	}
	for i, w := range want {
		if g := literalAt(got, i); !sameLiteral(g, w) {
			var cols []string
			for _, c := range Columns(e) {
				at := p.schema.Index(c)
				cols = append(cols, c+" = "+valueText(literalAt(&b.Cols[at], i)))
			}
			t.Fatalf("%s\nrow %d of %d (%s): %s, oracle %s\n%s", e, i, b.N, strings.Join(cols, ", "), valueText(g), valueText(w), p.explain())
		}
	}
}

func checkFilter(t *testing.T, e Expr, s *State, b *chunk.Batch, want []Literal) {
	t.Helper()
	mask, n, err := s.Filter(b)
	if err != nil {
		t.Fatalf("%s: Filter: %v", e, err)
	}
	count := 0
	for i, w := range want {
		keep := !w.Null && w.I == 1
		if keep {
			count++
		}
		if mask[i>>6]>>(uint(i)&63)&1 != 0 != keep {
			t.Fatalf("%s: Filter keeps row %d: %v, want %v", e, i, !keep, keep)
		}
	}
	if n != count || b.N&63 != 0 && mask[b.N>>6]>>(uint(b.N)&63) != 0 {
		t.Fatalf("%s: Filter counts %d, want %d; bits beyond the end: %x", e, n, count, mask)
	}
	if count > 0 && !MayBeTrue(e, statsOf(s.p.schema, b)) {
		t.Fatalf("%s: pruned, but %d rows are true", e, count)
	}
}

// statsOf computes the bounds that a file would have.
func statsOf(s dtype.Schema, b *chunk.Batch) Stats {
	return func(col string) (lo, hi Literal, null, known bool) {
		c := s.Index(col)
		lo, hi = Literal{Type: s[c].Type, Null: true}, Literal{Type: s[c].Type, Null: true}
		for i := range b.N {
			v := literalAt(&b.Cols[c], i)
			if v.Null {
				null = true
				continue
			}
			if v.F != v.F {
				continue
			}
			if x, _ := oracleOrder(v, lo); lo.Null || x < 0 {
				lo = v
			}
			if x, _ := oracleOrder(v, hi); hi.Null || x > 0 {
				hi = v
			}
		}
		return lo, hi, null, true
	}
}
