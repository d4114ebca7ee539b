package order

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// SortParams are the parameters of order.sort. First, Sorted and One are set by the
// optimizer: only the first rows will be read (0: all of them), the input is in this
// order already, and the reader wants one block.
type SortParams struct {
	Keys   []op.SortKey
	First  int64
	Sorted bool
	One    bool
}

// Sort orders all rows by the keys; rows that are equal in all keys keep their
// order.
var Sort op.Op[SortParams]

// TopKParams are the parameters of order.topk.
type TopKParams struct {
	Keys   []op.SortKey
	N      int64
	Sorted bool // set by the optimizer: the input is in this order already
}

// TopK gives the first N rows that Sort would give, in that order.
var TopK op.Op[TopKParams]

func init() {
	Sort = op.Register(op.Spec[SortParams]{
		Name: "order.sort", Version: 2, Class: op.Logical,
		Doc:   "orders the rows by keys; equal rows keep their order",
		Infer: func(p SortParams, in []op.Meta) (op.Meta, error) { return inferSorted(p.Keys, in[0]) },
		Text:  func(p SortParams) string { return firstText(p.First) + keysText(p.Keys) },
		Lower: lowerSort,
		Rules: op.Rules[SortParams]{
			Uses: func(p SortParams, in []op.Meta, cols []string) [][]string { return usesKeys(p.Keys, in, cols) },
			Through: func(_ SortParams, _ []op.Meta, pred expr.Expr, _ int) (expr.Expr, bool) {
				return pred, true
			},
			Limit: func(p SortParams, n int64) (SortParams, bool) {
				p.First = max(n, 1)
				return p, true
			},
			Serves: func(p SortParams, in []op.Meta) (op.Call, bool) {
				p.Sorted = true
				return Sort.With(p), inOrder(p.Keys, in[0].Layout)
			},
			// Where one process runs the plan, its threads share the merge of one block, and
			// what reads that gets the rows as they are merged.
			Unite: func(p SortParams, most float64, _ op.Spared) (SortParams, bool) {
				one := p.One
				p.One = true
				return p, !one && math.IsInf(most, 1)
			},
		},
	})
	TopK = op.Register(op.Spec[TopKParams]{
		Name: "order.topk", Version: 1, Class: op.Logical,
		Doc: "gives the first rows by keys, in order",
		Infer: func(p TopKParams, in []op.Meta) (op.Meta, error) {
			if p.N < 0 {
				return op.Meta{}, fmt.Errorf("%d rows: want 0 or more", p.N)
			}
			m, err := inferSorted(p.Keys, in[0])
			return firstOf(m, p.N), err
		},
		Text:  func(p TopKParams) string { return fmt.Sprintf("first %d by %s", p.N, keysText(p.Keys)) },
		Lower: lowerTopK,
		Rules: op.Rules[TopKParams]{
			Uses: func(p TopKParams, in []op.Meta, cols []string) [][]string { return usesKeys(p.Keys, in, cols) },
			Limit: func(p TopKParams, n int64) (TopKParams, bool) {
				less := n < p.N
				p.N = min(p.N, n)
				return p, less
			},
			Serves: func(p TopKParams, in []op.Meta) (op.Call, bool) {
				p.Sorted = true
				return TopK.With(p), inOrder(p.Keys, in[0].Layout)
			},
		},
	})
}

// inferSorted checks the keys and describes the rows in their order.
func inferSorted(keys []op.SortKey, in op.Meta) (op.Meta, error) {
	if len(keys) == 0 {
		return op.Meta{}, fmt.Errorf("no sort key")
	}
	for i, k := range keys {
		c, err := in.Schema.Find(k.Col)
		if err != nil {
			return op.Meta{}, err
		}
		if t := in.Schema[c].Type; t.Kind.IsNested() {
			return op.Meta{}, fmt.Errorf("column %q is %s, which has no order; sort by its parts", dtype.Shown(k.Col), t)
		}
		for _, o := range keys[:i] {
			if o.Col == k.Col {
				return op.Meta{}, fmt.Errorf("column %q is a sort key twice", dtype.Shown(k.Col))
			}
		}
	}
	in.Layout = op.Layout{Sorted: slices.Clone(keys)}
	return in, nil
}

// firstOf narrows estimates to n rows.
func firstOf(m op.Meta, n int64) op.Meta {
	if k := float64(n); m.Rows < 0 || m.Rows > k {
		switch {
		case m.Rows > 0 && m.Bytes > 0:
			m.Bytes *= k / m.Rows
		case m.Bytes >= 0 || n == 0:
			m.Bytes = k * op.RowBytes(m.Schema)
		}
		m.Rows = k
	}
	return m
}

// inOrder reports that a layout has the keys as its first ones.
func inOrder(keys []op.SortKey, l op.Layout) bool {
	return len(keys) > 0 && len(l.Sorted) >= len(keys) && slices.Equal(l.Sorted[:len(keys)], keys)
}

// usesKeys returns the columns that are read: those wanted and the keys.
func usesKeys(keys []op.SortKey, _ []op.Meta, cols []string) [][]string {
	used := slices.Clone(cols)
	for _, k := range keys {
		if !slices.Contains(used, k.Col) {
			used = append(used, k.Col)
		}
	}
	return [][]string{used}
}

func firstText(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("first %d by ", n)
}

func keysText(keys []op.SortKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.Col
		if k.Desc {
			parts[i] += " desc"
		}
		if k.NullsFirst {
			parts[i] += " nulls first"
		}
	}
	return strings.Join(parts, ", ")
}
