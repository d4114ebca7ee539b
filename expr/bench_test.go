package expr

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// benchBatch has 4096 rows: comments of words, short ids, numbers, decimals and
// instants of a few years.
func benchBatch() (dtype.Schema, *chunk.Batch) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"special", "requests", "carefully", "final", "deposits", "ironic", "packages", "sleep", "quickly", "accounts", "among", "the", "regular"}
	s := dtype.Schema{{Name: "comment", Type: tText}, {Name: "i", Type: tInt64}, {Name: "x", Type: tFloat64}, {Name: "p", Type: dtype.DecimalOf(15, 2)},
		{Name: "q", Type: dtype.DecimalOf(15, 2)}, {Name: "t", Type: dtype.TimestampOf(dtype.Micro, "")}, {Name: "d", Type: tDate}, {Name: "id", Type: tText}}
	cols := make([]vector, len(s))
	for c := range cols {
		cols[c].reset(s[c].Type, n)
		if c > 0 && c < 7 {
			cols[c].allocate()
		}
	}
	off, ids := cols[0].offsets(), cols[7].offsets()
	for i := range n {
		for range 6 {
			cols[0].str = append(append(cols[0].str, words[r.IntN(len(words))]...), ' ')
		}
		off[i+1] = int32(len(cols[0].str))
		cols[7].str = fmt.Appendf(cols[7].str, "id%03d", r.IntN(1000))
		ids[i+1] = int32(len(cols[7].str))
		for c, v := range []int64{r.Int64N(1e6), 0, r.Int64N(1e7), r.Int64N(1e7), 1.6e15 + r.Int64N(1e14), r.Int64N(20000)} {
			l := Literal{Type: s[c+1].Type, I: v, F: r.NormFloat64()}
			if l.Type.Kind == dtype.Decimal128 {
				l.S = decimalText(intTo128(v, false), l.Type)
			}
			store(&cols[c+1], i, l)
		}
	}
	cols[0].setText()
	cols[7].setText()
	b := &chunk.Batch{N: n}
	for c := range cols {
		b.Cols = append(b.Cols, cols[c].Vec)
	}
	ends := make([]int32, n+1)
	child := &vector{}
	child.reset(tInt64, 5*n)
	for i := range fixed[int64](child) {
		chunk.Values[int64](&child.Vec)[i] = r.Int64N(1e6)
	}
	for i := range ends {
		ends[i] = int32(5 * i)
	}
	lists, err := chunk.PackLists(nil, ends, nil, &child.Vec)
	if err != nil {
		panic(err)
	}
	b.Cols, s = append(b.Cols, lists), append(s, dtype.Field{Name: "l", Type: lists.Type})
	return s, b
}

// BenchmarkFunctions gives the time per morsel of 4096 rows.
func BenchmarkFunctions(b *testing.B) {
	s, m := benchBatch()
	many := ""
	ids := ""
	for i := range 100 {
		many += fmt.Sprintf("%d, ", i*9973)
		ids += fmt.Sprintf("%q, ", fmt.Sprintf("id%03d", i*7))
	}
	for _, c := range []struct{ name, text string }{
		{"contains", `str.contains(comment, "special")`}, {"like2", `str.like(comment, "%special%requests%")`},
		{"match", `str.match(comment, "(special|final) (req|dep)[a-z]+s")`}, {"matchDigits", `str.match(id, "[0-9]+7$")`},
		{"extract", `str.extract(id, "id([0-9]+)", 1)`}, {"replaceRe", `str.replace_re(id, "[0-9]", "x")`}, {"upper", "str.upper(comment)"}, {"split", `str.split(comment, " ")`},
		{"year", "date.year(t)"}, {"monthOfDate", "date.month(d)"}, {"hour", "date.hour(t)"}, {"truncMonth", `date.truncate(t, "month")`},
		{"format", `date.format(d, "%Y-%m-%d")`}, {"add", "i + 1"}, {"decimalAdd", "p + q"}, {"decimalMul", "p * (1 - q)"}, {"decimalDiv", "p / q"},
		{"decimalLess", "p < 1000"}, {"exp", "exp(x)"}, {"round", "round(x, 2)"}, {"inInts", "i in (" + many[:len(many)-2] + ")"}, {"inText", "id in (" + ids[:len(ids)-2] + ")"},
		{"hash", "hash(i, id)"}, {"boolToInt", "cast(i < 500000, int64)"}, {"intToBool", "cast(i, bool)"}, {"listOf", "list.of(i, i, i)"}, {"listSum", "list.sum(l)"},
		{"listGet", "list.get(l, 2)"}, {"listContains", "list.contains(l, 77)"}, {"listSort", "list.sort(l)"},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := Parse(c.text)
			if err != nil {
				b.Fatal(err)
			}
			p, err := Compile(e, s)
			if err != nil {
				b.Fatal(err)
			}
			st := p.NewState()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := st.Eval(m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(m.N), "ns/row")
		})
	}
}
