package expr

import (
	"errors"
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A caster is what the loops of a conversion need.
type caster struct {
	*binding
	strict bool
}

// miss handles a value that does not convert.
func (c caster) miss(f *frame, i int) error {
	if !c.strict {
		f.out.setNull(i)
		return nil
	}
	return f.fail(i, "%s %s does not convert to %s%s", c.In[0], f.valueAt(c.binding, 0, i), c.Out, c.why(f, i))
}

// why words what a text is that does not convert.
func (c caster) why(f *frame, i int) string {
	if c.In[0].Kind != dtype.Utf8 || c.Out.Kind.IsNested() {
		return ""
	}
	l := c.lit(0)
	if l == nil {
		at := literalAt(f.in[0], i)
		l = &at
	}
	_, err := castLit(*l, c.Out)
	return ": " + errors.Unwrap(err).Error()
}

func bindCast(strict bool) binder {
	return func(b *binding) (code, error) {
		c := caster{b, strict}
		from, to := b.In[0].Kind, b.Out.Kind
		switch {
		case from == dtype.Null:
			return allNull, nil
		case from == dtype.Decimal128 || to == dtype.Decimal128:
			return c.decimal()
		case to == dtype.Utf8:
			return c.toText()
		case from == dtype.Utf8 && to == dtype.Binary:
			return sameText, nil
		case from == dtype.Utf8:
			return c.fromText(), nil
		case isTime(from) && isTime(to):
			return c.time()
		case from.IsNested():
			return c.list()
		case to == dtype.Time || isClock(from) && isClock(to) || from == dtype.Timestamp && isClock(to):
			return c.clock()
		}
		if g := castNumber(c, from); g != nil {
			return g, nil
		}
		return nil, fmt.Errorf("%s does not convert to %s", c.In[0], c.Out)
	}
}

func allNull(f *frame) error {
	if f.out.Type.Kind.IsVar() {
		clear(f.out.offsets())
		f.out.setText()
	} else {
		f.out.allocate()
		clear(f.out.Data)
	}
	clear(f.out.ownValid())
	return nil
}

// sameText copies text, or the codes of a dictionary whose values are text alike.
func sameText(f *frame) error {
	x := textsOf(f.in[0])
	return f.eachText(func(dst []byte, i int) ([]byte, error) { return append(dst, x.at(i)...), nil })
}

// each converts value by value with castLit: the rare pairs.
func (c caster) each() code {
	return func(f *frame) error {
		f.out.allocate()
		for i := range f.n {
			if f.null(i) {
				store(f.out, i, Literal{})
				continue
			}
			l, err := castLit(literalAt(f.in[0], i), c.Out)
			store(f.out, i, l)
			if err != nil {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func (c caster) fromText() code {
	out := Literal{Type: c.Out}
	return func(f *frame) error {
		x := f.text(c.binding, 0)
		f.out.allocate()
		for i := range f.n {
			if f.null(i) {
				store(f.out, i, Literal{})
				continue
			}
			out.I, out.F = 0, 0
			err := parseLit(x.view(i), &out)
			store(f.out, i, out)
			if err != nil {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func (c caster) toText() (code, error) {
	k := c.In[0].Kind
	if k == dtype.Binary {
		return func(f *frame) error {
			x := f.text(c.binding, 0)
			return f.eachText(func(dst []byte, i int) ([]byte, error) {
				if _, err := textOf(Literal{Type: c.In[0], S: x.view(i)}); err != nil {
					return dst, c.miss(f, i)
				}
				return append(dst, x.at(i)...), nil
			})
		}, nil
	}
	if k.IsNested() {
		return func(f *frame) error {
			x := f.text(c.binding, 0)
			return f.eachText(func(dst []byte, i int) ([]byte, error) { return appendNested(dst, c.In[0], x.at(i)), nil })
		}, nil
	}
	if isClock(k) {
		return func(f *frame) error {
			x := chunk.Values[int64](f.in[0])
			return f.eachText(func(dst []byte, i int) ([]byte, error) { return appendClock(dst, c.In[0], x[i]), nil })
		}, nil
	}
	if k == dtype.Timestamp {
		clock, err := newClock(c.In[0])
		return func(f *frame) error {
			x := chunk.Values[int64](f.in[0])
			return f.eachText(func(dst []byte, i int) ([]byte, error) { return appendTimestamp(dst, clock, c.In[0], x[i]), nil })
		}, err
	}
	return func(f *frame) error {
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			l := literalAt(f.in[0], i)
			return appendScalar(dst, k, l.I, l.F), nil
		})
	}, nil
}

// time converts between dates and timestamps.
func (c caster) time() (code, error) {
	from, to := c.In[0], c.Out
	if from.Kind == dtype.Timestamp && to.Kind == dtype.Timestamp {
		return c.units(func(f *frame, i int) (int64, bool) {
			return rescale(chunk.Values[int64](f.in[0])[i], from.Unit, to.Unit)
		}), nil
	}
	if from.Kind == dtype.Date {
		clock, err := newClock(to)
		return c.units(func(f *frame, i int) (int64, bool) {
			return clock.instant(int64(chunk.Values[int32](f.in[0])[i]), 0, 0)
		}), err
	}
	clock, err := newClock(from)
	return func(f *frame) error {
		out, x := fixed[int32](f.out), chunk.Values[int64](f.in[0])
		for i, v := range x {
			day, _, _ := clock.local(v)
			out[i] = int32(day)
			if day != int64(int32(day)) && !f.null(i) {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}, err
}

func (c caster) units(get func(f *frame, i int) (int64, bool)) code {
	return func(f *frame) error {
		out := fixed[int64](f.out)
		for i := range out {
			v, ok := get(f, i)
			out[i] = v
			if !ok && !f.null(i) {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// castNumber returns the loop between two numeric types, or nil. Dates and
// timestamps count as the integers they are.
func castNumber(c caster, from dtype.Kind) code {
	switch from {
	case dtype.Bool:
		return castBool(c.Out.Kind)
	case dtype.Int8:
		return castFrom[int8](c)
	case dtype.Int16:
		return castFrom[int16](c)
	case dtype.Int32, dtype.Date:
		return castFrom[int32](c)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return castFrom[int64](c)
	case dtype.Uint8:
		return castFrom[uint8](c)
	case dtype.Uint16:
		return castFrom[uint16](c)
	case dtype.Uint32:
		return castFrom[uint32](c)
	case dtype.Uint64:
		return castFrom[uint64](c)
	case dtype.Float32:
		return castFromFloat[float32](c)
	case dtype.Float64:
		return castFromFloat[float64](c)
	}
	return nil
}

func castFrom[F kernel.Integer](c caster) code {
	switch c.Out.Kind {
	case dtype.Bool:
		return intToBool[F]
	case dtype.Int8:
		return intToInt[F, int8](c)
	case dtype.Int16:
		return intToInt[F, int16](c)
	case dtype.Int32, dtype.Date:
		return intToInt[F, int32](c)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return intToInt[F, int64](c)
	case dtype.Uint8:
		return intToInt[F, uint8](c)
	case dtype.Uint16:
		return intToInt[F, uint16](c)
	case dtype.Uint32:
		return intToInt[F, uint32](c)
	case dtype.Uint64:
		return intToInt[F, uint64](c)
	case dtype.Float32:
		return convert[F, float32]
	case dtype.Float64:
		return convert[F, float64]
	}
	return nil
}

// castBool returns the loop from bools to a numeric type: 0 and 1.
func castBool(to dtype.Kind) code {
	switch to {
	case dtype.Int8, dtype.Uint8:
		return boolToNumber[uint8]
	case dtype.Int16, dtype.Uint16:
		return boolToNumber[uint16]
	case dtype.Int32, dtype.Uint32:
		return boolToNumber[uint32]
	case dtype.Int64, dtype.Uint64:
		return boolToNumber[uint64]
	case dtype.Float32:
		return boolToNumber[float32]
	case dtype.Float64:
		return boolToNumber[float64]
	}
	return nil
}

func boolToNumber[T kernel.Number](f *frame) error {
	out, words := fixed[T](f.out), f.in[0].Bits()
	for i := range out {
		out[i] = T(words[i>>6] >> (uint(i) & 63) & 1)
	}
	return nil
}

// intToBool is true where a number is not 0.
func intToBool[F kernel.Integer](f *frame) error {
	x, words := chunk.Values[F](f.in[0]), f.out.bits()
	for i := range words {
		w := uint64(0)
		for j, v := range x[64*i : min(64*i+64, len(x))] {
			if v != 0 {
				w |= 1 << j
			}
		}
		words[i] = w
	}
	return nil
}

func castFromFloat[F kernel.Float](c caster) code {
	switch c.Out.Kind {
	case dtype.Int8:
		return floatToInt[F, int8](c)
	case dtype.Int16:
		return floatToInt[F, int16](c)
	case dtype.Int32:
		return floatToInt[F, int32](c)
	case dtype.Int64:
		return floatToInt[F, int64](c)
	case dtype.Uint8:
		return floatToInt[F, uint8](c)
	case dtype.Uint16:
		return floatToInt[F, uint16](c)
	case dtype.Uint32:
		return floatToInt[F, uint32](c)
	case dtype.Uint64:
		return floatToInt[F, uint64](c)
	case dtype.Float32:
		return convert[F, float32]
	case dtype.Float64:
		return convert[F, float64]
	}
	return nil
}

// convert is for pairs in which every value converts.
func convert[F, T kernel.Number](f *frame) error {
	out := fixed[T](f.out)
	for i, v := range chunk.Values[F](f.in[0]) {
		out[i] = T(v)
	}
	return nil
}

func intToInt[F, T kernel.Integer](c caster) code {
	if !castFails(c.In[0], c.Out) {
		return convert[F, T]
	}
	return func(f *frame) error {
		out := fixed[T](f.out)
		for i, v := range chunk.Values[F](f.in[0]) {
			r := T(v)
			out[i] = r
			if (F(r) != v || (r < 0) != (v < 0)) && !f.null(i) {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func floatToInt[F kernel.Float, T kernel.Integer](c caster) code {
	var z T
	lo, hi := 0.0, math.Ldexp(1, 8*c.Out.Width())
	if z-1 < z {
		hi /= 2
		lo = -hi
	}
	return func(f *frame) error {
		out := fixed[T](f.out)
		for i, v := range chunk.Values[F](f.in[0]) {
			t := math.Trunc(float64(v))
			if t >= lo && t < hi {
				out[i] = T(t)
				continue
			}
			out[i] = 0
			if !f.null(i) {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// decimal converts from and to decimals.
func (c caster) decimal() (code, error) {
	from, to := c.In[0], c.Out
	limit := pow10(int(to.Precision))
	scale := int(to.Scale)
	switch {
	case from.Kind == dtype.Decimal128 && to.Kind == dtype.Decimal128:
		return func(f *frame) error {
			x := chunk.Values[[16]byte](f.in[0])
			return c.eachDecimal(f, limit, func(i int) (i128, bool) { return loadDecimal(x[i]).rescale(int(from.Scale), scale) })
		}, nil
	case from.Kind == dtype.Utf8:
		return func(f *frame) error {
			x := f.text(c.binding, 0)
			return c.eachDecimal(f, limit, func(i int) (i128, bool) {
				d, err := parseDecimal(x.at(i), scale)
				return d, err == nil
			})
		}, nil
	case from.Kind.IsFloat():
		return func(f *frame) error {
			return c.eachDecimal(f, limit, func(i int) (i128, bool) { return decimalOfFloat(literalAt(f.in[0], i).F, scale) })
		}, nil
	case from.Kind.IsInt():
		return func(f *frame) error {
			return c.eachDecimal(f, limit, func(i int) (i128, bool) {
				return intTo128(intAt(f.in[0], i), from.Kind == dtype.Uint64).rescale(0, scale)
			})
		}, nil
	case to.Kind == dtype.Utf8:
		return func(f *frame) error {
			x := chunk.Values[[16]byte](f.in[0])
			return f.eachText(func(dst []byte, i int) ([]byte, error) { return appendDecimal(dst, x[i], int(from.Scale)), nil })
		}, nil
	case to.Kind.IsNumeric():
		return c.fromDecimal(int(from.Scale)), nil
	}
	return nil, fmt.Errorf("%s does not convert to %s", from, to)
}

// eachDecimal computes a decimal row by row; limit is 10^precision.
func (c caster) eachDecimal(f *frame, limit i128, get func(i int) (i128, bool)) error {
	out := fixed[[16]byte](f.out)
	for i := range out {
		out[i] = [16]byte{}
		if f.null(i) {
			continue
		}
		v, ok := get(i)
		if ok && v.abs().cmp(limit) < 0 {
			out[i] = v.store()
			continue
		}
		if err := c.miss(f, i); err != nil {
			return err
		}
	}
	return nil
}

func (c caster) fromDecimal(scale int) code {
	return func(f *frame) error {
		f.out.allocate()
		x := chunk.Values[[16]byte](f.in[0])
		for i := range f.n {
			l := Literal{Type: c.Out}
			var err error
			switch {
			case f.null(i):
			case c.Out.Kind.IsFloat():
				l.F = loadDecimal(x[i]).float(scale)
			default:
				l.I, err = loadDecimal(x[i]).integer(scale, c.Out.Kind)
			}
			store(f.out, i, l)
			if err != nil {
				if err := c.miss(f, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
