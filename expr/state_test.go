package expr

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// morsel is a batch of floats, ints and text as a scan gives it.
func morsel(n int) (dtype.Schema, *chunk.Batch) {
	r := rand.New(rand.NewPCG(1, 2))
	s := dtype.Schema{{Name: "v", Type: tFloat64}, {Name: "w", Type: tFloat64, Nullable: true}, {Name: "i", Type: tInt64},
		{Name: "j", Type: dtype.Of(dtype.Int32), Nullable: true}, {Name: "s", Type: tText}, {Name: "c", Type: tText}, {Name: "d", Type: tDate},
		{Name: "t", Type: dtype.TimestampOf(dtype.Micro, "")}}
	b := &chunk.Batch{N: n}
	for _, f := range s {
		v := &vector{}
		v.reset(f.Type, n)
		switch {
		case f.Name == "s":
			off := v.offsets()
			for i := range n {
				v.str = append(v.str, someTexts[r.IntN(len(someTexts))]...)
				off[i+1] = int32(len(v.str))
			}
			v.setText()
		case f.Name == "c":
			v.Dict = randomDict(r)
			codes := fixed[uint32](v)
			for i := range codes {
				codes[i] = uint32(r.IntN(v.Dict.Values.N))
			}
		default:
			v.allocate()
			for i := range n {
				l := Literal{Type: f.Type, I: r.Int64N(1000), F: r.Float64()}
				store(v, i, l)
			}
		}
		if f.Nullable {
			valid := v.ownValid()
			for i := range valid {
				valid[i] = r.Uint64() | r.Uint64()
			}
		}
		b.Cols = append(b.Cols, v.Vec)
	}
	return s, b
}

// hot are expressions with fixed-width results, which must not allocate.
var hot = []string{
	"v > 0.5", "v * 2.0 + 1.0", "v > 0.5 and w < 0.25", "v > 0.2 and v < 0.8 and i > 10 or is_null(w)", "i + 1", "i * i", "i - j", "i // 7", "i % 7", "i / 3",
	"j > 500", "i in (1, 2, 3)", `c == "ab"`, `c in ("ab", "a")`, "str.len(c)", `str.like(c, "a%")`, "date.year(d)", "date.truncate(t, \"hour\")",
	"case when v > 0.5 then i else 0 end", "coalesce(w, 0.0)", "greatest(v, w)", "round(v, 2)", "cast(i, float64)", "cast(v, int32)", "str.upper(c)",
	`case when v > 0.5 then "high" else "low" end`, `s == "ab"`, "str.len(s)", "d >= \"1971-01-01\"", "sqrt(v)", "is_nan(v)", "-i", "w != v",
}

func compile(t testing.TB, text string, s dtype.Schema) *Program {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(e, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNoAllocation(t *testing.T) {
	s, b := morsel(2048)
	for _, text := range hot {
		p := compile(t, text, s)
		state := p.NewState()
		run := func() {
			if _, err := state.Eval(b); err != nil {
				t.Fatal(err)
			}
			if p.Field().Type == tBool {
				if _, _, err := state.Filter(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		run()
		if n := testing.AllocsPerRun(10, run); n > 0 {
			t.Errorf("%s: %v allocations per morsel", text, n)
		}
	}
}

func TestCommonPartsOnce(t *testing.T) {
	s, _ := morsel(1)
	for text, want := range map[string]int{
		"(v + 1.0) * (v + 1.0)":                    2,
		"v > 1.0 and v > 1.0":                      2,
		"1 + 2 + i":                                1,
		"cast(c, int64) > 1 or cast(c, int64) < 0": 5, // the second cast only runs where the first comparison is not true
	} {
		if p := compile(t, text, s); len(p.instrs) != want {
			t.Errorf("%s takes %d instructions, want %d\n%s", text, len(p.instrs), want, p.explain())
		}
	}
	if p := compile(t, "((v + 1.0) * 2.0 - 3.0) / 4.0 + 5.0", s); p.slots != 2 {
		t.Errorf("a chain uses %d slots, want 2\n%s", p.slots, p.explain())
	}
}

func TestErrorsName(t *testing.T) {
	s := dtype.Schema{{Name: "x", Type: tInt64, Nullable: true}, {Name: "name", Type: tText, Nullable: true}, {Name: "dec", Type: dtype.DecimalOf(5, 2)}}
	b := &chunk.Batch{N: 2, Cols: []chunk.Vec{column(tInt64, 1, int64(1)<<62), column(tText, "12", "1x2"), decimals(dtype.DecimalOf(5, 2), 2)}}
	for text, want := range map[string]string{
		"x * 2 + 1":                             "expr: x * 2: 4611686018427387904 * 2 does not fit int64",
		"cast(name, int64)":                     `expr: cast(name, int64): utf8 "1x2" does not convert to int64: malformed`,
		"cast(x, int8)":                         "expr: cast(x, int8): int64 4611686018427387904 does not convert to int8",
		`str.to_date(name, "2006")`:             `expr: str.to_date(name, "2006"): "12" does not fit the layout "2006"`,
		"cast(dec, uint8)":                      "expr: cast(dec, uint8): decimal(5, 2) -1.00 does not convert to uint8",
		`case when x > 1 then x + x else x end`: "expr: x + x: 4611686018427387904 + 4611686018427387904 does not fit int64",
	} {
		_, err := compile(t, text, s).NewState().Eval(b)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	b.Cols[0].Valid = []uint64{1} // now the large value is null
	for _, text := range []string{"x * 2 + 1", "cast(x, int8)", "case when is_not_null(x) then x * 2 end"} {
		if _, err := compile(t, text, s).NewState().Eval(b); err != nil {
			t.Errorf("%s fails under a null: %v", text, err)
		}
	}
}

// TestDictionaries: functions of dictionary columns run per entry, share their
// dictionaries between States, and fail only for entries that a row has.
func TestDictionaries(t *testing.T) {
	s := dtype.Schema{{Name: "c", Type: tText, Nullable: true}}
	d := chunk.NewDict(column(tText, "1", "x", "A", "a"))
	vec := func(codes ...uint32) chunk.Vec {
		return chunk.Vec{Type: tText, N: len(codes), Data: chunk.Bytes(codes), Dict: d}
	}
	b := &chunk.Batch{N: 3, Cols: []chunk.Vec{vec(2, 3, 2)}}
	upper := compile(t, "str.upper(c)", s)
	one, err1 := upper.NewState().Eval(b)
	two, err2 := upper.NewState().Eval(b)
	if err1 != nil || err2 != nil || one.Dict == nil || one.Dict != two.Dict {
		t.Fatalf("two States made two dictionaries: %v %v", err1, err2)
	}
	if codes := chunk.Values[uint32](one); codes[0] != codes[1] || show(one) != `"A" "A" "A"` {
		t.Errorf("equal text has codes %v: %s", codes, show(one))
	}
	cast := compile(t, "cast(c, int64)", s).NewState()
	if v, err := cast.Eval(&chunk.Batch{N: 2, Cols: []chunk.Vec{vec(0, 0)}}); err != nil || show(v) != "1 1" {
		t.Errorf("a bad entry that no row has: %v", err)
	}
	if _, err := cast.Eval(b); err == nil || !strings.Contains(err.Error(), `"A" does not convert`) {
		t.Errorf("a bad entry that rows have: %v", err)
	}
	nulls := vec(0, 1)
	nulls.Valid = []uint64{1}
	if v, err := cast.Eval(&chunk.Batch{N: 2, Cols: []chunk.Vec{nulls}}); err != nil || show(v) != "1 null" {
		t.Errorf("a bad entry under a null: %v", err)
	}
}

// TestLongResultsOfDictionaries holds that a dictionary whose results would be long beyond measure is not computed: rows
// have a few of its entries.
func TestLongResultsOfDictionaries(t *testing.T) {
	entries := make([]any, 20_000)
	for i := range entries {
		entries[i] = fmt.Sprint(i % 10_000)
	}
	d := chunk.NewDict(column(tText, entries...))
	codes := []uint32{7, 10_007, 19_999, 7, 0}
	b := &chunk.Batch{N: len(codes), Cols: []chunk.Vec{{Type: tText, N: len(codes), Data: chunk.Bytes(codes), Dict: d, Valid: []uint64{0b10111}}}}
	s := dtype.Schema{{Name: "c", Type: tText, Nullable: true}}
	for text, want := range map[string]func(string) string{
		`str.repeat(c, 30000)`:                    func(x string) string { return strings.Repeat(x, 30_000) },
		`str.pad_start(str.upper(c), 50000, "-")`: func(x string) string { return strings.Repeat("-", 50_000-len(x)) + x },
		`str.concat(c, str.repeat("ab", 20000))`:  func(x string) string { return x + strings.Repeat("ab", 20_000) },
	} {
		state := compile(t, text, s).NewState()
		for range 2 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v, err := state.Eval(b)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 {
				t.Errorf("%s of %d rows allocates %d bytes", text, b.N, n)
			}
			for i, c := range codes {
				if null := i == 3; v.IsNull(i) != null || !null && v.Text(i) != want(entries[c].(string)) {
					t.Errorf("%s: row %d is wrong", text, i)
				}
			}
		}
	}
}

func TestProgramIsShared(t *testing.T) {
	s, b := morsel(500)
	for _, text := range []string{"str.upper(c)", `case when v > 0.5 then "a" else "b" end`, "str.len(c) + i"} {
		p := compile(t, text, s)
		first, err := p.NewState().Eval(b)
		if err != nil {
			t.Fatal(err)
		}
		want := show(first)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				state := p.NewState()
				for range 5 {
					if v, err := state.Eval(b); err != nil || show(v) != want {
						t.Errorf("%s differs between threads (%v)", text, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestBatchesThatDoNotFit(t *testing.T) {
	s, b := morsel(5)
	p := compile(t, "i + 1", s)
	if _, err := p.NewState().Eval(&chunk.Batch{N: 5}); err == nil || !strings.Contains(err.Error(), "a batch of 0 columns") {
		t.Errorf("missing columns: %v", err)
	}
	cols := append([]chunk.Vec(nil), b.Cols...)
	cols[2] = b.Cols[0]
	if _, err := p.NewState().Eval(&chunk.Batch{N: 5, Cols: cols}); err == nil || !strings.Contains(err.Error(), `column "i" is float64 in a batch, want int64`) {
		t.Errorf("wrong type: %v", err)
	}
	cols[2] = chunk.Vec{Type: tNull, N: 5}
	if v, err := p.NewState().Eval(&chunk.Batch{N: 5, Cols: cols}); err != nil || show(v) != "null null null null null" {
		t.Errorf("a column of nulls: %v", err)
	}
	if _, _, err := p.NewState().Filter(b); err == nil {
		t.Error("a filter by an integer")
	}
}

// benched are the expressions whose speed is watched, per row of a morsel.
var benched = []string{"v > 0.5", "v * 2.0 + 1.0", "v > 0.2 and v < 0.8", "w + v", "i + 1", "i * i", "i % 7", "j > 500", `c == "ab"`, `str.like(c, "a%")`, `s == "ab"`,
	"str.len(s)", "str.upper(s)", "date.year(d)", "case when v > 0.5 then i else 0 end", "coalesce(w, 0.0)", "cast(v, int32)", "i in (1, 2, 3)", "d >= \"1971-01-01\""}

func BenchmarkEval(b *testing.B) {
	const n = 4096
	s, m := morsel(n)
	for _, text := range benched {
		b.Run(strings.ReplaceAll(text, " ", ""), func(b *testing.B) {
			state := compile(b, text, s).NewState()
			for b.Loop() {
				if _, err := state.Eval(m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{2048, 16384} {
		s, m := morsel(n)
		for _, text := range []string{"v > 0.5", "v > 0.2 and v < 0.8 and i > 100", `c == "ab" and v > 0.5`} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(text, " ", ""), n), func(b *testing.B) {
				state := compile(b, text, s).NewState()
				for b.Loop() {
					if _, _, err := state.Filter(m); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
	}
}
