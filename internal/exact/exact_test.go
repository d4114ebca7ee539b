package exact

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// flavours are the kinds of values that columns hold, and those that hurt.
var flavours = map[string]func(r *rand.Rand) float64{
	"uniform":  func(r *rand.Rand) float64 { return r.Float64() },
	"normal":   func(r *rand.Rand) float64 { return r.NormFloat64() * 1e6 },
	"prices":   func(r *rand.Rand) float64 { return float64(r.IntN(1e6)) / 100 },
	"integers": func(r *rand.Rand) float64 { return float64(r.IntN(2000) - 1000) },
	"offset":   func(r *rand.Rand) float64 { return 1e9 + r.Float64() },
	"zeros":    func(r *rand.Rand) float64 { return float64(r.IntN(2)) * math.Copysign(0, -1) },
	"bits":     func(r *rand.Rand) float64 { return finite(math.Float64frombits(r.Uint64())) },
	"large":    func(r *rand.Rand) float64 { return (r.Float64() - 0.3) * math.MaxFloat64 },
	"tiny":     func(r *rand.Rand) float64 { return math.Float64frombits(r.Uint64N(1<<54)) * sign(r.IntN(2) == 0) },
	"cancel": func(r *rand.Rand) float64 {
		return math.Ldexp(float64(r.IntN(3)-1), r.IntN(200)-100)
	},
}

func finite(v float64) float64 {
	if v-v != 0 {
		return 1
	}
	return v
}

// bigPrec holds every sum of products of finite values exactly.
const bigPrec = 5000

func bigSum(vals []float64, square bool) *big.Float {
	s := new(big.Float).SetPrec(bigPrec)
	for _, v := range vals {
		x := new(big.Float).SetPrec(bigPrec).SetFloat64(v)
		if square {
			x.Mul(x, x)
		}
		s.Add(s, x)
	}
	return s
}

func nearest(x *big.Float) float64 { f, _ := x.Float64(); return f }

func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b || a == 0 && b == 0
}

// numbers are 0, 1, … n-1.
func numbers(n int) []uint32 {
	x := make([]uint32, n)
	for i := range x {
		x[i] = uint32(i)
	}
	return x
}

// columns draws values, group numbers and validity.
func columns(r *rand.Rand, n, groups int, draw func(*rand.Rand) float64) (vals []float64, gids []uint32, valid []uint64) {
	valid = make([]uint64, (n+63)/64)
	for i := range n {
		vals, gids = append(vals, draw(r)), append(gids, uint32(r.IntN(groups)))
		if r.IntN(8) > 0 {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
	if n > 64 {
		valid[0] = ^uint64(0)
	}
	if n&63 != 0 {
		valid[len(valid)-1] |= r.Uint64() << (n & 63) // garbage beyond the end
	}
	return vals, gids, valid
}

// byGroup is the oracle's view of the columns.
func byGroup(vals []float64, gids []uint32, valid []uint64, groups int) [][]float64 {
	out := make([][]float64, groups)
	for i, v := range vals {
		if valid == nil || valid[i>>6]>>(i&63)&1 != 0 {
			out[gids[i]] = append(out[gids[i]], v)
		}
	}
	return out
}

func TestSumsAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range flavours {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 1000} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				const groups = 5
				vals, gids, valid := columns(r, n, groups, draw)
				if r.IntN(2) == 0 {
					valid = nil
				}
				var s Sums
				accs := make([]Acc, groups)
				AddAll(&s, Of(accs), gids, vals, valid)
				for g, want := range byGroup(vals, gids, valid, groups) {
					w := nearest(bigSum(want, false))
					if got := s.Value(accs[g], uint32(g)); !same(got, w) {
						t.Errorf("group %d of %v: %v (%#v), want %v", g, want, got, accs[g], w)
					}
					if len(want) > 0 {
						m := new(big.Float).SetPrec(bigPrec).Quo(bigSum(want, false), new(big.Float).SetInt64(int64(len(want))))
						if got := s.Mean(accs[g], uint32(g), int64(len(want))); !same(got, nearest(m)) {
							t.Errorf("mean of group %d: %v, want %v", g, got, nearest(m))
						}
					}
				}
				all := byGroup(vals, make([]uint32, n), valid, 1)[0]
				var one Sums
				var acc Acc
				AddSlice(&one, &acc, 0, vals, valid)
				if got, w := one.Value(acc, 0), nearest(bigSum(all, false)); !same(got, w) {
					t.Errorf("AddSlice: %v, want %v", got, w)
				}
			})
		}
	}
}

// TestMergeIsExact cuts a column into pieces of other magnitudes, takes every piece
// through one of the three roads of merging, and wants the bits of one sum. What is merged
// lies in rows, the rest of which must not change.
func TestMergeIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const groups = 7
	for round := range 300 {
		var all Sums
		allAccs := make([]Acc, groups)
		var total Sums
		const step, at = 40, 8
		rows := bytes.Repeat([]byte{0xa5}, groups*step)
		for g := range groups {
			clear(rows[g*step+at:][:16])
		}
		accs := InRows(rows, groups, at, step)
		for range 1 + r.IntN(5) {
			scale := math.Ldexp(1, r.IntN(80)-40)
			vals, gids, valid := columns(r, 1+r.IntN(300), groups, func(r *rand.Rand) float64 {
				v := r.NormFloat64() * scale
				if r.IntN(40) == 0 {
					v = math.Ldexp(v, r.IntN(1000)-500)
				}
				return v
			})
			AddAll(&all, Of(allAccs), gids, vals, valid)
			var part Sums
			partAccs := make([]Acc, groups)
			AddAll(&part, Of(partAccs), gids, vals, valid)
			switch r.IntN(3) {
			case 0:
				total.Merge(accs, numbers(groups), &part, Of(partAccs), numbers(groups))
			case 1:
				AddAll(&total, accs, gids, vals, valid)
			case 2:
				for g := range uint32(groups) {
					if err := total.MergePacked(accs, []uint32{g}, [][16]byte{part.Pack(partAccs[g])}); err != nil {
						t.Fatal(err)
					}
					if err := total.MergeWide(accs, g, part.AppendWide(nil, g)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for g := range uint32(groups) {
			if a, b := all.Value(allAccs[g], g), total.Value(*accs.At(g), g); !same(a, b) {
				t.Fatalf("round %d, group %d: one sum %v, merged %v", round, g, a, b)
			}
			clear(rows[int(g)*step+at:][:16])
		}
		if left := bytes.Count(rows, []byte{0xa5}); left != groups*(step-16) {
			t.Fatalf("round %d: %d bytes beside the sums, %d of them as they were", round, groups*(step-16), left)
		}
	}
}

func TestNonFinite(t *testing.T) {
	inf, nan, negZero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct {
		vals []float64
		want float64
	}{
		{nil, 0},
		{[]float64{negZero, negZero}, 0},
		{[]float64{1, inf, -5}, inf},
		{[]float64{1, -inf, 7}, -inf},
		{[]float64{inf, -inf}, nan},
		{[]float64{inf, nan, 1}, nan},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, math.MaxFloat64},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, inf},
		{[]float64{1, 0x1p-53}, 1},
		{[]float64{1, 0x1p-53, 0x1p-1074}, 1 + 0x1p-52},
		{[]float64{1 + 0x1p-52, 0x1p-53}, 1 + 0x1p-51},
		{[]float64{1e308, 1, -1e308}, 1},
		{[]float64{1e308, nan, -1e308}, nan},
		{[]float64{1e308, inf, -1e308}, inf},
		{[]float64{1e308, -inf}, -inf},
	} {
		var s Sums
		var a Acc
		AddSlice(&s, &a, 3, c.vals, nil)
		if got := s.Value(a, 3); math.Float64bits(got) != math.Float64bits(c.want) && !(got != got && c.want != c.want) {
			t.Errorf("sum of %v: %v, want %v", c.vals, got, c.want)
		}
		// Zeros change nothing but the road.
		for _, n := range []int{0, 40, 1100} {
			vals := append(append(make([]float64, n/2), c.vals...), make([]float64, n)...)
			for name, got := range roads(vals) {
				if !same(got, c.want) {
					t.Errorf("%s of %v and %d zeros: %v, want %v", name, c.vals, n, got, c.want)
				}
			}
		}
	}
}

// roads returns the sum of vals on every road there is.
func roads(vals []float64) map[string]float64 {
	out := map[string]float64{}
	add := func(name string, f func(s *Sums, accs []Acc)) {
		var s Sums
		accs := make([]Acc, 3)
		f(&s, accs)
		out[name] = s.Value(accs[2], 2)
	}
	gids := make([]uint32, len(vals))
	for i := range gids {
		gids[i] = 2
	}
	// The same values among as many nulls that would be seen.
	var sparse []float64
	var far []uint32
	valid := make([]uint64, len(vals)/32+1)
	for i, v := range vals {
		sparse, far = append(sparse, v, math.NaN()), append(far, 2, math.MaxUint32)
		valid[2*i>>6] |= 1 << (2 * i & 63)
	}
	add("AddSlice", func(s *Sums, accs []Acc) { AddSlice(s, &accs[2], 2, vals, nil) })
	add("AddSlice with nulls", func(s *Sums, accs []Acc) { AddSlice(s, &accs[2], 2, sparse, valid) })
	add("Add", func(s *Sums, accs []Acc) {
		for _, v := range vals {
			s.Add(&accs[2], 2, v)
		}
	})
	was := scalar
	defer func() { scalar = was }()
	for _, scalar = range []bool{false, true} {
		add(fmt.Sprint("AddAll, scalar ", scalar), func(s *Sums, accs []Acc) { AddAll(s, Of(accs), gids, vals, nil) })
		add(fmt.Sprint("AddAll with nulls, scalar ", scalar), func(s *Sums, accs []Acc) { AddAll(s, Of(accs), far, sparse, valid) })
	}
	return out
}

// squareRoads returns the sum of the squares of vals on every road.
func squareRoads(vals []float64) map[string]float64 {
	sparse, valid := make([]float64, 2*len(vals)), make([]uint64, len(vals)/32+1)
	for i, v := range vals {
		sparse[2*i], sparse[2*i+1] = math.Inf(-1), v
		valid[(2*i+1)>>6] |= 1 << ((2*i + 1) & 63)
	}
	var one, two Squares
	var h, t [2]Acc
	AddSquaresSlice(&one, &h[0], &t[0], 0, vals, nil)
	AddSquaresSlice(&two, &h[1], &t[1], 0, sparse, valid)
	return map[string]float64{
		"AddSquaresSlice":            one.Value(h[0], t[0], 0),
		"AddSquaresSlice with nulls": two.Value(h[1], t[1], 0),
	}
}

// TestRoads wants the bits of one sum from every road, for all lengths around blocks and vectors, and for sums that are
// ties.
func TestRoads(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	names := slices.Sorted(maps.Keys(flavours))
	mixed := func(r *rand.Rand) float64 { return flavours[names[r.IntN(len(names))]](r) }
	ties := func(r *rand.Rand) float64 { return []float64{1, 1, 1, 0x1p-53, 0x1p-54, -0x1p-54}[r.IntN(6)] }
	wide := func(r *rand.Rand) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(140)-70) }
	subnormal := func(r *rand.Rand) float64 { return math.Float64frombits(r.Uint64N(1 << 53)) }
	for _, n := range append(lengths(), 255, 256, 257, 1023, 1024, 1025, 2300) {
		for _, c := range []struct {
			name string
			draw func(*rand.Rand) float64
		}{{"mixed", mixed}, {"ties", ties}, {"wide", wide}, {"subnormal", subnormal}, {"normal", flavours["normal"]}, {"large", flavours["large"]}} {
			vals, _, _ := columns(r, n, 1, c.draw)
			want := nearest(bigSum(vals, false))
			for road, got := range roads(vals) {
				if !same(got, want) {
					t.Errorf("%s of %d %s: %v, want %v", road, n, c.name, got, want)
				}
			}
			want = nearest(bigSum(vals, true))
			for road, got := range squareRoads(vals) {
				if !same(got, want) {
					t.Errorf("%s of %d %s: %v, want %v", road, n, c.name, got, want)
				}
			}
		}
	}
}

// lengths holds every length up to two words of a bitmap.
func lengths() (n []int) {
	for i := range 131 {
		n = append(n, i)
	}
	return n
}

// TestRunOverInABlock lets two of three groups run over within blocks, with the greatest values of the window.
func TestRunOverInABlock(t *testing.T) {
	const groups, n, rounds, slices = 3, 255, 1000, 5 // the last value of a block is that of the third group
	top := 0x1p20 - 0x1p-33
	vals, gids := make([]float64, n), make([]uint32, n)
	for i := range vals {
		vals[i], gids[i] = []float64{top, -top, 1}[i%groups], uint32(i%groups)
	}
	long := make([]float64, 1024)
	for i := range long {
		long[i] = top
	}
	var s Sums
	accs := make([]Acc, groups)
	s.Add(&accs[0], 0, 1) // sets the window
	s.Add(&accs[0], 0, -1)
	for range rounds {
		AddAll(&s, Of(accs), gids, vals, nil)
	}
	for range slices {
		AddSlice(&s, &accs[2], 2, long, nil)
	}
	if !s.HasWide() {
		t.Error("no group has run over")
	}
	third := n / groups * rounds
	for g, want := range []float64{top * float64(third), -top * float64(third), top*1024*slices + float64(third)} {
		if got := s.Value(accs[g], uint32(g)); !within(got, want, 2) {
			t.Errorf("group %d: %v, want %v", g, got, want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	vals, gids, valid := columns(r, 3000, 9, flavours["normal"])
	var s Sums
	var q Squares
	var head, tail Acc
	accs := make([]Acc, 9)
	for name, f := range map[string]func(){
		"AddAll":          func() { AddAll(&s, Of(accs), gids, vals, nil) },
		"AddAll valid":    func() { AddAll(&s, Of(accs), gids, vals, valid) },
		"AddSlice":        func() { AddSlice(&s, &accs[0], 0, vals, nil) },
		"AddSlice valid":  func() { AddSlice(&s, &accs[0], 0, vals, valid) },
		"AddSquaresSlice": func() { AddSquaresSlice(&q, &head, &tail, 0, vals, valid) },
	} {
		if a := testing.AllocsPerRun(5, f); a != 0 {
			t.Errorf("%s allocates %v times", name, a)
		}
	}
}

// TestRunOver fills an Acc until it must move into the wide state, many times.
func TestRunOver(t *testing.T) {
	var s Sums
	accs := make([]Acc, 1)
	first := make([]float64, 300)
	for i := range first {
		first[i] = 1 // sets the window
	}
	AddAll(&s, Of(accs), make([]uint32, 300), first, nil)
	big := make([]float64, 2000)
	for i := range big {
		big[i] = math.Nextafter(1<<30, 0) * 0x1p8
	}
	want := bigSum(first, false)
	gids := make([]uint32, len(big))
	for range 50 {
		AddAll(&s, Of(accs), gids, big, nil)
		want.Add(want, bigSum(big, false))
	}
	if got := s.Value(accs[0], 0); got != nearest(want) {
		t.Errorf("%v, want %v", got, nearest(want))
	}
	if !s.HasWide() || s.Bytes() == 0 {
		t.Error("nothing ran over: the test does not test what it should")
	}
}

func TestSquaresAndVariance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const groups = 3
	for name, draw := range flavours {
		for _, n := range []int{1, 2, 64, 500} {
			vals, gids, valid := columns(r, n, groups, draw)
			var s Sums
			var q Squares
			accs, heads, tails := make([]Acc, groups), make([]Acc, groups), make([]Acc, groups)
			AddAll(&s, Of(accs), gids, vals, valid)
			for g, vs := range byGroup(vals, gids, valid, groups) {
				u := uint32(g)
				AddSquaresSlice(&q, &heads[g], &tails[g], u, vs, nil)
				sq := bigSum(vs, true)
				if got := q.Value(heads[g], tails[g], u); !same(got, nearest(sq)) {
					t.Errorf("%s %d: sum of squares %v, want %v", name, n, got, nearest(sq))
				}
				if len(vs) < 2 {
					continue
				}
				want := bigVariance(vs)
				got := Variance(int64(len(vs)), 1, &s, accs[g], &q, heads[g], tails[g], u)
				if !within(got, want, 1) {
					t.Errorf("%s %d: variance %v, want %v", name, n, got, want)
				}
			}
		}
	}
}

func bigVariance(vs []float64) float64 {
	n := new(big.Float).SetPrec(bigPrec).SetInt64(int64(len(vs)))
	sum := bigSum(vs, false)
	d := new(big.Float).SetPrec(2*bigPrec).Mul(n, bigSum(vs, true))
	d.Sub(d, new(big.Float).SetPrec(2*bigPrec).Mul(sum, sum))
	den := new(big.Float).SetInt64(int64(len(vs)) * int64(len(vs)-1))
	return nearest(new(big.Float).SetPrec(500).Quo(d, den))
}

// within reports that a and b differ by at most n units in the last place.
func within(a, b float64, n int64) bool {
	d := int64(math.Float64bits(a)) - int64(math.Float64bits(b))
	return same(a, b) || d >= -n && d <= n
}

func TestVarianceFarFromZero(t *testing.T) {
	// 1e15, 1e15+1, 1e15+2: float arithmetic with squares loses everything here.
	vals := []float64{1e15, 1e15 + 1, 1e15 + 2}
	var s Sums
	var q Squares
	var a, h, tl Acc
	AddSlice(&s, &a, 0, vals, nil)
	AddSquaresSlice(&q, &h, &tl, 0, vals, nil)
	if got := Variance(3, 1, &s, a, &q, h, tl, 0); got != 1 {
		t.Errorf("variance %v, want 1", got)
	}
	AddSlice(&s, &a, 0, []float64{math.NaN()}, nil)
	AddSquaresSlice(&q, &h, &tl, 0, []float64{math.NaN()}, nil)
	if got := Variance(4, 1, &s, a, &q, h, tl, 0); got == got {
		t.Errorf("variance with NaN %v, want NaN", got)
	}
	if got := Variance(1, 1, &s, a, &q, h, tl, 0); got == got {
		t.Errorf("variance of one value %v, want NaN", got)
	}
}

func TestFloat32(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var s Sums
	accs := make([]Acc, 2)
	var vals []float32
	var wide [][]float64 = make([][]float64, 2)
	var gids []uint32
	for i := range 1000 {
		v := float32(r.NormFloat64())
		vals, gids = append(vals, v), append(gids, uint32(i%2))
		wide[i%2] = append(wide[i%2], float64(v))
	}
	AddAll(&s, Of(accs), gids, vals, nil)
	for g := range wide {
		if got, want := s.Value(accs[g], uint32(g)), nearest(bigSum(wide[g], false)); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestCorruptStates(t *testing.T) {
	var s Sums
	accs := make([]Acc, 1)
	if s.MergePacked(Of(accs), []uint32{0}, [][16]byte{{15: 0x7f, 0: 1}}) == nil {
		t.Error("a window out of range was accepted")
	}
	for _, b := range [][]byte{make([]byte, 2), {255}, append([]byte{0}, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		append([]byte{0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f)} {
		if s.MergeWide(Of(accs), 0, b) == nil {
			t.Errorf("%x was accepted", b)
		}
	}
}

func FuzzStates(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{0})
	f.Fuzz(func(t *testing.T, fixed, wide []byte) {
		var s Sums
		accs := make([]Acc, 1)
		var p [16]byte
		copy(p[:], fixed)
		for range 3 { // must not panic whatever the bytes say
			if s.MergePacked(Of(accs), []uint32{0}, [][16]byte{p}) != nil || s.MergeWide(Of(accs), 0, wide) != nil {
				return
			}
		}
		s.Value(accs[0], 0)
		s.Mean(accs[0], 0, 3)
	})
}

func benchmark(b *testing.B, groups int, draw func(*rand.Rand) float64, f func(vals []float64, gids []uint32)) {
	r := rand.New(rand.NewPCG(9, 9))
	vals, gids, _ := columns(r, 1<<16, groups, draw)
	for b.Loop() {
		f(vals, gids)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(vals)), "ns/row")
}

func BenchmarkAddAll(b *testing.B) {
	for _, groups := range []int{100, 100_000} {
		for _, name := range []string{"uniform", "normal", "prices", "cancel"} {
			b.Run(fmt.Sprintf("%s/%d", name, groups), func(b *testing.B) {
				var s Sums
				accs := make([]Acc, groups)
				benchmark(b, groups, flavours[name], func(vals []float64, gids []uint32) { AddAll(&s, Of(accs), gids, vals, nil) })
			})
		}
	}
}

func BenchmarkAddSlice(b *testing.B) {
	var s Sums
	var a Acc
	benchmark(b, 1, flavours["normal"], func(vals []float64, gids []uint32) { AddSlice(&s, &a, 0, vals, nil) })
}

func BenchmarkAddSquaresSlice(b *testing.B) {
	var q Squares
	var head, tail Acc
	benchmark(b, 1, flavours["normal"], func(vals []float64, gids []uint32) { AddSquaresSlice(&q, &head, &tail, 0, vals, nil) })
}

func BenchmarkVariance(b *testing.B) {
	var s Sums
	var q Squares
	var a, h, t Acc
	vals, _, _ := columns(rand.New(rand.NewPCG(1, 1)), 1000, 1, flavours["normal"])
	AddSlice(&s, &a, 0, vals, nil)
	AddSquaresSlice(&q, &h, &t, 0, vals, nil)
	for b.Loop() {
		Variance(1000, 1, &s, a, &q, h, t, 0)
	}
}

// A sum that moves along is at every place that of the values in its frame.
func TestSlide(t *testing.T) {
	for name, draw := range flavours {
		r := rand.New(rand.NewPCG(8, 9))
		slid, all := 0, 0
		for range 6 {
			n, width := 1+r.IntN(900), 1+r.IntN(12)
			vals := make([]float64, n+width)
			for i := range vals {
				vals[i] = draw(r)
			}
			var s Sums
			var a Acc
			for _, v := range vals[:width] {
				s.Add(&a, 0, v)
			}
			var x Slider
			to := make([]float64, n)
			for i := 0; i < n; {
				k := x.Slide(&s, &a, vals[width+i:], vals[i:n], to[i:])
				slid += k
				if i += k; i < n {
					s.Add(&a, 0, vals[width+i])
					s.Add(&a, 0, -vals[i])
					to[i] = s.Value(a, 0)
					i++
				}
			}
			for i, got := range to {
				if want := nearest(bigSum(vals[i+1:i+1+width], false)); !same(got, want) {
					t.Fatalf("%s, %d values of %d: %v at %d, want %v", name, width, n, got, i, want)
				}
			}
			if k := new(Slider).Slide(&s, &a, vals[:n], nil, to); k > 0 {
				if want := nearest(bigSum(append(vals[n:n+width:n+width], vals[:k]...), false)); !same(to[k-1], want) {
					t.Fatalf("%s, %d values: %v, want %v", name, k, to[k-1], want)
				}
			}
			all += n
		}
		if easy := slices.Contains([]string{"uniform", "prices", "integers", "offset"}, name); easy && slid < all*9/10 {
			t.Errorf("%s: %d of %d values went the fast way", name, slid, all)
		}
	}
}
