package parquet

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
)

// A span is rows [lo, hi) of a row group.
type span struct{ lo, hi int64 }

// choose returns the rows of a range in which the predicate may be true, by the bloom filters and the page indexes
// of the columns that it reads.
func (r *reader) choose(f *guard.File, group int, indexes []*guard.PageIndex, all span) ([]span, error) {
	out, err := r.barred(f, group)
	if err != nil {
		return nil, err
	}
	if out {
		r.task.Count("rows left out by bloom filters", all.hi-all.lo)
		return nil, nil
	}
	cuts := []int64{all.lo, all.hi}
	byName := map[string]*guard.PageIndex{}
	for _, i := range r.tested {
		if x := indexes[i]; x != nil && x.Stats != nil && r.cols[i].widen == nil {
			byName[r.p.Schema[r.source.cols[i]].Name] = x
			for _, row := range x.Rows {
				if row > all.lo && row < all.hi {
					cuts = append(cuts, row)
				}
			}
		}
	}
	if len(byName) == 0 {
		return []span{all}, nil
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var spans []span
	left := int64(0)
	for i, lo := range cuts[:len(cuts)-1] {
		hi := cuts[i+1]
		if !r.mayHoldRow(byName, lo) {
			left += hi - lo
		} else if n := len(spans); n > 0 && spans[n-1].hi == lo {
			spans[n-1].hi = hi
		} else {
			spans = append(spans, span{lo, hi})
		}
	}
	r.task.Count("rows left out by the page index", left)
	return spans, nil
}

// mayHoldRow reports whether the predicate may be true in the pages that hold a row.
func (r *reader) mayHoldRow(indexes map[string]*guard.PageIndex, row int64) bool {
	return expr.MayBeTrue(r.p.Where, func(col string) (lo, hi expr.Literal, nulls, known bool) {
		x := indexes[col]
		if x == nil {
			return lo, hi, true, false
		}
		i := pageOf(x, row)
		t := r.p.Schema[r.p.Schema.Index(col)].Type
		if x.AllNull[i] {
			null := expr.Literal{Type: t, Null: true}
			return null, null, true, true
		}
		b := boundsOf(x.Stats[i], t)
		return b.Min, b.Max, b.Nulls, b.Known
	})
}

// pageOf returns the page that holds a row.
func pageOf(x *guard.PageIndex, row int64) int {
	i, found := slices.BinarySearch(x.Rows, row)
	if !found {
		i--
	}
	return i
}

// barred reports whether some conjunct needs a value that a bloom filter says is not in the row group.
func (r *reader) barred(f *guard.File, group int) (bool, error) {
	for _, c := range expr.Conjuncts(r.p.Where) {
		col, values := wanted(c.N)
		i := r.p.Schema.Index(col)
		if len(values) == 0 || i < 0 {
			continue
		}
		c := r.cols[slices.Index(r.source.cols, i)]
		if c.leaf < 0 || c.typ.Kind == dtype.Null || !f.RowGroup(group).Chunks[c.leaf].Filtered {
			continue
		}
		b, err := f.Bloom(group, c.leaf)
		if err != nil {
			return false, err
		}
		if b != nil && !slices.ContainsFunc(values, func(v expr.Literal) bool { return mayHold(b, c, v) }) {
			return true, nil
		}
	}
	return false, nil
}

// wanted returns the values one of which a column must have for a conjunct to be true.
func wanted(n expr.Node) (col string, values []expr.Literal) {
	switch x := n.(type) {
	case expr.Member:
		if c, ok := x.X.(expr.Column); ok {
			return c.Name, x.In
		}
	case expr.Func:
		if x.Fn != "eq" || len(x.Args) != 2 {
			return "", nil
		}
		a, b := x.Args[0], x.Args[1]
		if _, ok := a.(expr.Literal); ok {
			a, b = b, a
		}
		c, ok1 := a.(expr.Column)
		v, ok2 := b.(expr.Literal)
		if ok1 && ok2 {
			return c.Name, []expr.Literal{v}
		}
	}
	return "", nil
}

// mayHold reports whether a filter may hold a value; true for values whose stored form is not certain.
func mayHold(b *guard.Bloom, c *column, v expr.Literal) bool {
	var raw []byte
	isInt := v.Type.Kind.IsInt()
	switch {
	case v.Null:
		return false
	case c.info.Physical == guard.Int32 && c.typ.Kind.IsInt() && isInt && v.I >= math.MinInt32 && v.I <= math.MaxUint32:
		raw = binary.LittleEndian.AppendUint32(nil, uint32(v.I))
	case c.info.Physical == guard.Int64 && c.typ.Kind.IsInt() && isInt:
		raw = binary.LittleEndian.AppendUint64(nil, uint64(v.I))
	case c.info.Physical == guard.Double && v.Type.Kind == dtype.Float64 && v.F != 0 && v.F == v.F:
		raw = binary.LittleEndian.AppendUint64(nil, math.Float64bits(v.F))
	case c.info.Physical == guard.ByteArray && c.typ.Kind == dtype.Utf8 && v.Type.Kind == dtype.Utf8:
		raw = []byte(v.S)
	default:
		return true
	}
	return b.MayHold(xxhash.Sum64(raw))
}
