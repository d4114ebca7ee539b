package join

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

var kinds = []Kind{Inner, Left, Semi, Anti, Full}

func types(names string) (s []dtype.Type) {
	for _, n := range strings.Fields(names) {
		for k := dtype.Null; k <= dtype.Decimal128; k++ {
			if k.String() == n {
				s = append(s, dtype.Of(k))
			}
		}
	}
	return s
}

// schemas names key columns k0… and adds payload of several types.
func schemas(keys []dtype.Type) (l, r dtype.Schema, names []string) {
	for i, t := range keys {
		names = append(names, fmt.Sprintf("k%d", i))
		l = append(l, dtype.Field{Name: names[i], Type: t, Nullable: true})
		r = append(r, dtype.Field{Name: names[i], Type: t, Nullable: true})
	}
	l = append(l, dtype.Field{Name: "v", Type: dtype.Of(dtype.Float64), Nullable: true}, dtype.Field{Name: "t", Type: dtype.Of(dtype.Utf8), Nullable: true},
		dtype.Field{Name: "b", Type: dtype.Of(dtype.Bool), Nullable: true})
	for _, k := range []dtype.Kind{dtype.Int64, dtype.Utf8, dtype.Bool, dtype.Int8, dtype.Decimal128, dtype.Null} {
		r = append(r, dtype.Field{Name: "w" + k.String(), Type: dtype.Of(k), Nullable: true})
	}
	r = append(r, dtype.Field{Name: "v", Type: dtype.Of(dtype.Int32), Nullable: true})
	return l, r, names
}

type scenario struct {
	keys    string
	n, m    int
	domain  int
	nulls   float64
	ld, rd  int // dictionary modes
	long    bool
	limit   int64
	threads int
}

func (sc scenario) inputs(seed uint64) (l, r *input, p Params) {
	ls, rs, names := schemas(types(sc.keys))
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 7)), domain: sc.domain, nulls: sc.nulls, dict: sc.ld, long: sc.long}
	l = g.table(ls, sc.n)
	g.dict, g.shared = sc.rd, nil
	r = g.table(rs, sc.m)
	l.est, r.est = -1, -1
	return l, r, Params{Left: names, Right: names}
}

// test joins in every kind and returns for how many something was left out.
func (sc scenario) test(t *testing.T, seed uint64) (left int) {
	t.Helper()
	for _, k := range kinds {
		l, r, p := sc.inputs(seed)
		p.Kind = k
		task := newTask(t, sc.limit, max(1, sc.threads))
		task.evict = sc.limit > 0
		got := collect(t, task, p, l, r)
		if task.counts["probe rows spilled"] > 0 {
			left++
		}
		ordered := k != Full && sc.threads <= 1 && task.counts["build runs left out"] == 0
		want := naive(p, l, r)
		same(t, got, want, ordered)
		task = newTask(t, sc.limit, max(1, sc.threads))
		task.evict = sc.limit > 0
		same(t, collectWith(t, runDivided, task, p, l, r), want, false)
		if t.Failed() {
			t.Fatalf("%s of %+v", k, sc)
		}
	}
	return left
}

// TestAgainstNestedLoops compares every kind of join with the reference: key
// types, encodings, sizes, threads.
func TestAgainstNestedLoops(t *testing.T) {
	keys := []string{"null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "utf8",
		"binary", "date", "timestamp", "decimal", "int32 int8", "int64 utf8", "utf8 utf8 int16", "float64 bool date", "timestamp int64 timestamp", "decimal float32"}
	for i, k := range effort.Some(6, keys) {
		t.Run(k, func(t *testing.T) {
			for _, d := range []int{3, effort.Of(1500, 300)} {
				scenario{keys: k, n: 100 + d/4, m: 80 + d/4, domain: d, nulls: 0.1, ld: i % 3, rd: (i + d) % 3, long: d != 60, threads: 1 + d%3}.test(t, uint64(d))
				scenario{keys: k, n: 90 + d/6, m: 120 + d/5, domain: d, ld: (i + d) % 3, rd: i % 3, threads: 1}.test(t, uint64(d))
			}
		})
	}
}

// TestDictionaries joins text in every pair of encodings.
func TestDictionaries(t *testing.T) {
	for ld := range 3 {
		for rd := range 3 {
			for _, long := range []bool{false, true} {
				scenario{keys: "utf8", n: effort.Of(900, 150), m: effort.Of(400, 80), domain: effort.Of(300, 50), nulls: 0.05, ld: ld, rd: rd, long: long}.test(t, 3)
			}
		}
	}
}

// TestOneKey joins with tables whose rows all have one key, as those of a product have: few
// rows, more than a batch of the output, and more than a region; rows that are looked up have
// that key, another one or none.
func TestOneKey(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	for _, c := range effort.Some(4, []struct {
		n, m, limit int
		chain       bool
	}{{40, 2, 0, false}, {40, longChain - 1, 0, false}, {40, longChain, 0, true}, {300, 70, 0, true}, {9, maxRows + 5, 0, true}, {3, singleRows + 3000, 0, true}, {60, 900, 1 << 20, true}}) {
		for _, k := range effort.Some(3, kinds) {
			ls, rs, names := schemas(types("int32"))
			l := (&gen{Rand: rand.New(rand.NewPCG(5, 7)), domain: 3, nulls: 0.2}).table(ls, c.n)
			r := (&gen{Rand: rand.New(rand.NewPCG(6, 7)), domain: 1, nulls: 0.1}).table(rs, c.m)
			for _, b := range r.batches {
				b.Cols[0].Valid = nil
			}
			l.est, r.est = -1, -1
			p := Params{Left: names, Right: names, Kind: k}
			task := newTask(t, int64(c.limit), 1)
			same(t, collect(t, task, p, l, r), naive(p, l, r), c.limit == 0 && k != Full)
			if chain := task.counts["tables of one chain"] > 0; chain != (c.chain && k != Semi && k != Anti) {
				t.Errorf("%s of %+v: one chain is %v", k, c, chain)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	for _, k := range []string{"int32", "utf8", "int64 utf8"} {
		for _, sizes := range [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 400}, {400, 1}} {
			scenario{keys: k, n: sizes[0], m: sizes[1], domain: 2, threads: 2}.test(t, 11)
		}
	}
}

// TestRegions makes build sides that are too large for one region.
func TestRegions(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	for _, k := range effort.Some(1, []string{"int32", "utf8", "int64", "timestamp", "int64 int64", "timestamp timestamp"}) {
		l, r, names := schemas(types(k))
		for _, domain := range effort.Some(1, []int{500_000, 30_000}) {
			g := &gen{Rand: rand.New(rand.NewPCG(1, 2)), domain: domain}
			left, right := g.table(l, 5_000), g.table(r, singleRows+30_000)
			left.est, right.est = -1, -1
			for _, kind := range effort.Some(2, []Kind{Inner, Left, Full}) {
				p := Params{Left: names, Right: names, Kind: kind, Columns: []string{"v", "t", "wint64", "wutf8", "wbool"}}
				task := newTask(t, 0, 2)
				got := collect(t, task, p, left, right)
				want := naive(p, left, right)
				same(t, got, want, false)
			}
		}
	}
}

// TestLongWays joins with a table whose chains are walked side by side, of some tens
// of rows each: all partners of a row come, in build order.
func TestLongWays(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	l, r, names := schemas(types("int32"))
	g := &gen{Rand: rand.New(rand.NewPCG(3, 4)), domain: 12_000}
	left, right := g.table(l, 700), g.table(r, farRows+30_000)
	left.est, right.est = -1, -1
	for _, kind := range effort.Some(1, []Kind{Inner, Left, Full}) {
		p := Params{Left: names, Right: names, Kind: kind, Columns: []string{"v", "wint64"}}
		want := naive(p, left, right)
		if len(want) < 2*maxRows/3 {
			t.Fatalf("%d rows", len(want))
		}
		same(t, collect(t, newTask(t, 0, 1), p, left, right), want, kind != Full)
	}
}

// TestSieve looks mostly absent keys up, until the filter is on, and compares
// with a map.
func TestSieve(t *testing.T) {
	for _, k := range effort.Some(2, []string{"int32", "timestamp", "utf8", "int64 int64"}) {
		schema, _, _ := schemas(types(k))
		keys := len(types(k))
		g := &gen{Rand: rand.New(rand.NewPCG(8, 9)), domain: 30_000_000}
		build := g.table(schema, singleRows+5000)
		tab := &table{alloc: newTask(t, 0, 1), schema: schema, keys: keys, chain: true}
		var batches [runs][]*chunk.Batch
		st := newTask(t, 0, 1)
		split := (&splitters{emit: func(r int, b *chunk.Batch) error { batches[r] = append(batches[r], b); return nil }, spill: func() error { return nil }}).add(schema, st, -1)
		text := map[string]bool{}
		kr := newKeyReader(seq(keys))
		for _, b := range build.batches {
			to := make([]uint8, b.N)
			for i, h := range kr.hashes(b) {
				to[i] = runOf(h)
				text[strings.Join(rowText(&chunk.Batch{Cols: b.Cols[:keys], N: b.N}, i, true), "|")] = true
			}
			if err := split.push(b, to); err != nil {
				t.Fatal(err)
			}
		}
		if err := split.flushAll(); err != nil {
			t.Fatal(err)
		}
		if !tab.rows.arrange(&batches) {
			t.Fatal("not arranged")
		}
		if err := tab.build(st.Fork); err != nil {
			t.Fatal(err)
		}
		p := newProber(tab, seq(keys))
		on := 0
		probes := append(g.table(schema, 60_000).batches, build.batches[:20]...)
		for _, b := range probes {
			for i, id := range p.lookup(b) {
				if want := text[strings.Join(rowText(&chunk.Batch{Cols: b.Cols[:keys], N: b.N}, i, true), "|")]; want != (id != none) {
					t.Fatalf("%s: a key that is there (%v) was found (%v)", k, want, id != none)
				}
			}
			if p.filter.bloom != nil {
				on++
			}
		}
		if on < len(probes)/2 {
			t.Errorf("%s, %s table: the filter was on for %d batches of %d", k, tab.layout, on, len(probes))
		}
		tab.release()
	}
}

// TestNoGarbage pushes the same morsels again and again: once scratch has its
// size, nothing is allocated.
func TestNoGarbage(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	for _, k := range []string{"int32", "timestamp", "utf8", "int64 utf8"} {
		for _, kind := range kinds {
			l, r, p := scenario{keys: k, n: 3000, m: 2000, domain: 2500, nulls: 0.1, ld: 1}.inputs(4)
			p.Kind = kind
			task := newTask(t, 0, 1)
			err := runWith(task, p, l, r, func(pipe op.Pipe, side []op.In, in []*chunk.Batch) error {
				st, err := pipe.Open(task, side)
				if err != nil {
					return err
				}
				defer st.Close()
				local, err := st.Local()
				if err != nil {
					return err
				}
				rows := 0
				sink := sinkFunc(func(m *chunk.Batch) error { rows += m.N; return nil })
				n := testing.AllocsPerRun(20, func() {
					for _, m := range in {
						if e := local.Push(m, sink); e != nil {
							err = e
						}
					}
				})
				if n > 0 || rows == 0 {
					t.Errorf("%s %s: %.0f allocations for %d morsels, %d rows", kind, k, n, len(in), rows)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSpill joins with so little memory that build runs are left out.
func TestSpill(t *testing.T) {
	for i, k := range effort.Some(1, []string{"int32", "utf8", "int64 utf8"}) {
		for _, threads := range effort.Some(1, []int{3, 1}) {
			sc := scenario{keys: k, n: 2000, m: 9_000, domain: 4000, nulls: 0.05, ld: i, rd: 2 - i, limit: 800 << 10, threads: threads}
			if n := sc.test(t, 5); n < 2 {
				t.Errorf("%+v: only %d kinds of join spilled", sc, n)
			}
		}
	}
}

// TestHotKey gives most rows of both sides one key, in little memory: the run
// that holds it is joined in pieces.
func TestHotKey(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	for _, threads := range []int{1, 3} {
		for _, kind := range effort.Some(3, kinds) {
			l := &gen{Rand: rand.New(rand.NewPCG(3, 4)), domain: 2}
			s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}}
			left := l.table(s, 40)
			l.domain = 3
			left.batches = append(left.batches, l.table(s, 10).batches...)
			for i, b := range left.batches {
				b.Seq = uint64(i) << 32
			}
			left.est = -1
			right := l.table(dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "w", Type: dtype.Of(dtype.Int64)}}, 60_000)
			p := Params{Left: []string{"k"}, Right: []string{"k"}, Kind: kind, Columns: []string{"k"}}
			task := newTask(t, 768<<10, threads)
			rows := map[string]int{}
			if err := run(task, p, left, right, func(m *chunk.Batch) error {
				for i := range m.N {
					rows[cell(&m.Cols[0], i, true)]++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if task.counts["probe rows spilled"] == 0 {
				t.Errorf("%s, %d threads: nothing was spilled: %v", kind, threads, task.counts)
			}
			for k, n := range expect(kind, left, right) {
				if rows[k] != n {
					t.Errorf("%s, %d threads: key %s has %d rows, want %d", kind, threads, k, rows[k], n)
				}
			}
		}
	}
}

// expect counts output rows by the key in column 0.
func expect(kind Kind, l, r *input) map[string]int {
	count := func(in *input) map[string]int {
		n := map[string]int{}
		for _, b := range in.batches {
			for i := range b.N {
				n[cell(&b.Cols[0], i, true)]++
			}
		}
		return n
	}
	right, out := count(r), map[string]int{}
	for k, n := range count(l) {
		m := right[k]
		if k == "∅" {
			m = 0
		}
		switch kind {
		case Inner:
			out[k] = n * m
		case Left:
			out[k] = n * max(1, m)
		case Semi:
			out[k] = n * min(1, m)
		case Anti:
			out[k] = n - n*min(1, m)
		case Full:
			out[k] = n * max(1, m)
			if k == "∅" {
				out[k] += right[k]
			}
		}
	}
	for k, m := range right {
		if kind == Full && out[k] == 0 {
			out[k] = m
		}
	}
	return out
}

// TestSwap makes the left side the build side and keeps the order of columns.
func TestSwap(t *testing.T) {
	for _, k := range []Kind{Inner, Full} {
		for _, run := range []func(*fakeTask, Params, *input, *input, func(*chunk.Batch) error) error{run, runDivided} {
			l, r, p := scenario{keys: "float64 utf8", n: 50, m: 900, domain: 20, nulls: 0.1}.inputs(9)
			l.est, r.est, p.Kind = 50, 900, k
			same(t, collectWith(t, run, newTask(t, 0, 1), p, l, r), naive(p, l, r), false)
		}
	}
}

// TestShares divides tables of which one run is much larger than the others: several threads
// read it, and every row is joined once.
func TestShares(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	wide := func(name string) dtype.Schema {
		s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64), Nullable: true}}
		for i := range 4 {
			s = append(s, dtype.Field{Name: fmt.Sprint(name, i), Type: dtype.Of(dtype.Decimal128), Nullable: true})
		}
		return s
	}
	for _, c := range effort.Some(3, []struct {
		name  string
		kind  Kind
		l, r  int // rows, of one key or null
		evict bool
	}{
		{"many looked up", Inner, 500_000, 5, false}, {"many in the table", Inner, 5, 500_000, true},
		{"many kept", Left, 500_000, 5, false}, {"many without a partner", Anti, 500_000, 5, true}, {"many with one", Semi, 500_000, 5, false},
		{"all of both", Full, 100_000, 5, false}, {"all of both, from disk", Full, 5, 100_000, true},
	}) {
		g := &gen{Rand: rand.New(rand.NewPCG(3, 4)), domain: 1, nulls: 0.3}
		l, r := g.rows(wide("v"), c.l), g.rows(wide("w"), c.r)
		l.est, r.est = -1, -1
		task := newTask(t, 0, 3)
		task.evict = c.evict
		got := map[string]int{}
		p := Params{Left: []string{"k"}, Right: []string{"k"}, Kind: c.kind}
		if err := runDivided(task, p, l, r, func(m *chunk.Batch) error { // one at a time
			for i := range m.N {
				got[cell(&m.Cols[0], i, true)]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := task.counts["shares of large runs"]; n < 1 && c.kind != Full {
			t.Errorf("%s: %d more shares than runs", c.name, n)
		}
		for k, n := range expect(c.kind, l, r) {
			if got[k] != n {
				t.Errorf("%s: key %s has %d rows, want %d", c.name, k, got[k], n)
			}
		}
	}
}

// TestColumns narrows the output.
func TestColumns(t *testing.T) {
	l, r, p := scenario{keys: "int32", n: 100, m: 200, domain: 50}.inputs(2)
	for _, k := range []Kind{Inner, Left, Full} {
		p.Kind = k
		for _, cols := range [][]string{{"v_right", "k0"}, {"v"}, {"wutf8"}, {"k0"}, {}} {
			p.Columns = cols
			same(t, collect(t, newTask(t, 0, 1), p, l, r), naive(p, l, r), k != Full)
		}
	}
}

func TestErrors(t *testing.T) {
	f := func(s string) op.Meta {
		var m op.Meta
		for _, x := range strings.Fields(s) {
			name, kind, _ := strings.Cut(x, ":")
			m.Schema = append(m.Schema, dtype.Field{Name: name, Type: types(kind)[0]})
		}
		return m
	}
	for _, c := range []struct {
		l, r string
		p    Params
		want string
	}{
		{"a:int32", "b:int64", Params{Left: []string{"a"}, Right: []string{"b"}}, `left key "a" is int32 but right key "b" is int64`},
		{"a:int32", "b:int64", Params{Left: []string{"x"}, Right: []string{"b"}}, `left key: no column "x"`},
		{"a:int32", "b:int64", Params{Left: []string{"a"}, Right: []string{"y"}}, `right key: no column "y"`},
		{"a:int32", "b:int64", Params{}, "0 left and 0 right key columns"},
		{"a:int32", "b:int64", Params{Left: []string{"a"}, Right: []string{"b"}, Kind: 9}, "unknown kind 9"},
		{"a:int32 v:bool v_right:bool", "a:int32 v:bool", Params{Left: []string{"a"}, Right: []string{"a"}}, `two columns are called "v_right"; choose another suffix`},
		{"a:int32", "a:int32", Params{Left: []string{"a"}, Right: []string{"a"}, Columns: []string{"q"}}, `no column "q"`},
	} {
		_, _, err := Hash.Call(c.p, f(c.l), f(c.r))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %s", c.p, err, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	ls, rs, _ := schemas(types("int32"))
	in := []op.Meta{{Schema: ls}, {Schema: rs}}
	p := Params{Left: []string{"k0"}, Right: []string{"k0"}}
	if got := fmt.Sprint(uses(p, in, []string{"v_right"})); got != "[[k0 v] [k0 v]]" {
		t.Errorf("uses %s", got)
	}
	if got := fmt.Sprint(uses(p, in, []string{"b", "wbool"})); got != "[[k0 b] [k0 wbool]]" {
		t.Errorf("uses %s", got)
	}
	for _, c := range []struct {
		kind  Kind
		pred  expr.Expr
		input int
		want  string
	}{
		{Inner, expr.Col("v").Gt(1), 0, "v"}, {Inner, expr.Col("v_right").Gt(1), 1, "v"}, {Inner, expr.Col("v_right").Gt(1), 0, ""},
		{Inner, expr.Col("k0").Gt(1), 0, "k0"}, {Inner, expr.Col("k0").Gt(1), 1, "k0"}, {Inner, expr.Col("v").Gt(1), 1, ""},
		{Left, expr.Col("k0").Gt(1), 0, "k0"}, {Left, expr.Col("k0").Gt(1), 1, ""}, {Left, expr.Col("wbool").Eq(true), 1, ""},
		{Inner, expr.Col("wbool").Eq(expr.Col("b")), 0, ""}, {Inner, expr.Col("wbool").Eq(expr.Col("b")), 1, ""},
		{Full, expr.Col("k0").Gt(1), 0, "k0"}, {Full, expr.Col("k0").Gt(1), 1, "k0"}, {Full, expr.Col("v").Gt(1), 0, ""}, {Full, expr.Col("v_right").Gt(1), 1, ""},
	} {
		p.Kind = c.kind
		e, ok := through(p, in, c.pred, c.input)
		got := ""
		if ok {
			got = strings.Join(expr.Columns(e), " ")
		}
		if got != c.want {
			t.Errorf("%s %v through %d reads %q, want %q", c.kind, expr.Columns(c.pred), c.input, got, c.want)
		}
	}
}

// TestRefusedAtRandom refuses memory now and then, as others do that take the last of it: the answer is
// right, or the error says that memory was short.
func TestRefusedAtRandom(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	done, left, seeds := 0, 0, effort.Of(60, 12)
	for seed := range uint64(seeds) {
		sc := scenario{keys: []string{"int64", "utf8", "int32 utf8"}[seed%3], n: 900, m: 700, domain: 300, nulls: 0.1, threads: 1 + int(seed%2)}
		for _, k := range kinds {
			l, r, p := sc.inputs(seed)
			p.Kind = k
			want := naive(p, l, r)
			task := newTask(t, 0, sc.threads)
			rnd := rand.New(rand.NewPCG(seed, 3))
			var mu sync.Mutex
			f := func() bool { mu.Lock(); defer mu.Unlock(); return rnd.IntN(4<<(seed%6)) == 0 }
			mem.Refuse(f)
			var got []string
			err := run(task, p, l, r, func(m *chunk.Batch) error {
				for i := range m.N {
					got = append(got, strings.Join(rowText(m, i, false), " "))
				}
				return nil
			})
			mem.Refuse(nil)
			if task.counts["build runs left out"] > 0 {
				left++
			}
			if errors.Is(err, mem.ErrBudget) {
				continue
			}
			if err != nil {
				t.Fatalf("%s, seed %d: %v", k, seed, err)
			}
			same(t, got, want, false)
			done++
		}
	}
	if all := seeds * len(kinds); done < all/3 || left < seeds/6 {
		t.Errorf("%d of %d joins ended with an answer, %d left runs out", done, all, left)
	}
}
