package expr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// eachPart makes a column of whatever type from the bytes that values have in
// records; false makes a null.
func (f *frame) eachPart(get func(i int) ([]byte, bool)) error {
	k := f.out.Type.Kind
	if k.IsVar() {
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			b, ok := get(i)
			if !ok {
				f.out.setNull(i)
				return dst, nil
			}
			return append(dst, b...), nil
		})
	}
	f.out.allocate()
	if k == dtype.Bool {
		clear(f.out.Data)
	}
	w := k.Width()
	for i := range f.n {
		b, ok := []byte(nil), !f.null(i)
		if ok {
			if b, ok = get(i); !ok {
				f.out.setNull(i)
			}
		}
		switch {
		case k == dtype.Bool:
			if ok && b[0] != 0 {
				f.out.Data[i>>3] |= 1 << (uint(i) & 7)
			}
		case ok:
			copy(f.out.Data[i*w:i*w+w], b)
		default:
			clear(f.out.Data[i*w : i*w+w])
		}
	}
	return nil
}

// lists reads the lists of argument k.
func (f *frame) lists(b *binding, k int) func(i int) chunk.ListView {
	elem := b.In[k].Elem().Kind
	x := textsOf(f.in[k])
	return func(i int) chunk.ListView { return chunk.ViewList(elem, x.at(i)) }
}

func bindListOf(b *binding) (code, error) {
	b.vectors()
	elem := b.Out.Elem().Kind
	return func(f *frame) error {
		var bit [1]byte
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			return chunk.AppendParts(dst, elem, len(f.in), func(k int) ([]byte, bool) { return chunk.PartOf(f.in[k], i, &bit) }), nil
		})
	}, nil
}

// maxRange is the most numbers of a list.range.
const maxRange = 1 << 22

func bindListRange(b *binding) (code, error) {
	return func(f *frame) error {
		from, to := f.integer(b, 0), f.integer(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			lo, hi := from(i), to(i)
			if lo >= hi {
				return dst, nil
			}
			if uint64(hi)-uint64(lo) > maxRange {
				return dst, f.fail(i, "a list of the numbers from %d to %d; at most %d of them", lo, hi, maxRange)
			}
			var x [8]byte
			return chunk.AppendParts(dst, dtype.Int64, int(hi-lo), func(k int) ([]byte, bool) {
				binary.LittleEndian.PutUint64(x[:], uint64(lo+int64(k)))
				return x[:], false
			}), nil
		})
	}, nil
}

func bindListLen(b *binding) (code, error) {
	b.vectors()
	return func(f *frame) error {
		x := textsOf(f.in[0])
		f.eachInt(func(i int) int64 { return int64(chunk.ListLen(x.at(i))) })
		return nil
	}, nil
}

func bindListGet(b *binding) (code, error) {
	b.asVec[0] = true
	elem := b.In[0].Elem().Kind
	return func(f *frame) error {
		x, at := f.lists(b, 0), f.integer(b, 1)
		return f.eachPart(func(i int) ([]byte, bool) {
			l, k := x(i), at(i)
			if k < 0 {
				k += int64(l.N)
			}
			if k < 0 || k >= int64(l.N) {
				return nil, false
			}
			p, null := l.Part(elem, int(k))
			return p, !null
		})
	}, nil
}

func bindListSlice(b *binding) (code, error) {
	b.asVec[0] = true
	elem := b.In[0].Elem().Kind
	return func(f *frame) error {
		x, start, n := f.lists(b, 0), f.integer(b, 1), f.integer(b, 2)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			l := x(i)
			lo, hi := span64(int64(l.N), start(i), n(i))
			return chunk.AppendParts(dst, elem, int(hi-lo), func(k int) ([]byte, bool) { return l.Part(elem, int(lo)+k) }), nil
		})
	}, nil
}

func bindListConcat(b *binding) (code, error) {
	b.vectors()
	elem := b.Out.Elem().Kind
	return func(f *frame) error {
		at := make([]func(i int) chunk.ListView, len(f.in))
		for k := range at {
			at[k] = f.lists(b, k)
		}
		lists := make([]chunk.ListView, len(at))
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			n, size, plain := 0, int64(0), !elem.IsVar() && elem != dtype.Null
			for k := range lists {
				lists[k] = at[k](i)
				n, size = n+lists[k].N, size+lists[k].Bytes()
				plain = plain && !lists[k].HasNulls()
			}
			if size > mostColumn { // before there is memory for it
				return dst, fmt.Errorf("a list of %d bytes; at most %d", size, mostColumn)
			}
			if plain && n > 0 {
				dst = chunk.AppendListHead(dst, n)
				for k := range lists {
					dst = append(dst, lists[k].Values()...)
				}
				return dst, nil
			}
			k, begin := 0, 0 // the list that has the element asked for last, and which is its first
			return chunk.AppendParts(dst, elem, n, func(e int) ([]byte, bool) {
				if e < begin {
					k, begin = 0, 0
				}
				for ; e >= begin+lists[k].N; k++ {
					begin += lists[k].N
				}
				return lists[k].Part(elem, e-begin)
			}), nil
		})
	}, nil
}

func bindListJoin(b *binding) (code, error) {
	b.asVec[0] = true
	return func(f *frame) error {
		x, sep := f.lists(b, 0), f.text(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			l, start, first := x(i), len(dst), true
			for k := range l.N {
				if l.IsNull(k) {
					continue
				}
				if !first {
					dst = append(dst, sep.at(i)...)
				}
				dst, first = append(dst, l.Var(k)...), false
				if n := len(dst) - start; n > maxText {
					return dst[:start], f.tooLong(i, int64(n))
				}
			}
			return dst, nil
		})
	}, nil
}

// bindListMap binds sort, unique, reverse and drop_nulls.
func bindListMap(b *binding) (code, error) {
	b.vectors()
	t := b.In[0].Elem()
	elem := t.Kind
	order := partOrder(t)
	var idx []int
	return func(f *frame) error {
		x := f.lists(b, 0)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			l := x(i)
			idx = idx[:0]
			for k := range l.N {
				if b.fn != "list.drop_nulls" || !l.IsNull(k) {
					idx = append(idx, k)
				}
			}
			less := func(p, q int) int {
				x, null1 := l.Part(elem, p)
				y, null2 := l.Part(elem, q)
				switch {
				case null1 || null2:
					return boolOrder(null1, null2)
				}
				return order(x, y)
			}
			switch b.fn {
			case "list.reverse":
				slices.Reverse(idx)
			case "list.sort":
				slices.SortStableFunc(idx, less)
			case "list.unique":
				slices.SortStableFunc(idx, less)
				idx = slices.CompactFunc(idx, func(p, q int) bool { return less(p, q) == 0 })
				slices.Sort(idx)
			}
			return chunk.AppendParts(dst, elem, len(idx), func(k int) ([]byte, bool) { return l.Part(elem, idx[k]) }), nil
		})
	}, nil
}

// boolOrder orders false before true.
func boolOrder(a, b bool) int { return sign(!a && b, a && !b) }

// partOrder compares two values of a type by their bytes in records; NaN is one
// value, behind all others, and -0 equals 0.
func partOrder(t dtype.Type) func(x, y []byte) int {
	switch k := t.Kind; {
	case k.IsVar():
		return bytes.Compare
	case k.IsFloat():
		return func(x, y []byte) int {
			a, b := partFloat(k, x), partFloat(k, y)
			if a != a || b != b {
				return boolOrder(a != a, b != b)
			}
			return sign(a < b, a > b)
		}
	case k == dtype.Decimal128:
		return func(x, y []byte) int { return loadDecimal([16]byte(x)).cmp(loadDecimal([16]byte(y))) }
	case k == dtype.Uint64:
		return func(x, y []byte) int {
			a, b := binary.LittleEndian.Uint64(x), binary.LittleEndian.Uint64(y)
			return sign(a < b, a > b)
		}
	}
	return func(x, y []byte) int {
		a, b := partInt(t.Kind, x), partInt(t.Kind, y)
		return sign(a < b, a > b)
	}
}

// bindListFind binds list.contains and list.index_of.
func bindListFind(b *binding) (code, error) {
	b.vectors()
	t := b.In[1]
	elem := t.Kind
	order := partOrder(t)
	return func(f *frame) error {
		var bit [1]byte
		x := f.lists(b, 0)
		find := func(i int) int64 {
			l := x(i)
			y, _ := chunk.PartOf(f.in[1], i, &bit)
			if t.Kind.IsFloat() && math.IsNaN(partFloat(elem, y)) {
				return -1
			}
			if exact := elem.Width(); exact > 0 && !elem.IsFloat() && !l.HasNulls() { // equal values have equal bytes
				for k := range l.N {
					if bytes.Equal(l.Fixed(k), y) {
						return int64(k)
					}
				}
				return -1
			}
			for k := range l.N {
				if p, null := l.Part(elem, k); !null && order(p, y) == 0 {
					return int64(k)
				}
			}
			return -1
		}
		if b.fn == "list.contains" {
			f.eachBit(func(i int) bool { return find(i) >= 0 })
			return nil
		}
		f.eachInt(find)
		return nil
	}, nil
}

// bindListReduce binds sum, mean, min and max.
func bindListReduce(b *binding) (code, error) {
	b.vectors()
	t := b.In[0].Elem()
	elem := t.Kind
	switch b.fn {
	case "list.min", "list.max":
		order := partOrder(t)
		most := b.fn == "list.max"
		return func(f *frame) error {
			x := f.lists(b, 0)
			return f.eachPart(func(i int) ([]byte, bool) {
				var best []byte
				found := false
				l := x(i)
				for k := range l.N {
					p, null := l.Part(elem, k)
					if !null && (!found || most == (order(p, best) > 0) && order(p, best) != 0) {
						best, found = p, true
					}
				}
				return best, found
			})
		}, nil
	case "list.mean":
		return listMean(b, t), nil
	}
	return listSum(b, t), nil
}

func listSum(b *binding, t dtype.Type) code {
	add := listAdder(t)
	return func(f *frame) error {
		x := f.lists(b, 0)
		var out [16]byte
		var failed error
		err := f.eachPart(func(i int) ([]byte, bool) {
			l := x(i)
			n, ok := add(&l, out[:])
			if n == 0 {
				return nil, false
			}
			if !ok || b.Out.Kind == dtype.Decimal128 && loadDecimal(out).abs().cmp(pow10s[38]) >= 0 {
				if err := f.fail(i, "the sum of %s does not fit %s", f.valueAt(b, 0, i), b.Out); err != nil && failed == nil {
					failed = err
				}
			}
			return out[:], true
		})
		if err != nil {
			return err
		}
		return failed
	}
}

// listAdder returns what sums a list into out, as a value of the type sumOf, and
// counts the elements that are not null.
func listAdder(t dtype.Type) func(l *chunk.ListView, out []byte) (n int, ok bool) {
	return func(l *chunk.ListView, out []byte) (n int, ok bool) {
		var total i128
		sum, usum := 0.0, uint64(0)
		ok = true
		if elem := t.Kind; elem.IsSigned() && elem.Width() < 8 || elem == dtype.Int64 || elem == dtype.Duration {
			return addInts(l, elem, out)
		}
		for k := range l.N {
			if l.IsNull(k) {
				continue
			}
			n++
			p := l.Fixed(k)
			fits := true
			switch {
			case t.Kind.IsFloat():
				sum += partFloat(t.Kind, p)
			case t.Kind == dtype.Decimal128:
				total, fits = total.add(loadDecimal([16]byte(p)))
			case t.Kind.IsUnsigned():
				var carry uint64
				usum, carry = bits.Add64(usum, uint64(partInt(t.Kind, p)), 0)
				fits = carry == 0
			}
			ok = ok && fits
		}
		clear(out)
		switch {
		case t.Kind.IsFloat():
			binary.LittleEndian.PutUint64(out, math.Float64bits(sum))
		case t.Kind.IsUnsigned():
			binary.LittleEndian.PutUint64(out, usum)
		case t.Kind == dtype.Decimal128:
			b := total.store()
			copy(out, b[:])
		}
		return n, ok
	}
}

// addInts sums signed integers; the sum of all is what must fit, not those on the
// way.
func addInts(l *chunk.ListView, elem dtype.Kind, out []byte) (n int, ok bool) {
	var lo, hi uint64
	vals, w := l.Values(), elem.Width()
	for k := range l.N {
		if l.IsNull(k) {
			continue
		}
		n++
		v := partInt(elem, vals[k*w:k*w+w])
		var c uint64
		lo, c = bits.Add64(lo, uint64(v), 0)
		hi += uint64(v>>63) + c
	}
	clear(out)
	binary.LittleEndian.PutUint64(out, lo)
	return n, int64(hi) == int64(lo)>>63
}

func listMean(b *binding, t dtype.Type) code {
	return func(f *frame) error {
		x := f.lists(b, 0)
		var out [8]byte
		return f.eachPart(func(i int) ([]byte, bool) {
			l := x(i)
			n, sum := 0, 0.0
			var whole big.Int
			for k := range l.N {
				if l.IsNull(k) {
					continue
				}
				n++
				switch v := partOf(t, l.Fixed(k)); {
				case t.Kind.IsFloat():
					sum += v.F
				case t.Kind == dtype.Decimal128:
					whole.Add(&whole, decimalOfLit(v).big())
				default:
					whole.Add(&whole, intTo128(v.I, t.Kind == dtype.Uint64).big())
				}
			}
			if n == 0 {
				return nil, false
			}
			if !t.Kind.IsFloat() { // one rounding
				div := new(big.Int).Mul(big.NewInt(int64(n)), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil))
				sum, _ = new(big.Rat).SetFrac(&whole, div).Float64()
			} else {
				sum /= float64(n)
			}
			binary.LittleEndian.PutUint64(out[:], math.Float64bits(sum))
			return out[:], true
		})
	}
}

func bindStructOf(b *binding) (code, error) {
	for i := range b.asVec[1:] {
		b.asVec[i+1] = true
	}
	return func(f *frame) error {
		cols := f.in[1:]
		return f.eachText(func(dst []byte, i int) ([]byte, error) { return chunk.AppendStruct(dst, cols, i), nil })
	}, nil
}

func bindStructGet(b *binding) (code, error) {
	shape := chunk.ShapeOf(b.In[0])
	k := b.In[0].Fields().Index(b.Args[1].Lit.S)
	if k < 0 {
		return nil, fmt.Errorf("no field %q", b.Args[1].Lit.S)
	}
	isVar := b.Out.Kind.IsVar()
	b.asVec[0] = true
	return func(f *frame) error {
		x := textsOf(f.in[0])
		return f.eachPart(func(i int) ([]byte, bool) {
			rec := x.at(i)
			switch {
			case shape.IsNull(rec, k):
				return nil, false
			case isVar:
				return shape.Var(rec, k), true
			}
			return shape.Fixed(rec, k), true
		})
	}, nil
}
