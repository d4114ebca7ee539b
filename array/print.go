package array

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
)

const (
	shownWhole  = 1000 // arrays of so many elements are shown whole
	shownEnds   = 3    // of longer ones, so many at each end of an axis
	shownWidth  = 100  // columns of a line before it is broken
	shownDigits = 8    // digits after the point
)

// String shows the elements as NumPy does: nested brackets, columns of one width,
// floats rounded to eight digits, three elements at both ends of the axes of an
// array of more than a thousand; then the shape and the type.
func (r *Result) String() string {
	p := printer{r: r, cut: r.Len() > shownWhole}
	p.each(0, 0, func(at int) { p.cells = append(p.cells, r.text(at)) })
	if r.DType == elem.Float32 || r.DType == elem.Float64 {
		p.cells = alignPoints(p.cells)
	}
	for _, c := range p.cells {
		p.width = max(p.width, utf8.RuneCountInString(c))
	}
	p.brackets(0, 0)
	return fmt.Sprintf("%s\n%v %v", p.out.String(), grid.Tuple(r.Shape), r.DType)
}

// Len is the number of elements.
func (r *Result) Len() int { return len(r.data) / r.DType.Width() }

// A printer writes the elements of a result.
type printer struct {
	r     *Result
	cut   bool     // ends only
	cells []string // of the elements that are shown, in order
	next  int      // of cells
	width int
	out   strings.Builder
}

// shown calls f for the positions of an axis that are shown; -1 stands for those
// left out.
func (p *printer) shown(axis int, f func(i int)) {
	n := p.r.Shape[axis]
	for i := 0; i < n; i++ {
		if p.cut && i == shownEnds && n > 2*shownEnds {
			f(-1)
			i = n - shownEnds
		}
		f(i)
	}
}

// each calls f with the numbers of the elements that are shown. at is the number
// of the one that the axes before lead to, in blocks of the axes from axis on.
func (p *printer) each(axis, at int, f func(at int)) {
	if axis == len(p.r.Shape) {
		f(at)
		return
	}
	p.shown(axis, func(i int) {
		if i >= 0 {
			p.each(axis+1, at*p.r.Shape[axis]+i, f)
		}
	})
}

// brackets writes the axes from axis on; col is the column the line is at.
func (p *printer) brackets(axis, col int) {
	if axis == len(p.r.Shape) {
		p.out.WriteString(pad(p.cells[p.next], p.width))
		p.next++
		return
	}
	p.out.WriteByte('[')
	last, first, used := axis == len(p.r.Shape)-1, true, col+1
	feed := func(lines int) {
		p.out.WriteString(strings.Repeat("\n", lines) + strings.Repeat(" ", col+1))
		used = col + 1
	}
	p.shown(axis, func(i int) {
		switch {
		case first:
		case !last:
			feed(min(len(p.r.Shape)-1-axis, 2))
		case used+1+p.width > shownWidth:
			feed(1)
		default:
			p.out.WriteByte(' ')
			used++
		}
		first = false
		if i < 0 {
			p.out.WriteString("...")
			used += 3
			return
		}
		p.brackets(axis+1, col+1)
		used += p.width
	})
	p.out.WriteByte(']')
}

func pad(s string, width int) string {
	return strings.Repeat(" ", width-utf8.RuneCountInString(s)) + s
}

// At returns the element at a position, a number for each axis: a value of the Go
// type of the array's elements. It panics outside the array, as a slice does.
func (r *Result) At(at ...int) any {
	if len(at) != len(r.Shape) {
		panic(fmt.Sprintf("array: At(%d numbers) of an array of shape %s", len(at), grid.Tuple(r.Shape)))
	}
	k := 0
	for axis, i := range at {
		if i < 0 || i >= r.Shape[axis] {
			panic(fmt.Sprintf("array: At: %d lies outside of axis %d of shape %s", i, axis, grid.Tuple(r.Shape)))
		}
		k = k*r.Shape[axis] + i
	}
	return r.value(k)
}

// value is element i, counted in row-major order.
func (r *Result) value(i int) any {
	b := r.data[i*r.DType.Width():]
	switch r.DType {
	case elem.Bool:
		return b[0] != 0
	case elem.Int8:
		return strip.View[int8](b, 1)[0]
	case elem.Int16:
		return strip.View[int16](b, 1)[0]
	case elem.Int32:
		return strip.View[int32](b, 1)[0]
	case elem.Int64:
		return strip.View[int64](b, 1)[0]
	case elem.Uint8:
		return b[0]
	case elem.Uint16:
		return strip.View[uint16](b, 1)[0]
	case elem.Uint32:
		return strip.View[uint32](b, 1)[0]
	case elem.Uint64:
		return strip.View[uint64](b, 1)[0]
	case elem.Float32:
		return strip.View[float32](b, 1)[0]
	case elem.Float64:
		return strip.View[float64](b, 1)[0]
	case elem.Complex64:
		return strip.View[complex64](b, 1)[0]
	}
	return strip.View[complex128](b, 1)[0]
}

// text shows element i.
func (r *Result) text(i int) string {
	switch v := r.value(i).(type) {
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	case complex64:
		return complexText(float64(real(v)), float64(imag(v)), 32)
	case complex128:
		return complexText(real(v), imag(v), 64)
	default:
		return fmt.Sprint(v)
	}
}

// floatText shows a float as short as it can be told from its neighbours, with at
// most shownDigits digits after the point; a whole number ends with the point.
func floatText(v float64, bits int) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, bits), "+"))
	case a != 0 && (a < 1e-4 || a >= 1e15):
		s := strconv.FormatFloat(v, 'e', -1, bits)
		if e := strings.IndexByte(s, 'e'); e > shownDigits+3 {
			s = strconv.FormatFloat(v, 'e', shownDigits, bits)
		}
		return s
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	point := strings.IndexByte(s, '.')
	if point < 0 {
		return s + "."
	}
	if len(s)-point-1 > shownDigits {
		s = strings.TrimRight(strconv.FormatFloat(v, 'f', shownDigits, bits), "0")
	}
	return s
}

func complexText(re, im float64, bits int) string {
	s := floatText(im, bits)
	if im >= 0 || math.IsNaN(im) {
		s = "+" + strings.TrimPrefix(s, "+")
	}
	return floatText(re, bits) + s + "j"
}

// alignPoints fills numbers up behind, so that the points stand below each other.
func alignPoints(cells []string) []string {
	behind := func(s string) int {
		if strings.Contains(s, "e") {
			return 0
		}
		return len(s) - 1 - max(strings.IndexByte(s, '.'), 0)
	}
	most := 0
	for _, s := range cells {
		if strings.Contains(s, ".") {
			most = max(most, behind(s))
		}
	}
	for i, s := range cells {
		if strings.Contains(s, ".") && !strings.Contains(s, "e") {
			cells[i] = s + strings.Repeat(" ", most-behind(s))
		}
	}
	return cells
}
