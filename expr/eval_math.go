package expr

import (
	"bytes"
	"math"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/vec"
)

// mathFuncs are loops that give the same bits on all machines.
var mathFuncs = map[string]func(dst, x []float64){"degrees": scaled(180 / math.Pi), "radians": scaled(math.Pi / 180)}

func init() {
	for op := vec.Sqrt; op <= vec.Gamma; op++ {
		if f := vec.Unary[float64](op); f != nil && mathFuncs[op.String()] == nil {
			mathFuncs[op.String()] = f
		}
	}
}

func scaled(by float64) func(dst, x []float64) {
	return func(dst, x []float64) {
		for i, v := range x {
			dst[i] = v * by
		}
	}
}

var mathFuncs2 = map[string]func(x, y float64) float64{"pow": math.Pow, "atan2": math.Atan2, "hypot": math.Hypot}

// bindPow binds the functions of two float64.
func bindPow(b *binding) (code, error) {
	b.vectors()
	g := mathFuncs2[b.fn]
	return func(f *frame) error {
		out, x, y := fixed[float64](f.out), chunk.Values[float64](f.in[0]), chunk.Values[float64](f.in[1])
		for i, v := range x {
			out[i] = g(v, y[i])
		}
		return nil
	}, nil
}

type anyInt interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// bindIntegers binds the functions of two integers.
func bindIntegers(b *binding) (code, error) {
	b.vectors()
	switch b.Out.Kind {
	case dtype.Int8:
		return integers[int8](b), nil
	case dtype.Int16:
		return integers[int16](b), nil
	case dtype.Int32:
		return integers[int32](b), nil
	case dtype.Int64:
		return integers[int64](b), nil
	case dtype.Uint8:
		return integers[uint8](b), nil
	case dtype.Uint16:
		return integers[uint16](b), nil
	case dtype.Uint32:
		return integers[uint32](b), nil
	case dtype.Uint64:
		return integers[uint64](b), nil
	}
	return nil, errNotHere
}

func integers[T anyInt](b *binding) code {
	switch b.fn {
	case "shift_left", "shift_right":
		return shiftInts[T](b)
	case "bit_and":
		return pairs(func(x, y T) T { return x & y })
	case "bit_or":
		return pairs(func(x, y T) T { return x | y })
	case "bit_xor":
		return pairs(func(x, y T) T { return x ^ y })
	}
	lcm := b.fn == "lcm"
	return func(f *frame) error {
		out, x, y := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1])
		for i, v := range x {
			r, ok := gcd(magnitude(v), magnitude(y[i])), true
			if lcm && r != 0 {
				var hi uint64
				hi, r = bits.Mul64(magnitude(v)/r, magnitude(y[i]))
				ok = hi == 0
			}
			out[i] = T(r)
			if (!ok || out[i] < 0 || uint64(out[i]) != r) && f.checked(i) {
				return f.fail(i, "%s(%s, %s) does not fit %s", b.fn, f.valueAt(b, 0, i), f.valueAt(b, 1, i), b.Out)
			}
		}
		return nil
	}
}

func pairs[T anyInt](op func(x, y T) T) code {
	return func(f *frame) error {
		out, x, y := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[T](f.in[1])
		for i, v := range x {
			out[i] = op(v, y[i])
		}
		return nil
	}
}

func magnitude[T anyInt](v T) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func shiftInts[T anyInt](b *binding) code {
	left := b.fn == "shift_left"
	return func(f *frame) error {
		out, x, n := fixed[T](f.out), chunk.Values[T](f.in[0]), chunk.Values[int64](f.in[1])
		for i, v := range x {
			k := n[i]
			if k < 0 {
				if f.checked(i) {
					return f.fail(i, "%s by %d places", b.fn, k)
				}
				k = 0
			}
			if left {
				out[i] = v << uint64(k)
			} else {
				out[i] = v >> uint64(k)
			}
		}
		return nil
	}
}

// bindBits binds bit_not and bit_count.
func bindBits(b *binding) (code, error) {
	switch b.In[0].Kind {
	case dtype.Int8:
		return bitsOf[int8](b), nil
	case dtype.Int16:
		return bitsOf[int16](b), nil
	case dtype.Int32:
		return bitsOf[int32](b), nil
	case dtype.Int64:
		return bitsOf[int64](b), nil
	case dtype.Uint8:
		return bitsOf[uint8](b), nil
	case dtype.Uint16:
		return bitsOf[uint16](b), nil
	case dtype.Uint32:
		return bitsOf[uint32](b), nil
	case dtype.Uint64:
		return bitsOf[uint64](b), nil
	}
	return nil, errNotHere
}

func bitsOf[T anyInt](b *binding) code {
	mask := ^uint64(0) >> uint(64-8*b.In[0].Width())
	b.vectors()
	return func(f *frame) error {
		x := chunk.Values[T](f.in[0])
		if b.fn == "bit_not" {
			out := fixed[T](f.out)
			for i, v := range x {
				out[i] = ^v
			}
			return nil
		}
		out := fixed[int64](f.out)
		for i, v := range x {
			out[i] = int64(bits.OnesCount64(uint64(v) & mask))
		}
		return nil
	}
}

// bindFinite binds is_inf and is_finite.
func bindFinite(b *binding) (code, error) {
	b.vectors()
	inf := b.fn == "is_inf"
	switch b.In[0].Kind {
	case dtype.Float32:
		return finite[float32](inf), nil
	case dtype.Float64:
		return finite[float64](inf), nil
	}
	return func(f *frame) error { kernel.SetRange(f.out.bits(), 0, f.n, !inf); return nil }, nil
}

func finite[T kernel.Float](inf bool) code {
	return func(f *frame) error {
		x := chunk.Values[T](f.in[0])
		f.eachBit(func(i int) bool {
			if inf {
				return x[i]-x[i] != 0 && x[i] == x[i]
			}
			return x[i]-x[i] == 0
		})
		return nil
	}
}

// takeValid copies the validity of v: what v is made of may be overwritten while
// the result is still in use.
func (f *frame) takeValid(v *chunk.Vec) {
	if f.out.Valid = v.Valid; v.Valid != nil {
		f.out.ownValid()
	}
}

// copyIn makes the result a copy of argument 0, whatever its type.
func (f *frame) copyIn(b *binding) error {
	f.takeValid(f.in[0])
	switch k := b.In[0].Kind; {
	case k.IsVar():
		if d := f.in[0].Dict; d != nil {
			copy(fixed[uint32](f.out), chunk.Values[uint32](f.in[0]))
			f.out.Dict = d
			return nil
		}
		x := textsOf(f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) { return append(dst, x.at(i)...), nil })
	case k == dtype.Bool:
		copy(f.out.bits(), f.in[0].Bits())
	default:
		return copyFixed(f)
	}
	return nil
}

func bindNullIf(b *binding) (code, error) {
	b.vectors()
	eq := *b
	s := *b.sig
	s.Out = tBool
	eq.sig, eq.fn = &s, "eq"
	test, err := bindCmp(&eq)
	if err != nil {
		return nil, err
	}
	var same vector
	return func(f *frame) error {
		if err := f.copyIn(b); err != nil {
			return err
		}
		same.reset(tBool, f.n)
		g := frame{n: f.n, in: f.in, out: &same}
		if err := test(&g); err != nil {
			return err
		}
		null := same.Bits()
		if y := f.in[1]; y.Valid != nil {
			kernel.And(null, null, y.Valid[:len(null)])
		}
		if x := f.in[0]; x.Valid != nil {
			for i := range null {
				null[i] |= ^x.Valid[i]
			}
		}
		f.out.nullWhere(null)
		return nil
	}, nil
}

func bindFillNaN(b *binding) (code, error) {
	b.vectors()
	switch b.Out.Kind {
	case dtype.Float32:
		return fillNaN[float32](b), nil
	case dtype.Float64:
		return fillNaN[float64](b), nil
	}
	return func(f *frame) error { return f.copyIn(b) }, nil
}

func fillNaN[T kernel.Float](b *binding) code {
	return func(f *frame) error {
		if err := f.copyIn(b); err != nil {
			return err
		}
		out, y := chunk.Values[T](&f.out.Vec), chunk.Values[T](f.in[1])
		for i, v := range out {
			if v != v && !f.in[0].IsNull(i) {
				if out[i] = y[i]; f.in[1].IsNull(i) {
					f.out.setNull(i)
				}
			}
		}
		return nil
	}
}

func bindClip(b *binding) (code, error) {
	b.vectors()
	switch b.Out.Kind {
	case dtype.Int8:
		return clip(b, below[int8]), nil
	case dtype.Int16:
		return clip(b, below[int16]), nil
	case dtype.Int32, dtype.Date:
		return clip(b, below[int32]), nil
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return clip(b, below[int64]), nil
	case dtype.Uint8:
		return clip(b, below[uint8]), nil
	case dtype.Uint16:
		return clip(b, below[uint16]), nil
	case dtype.Uint32:
		return clip(b, below[uint32]), nil
	case dtype.Uint64:
		return clip(b, below[uint64]), nil
	case dtype.Float32:
		return clip(b, below[float32]), nil
	case dtype.Float64:
		return clip(b, below[float64]), nil
	case dtype.Decimal128:
		return clip(b, belowDecimal), nil
	}
	return nil, errNotHere
}

func below[T kernel.Number](x, y T) bool { return x < y }

func belowDecimal(x, y [16]byte) bool { return loadDecimal(x).cmp(loadDecimal(y)) < 0 }

func clip[T chunk.Fixed](b *binding, below func(x, y T) bool) code {
	return func(f *frame) error {
		if err := f.copyIn(b); err != nil {
			return err
		}
		out, lo, hi := chunk.Values[T](&f.out.Vec), chunk.Values[T](f.in[1]), chunk.Values[T](f.in[2])
		for i, v := range out {
			if below(v, lo[i]) && !f.in[1].IsNull(i) {
				v = lo[i]
			}
			if below(hi[i], v) && !f.in[2].IsNull(i) {
				v = hi[i]
			}
			out[i] = v
		}
		return nil
	}
}

// bindExtremeText is least and greatest of text, bools and decimals.
func bindExtremeText(b *binding) (code, error) {
	most := b.fn == "greatest"
	kind := b.Out.Kind
	picks := pickFrom{}
	return func(f *frame) error {
		picks.reset(f.n)
		picks.need = words(&picks.need, chunk.Words(f.n))
		clear(picks.need)
		less := func(k, l, i int) bool {
			x, y := f.in[k], f.in[l]
			switch kind {
			case dtype.Bool:
				return !x.Bool(i) && y.Bool(i)
			case dtype.Decimal128:
				return belowDecimal(chunk.Values[[16]byte](x)[i], chunk.Values[[16]byte](y)[i])
			}
			tx, ty := textsOf(x), textsOf(y)
			return bytes.Compare(tx.at(i), ty.at(i)) < 0
		}
		for i := range f.n {
			best := -1
			for k, v := range f.in {
				switch {
				case v.IsNull(i):
				case best < 0, most && less(best, k, i), !most && less(k, best, i):
					best = k
				}
			}
			if picks.pick[i] = uint16(max(best, 0)); best < 0 {
				picks.need[i>>6] |= 1 << (uint(i) & 63)
			}
		}
		return picks.build(f, kind, f.in, picks.need)
	}, nil
}

// hashSeed and hashNull begin a row's hash and stand for a null.
const hashSeed, hashNull = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93

// mix joins a value to a hash. Source of the constants: Stafford, "Better bit
// mixing", variant 13.
func mix(h, v uint64) uint64 {
	h ^= v
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31 + hashSeed
}

func bindHash(b *binding) (code, error) {
	b.vectors()
	return func(f *frame) error {
		out := fixed[uint64](f.out)
		fill(out, hashSeed)
		for _, v := range f.in {
			hashInto(out, v)
		}
		return nil
	}, nil
}

// hashInto joins a column to the hashes of rows.
func hashInto(out []uint64, v *chunk.Vec) {
	k := v.Type.Kind
	var word func(i int) uint64
	switch {
	case k == dtype.Null:
		word = func(int) uint64 { return hashNull }
	case k == dtype.Bool:
		word = func(i int) uint64 { return v.Bits()[i>>6] >> (uint(i) & 63) & 1 }
	case k.IsVar():
		t := textsOf(v)
		word = func(i int) uint64 { return xxh3.Hash(t.at(i)) }
	case k.IsFloat():
		word = func(i int) uint64 {
			x := 0.0
			if k == dtype.Float32 {
				x = float64(chunk.Values[float32](v)[i])
			} else {
				x = chunk.Values[float64](v)[i]
			}
			if x != x {
				return math.Float64bits(math.NaN())
			}
			return math.Float64bits(x + 0) // -0 + 0 is 0
		}
	case k == dtype.Decimal128:
		word = func(i int) uint64 {
			x := loadDecimal(chunk.Values[[16]byte](v)[i])
			return mix(uint64(x.hi), x.lo)
		}
	default:
		word = func(i int) uint64 { return uint64(intAt(v, i)) }
	}
	for i := range out {
		if v.IsNull(i) {
			out[i] = mix(out[i], hashNull)
		} else {
			out[i] = mix(out[i], word(i))
		}
	}
}
