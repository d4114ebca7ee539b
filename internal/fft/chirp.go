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
}

func newChirp(n int) (*chirp, error) {
	m := 1 << bits.Len(uint(2*n-2))
	inner, err := New(m)
	if err != nil {
		return nil, err
	}
	c := &chirp{inner: inner, factor: make([]complex128, n), filter: make([]complex128, m)}
	for k := range n {
		hi, lo := bits.Mul64(uint64(k), uint64(k))
		_, r := bits.Div64(hi, lo, uint64(2*n))
		w := root(int(r), 2*n)
		c.factor[k] = w
		w = complex(real(w), -imag(w))
		c.filter[k] = w
		c.filter[(m-k)%m] = w
	}
	env := Env{make([]float64, inner.Planes()), make([]complex128, inner.Work())}
	return c, inner.Rows(c.filter, c.filter, 1, false, env)
}

// times multiplies without the special cases of infinities, the same on every machine.
func times(x, w complex128) complex128 {
	xr, xi, wr, wi := real(x), imag(x), real(w), imag(w)
	return complex(math.FMA(xr, wr, -float64(xi*wi)), math.FMA(xr, wi, float64(xi*wr)))
}

// run transforms one line; the first inner.n elements of the work space are free for dst and src.
func (c *chirp) run(dst, src []complex128, inverse bool, env Env) error {
	m := c.inner.n
	a, rest := env.Work[m:2*m], Env{env.Planes, env.Work[2*m:]}
	for k, v := range src {
		if inverse {
			v = complex(imag(v), real(v))
		}
		a[k] = times(v, c.factor[k])
	}
	clear(a[len(src):])
	if err := c.inner.Rows(a, a, 1, false, rest); err != nil {
		return err
	}
	for k, v := range a {
		a[k] = times(v, c.filter[k])
	}
	if err := c.inner.Rows(a, a, 1, true, rest); err != nil {
		return err
	}
	f := 1 / float64(len(src))
	for k := range dst {
		v := times(a[k], c.factor[k])
		if inverse {
			v = complex(float64(imag(v)*f), float64(real(v)*f))
		}
		dst[k] = v
	}
	return nil
}

// together transforms w lines at once: element k of line i is src[k*step+i*line].
func (c *chirp) together(dst, src []complex128, w, step, line int, inverse bool, env Env) {
	l := c.inner.direct
	half := 2 * lanes * l.n
	p, q := l.planes(env.Planes[:half]), l.planes(env.Planes[half:])
	clear(env.Planes[:half])
	t := p.turned(inverse)
	for k, f := range c.factor {
		at := int(l.places[k]) * lanes
		for i := range w {
			v := src[k*step+i*line]
			p.re[at+i], p.im[at+i] = real(v), imag(v)
		}
		mulRow(t, at, t, at, f)
	}
	l.run(t, false)
	for k, f := range c.filter {
		mulRow(q, int(l.places[k])*lanes, t, k*lanes, f)
	}
	l.run(q, true)
	q = planes{q.re[:lanes*len(c.factor)], q.im[:lanes*len(c.factor)]}
	r := 1 / float64(l.n)
	if inverse {
		r /= float64(len(c.factor))
	}
	c.inner.scale(q.re, q.re, r)
	c.inner.scale(q.im, q.im, r)
	t = q.turned(inverse)
	for k, f := range c.factor {
		at := k * lanes
		mulRow(q, at, q, at, f)
		for i := range w {
			dst[k*step+i*line] = complex(t.re[at+i], t.im[at+i])
		}
	}
}

// mulRow sets a row of dst to one of src times f.
func mulRow(dst planes, to int, src planes, from int, f complex128) {
	wr, wi := real(f), imag(f)
	xr, xi := (*[lanes]float64)(src.re[from:]), (*[lanes]float64)(src.im[from:])
	yr, yi := (*[lanes]float64)(dst.re[to:]), (*[lanes]float64)(dst.im[to:])
	for i := range lanes {
		yr[i], yi[i] = mul(xr[i], xi[i], wr, wi)
	}
}
