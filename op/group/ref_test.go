package group

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/quantile"
)

// A refTable is a table as Go values: nil, bool, int64, uint64, float64, string,
// or *big.Int for decimals.
type refTable struct {
	schema dtype.Schema
	cols   [][]any
	n      int
	hasher map[int]*rowHasher // of a column
}

// batches cuts the table into batches of about rows rows; the columns in dict
// are dictionary-encoded, with one dictionary for every two batches.
func (r *refTable) batches(rows int, dict map[string]bool) (out []*chunk.Batch) {
	var d map[int]*dictOf
	for lo := 0; lo < r.n || lo == 0; lo += rows {
		if len(out)%2 == 0 {
			d = map[int]*dictOf{}
		}
		hi := min(r.n, lo+rows)
		b := &chunk.Batch{N: hi - lo, Seq: uint64(len(out)+1) << 32}
		for c, f := range r.schema {
			if dict[f.Name] {
				if d[c] == nil {
					end := min(r.n, lo+2*rows)
					d[c] = newDict(f.Type, r.cols[c][lo:end])
				}
				b.Cols = append(b.Cols, d[c].vec(f.Type, r.cols[c][lo:hi]))
				continue
			}
			b.Cols = append(b.Cols, vecOf(f.Type, r.cols[c][lo:hi]))
		}
		out = append(out, b)
	}
	return out
}

type dictOf struct {
	d    *chunk.Dict
	code map[string]uint32
}

var dictIDs uint64

func newDict(t dtype.Type, vals []any) *dictOf {
	dictIDs++
	x := &dictOf{d: &chunk.Dict{ID: dictIDs}, code: map[string]uint32{}}
	var all []any
	for _, v := range append([]any{""}, vals...) {
		if s, ok := v.(string); ok {
			if _, dup := x.code[s]; !dup {
				x.code[s] = uint32(len(all))
				all = append(all, s)
			}
		}
	}
	x.d.Values = vecOf(t, all)
	return x
}

func (x *dictOf) vec(t dtype.Type, vals []any) chunk.Vec {
	v := chunk.Vec{Type: t, N: len(vals), Dict: x.d}
	codes := make([]uint32, len(vals))
	for i, s := range vals {
		if s == nil {
			setNull(&v, i)
			continue
		}
		codes[i] = x.code[s.(string)]
	}
	v.Data = chunk.Bytes(codes)
	return v
}

func setNull(v *chunk.Vec, i int) {
	if v.Valid == nil {
		v.Valid = make([]uint64, chunk.Words(v.N))
		for j := range v.Valid {
			v.Valid[j] = ^uint64(0)
		}
	}
	v.Valid[i>>6] &^= 1 << (i & 63)
}

func vecOf(t dtype.Type, vals []any) chunk.Vec {
	v := chunk.Vec{Type: t, N: len(vals)}
	if t.Kind == dtype.Null {
		return v
	}
	if t.Kind.IsVar() {
		v.Off = []int32{0}
	}
	if t.Kind == dtype.Bool {
		v.Data = chunk.Bytes(make([]uint64, chunk.Words(v.N)))
	}
	for i, x := range vals {
		if x == nil {
			setNull(&v, i)
			x = zeroOf(t)
		}
		switch k := t.Kind; {
		case k.IsVar():
			v.Str = append(v.Str, x.(string)...)
			v.Off = append(v.Off, int32(len(v.Str)))
		case k == dtype.Bool:
			if x.(bool) {
				v.Bits()[i>>6] |= 1 << (i & 63)
			}
		case k == dtype.Decimal128:
			var b [16]byte
			m := new(big.Int).And(x.(*big.Int), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
			m.FillBytes(b[:])
			slices.Reverse(b[:])
			v.Data = append(v.Data, b[:]...)
		case k == dtype.Float64:
			v.Data = append(v.Data, chunk.Bytes([]float64{x.(float64)})...)
		case k == dtype.Float32:
			v.Data = append(v.Data, chunk.Bytes([]float32{float32(x.(float64))})...)
		default:
			w := t.Width()
			v.Data = append(v.Data, chunk.Bytes([]uint64{bitsOf(x)})[:w]...)
		}
	}
	return v
}

func bitsOf(x any) uint64 {
	if u, ok := x.(uint64); ok {
		return u
	}
	return uint64(x.(int64))
}

func zeroOf(t dtype.Type) any {
	switch k := t.Kind; {
	case k.IsVar():
		return "junk below a null"
	case k == dtype.Bool:
		return true
	case k == dtype.Decimal128:
		return big.NewInt(77)
	case k.IsFloat():
		return math.Inf(1)
	case k.IsUnsigned():
		return uint64(99)
	}
	return int64(99)
}

// rowsOf reads batches back as sorted text, with the bits of floats.
func rowsOf(schema dtype.Schema, bs []*chunk.Batch) []string {
	var out []string
	for _, b := range bs {
		for i := range b.N {
			var parts []string
			for c := range b.Cols {
				parts = append(parts, showAny(valueAt(&b.Cols[c], i)))
			}
			out = append(out, strings.Join(parts, " | "))
		}
	}
	sort.Strings(out)
	return out
}

func valueAt(v *chunk.Vec, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch k := v.Type.Kind; {
	case k == dtype.List:
		return shownList(v.Text(i))
	case k.IsVar():
		return v.Text(i)
	case k == dtype.Bool:
		return v.Bool(i)
	case k == dtype.Decimal128:
		b := chunk.Values[[16]byte](v)[i]
		slices.Reverse(b[:])
		x := new(big.Int).SetBytes(b[:])
		if b[0] >= 128 {
			x.Sub(x, new(big.Int).Lsh(big.NewInt(1), 128))
		}
		return x
	case k == dtype.Float64:
		return chunk.Values[float64](v)[i]
	case k == dtype.Float32:
		return float64(chunk.Values[float32](v)[i])
	case k.IsUnsigned():
		return fixedBits(v, i)
	}
	x := int64(fixedBits(v, i))
	sh := 64 - 8*v.Type.Width()
	return x << sh >> sh
}

func showAny(x any) string {
	switch x := x.(type) {
	case nil:
		return "null"
	case float64:
		if x != x {
			return "NaN"
		}
		return strconv.FormatFloat(x, 'g', -1, 64) + "/" + strconv.FormatUint(math.Float64bits(x), 16)
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case uint64:
		return strconv.FormatUint(x, 10)
	}
	return fmt.Sprint(x)
}

// canonical is a key value as it is given out.
func canonical(x any) any {
	if f, ok := x.(float64); ok {
		return math.Float64frombits(floatKey(f))
	}
	return x
}

// reference computes p over r the plain way, as sorted rows of text.
func reference(t testing.TB, p Params, r *refTable) ([]string, error) {
	t.Helper()
	groups := map[string][]int{}
	var order []string
	var keys [][]any
	for _, name := range p.Keys {
		keys = append(keys, r.cols[r.schema.Index(name)])
	}
	for i := range r.n {
		var k []string
		for _, col := range keys {
			k = append(k, showAny(canonical(col[i])))
		}
		key := strings.Join(k, "\x00")
		if _, ok := groups[key]; !ok {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	if len(p.Keys) == 0 && len(order) == 0 {
		order, groups[""] = []string{""}, nil
	}
	var out []string
	for _, key := range order {
		rows := groups[key]
		var row []string
		for _, col := range keys {
			row = append(row, showAny(canonical(col[rows[0]])))
		}
		if p.Top != nil {
			out = append(out, refTop(p, r, rows, row)...)
			continue
		}
		for _, a := range p.Aggs {
			x, err := refAgg(a, r, rows)
			if err != nil {
				return nil, err
			}
			row = append(row, showAny(x))
		}
		out = append(out, strings.Join(row, " | "))
	}
	sort.Strings(out)
	return out, nil
}

func refTop(p Params, r *refTable, rows []int, key []string) (out []string) {
	by := r.cols[r.schema.Index(p.Top.By)]
	rows = slices.Clone(rows)
	sort.SliceStable(rows, func(i, j int) bool {
		x, y := by[rows[i]], by[rows[j]]
		if x == nil || y == nil {
			return x != nil && y == nil
		}
		if p.Top.Smallest {
			return less(x, y)
		}
		return less(y, x)
	})
	for _, i := range rows[:min(len(rows), int(p.Top.N))] {
		row := slices.Clone(key)
		for c, f := range r.schema {
			if !slices.Contains(p.Keys, f.Name) {
				row = append(row, showAny(r.cols[c][i]))
			}
		}
		out = append(out, strings.Join(row, " | "))
	}
	return out
}

func less(x, y any) bool {
	switch x := x.(type) {
	case bool:
		return !x && y.(bool)
	case int64:
		return x < y.(int64)
	case uint64:
		return x < y.(uint64)
	case string:
		return x < y.(string)
	case *big.Int:
		return x.Cmp(y.(*big.Int)) < 0
	}
	a, b := x.(float64), y.(float64)
	return a < b || a == a && b != b
}

// sorted is a copy, with those first that came first where they are equal.
func sorted(vals []any) []any {
	vals = slices.Clone(vals)
	slices.SortStableFunc(vals, func(x, y any) int {
		switch {
		case less(x, y):
			return -1
		case less(y, x):
			return 1
		}
		return 0
	})
	return vals
}

func refAgg(a Agg, r *refTable, rows []int) (any, error) {
	if a.Fn == Len {
		return int64(len(rows)), nil
	}
	c := r.schema.Index(a.Col)
	t := r.schema[c].Type
	var vals []any
	for _, i := range rows {
		if x := r.cols[c][i]; x != nil {
			vals = append(vals, x)
		}
	}
	switch a.Fn {
	case Count:
		return int64(len(vals)), nil
	case CountDistinct:
		set := map[string]bool{}
		for _, x := range vals {
			set[showAny(canonical(x))] = true
		}
		return int64(len(set)), nil
	case Any, All:
		res := a.Fn == All
		for _, x := range vals {
			if x.(bool) != res {
				return !res, nil
			}
		}
		return res, nil
	case First, Last:
		if len(rows) == 0 {
			return nil, nil
		}
		if a.Fn == First {
			return r.cols[c][rows[0]], nil
		}
		return r.cols[c][rows[len(rows)-1]], nil
	case Corr, Cov:
		return refCorr(a, r, c, r.schema.Index(a.Col2), rows), nil
	case ArgMin, ArgMax:
		return refArg(a, r, rows), nil
	case List:
		all := make([]any, len(rows))
		for i, k := range rows {
			all[i] = r.cols[c][k]
		}
		v := vecOf(t, all)
		return shownList(string(chunk.AppendList(nil, &v, 0, len(all)))), nil
	case ApproxCountDistinct:
		return refSketch(r, c, vals), nil
	case Var, Std:
		return refVar(a, vals), nil
	}
	if len(vals) == 0 {
		return nil, nil
	}
	switch a.Fn {
	case Min, Max:
		best := vals[0]
		for _, x := range vals {
			if a.Fn == Min && less(x, best) || a.Fn == Max && less(best, x) {
				best = x
			}
		}
		return canonical(best), nil
	case Median:
		if t.Kind == dtype.Duration {
			slices.SortFunc(vals, func(x, y any) int { return cmp.Compare(x.(int64), y.(int64)) })
			return halfEven(vals[(len(vals)-1)/2 : len(vals)/2+1]), nil
		}
		return refMedian(vals), nil
	case Quantile, ApproxQuantile:
		return refQuantile(a, t, vals), nil
	case Mode:
		return refMode(vals), nil
	case StringJoin:
		texts := make([]string, len(vals))
		for i, x := range vals {
			texts[i] = x.(string)
		}
		return strings.Join(texts, a.Sep), nil
	case Mean:
		if t.Kind == dtype.Duration {
			return halfEven(vals), nil
		}
		s, odd := exactSum(vals, t)
		if odd != nil {
			return *odd, nil
		}
		f, _ := s.Quo(s, new(big.Rat).SetInt64(int64(len(vals)))).Float64()
		return f + 0, nil
	}
	return refSum(a, t, vals)
}

func refSum(a Agg, t dtype.Type, vals []any) (any, error) {
	s, odd := exactSum(vals, dtype.Type{})
	if odd != nil {
		return *odd, nil
	}
	switch k := t.Kind; {
	case k.IsFloat():
		f, _ := s.Float64()
		return f + 0, nil
	case k == dtype.Decimal128:
		return s.Num(), nil
	case k.IsUnsigned():
		if !s.Num().IsUint64() {
			return nil, fmt.Errorf("overflow")
		}
		return s.Num().Uint64(), nil
	}
	if !s.Num().IsInt64() {
		return nil, fmt.Errorf("overflow")
	}
	return s.Num().Int64(), nil
}

func ratOf(x any, t dtype.Type) *big.Rat {
	switch x := x.(type) {
	case bool:
		if x {
			return big.NewRat(1, 1)
		}
		return new(big.Rat)
	case int64:
		return new(big.Rat).SetInt64(x)
	case uint64:
		return new(big.Rat).SetUint64(x)
	case *big.Int:
		den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil)
		return new(big.Rat).SetFrac(x, den)
	}
	return new(big.Rat).SetFloat64(x.(float64))
}

// exactSum returns the sum, or what it is when not finite.
func exactSum(vals []any, t dtype.Type) (*big.Rat, *float64) {
	sum := new(big.Rat)
	odd := 0.0
	for _, x := range vals {
		if f, ok := x.(float64); ok && (math.IsInf(f, 0) || f != f) {
			odd += f
			continue
		}
		sum.Add(sum, ratOf(x, t))
	}
	if odd != 0 {
		return nil, &odd
	}
	return sum, nil
}

func refVar(a Agg, vals []any) any {
	n := int64(len(vals))
	if n < 2 {
		return nil
	}
	s, odd := exactSum(vals, dtype.Type{})
	if odd != nil {
		return math.NaN()
	}
	q := new(big.Rat)
	for _, x := range vals {
		v := ratOf(x, dtype.Type{})
		q.Add(q, v.Mul(v, v))
	}
	q.Mul(q, big.NewRat(n, 1)).Sub(q, s.Mul(s, s))
	q.Quo(q, new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(n), big.NewInt(n-1))))
	f, _ := q.Float64()
	if a.Fn == Std {
		return math.Sqrt(f)
	}
	return f
}

func refCorr(a Agg, r *refTable, c, d int, rows []int) any {
	var xs, ys []any
	floats := r.schema[c].Type.Kind.IsFloat() || r.schema[d].Type.Kind.IsFloat()
	for _, i := range rows {
		x, y := r.cols[c][i], r.cols[d][i]
		if x == nil || y == nil {
			continue
		}
		if floats {
			x, y = asFloat(x), asFloat(y)
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	if len(xs) < 2 {
		return nil
	}
	n := big.NewRat(int64(len(xs)), 1)
	sx, odd := exactSum(xs, dtype.Type{})
	sy, odd2 := exactSum(ys, dtype.Type{})
	if odd != nil || odd2 != nil {
		return math.NaN()
	}
	part := func(a, b []any, sa, sb *big.Rat) *big.Rat {
		q := new(big.Rat)
		for i := range a {
			x := ratOf(a[i], dtype.Type{})
			q.Add(q, x.Mul(x, ratOf(b[i], dtype.Type{})))
		}
		return q.Mul(q, n).Sub(q, new(big.Rat).Mul(sa, sb))
	}
	vx, vy, cv := part(xs, xs, sx, sx), part(ys, ys, sy, sy), part(xs, ys, sx, sy)
	if a.Fn == Cov {
		f, _ := cv.Quo(cv, n.Mul(n, new(big.Rat).Sub(n, big.NewRat(1, 1)))).Float64()
		return f
	}
	if vx.Sign() == 0 || vy.Sign() == 0 {
		return math.NaN()
	}
	root := new(big.Float).SetPrec(400).SetRat(vx.Mul(vx, vy))
	root.Sqrt(root)
	f, _ := root.Quo(new(big.Float).SetPrec(400).SetRat(cv), root).Float64()
	return f
}

func asFloat(x any) float64 {
	switch x := x.(type) {
	case bool:
		if x {
			return 1
		}
		return 0
	case int64:
		return float64(x)
	case uint64:
		return float64(x)
	}
	return x.(float64)
}

func refMedian(vals []any) any {
	vals = sorted(vals)
	x, y := vals[(len(vals)-1)/2], vals[len(vals)/2]
	if len(vals)%2 == 1 {
		return canonical(asFloat(x))
	}
	for _, v := range []any{x, y} {
		if f, ok := v.(float64); ok && (f != f || math.IsInf(f, 0)) {
			return asFloat(x)/2 + asFloat(y)/2
		}
	}
	m := ratOf(x, dtype.Type{})
	m.Add(m, ratOf(y, dtype.Type{}))
	f, _ := m.Quo(m, big.NewRat(2, 1)).Float64()
	return f + 0
}

// shownList is short whatever the list has.
func shownList(rec string) string {
	h := fnv.New64a()
	h.Write([]byte(rec))
	return fmt.Sprintf("list of %d, %x", chunk.ListLen([]byte(rec)), h.Sum64())
}

// halfEven is the mean of whole numbers, rounded.
func halfEven(vals []any) any {
	s, _ := exactSum(vals, dtype.Type{})
	s.Quo(s, big.NewRat(int64(len(vals)), 1))
	f, _ := s.Float64()
	return int64(math.RoundToEven(f))
}

func refArg(a Agg, r *refTable, rows []int) any {
	by := r.cols[r.schema.Index(a.Col2)]
	best := -1
	for _, i := range rows {
		switch {
		case by[i] == nil:
		case best < 0, a.Fn == ArgMin && less(by[i], by[best]), a.Fn == ArgMax && less(by[best], by[i]):
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return r.cols[r.schema.Index(a.Col)][best]
}

func refMode(vals []any) any {
	counts := map[string]int{}
	var best any
	most := 0
	for _, x := range vals {
		counts[showAny(canonical(x))]++
	}
	for _, x := range vals {
		if n := counts[showAny(canonical(x))]; n > most || n == most && less(x, best) {
			best, most = x, n
		}
	}
	return canonical(best)
}

func refQuantile(a Agg, t dtype.Type, vals []any) any {
	vals = sorted(vals)
	at := a.Q * float64(len(vals)-1)
	k := int(at)
	x := asFloat(vals[k]) + 0
	if a.Fn == ApproxQuantile {
		y := bucketValue(quantile.KeyOf(x)>>bucketShift, !t.Kind.IsFloat())
		if d := math.Abs(y - x); d > 0.008*math.Abs(x) {
			panic(fmt.Sprintf("%v is in the bucket of %v", x, y))
		}
		return y
	}
	if part := at - float64(k); part > 0 {
		y := asFloat(vals[k+1])
		switch d := y - x; {
		case x == y || x != x:
		case d != d || math.IsInf(d, 0):
			x = x*(1-part) + y*part
		default:
			x += d * part
		}
	}
	return canonical(x)
}

func refSketch(r *refTable, c int, vals []any) any {
	set := map[uint64]bool{}
	t, h := r.schema[c].Type, r.hasher[c]
	if h == nil {
		h = newRowHasher([]dtype.Type{t})
		if r.hasher == nil {
			r.hasher = map[int]*rowHasher{}
		}
		r.hasher[c] = h
	}
	for some := range slices.Chunk(vals, lapRows) {
		for _, x := range h.rows([]chunk.Vec{vecOf(t, some)}, len(some)) {
			set[x] = true
		}
	}
	if len(set) <= sparseMost {
		return int64(len(set))
	}
	regs := make([]byte, registers)
	for x := range set {
		register(regs, x)
	}
	return distinct(regs)
}

var _ = mem.Heap
