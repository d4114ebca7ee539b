package array

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
)

// text words a program as an expression over its leaves: x0, x1 … are the inputs
// of the layer, m0, m1 … arrays in memory; i0, i1 … are the indices of the space
// where an array is not read straight.
func (p *StripsParams) text() string {
	w := &wording{steps: p.Steps}
	inputs, memories := 0, 0
	for _, l := range p.Leaves {
		name := ""
		switch l.Kind {
		case Input:
			name = fmt.Sprintf("x%d", inputs)
			inputs++
		case Memory:
			name = fmt.Sprintf("m%d", memories)
			memories++
		case Fill:
			name = number(l.Type, l.Nums)
		case Random:
			name = l.Draw.Dist.String()
		case Stored:
			name = filepath.Base(l.File.Path)
		default:
			name = [...]string{Range: "arange", Spaced: "linspace", Eye: "eye"}[l.Kind]
		}
		w.leaves = append(w.leaves, name+views(l.View, p.Space))
	}
	var parts []string
	for i, v := range p.Outs {
		s := w.value(v, 0)
		if p.Fold != nil {
			s = p.Fold.Folds[i].String() + " of " + s
		}
		parts = append(parts, s)
	}
	s := strings.Join(parts, ", ")
	if p.Fold != nil {
		s += " over " + axes(p.Fold.Axes)
	}
	return s
}

func axes(a []int32) string {
	if len(a) == 0 {
		return "nothing"
	}
	if len(a) == 1 {
		return fmt.Sprintf("axis %d", a[0])
	}
	return "axes " + strings.Trim(fmt.Sprint(a), "[]")
}

// number words a constant.
func number(k elem.Kind, nums []uint64) string {
	switch {
	case k == elem.Bool:
		return fmt.Sprint(nums[0] != 0)
	case k.IsUnsigned():
		return fmt.Sprint(nums[0])
	case k.IsInt():
		return fmt.Sprint(int64(nums[0]))
	case k.IsComplex() && len(nums) > 1:
		return fmt.Sprint(complex(math.Float64frombits(nums[0]), math.Float64frombits(nums[1])))
	}
	return fmt.Sprint(math.Float64frombits(nums[0]))
}

// views words how an array is read; straight ones are not mentioned, nor what is
// repeated along axes of the space.
func views(v []grid.View, space grid.Grid) string {
	straight := true
	parts := make([]string, len(v))
	for i, x := range v {
		at := len(space) - len(v) + i
		switch {
		case x.Axis < 0:
			parts[i] = fmt.Sprint(x.Start)
			straight = straight && x.Start == 0
			continue
		case x.Step == 1:
			parts[i] = fmt.Sprintf("i%d", x.Axis)
		default:
			parts[i] = fmt.Sprintf("%d*i%d", x.Step, x.Axis)
		}
		if x.Start != 0 {
			parts[i] += fmt.Sprintf("+%d", x.Start)
		}
		straight = straight && int(x.Axis) == at && x.Start == 0 && x.Step == 1
	}
	if straight {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

type wording struct {
	leaves []string
	steps  []strip.Step
}

// deepest bounds how far an expression is worded.
const deepest = 8

func (w *wording) value(v int32, depth int) string {
	if v < 0 {
		return w.leaves[-1-v]
	}
	if depth > deepest {
		return "…"
	}
	s := w.steps[v]
	a := w.value(s.A, depth+1)
	if sign := s.Op.Symbol(); sign != "" {
		return "(" + a + " " + sign + " " + w.value(s.B, depth+1) + ")"
	}
	switch s.Op.Arity() {
	case 1:
		if s.Op == strip.Cast {
			return s.Out.String() + "(" + a + ")"
		}
		return s.Op.String() + "(" + a + ")"
	case 2:
		return s.Op.String() + "(" + a + ", " + w.value(s.B, depth+1) + ")"
	}
	return s.Op.String() + "(" + a + ", " + w.value(s.B, depth+1) + ", " + w.value(s.C, depth+1) + ")"
}

// text words a step of a reduction tree.
func (p *CombineParams) text() string {
	var folds []string
	for _, f := range p.Folds {
		folds = append(folds, f.Fold.String())
	}
	s := strings.Join(folds, ", ")
	if slices.Max(append([]int32{1}, p.Factor...)) > 1 {
		s += fmt.Sprintf(" by %s", grid.Tuple(p.Factor))
	}
	if f := p.Finish; f != nil {
		w := &wording{steps: f.Steps}
		for i := range p.columns() {
			w.leaves = append(w.leaves, fmt.Sprintf("s%d", i))
		}
		for _, l := range f.Fills {
			w.leaves = append(w.leaves, number(l.Type, l.Nums))
		}
		s += " → " + w.value(f.Out, 0)
	}
	return s
}
