package array

import (
	"errors"
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/fft"
	"github.com/weft-data/weft/internal/mem"
)

// The forms of array.fft.
const (
	Whole    = iota // complex numbers to complex numbers
	FromReal        // real numbers to the first half of their transform
	ToReal          // that half to real numbers
)

// The scales: of the forward transform, and of the inverse one.
const (
	Backward = iota // 1 and 1/n
	Ortho           // 1/√n both
	Forward         // 1/n and 1
)

// Fourier transforms along an axis of one chunk. Ints are the axis, the number of
// points, the form, whether it is the inverse (1) and the scale. What the input has
// beyond the points is left out; what it lacks is 0. Elements are floats or complex
// numbers of either width, and are computed with in float64.
var Fourier = define("array.fft", "Fourier transforms along an axis", procedure{
	room: func(p *CallParams) int64 { return newFourier(p).room(p) },
	run:  fourier,

	version: 2, // of float32 and complex64, too
})

// fourierOf is what Ints say.
type fourierOf struct {
	axis, n, form int
	inverse       bool
	scale         float64   // beside that of the plan
	lines         int       // that a thread has a copy of
	m             int       // points of a line as it is transformed
	real          *fft.Real // of real numbers that are transformed as half as many complex ones
}

// A fourierTable is what the tasks of a layer share.
type fourierTable struct {
	plan *fft.Plan
	real *fft.Real
}

// tables makes it.
func (f *fourierOf) tables(c *Call) (t fourierTable, err error) {
	if t.plan, err = fft.New(f.m, c.Context().Err); err == nil && f.m < f.n {
		t.real, err = fft.NewReal(f.n, c.Context().Err)
	}
	return t, err
}

func newFourier(p *CallParams) *fourierOf {
	f := &fourierOf{axis: int(p.Ints[0]), n: int(p.Ints[1]), form: int(p.Ints[2]), inverse: p.Ints[3] == 1, scale: 1}
	n := float64(f.n)
	switch {
	case p.Ints[4] == Ortho && f.inverse:
		f.scale = math.Sqrt(n)
	case p.Ints[4] == Ortho:
		f.scale = 1 / math.Sqrt(n)
	case p.Ints[4] == Forward && f.inverse:
		f.scale = n
	case p.Ints[4] == Forward:
		f.scale = 1 / n
	}
	f.m = f.n
	if half := f.n / 2; f.form != Whole && f.n%2 == 0 && half > 0 {
		all := f.room(p)
		if f.m = half; f.room(p) > all { // the half would be transformed as eight lines
			f.m = f.n
		}
	}
	return f
}

// side is how many lines are transformed together.
const side = 8

// room bounds the buffers of one thread and the tables, see package fft: lengths
// that are no power of two become convolutions of up to four times as many points.
func (f *fourierOf) room(p *CallParams) int64 {
	all := int64(1)
	for i, a := range p.Out[0] {
		if i != f.axis {
			all *= a.Max()
		}
	}
	n := int64(f.m)
	lines := 16 * n * min(side, all)
	if f.m < f.n {
		lines += 16 * n // the turns
	}
	if n&(n-1) != 0 {
		m := int64(1) << bits.Len64(uint64(2*n-1))
		return lines + 64*n + 48*m + 2*pow2Room(m)
	}
	return lines + pow2Room(n)
}

// pow2Room is that of one power of two: planes of eight lines and tables; of a long
// one, whose lines are about √n long, two lines.
func pow2Room(n int64) int64 {
	if n <= 4096 {
		return 16 * n * (side + 2)
	}
	return 32*n + 1024<<((bits.Len64(uint64(n))+1)/2)
}

// A fourierWorker is the buffers of one thread.
type fourierWorker struct {
	env  fft.Env
	line []complex128 // side lines, beside each other
}

func fourier(c *Call) error {
	f := newFourier(c.P)
	if f.n == 0 || product(c.Out[0].Shape) == 0 {
		return nil
	}
	t, err := shared(c, func() (fourierTable, error) { return f.tables(c) })
	if err != nil {
		return err
	}
	plan := t.plan
	f.real = t.real
	outer, _, inner := split(c.Out[0].Shape, f.axis)
	groups := int((outer*inner + side - 1) / side)
	if f.direct(c, inner) && inner > 1 {
		groups = int(outer)
	}
	n := min(max(1, c.Threads()), groups)
	if !f.direct(c, inner) {
		f.lines = min(side, int(outer*inner))
	}
	if inner > 1 {
		if err := touch(c.Task, c.Out[0].Data); err != nil {
			return err
		}
	}
	var workers []*fourierWorker
	for len(workers) < n {
		w, err := f.worker(c, plan)
		if err != nil && (len(workers) == 0 || !errors.Is(err, mem.ErrBudget)) {
			return err
		} else if err != nil {
			break
		}
		workers = append(workers, w)
	}
	return c.Fork(len(workers), func(i int) error {
		for g := i * groups / len(workers); g < (i+1)*groups/len(workers); g++ {
			if err := c.Context().Err(); err != nil {
				return err
			}
			if err := f.group(c, plan, workers[i], int64(g)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fourierOf) worker(c *Call, plan *fft.Plan) (w *fourierWorker, err error) {
	w = &fourierWorker{}
	w.env.Stop = c.Context().Err
	if w.env.Planes, err = room[float64](c, plan.Planes()); err != nil {
		return nil, err
	}
	if w.env.Work, err = room[complex128](c, plan.Work()); err != nil {
		return nil, err
	}
	w.line, err = room[complex128](c, f.lines*f.m)
	return w, err
}

// direct reports whether lines are transformed where they are: complex ones as long
// as the transform.
func (f *fourierOf) direct(c *Call, inner int64) bool {
	return f.form == Whole && c.In[0].Kind == elem.Complex128 && c.P.Kind == elem.Complex128 && c.In[0].Shape[f.axis] == int64(f.n) && f.scale == 1 && (inner == 1 || inner >= side)
}

// group transforms a group of lines: all behind an index of the outer axes, or side
// of them.
func (f *fourierOf) group(c *Call, plan *fft.Plan, w *fourierWorker, g int64) error {
	outer, length, inner := split(c.In[0].Shape, f.axis)
	first, last := g*side, min((g+1)*side, outer*inner)
	lines := int(last - first)
	if f.direct(c, inner) {
		src, dst := values[complex128](c.In[0]), values[complex128](c.Out[0])
		if inner == 1 {
			return plan.Rows(dst[first*length:last*length], src[first*length:last*length], lines, f.inverse, w.env)
		}
		at := g * length * inner
		return plan.Columns(dst[at:at+length*inner], src[at:at+length*inner], int(inner), int(inner), f.inverse, w.env)
	}
	var err error
	for lo, hi := range stretches(c.Task, len(w.line), &err) {
		clear(w.line[lo:hi])
	}
	if err == nil {
		err = f.move(c, linesIn(c.In[0].Kind), c.In[0], w.line, first, last, f.given(c.In[0]))
	}
	if err != nil {
		return err
	}
	if err := plan.Columns(w.line, w.line, lines, lines, f.inverse, w.env); err != nil {
		return err
	}
	return f.move(c, linesOut(c.P.Kind), c.Out[0], w.line, first, last, int(c.Out[0].Shape[f.axis]))
}

// move moves the first n elements of lines between a piece and the lines that are transformed.
func (f *fourierOf) move(c *Call, how lineMover, p Piece, line []complex128, first, last int64, n int) (err error) {
	_, length, inner := split(p.Shape, f.axis)
	for l := first; l < last && err == nil; {
		s := strand{line: line[l-first:], stride: int(last - first), lines: int(last - l), at: l * length, step: 1, apart: length}
		if inner > 1 { // those behind an index of the outer axes lie beside each other
			j := l % inner
			s.lines, s.at, s.step, s.apart = int(min(last-l, inner-j)), l/inner*length*inner+j, inner, 1
		}
		for s.lo, s.hi = range stretches(c.Task, n, &err) {
			how(f, p, &s)
		}
		l += int64(s.lines)
	}
	return err
}

// given is how many elements of a line of a piece are read.
func (f *fourierOf) given(p Piece) int {
	n := min(int(p.Shape[f.axis]), f.n)
	if f.form == ToReal {
		n = min(n, f.n/2+1)
	}
	return n
}
