package expr

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/kernel"
)

// inPortions computes b within a ration, hands the columns of each portion to see and returns how many times it took.
func inPortions(s *State, r *Ration, b *chunk.Batch, see func(lo int, v *chunk.Vec)) (tries int, err error) {
	for lo := 0; lo < b.N; tries++ {
		part := r.Take(b, lo)
		v, err := s.Within(r, part)
		if r.Over(err) {
			continue
		}
		if err != nil {
			return tries, err
		}
		see(lo, v)
		lo += part.N
	}
	return tries, nil
}

// longer wraps an expression of text in functions that make texts and lists of it.
func (m *maker) longer(x Expr, depth int) Expr {
	other := func() Expr {
		for {
			if e := (Expr{N: m.of("text", 2)}); Deterministic(e) {
				if f, err := Infer(e, m.schema); err == nil && f.Type == tText {
					return e
				}
			}
		}
	}
	for range depth {
		y := other()
		switch m.IntN(9) {
		case 0:
			x = Call("str.repeat", x, m.IntN(12))
		case 1:
			x = Call("str.pad_end", x, Call("str.len", y).Mul(5), "é")
		case 2:
			x = Call("list.join", Call("list.reverse", ListOf(x, y, x)), "-")
		case 3:
			x = Call("str.replace", x, "a", "-abc-")
		case 4:
			x = Call("list.join", Call("list.concat", Call("str.split", x, ""), Call("str.split", y, "a")), x)
		case 5:
			x = If(Call("str.contains", y, "a")).Then(x).Else(y)
		case 6:
			x = Call("list.join", ListRange(0, Call("str.len", x)).Cast(dtype.ListOf(tText)), y)
		case 7:
			x = Call("list.get", Call("list.sort", Call("str.split", x, "-")), Call("str.len", y))
		default:
			x = Call("str.concat", x, y)
		}
	}
	return x
}

// What is computed in portions, however small, is what is computed at once, and so are filters; portions of more than a
// row stay within their bound.
func TestPortionsAgree(t *testing.T) {
	rounds := effort.Of(*roundsFlag/8, *roundsFlag/80)
	r := rand.New(rand.NewPCG(*seedFlag, 21))
	schema := randomSchema(r)
	m := &maker{r, schema, slices.DeleteFunc(Functions(), func(f Function) bool { return scripted(f.Name) })}
	several, failed, cut := 0, 0, 0
	for round := 0; round < rounds && !t.Failed(); round++ {
		e := m.longer(Expr{N: m.of("text", 1+r.IntN(3))}, r.IntN(3))
		if _, err := Infer(e, schema); err != nil {
			continue
		}
		b := randomBatch(r, schema, []int{1, 2, 63, 64, 65, 130, 200}[r.IntN(7)])
		most := 1 + r.IntN(1000)
		p, err := Compile(e, schema)
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		want, wrong := p.NewState().Eval(b)
		portions := 0
		ration := &Ration{most: most}
		s := p.NewState()
		for range 2 { // the second time with what it knows of the first
			rows, before := 0, portions
			tries, err := inPortions(s, ration, b, func(lo int, v *chunk.Vec) {
				if lo != rows {
					t.Fatalf("%s: a portion from row %d, want %d", e, lo, rows)
				}
				if v.N > 1 && ration.made > most+len(p.instrs) { // a step may begin where nothing is left
					t.Fatalf("%s: %d bytes of %d rows, at most %d", e, ration.made, v.N, most)
				}
				for i := 0; i < v.N && wrong == nil; i++ {
					if got, want := literalAt(v, i), literalAt(want, lo+i); !sameLiteral(got, want) {
						t.Fatalf("%s, rows from %d, row %d: %s, want %s", e, lo, i, valueText(got), valueText(want))
					}
				}
				rows += v.N
				portions++
			})
			if (err != nil) != (wrong != nil) || err == nil && rows != b.N {
				t.Fatalf("%s: %d of %d rows, %v, want %v", e, rows, b.N, err, wrong)
			}
			cut += tries - (portions - before)
		}
		switch {
		case wrong != nil:
			failed++
		case portions > 2:
			several++
		}
		filterAgrees(t, e, schema, b, most)
	}
	if several < rounds/3 || failed < effort.Of(1, 0) || cut == 0 {
		t.Errorf("%d of %d expressions took several portions, %d failed, %d portions were too much", several, rounds, failed, cut)
	}
}

// filterAgrees looks at predicates of a text as TestPortionsAgree does.
func filterAgrees(t *testing.T, text Expr, schema dtype.Schema, b *chunk.Batch, most int) {
	t.Helper()
	e := Call("str.contains", text, "a").And(Call("str.len", text).Gt(3).Or(Call("str.starts_with", text, "x")))
	p, err := Compile(e, schema)
	if err != nil {
		t.Fatalf("%s: %v", e, err)
	}
	want, n, wrong := p.NewState().Filter(b)
	s := p.NewState()
	s.own.most = most
	got, k, err := s.Filter(b)
	if (err != nil) != (wrong != nil) || n != k || err == nil && !slices.Equal(got, want) {
		t.Fatalf("%s: %x, %d rows, %v; want %x, %d, %v", e, got, k, err, want, n, wrong)
	}
}

// A few long rows among short ones take few more portions than there are of them, and buffers made for them are given up.
func TestPortionsOfFewLongRows(t *testing.T) {
	schema := dtype.Schema{{Name: "n", Type: tInt64}}
	const rows, every, long = 8192, 1000, 1 << 20
	v := &vector{}
	v.reset(tInt64, rows)
	at := fixed[int64](v)
	for i := range at {
		if at[i] = 10; i%every == every/2 {
			at[i] = long
		}
	}
	b := &chunk.Batch{N: rows, Cols: []chunk.Vec{v.Vec}}
	for _, text := range []string{`str.repeat("x", n)`, `str.concat(str.repeat("x", n), "y")`, `str.upper(str.repeat(str.repeat("x", n / 10), 10))`} {
		p := compile(t, strings.ReplaceAll(text, "n / 10", "n // 10"), schema)
		s, r := p.NewState(), &Ration{most: 256 << 10}
		portions := 0
		tries, err := inPortions(s, r, b, func(int, *chunk.Vec) { portions++ })
		if err != nil || portions < rows/every || tries > 30*rows/every {
			t.Errorf("%s: %d portions of %d that were tried, %v", text, portions, tries, err)
		}
		held := 0
		for i := range s.slots {
			held += cap(s.slots[i].str)
		}
		if held > 3*long {
			t.Errorf("%s: %d bytes are held after the morsel, a row has %d", text, held, long)
		}
	}
}

// Usual rows are one portion, and taking it costs nothing.
func TestPortionsOfUsualRows(t *testing.T) {
	s, b := morsel(4096)
	for _, text := range append(slices.Clone(hot), "str.reverse(s)", `str.concat(s, s)`) {
		state, r := compile(t, text, s).NewState(), &Ration{}
		run := func() {
			part := r.Take(b, 0)
			if _, err := state.Within(r, part); r.Over(err) || err != nil || part != b {
				t.Fatalf("%s: %d of %d rows, %v", text, part.N, b.N, err)
			}
		}
		run()
		if n := testing.AllocsPerRun(5, run); n > 0 && slices.Contains(hot, text) {
			t.Errorf("%s: %v allocations per morsel", text, n)
		}
	}
}

// Rows from any row on are those rows.
func TestPortionsBegin(t *testing.T) {
	r := rand.New(rand.NewPCG(*seedFlag, 22))
	schema := randomSchema(r)
	b := randomBatch(r, schema, 300)
	var c chunk.Cutter
	for range 200 {
		lo := r.IntN(b.N)
		hi := lo + 1 + r.IntN(b.N-lo)
		part := c.Cut(b, lo, hi)
		for k := range schema {
			v := &part.Cols[k]
			nulls := 0
			for i := range part.N {
				if got, want := literalAt(v, i), literalAt(&b.Cols[k], lo+i); !sameLiteral(got, want) {
					t.Fatalf("%s, rows %d to %d, row %d: %s, want %s", schema[k].Name, lo, hi, i, valueText(got), valueText(want))
				}
				if v.IsNull(i) {
					nulls++
				}
			}
			if v.Valid != nil && kernel.PopCount(v.Valid, part.N) != part.N-nulls {
				t.Fatalf("%s, rows %d to %d: %d nulls are counted, there are %d", schema[k].Name, lo, hi, v.Nulls(), nulls)
			}
		}
	}
}

// A list that no column could hold is refused before there is memory for it.
func TestListsTooLong(t *testing.T) {
	schema := dtype.Schema{{Name: "n", Type: tInt64}}
	v := &vector{}
	v.reset(tInt64, 1)
	fixed[int64](v)[0] = maxRange
	lists := make([]any, 64)
	for i := range lists {
		lists[i] = ListRange(0, Col("n"))
	}
	p, err := Compile(Call("list.concat", lists...), schema)
	if err != nil {
		t.Fatal(err)
	}
	const made = maxRange*8 + 100 // of one of the lists
	s, r := p.NewState(), &Ration{}
	if _, err = s.Within(r, r.Take(&chunk.Batch{N: 1, Cols: []chunk.Vec{v.Vec}}, 0)); err == nil || !strings.Contains(err.Error(), "a list of 2147483648 bytes") || r.made > made {
		t.Errorf("%v, after %d bytes", err, r.made)
	}
}
