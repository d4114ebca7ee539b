package fft

import (
	"math"
	"math/bits"
)

// chirp makes a transform of n elements a convolution of the power of two inner.n.
type chirp struct {
	inner  *Plan
	factor []complex128 // exp(-pi*i*k*k/n)
	filter []complex128 // transform of its conjugate, both ways round

	// Of transforms of eight lines: 0, 1, …, because elements are read as they lie, and the parts of factor and filter.
	order            []uint32
	factors, filters []float64
}

func newChirp(n int, stop func() error) (*chirp, error) {
	m := 1 << bits.Len(uint(2*n-2))
	inner, err := New(m, stop)
	if err != nil {
		return nil, err
	}
	c := &chirp{inner: inner, factor: make([]complex128, n), filter: make([]complex128, m)}
	env := Env{Planes: make([]float64, inner.Planes()), Work: make([]complex128, inner.Work()), Stop: stop}
	for k := range n {
		if k%tables == 0 {
			if err := env.went(between); err != nil {
				return nil, err
			}
		}
		hi, lo := bits.Mul64(uint64(k), uint64(k))
		_, r := bits.Div64(hi, lo, uint64(2*n))
		w := root(int(r), 2*n)
		c.factor[k] = w
		w = complex(real(w), -imag(w))
		c.filter[k] = w
		c.filter[(m-k)%m] = w
	}
	if err := inner.Rows(c.filter, c.filter, 1, false, env); err != nil || inner.direct == nil {
		return c, err
	}
	for k, f := range c.factor {
		c.order, c.factors = append(c.order, uint32(k)), append(c.factors, real(f), imag(f))
	}
	for _, f := range c.filter {
		c.filters = append(c.filters, real(f), imag(f))
	}
	return c, nil
}

// times multiplies without the special cases of infinities, the same on every machine.
func times(x, w complex128) complex128 {
	xr, xi, wr, wi := real(x), imag(x), real(w), imag(w)
	return complex(math.FMA(xr, wr, -float64(xi*wi)), math.FMA(xr, wi, float64(xi*wr)))
}

// tables is how many elements of a table are computed between two times that Env.Stop is asked.
const tables = 1 << 16

// run transforms one line; the first inner.n elements of the work space are free for dst and src.
func (c *chirp) run(dst, src []complex128, inverse bool, env *Env) error {
	m := c.inner.n
	a, rest := env.Work[m:2*m], *env
	rest.Work = env.Work[2*m:]
	if err := env.stretches(len(src), func(lo, hi int) {
		for k, v := range src[lo:hi] {
			if inverse {
				v = complex(imag(v), real(v))
			}
			a[lo+k] = times(v, c.factor[lo+k])
		}
	}); err != nil {
		return err
	}
	if err := env.stretches(m-len(src), func(lo, hi int) { clear(a[len(src)+lo : len(src)+hi]) }); err != nil {
		return err
	}
	if err := c.inner.Rows(a, a, 1, false, rest); err != nil {
		return err
	}
	if err := env.stretches(m, func(lo, hi int) {
		for k, v := range a[lo:hi] {
			a[lo+k] = times(v, c.filter[lo+k])
		}
	}); err != nil {
		return err
	}
	if err := c.inner.Rows(a, a, 1, true, rest); err != nil {
		return err
	}
	f := 1 / float64(len(src))
	return env.stretches(len(dst), func(lo, hi int) {
		for k := lo; k < hi; k++ {
			v := times(a[k], c.factor[k])
			if inverse {
				v = complex(float64(imag(v)*f), float64(real(v)*f))
			}
			dst[k] = v
		}
	})
}

// together transforms w lines at once: element k of line i is src[k*step+i*line].
func (c *chirp) together(dst, src []complex128, w, step, line int, inverse bool, env Env) {
	l, n := c.inner.direct, len(c.factor)
	half := 2 * lanes * l.n
	p, q := l.planes(env.Planes[:half]), l.planes(env.Planes[half:])
	beside := w == lanes && line == 1
	if !beside || !gatherASM(q, src, step, c.order) {
		for k := range n {
			re, im := (*[lanes]float64)(q.re[k*lanes:]), (*[lanes]float64)(q.im[k*lanes:])
			*re, *im = [lanes]float64{}, [lanes]float64{}
			for i := range w {
				v := src[k*step+i*line]
				re[i&(lanes-1)], im[i&(lanes-1)] = real(v), imag(v)
			}
		}
	}
	t, first := p.turned(inverse), q.turned(inverse)
	mulRows(first, c.factors)
	clear(env.Planes[:half])
	l.place(t, first, n)
	l.run(t, false)
	mulRows(t, c.filters)
	l.place(q, t, l.n)
	l.run(q, true)
	q = planes{q.re[:lanes*n], q.im[:lanes*n]}
	r := 1 / float64(l.n)
	if inverse {
		r /= float64(n)
	}
	c.inner.scale(q.re, q.re, r)
	c.inner.scale(q.im, q.im, r)
	mulRows(q, c.factors)
	t = q.turned(inverse)
	if beside && scatterASM(dst, step, t, n) {
		return
	}
	for k := range n {
		re, im := (*[lanes]float64)(t.re[k*lanes:]), (*[lanes]float64)(t.im[k*lanes:])
		for i := range w {
			dst[k*step+i*line] = complex(re[i&(lanes-1)], im[i&(lanes-1)])
		}
	}
}

// place brings the first n rows of src to their places in dst.
func (l *lines) place(dst, src planes, n int) {
	for k, at := range l.places[:n] {
		placeRow(dst.re[at*lanes:], src.re[k*lanes:])
		placeRow(dst.im[at*lanes:], src.im[k*lanes:])
	}
}

// placeRow copies a row by its elements: a copy of the array is a call of memmove.
func placeRow(dst, src []float64) {
	d, s := (*[lanes]float64)(dst), (*[lanes]float64)(src)
	d[0], d[1], d[2], d[3] = s[0], s[1], s[2], s[3]
	d[4], d[5], d[6], d[7] = s[4], s[5], s[6], s[7]
}

// alike are the lanes of rows that are multiplied by one factor each: twiddle multiplies by the factor of a lane, too.
var alike = func() (a struct{ re, im [64 * lanes]float64 }) {
	for i := range a.re {
		a.re[i] = 1
	}
	return a
}()

// mulRows multiplies rows by a factor each, given by its parts.
func mulRows(p planes, f []float64) {
	for len(f) > 0 {
		n := min(len(f)/2, len(alike.re)/lanes)
		twiddle(p.re, p.im, alike.re[:], alike.im[:], f[:2*n])
		p, f = planes{p.re[n*lanes:], p.im[n*lanes:]}, f[2*n:]
	}
}
