package window

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// newAccumulator makes the state of a function over a column of a kind.
func newAccumulator(f *Func, out, in dtype.Type, alloc mem.Allocator) accumulator {
	grows, k := f.Frame.OpenFrom, in.Kind
	switch {
	case f.Fn == Count:
		return &counting{results: results{typ: out}}
	case f.Fn == Median || f.Fn == Quantile:
		return newQuantiles(f, out, k, alloc)
	case f.Fn == Skew || f.Fn == Kurtosis:
		return newShapes(f, out)
	case f.Fn == Corr || f.Fn == Cov:
		return &couples{results: results{typ: out}, corr: f.Fn == Corr}
	case f.Fn == Any || f.Fn == All:
		return &truths{all: f.Fn == All}
	case f.Fn == Min || f.Fn == Max:
		return newBest(f.Fn == Max, grows, out)
	case f.Fn == Product:
		return &products{results: results{typ: out}, col: f.Col}
	case k == dtype.Decimal128:
		return &decimals{results: results{typ: out}, mean: f.Fn == Mean, scale: int(in.Scale), col: f.Col}
	case k.IsFloat():
		return &floats{results: results{typ: out}, fn: f.Fn, grows: grows, moving: exact.Powers{Top: 2}}
	case f.Fn == Var || f.Fn == Std:
		return &floats{results: results{typ: out}, fn: f.Fn, grows: grows, moving: exact.Powers{Top: 2}}
	}
	return &integers{results: results{typ: out}, fn: f.Fn, col: f.Col, unsigned: k == dtype.Uint64}
}

// results is a column of 8-byte values that is being made.
type results struct {
	words
	typ  dtype.Type
	out  []uint64
	bits []uint64
	at   int
	null bool
}

func (r *results) begin(n int) { r.out, r.bits, r.at, r.null = r.take(n), r.nulls(n), 0, false }

func (r *results) give(x uint64, times int) {
	for range times {
		r.out[r.at] = x
		r.at++
	}
}

func (r *results) giveNull(times int) {
	r.null = true
	kernel.SetRange(r.bits, r.at, r.at+times, false)
	r.give(0, times)
}

func (r *results) end() (chunk.Vec, error) {
	v := chunk.Vec{Type: r.typ, N: len(r.out), Data: chunk.Bytes(r.out)}
	if r.null {
		v.Valid = r.bits
	}
	if r.typ.Kind == dtype.Null {
		v.Data, v.Valid = nil, nil
	}
	return v, nil
}

// counting counts values, or rows.
type counting struct {
	results
	n uint64
}

func (a *counting) reset() { a.n = 0 }
func (a *counting) add(v *chunk.Vec, row int, _ int64) {
	if v == nil || !v.IsNull(row) {
		a.n++
	}
}
func (a *counting) remove(v *chunk.Vec, row int, _ int64) {
	if v == nil || !v.IsNull(row) {
		a.n--
	}
}
func (a *counting) span(v *chunk.Vec, lo, hi int, _ int64) {
	if v == nil || v.Valid == nil && v.Type.Kind != dtype.Null {
		a.n += uint64(hi - lo)
		return
	}
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *counting) put(times int) error { a.give(a.n, times); return nil }

// integers adds whole numbers in 128 bits.
type integers struct {
	results
	fn       string
	col      string
	unsigned bool
	n        int64
	hi       int64
	lo       uint64
}

func (a *integers) reset() { a.n, a.hi, a.lo = 0, 0, 0 }

func (a *integers) value(v *chunk.Vec, row int) (hi int64, lo uint64) {
	if a.unsigned {
		return 0, chunk.Values[uint64](v)[row]
	}
	x := integerAt(v, row)
	return x >> 63, uint64(x)
}

func (a *integers) add(v *chunk.Vec, row int, _ int64) {
	if v.IsNull(row) {
		return
	}
	hi, lo := a.value(v, row)
	var c uint64
	a.lo, c = bits.Add64(a.lo, lo, 0)
	a.hi += hi + int64(c)
	a.n++
}

func (a *integers) span(v *chunk.Vec, lo, hi int, _ int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, 0)
	}
}

func (a *integers) remove(v *chunk.Vec, row int, _ int64) {
	if v.IsNull(row) {
		return
	}
	hi, lo := a.value(v, row)
	var c uint64
	a.lo, c = bits.Sub64(a.lo, lo, 0)
	a.hi -= hi + int64(c)
	a.n--
}

func (a *integers) put(times int) error {
	switch {
	case a.n == 0:
		a.giveNull(times)
	case a.fn == Mean && a.typ.Kind == dtype.Duration:
		a.give(uint64(exact.WholeMeanOf(a.sum(), a.n)), times)
	case a.fn == Mean:
		a.give(math.Float64bits(a.float()/float64(a.n)), times)
	case a.typ.Kind == dtype.Uint64 && a.hi != 0, a.typ.Kind != dtype.Uint64 && a.hi != int64(a.lo)>>63:
		return fmt.Errorf("a sum of column %q does not fit into %s: cast the column to float64", dtype.Shown(a.col), a.typ)
	default:
		a.give(a.lo, times)
	}
	return nil
}

// float is the sum, rounded once.
func (a *integers) float() float64 {
	if a.hi == int64(a.lo)>>63 {
		return float64(int64(a.lo))
	}
	f, _ := new(big.Float).SetInt(a.sum()).Float64()
	return f
}

func (a *integers) sum() *big.Int {
	x := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return x.Add(x, new(big.Int).SetUint64(a.lo))
}

// floats adds floats exactly. Where some leave the frame, NaN and infinities are
// counted instead.
type floats struct {
	results
	fn            string
	grows         bool // nothing leaves
	n             int64
	nan, pos, neg int64
	sums          exact.Sums
	acc           exact.Acc
	slider        exact.Slider
	squares       exact.Squares // where nothing leaves
	head, tail    exact.Acc
	moving        exact.Powers // where values leave
	huge          int64        // values whose square is no float
	one           [1]float64
}

func (a *floats) reset() {
	a.n, a.nan, a.pos, a.neg, a.acc = 0, 0, 0, 0, exact.Acc{}
	if a.sums.HasWide() {
		a.sums.Drop(0)
	}
	if a.fn == Var || a.fn == Std {
		a.squares.Reset()
		a.head, a.tail, a.huge = exact.Acc{}, exact.Acc{}, 0
		a.moving.Reset()
	}
}

func (a *floats) count(x float64, by int64) bool {
	a.n += by
	switch {
	case x != x:
		a.nan += by
	case x > math.MaxFloat64:
		a.pos += by
	case x < -math.MaxFloat64:
		a.neg += by
	default:
		return true
	}
	return false
}

func floatAt(v *chunk.Vec, row int) float64 {
	switch v.Type.Kind {
	case dtype.Float64:
		return chunk.Values[float64](v)[row]
	case dtype.Float32:
		return float64(chunk.Values[float32](v)[row])
	case dtype.Uint64:
		return float64(chunk.Values[uint64](v)[row])
	}
	return float64(integerAt(v, row))
}

func (a *floats) add(v *chunk.Vec, row int, _ int64) {
	if v.IsNull(row) {
		return
	}
	x := floatAt(v, row)
	if a.grows {
		a.n++
	} else if !a.count(x, 1) {
		return
	}
	if (a.fn == Var || a.fn == Std) && !a.grows {
		if x*x > math.MaxFloat64 {
			a.huge++
			return
		}
		a.moving.Enter(x)
		return
	}
	a.sums.Add(&a.acc, 0, x)
	if a.fn == Var || a.fn == Std {
		a.one[0] = x
		exact.AddSquaresSlice(&a.squares, &a.head, &a.tail, 0, a.one[:], nil)
	}
}

func (a *floats) span(v *chunk.Vec, lo, hi int, _ int64) {
	if !a.grows || v.Type.Kind != dtype.Float64 || v.Valid != nil {
		for i := lo; i < hi; i++ {
			a.add(v, i, 0)
		}
		return
	}
	x := chunk.Values[float64](v)[lo:hi]
	a.n += int64(hi - lo)
	exact.AddSlice(&a.sums, &a.acc, 0, x, nil)
	if a.fn == Var || a.fn == Std {
		exact.AddSquaresSlice(&a.squares, &a.head, &a.tail, 0, x, nil)
	}
}

func (a *floats) remove(v *chunk.Vec, row int, _ int64) {
	if v.IsNull(row) {
		return
	}
	switch x := floatAt(v, row); {
	case !a.count(x, -1):
	case a.fn != Var && a.fn != Std:
		a.sums.Add(&a.acc, 0, -x)
	case x*x > math.MaxFloat64:
		a.huge--
	default:
		a.moving.Leave(x)
	}
}

// move implements mover for sums and means of numbers.
func (a *floats) move(v *chunk.Vec, in int, w *chunk.Vec, out, n int) int {
	if a.fn != Sum && a.fn != Mean || v.Type.Kind != dtype.Float64 || v.Valid != nil || a.nan|a.pos|a.neg != 0 {
		return 0
	}
	var gone []float64
	more := int64(1) // by how much the values become more in a step
	if w != nil {
		if more = 0; w.Valid != nil {
			return 0
		}
		gone = chunk.Values[float64](w)[out : out+n]
	}
	to := chunk.Slice[float64](chunk.Bytes(a.out[a.at:a.at+n]), n)
	done := a.slider.Slide(&a.sums, &a.acc, chunk.Values[float64](v)[in:in+n], gone, to)
	if a.fn == Mean {
		for i := range to[:done] {
			to[i] /= float64(a.n + more*int64(i+1))
		}
	}
	a.n += more * int64(done)
	a.at += done
	return done
}

func (a *floats) put(times int) error {
	spread := a.fn == Var || a.fn == Std
	var x float64
	switch {
	case a.n == 0 || spread && a.n < 2:
		a.giveNull(times)
		return nil
	case a.nan > 0 || a.pos > 0 && a.neg > 0 || spread && a.pos+a.neg > 0:
		x = math.NaN()
	case a.pos > 0:
		x = math.Inf(1)
	case a.neg > 0:
		x = math.Inf(-1)
	case spread:
		switch {
		case a.huge > 0:
			x = math.Inf(1)
		case !a.grows:
			x, _ = a.moving.Variance()
		default:
			x = exact.Variance(a.n, 1, &a.sums, a.acc, &a.squares, a.head, a.tail, 0)
		}
		if a.fn == Std {
			x = math.Sqrt(x)
		}
	default:
		if x = a.sums.Value(a.acc, 0); a.fn == Mean {
			x /= float64(a.n)
		}
	}
	a.give(math.Float64bits(x), times)
	return nil
}

// best is the least or greatest value of a frame. Of a frame that moves it keeps
// the values that can still win, each better than those after it (Lemire 2006).
type best[T any] struct {
	typ   dtype.Type
	load  func(v *chunk.Vec, row int) T
	worse func(a, b T) bool // b is better than a
	vec   func(typ dtype.Type, vals []T, b *best[T]) chunk.Vec
	grows bool // nothing leaves
	q     []ranked[T]
	head  int

	words
	vals []T
	bits []uint64
	null bool
	off  []int32
	str  []byte
}

type ranked[T any] struct {
	at int64
	x  T
}

func (a *best[T]) reset() { a.q, a.head = a.q[:0], 0 }

func (a *best[T]) add(v *chunk.Vec, row int, index int64) {
	if v.IsNull(row) {
		return
	}
	x := a.load(v, row)
	if a.grows && len(a.q) > 0 && !a.worse(a.q[0].x, x) {
		return
	}
	for len(a.q) > a.head && a.worse(a.q[len(a.q)-1].x, x) {
		a.q = a.q[:len(a.q)-1]
	}
	a.q = append(a.q, ranked[T]{index, x})
}

func (a *best[T]) span(v *chunk.Vec, lo, hi int, index int64) {
	for i := lo; i < hi; i++ {
		a.add(v, i, index+int64(i-lo))
	}
}

func (a *best[T]) remove(_ *chunk.Vec, _ int, index int64) {
	if a.head < len(a.q) && a.q[a.head].at == index {
		if a.head++; a.head > 64 && a.head > len(a.q)/2 {
			a.q = a.q[:copy(a.q, a.q[a.head:])]
			a.head = 0
		}
	}
}

func (a *best[T]) begin(n int) { a.vals, a.bits, a.null = a.vals[:0], a.nulls(n), false }

func (a *best[T]) put(times int) error {
	var x T
	if a.head < len(a.q) {
		x = a.q[a.head].x
	} else {
		a.null = true
		kernel.SetRange(a.bits, len(a.vals), len(a.vals)+times, false)
	}
	for range times {
		a.vals = append(a.vals, x)
	}
	return nil
}

func (a *best[T]) end() (chunk.Vec, error) {
	v := a.vec(a.typ, a.vals, a)
	if a.null {
		v.Valid = a.bits
	}
	if len(v.Str) > math.MaxInt32 {
		return v, fmt.Errorf("more than 2 GiB of text in %d rows of one column", v.N)
	}
	return v, nil
}

func newBest(greatest, grows bool, t dtype.Type) accumulator {
	switch k := t.Kind; {
	case k == dtype.Float64:
		return floatBest[float64](greatest, grows, t)
	case k == dtype.Float32:
		return floatBest[float32](greatest, grows, t)
	case k == dtype.Int8:
		return intBest[int8](greatest, grows, t)
	case k == dtype.Int16:
		return intBest[int16](greatest, grows, t)
	case k == dtype.Int32 || k == dtype.Date:
		return intBest[int32](greatest, grows, t)
	case k == dtype.Uint8:
		return intBest[uint8](greatest, grows, t)
	case k == dtype.Uint16:
		return intBest[uint16](greatest, grows, t)
	case k == dtype.Uint32:
		return intBest[uint32](greatest, grows, t)
	case k == dtype.Uint64:
		return intBest[uint64](greatest, grows, t)
	case k == dtype.Decimal128:
		return newBestOf(greatest, grows, t, func(v *chunk.Vec, i int) [16]byte { return chunk.Values[[16]byte](v)[i] },
			func(x, y [16]byte) bool {
				a, b := int64(binary.LittleEndian.Uint64(x[8:])), int64(binary.LittleEndian.Uint64(y[8:]))
				return a < b || a == b && binary.LittleEndian.Uint64(x[:8]) < binary.LittleEndian.Uint64(y[:8])
			}, fixedVec[[16]byte])
	case k == dtype.Bool:
		return newBestOf(greatest, grows, t, func(v *chunk.Vec, i int) bool { return v.Bool(i) },
			func(x, y bool) bool { return !x && y }, boolVec)
	case k.IsVar():
		return newBestOf(greatest, grows, t, func(v *chunk.Vec, i int) string { return strings.Clone(v.Text(i)) },
			func(x, y string) bool { return x < y }, textVec)
	}
	return intBest[int64](greatest, grows, t)
}

func newBestOf[T any](greatest, grows bool, t dtype.Type, load func(*chunk.Vec, int) T, less func(x, y T) bool, vec func(dtype.Type, []T, *best[T]) chunk.Vec) *best[T] {
	b := &best[T]{typ: t, load: load, worse: less, vec: vec, grows: grows}
	if !greatest {
		b.worse = func(x, y T) bool { return less(y, x) }
	}
	return b
}

type fixedInt interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func intBest[T fixedInt](greatest, grows bool, t dtype.Type) accumulator {
	return newBestOf(greatest, grows, t, func(v *chunk.Vec, i int) T { return chunk.Values[T](v)[i] },
		func(x, y T) bool { return x < y }, fixedVec[T])
}

// floatBest takes NaN for the greatest value and gives -0 as 0.
func floatBest[T float32 | float64](greatest, grows bool, t dtype.Type) accumulator {
	return newBestOf(greatest, grows, t, func(v *chunk.Vec, i int) T { return chunk.Values[T](v)[i] + 0 },
		func(x, y T) bool { return x < y || x == x && y != y }, fixedVec[T])
}

func fixedVec[T chunk.Fixed](t dtype.Type, vals []T, _ *best[T]) chunk.Vec {
	return chunk.Vec{Type: t, N: len(vals), Data: chunk.Bytes(vals)}
}

func boolVec(t dtype.Type, vals []bool, b *best[bool]) chunk.Vec { return packBools(t, vals, &b.words) }

func packBools(t dtype.Type, vals []bool, room *words) chunk.Vec {
	w := room.take(chunk.Words(len(vals)))
	clear(w)
	for i, x := range vals {
		if x {
			w[i>>6] |= 1 << (uint(i) & 63)
		}
	}
	return chunk.Vec{Type: t, N: len(vals), Data: chunk.Bytes(w)}
}

func textVec(t dtype.Type, vals []string, b *best[string]) chunk.Vec {
	b.off, b.str = append(b.off[:0], 0), b.str[:0]
	for _, x := range vals {
		b.str = append(b.str, x...)
		b.off = append(b.off, int32(len(b.str)))
	}
	return chunk.Vec{Type: t, N: len(vals), Off: b.off, Str: b.str}
}
