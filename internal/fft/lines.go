package fft

import (
	"math"
	"math/bits"
)

// planes hold eight lines: element k of line l is re[k*lanes+l] + i*im[k*lanes+l].
type planes struct{ re, im []float64 }

// turned exchanges real and imaginary parts for the inverse: that is the transform with both exchanged before and after,
// but for the factor.
func (p planes) turned(inverse bool) planes {
	if inverse {
		return planes{p.im, p.re}
	}
	return p
}

// lines transforms eight lines of n elements, a power of two.
type lines struct {
	n        int
	order    []uint32 // the element that goes to row k
	places   []uint32 // the row of element k
	pairs    bool     // the first step joins two elements
	twiddles [][]float64
}

func newLines(n int) *lines {
	l := &lines{n: n, pairs: bits.Len(uint(n))%2 == 0 && n > 1, order: make([]uint32, n), places: make([]uint32, n)}
	for k := range n {
		// The last join takes every fourth element into each of its parts, and so on down to the first.
		place, size, j := 0, n, k
		for size > 1 {
			r := 4
			if size == 2 {
				r = 2
			}
			size /= r
			place += j % r * size
			j /= r
		}
		l.order[place], l.places[k] = uint32(k), uint32(place)
	}
	for size := l.first(); size < n; size *= 4 {
		w := make([]float64, 0, 6*size)
		for k := range size {
			for q := 1; q < 4; q++ {
				z := root(q*k, 4*size)
				w = append(w, real(z), imag(z))
			}
		}
		l.twiddles = append(l.twiddles, w)
	}
	return l
}

// first is the number of elements joined before the joins of four parts begin.
func (l *lines) first() int {
	if l.pairs {
		return 2
	}
	return 1
}

func (l *lines) bytes() int64 { return int64(l.n) * (8 + 16) }

// planes cuts them from a buffer.
func (l *lines) planes(buf []float64) planes {
	n := lanes * l.n
	return planes{buf[:n], buf[n : 2*n]}
}

// run transforms what was gathered.
func (l *lines) run(p planes, inverse bool) {
	p = p.turned(inverse)
	if l.pairs {
		pass2(p.re, p.im, unity[:2], l.n/2, 1)
	}
	size := l.first()
	for _, w := range l.twiddles {
		pass4(p.re, p.im, w, l.n/(4*size), size)
		size *= 4
	}
}

var unity = [...]float64{1, 0}

// gather reads w lines side by side; the lanes of lines that are not there are zero.
func (l *lines) gather(p planes, src []complex128, w, stride int) {
	if w == lanes && gatherASM(p, src, stride, l.order) {
		return
	}
	for k, j := range l.order {
		re, im := (*[lanes]float64)(p.re[k*lanes:]), (*[lanes]float64)(p.im[k*lanes:])
		*re, *im = [lanes]float64{}, [lanes]float64{}
		for i, v := range src[int(j)*stride:][:w] {
			re[i&(lanes-1)], im[i&(lanes-1)] = real(v), imag(v)
		}
	}
}

// scatter writes w lines side by side.
func (l *lines) scatter(dst []complex128, p planes, w, stride int) {
	if w == lanes && scatterASM(dst, stride, p, l.n) {
		return
	}
	for k := range l.n {
		re, im := (*[lanes]float64)(p.re[k*lanes:]), (*[lanes]float64)(p.im[k*lanes:])
		d := dst[k*stride:][:w]
		for i := range d {
			d[i] = complex(re[i&(lanes-1)], im[i&(lanes-1)])
		}
	}
}

// gatherRows reads w lines, one after the other.
func (l *lines) gatherRows(p planes, src []complex128, w, stride int) {
	if w == lanes && gatherRowsASM(p, src, stride, l.places) {
		return
	}
	if w < lanes {
		clear(p.re)
		clear(p.im)
	}
	for i := range w {
		for k, v := range src[i*stride:][:l.n] {
			at := int(l.places[k])*lanes + i
			p.re[at], p.im[at] = real(v), imag(v)
		}
	}
}

// scatterRows writes w lines, one after the other.
func (l *lines) scatterRows(dst []complex128, p planes, w, stride int) {
	for i := range w {
		d := dst[i*stride:][:l.n]
		for k := range d {
			d[k] = complex(p.re[k*lanes+i], p.im[k*lanes+i])
		}
	}
}

// long transforms lines of rows.n*cols.n elements: down the columns of a matrix of rows.n rows, times factors, then along its
// rows.
type long struct {
	rows, cols  *lines
	laneRe      []float64 // row k: exp(-2*pi*i*k*l/n) for l below lanes
	laneIm      []float64
	coarse      []complex128 // exp(-2*pi*i*k*2^shift/n)
	fine        []complex128 // exp(-2*pi*i*k/n), k below 2^shift
	shift, mask int
}

func newLong(n int) *long {
	k := bits.Len(uint(n)) - 1
	l := &long{rows: newLines(1 << ((k + 1) / 2)), cols: newLines(1 << (k / 2)), shift: k / 2}
	l.mask = 1<<l.shift - 1
	for i := range l.rows.n {
		for j := range lanes {
			z := root(i*j, n)
			l.laneRe, l.laneIm = append(l.laneRe, real(z)), append(l.laneIm, imag(z))
		}
	}
	for i := range n >> l.shift {
		l.coarse = append(l.coarse, root(i<<l.shift, n))
	}
	for i := range 1 << l.shift {
		l.fine = append(l.fine, root(i, n))
	}
	return l
}

func (l *long) bytes() int64 {
	return l.rows.bytes() + l.cols.bytes() + 16*int64(len(l.laneRe)+len(l.coarse)+len(l.fine))
}

// run transforms one line, by way of the first n elements of the work space. dst may be src.
func (l *long) run(dst, src []complex128, inverse bool, env *Env, p *Plan) error {
	n1, n2 := l.rows.n, l.cols.n
	work := env.Work[:n1*n2]
	if err := env.touch(work); err != nil {
		return err
	}
	if &dst[0] != &src[0] {
		if err := env.touch(dst); err != nil {
			return err
		}
	}
	pl := l.rows.planes(env.Planes)
	base := env.Planes[len(env.Planes)-2*n1:]
	for j := 0; j < n2; j += lanes {
		l.rows.gather(pl, src[j:], lanes, n2)
		l.rows.run(pl, inverse)
		for k := range n1 {
			m := k * j // below n
			w := times(l.coarse[m>>l.shift], l.fine[m&l.mask])
			base[2*k], base[2*k+1] = real(w), imag(w)
		}
		t := pl.turned(inverse)
		twiddle(t.re, t.im, l.laneRe, l.laneIm, base)
		l.rows.scatter(work[j:], pl, lanes, n2)
		if err := env.went(lanes * n1); err != nil {
			return err
		}
	}
	pl = l.cols.planes(env.Planes)
	for k := 0; k < n1; k += lanes {
		l.cols.gatherRows(pl, work[k*n2:], lanes, n2)
		l.cols.run(pl, inverse)
		p.unscale(pl, inverse)
		l.cols.scatter(dst[k:], pl, lanes, n1)
		if err := env.went(lanes * n2); err != nil {
			return err
		}
	}
	return nil
}

// mul is x*w, in the order of the assembly.
func mul(xr, xi, wr, wi float64) (re, im float64) {
	return math.FMA(xr, wr, -float64(xi*wi)), math.FMA(xr, wi, float64(xi*wr))
}

func pass4Go(re, im, tw []float64, blocks, quarter int) {
	q := quarter * lanes
	for b := range blocks {
		for k := range quarter {
			w := tw[6*k:][:6]
			at := b*4*q + k*lanes
			for i := at; i < at+lanes; i++ {
				a0r, a0i := re[i], im[i]
				a1r, a1i := mul(re[i+q], im[i+q], w[0], w[1])
				a2r, a2i := mul(re[i+2*q], im[i+2*q], w[2], w[3])
				a3r, a3i := mul(re[i+3*q], im[i+3*q], w[4], w[5])
				sr, si, dr, di := a0r+a2r, a0i+a2i, a0r-a2r, a0i-a2i
				tr, ti, er, ei := a1r+a3r, a1i+a3i, a1r-a3r, a1i-a3i
				re[i], im[i] = sr+tr, si+ti
				re[i+q], im[i+q] = dr+ei, di-er
				re[i+2*q], im[i+2*q] = sr-tr, si-ti
				re[i+3*q], im[i+3*q] = dr-ei, di+er
			}
		}
	}
}

func pass2Go(re, im, tw []float64, blocks, half int) {
	q := half * lanes
	for b := range blocks {
		for k := range half {
			at := b*2*q + k*lanes
			for i := at; i < at+lanes; i++ {
				xr, xi := mul(re[i+q], im[i+q], tw[2*k], tw[2*k+1])
				re[i], im[i], re[i+q], im[i+q] = re[i]+xr, im[i]+xi, re[i]-xr, im[i]-xi
			}
		}
	}
}

func twiddleGo(re, im, laneRe, laneIm, base []float64) {
	for i := range re[:len(base)/2*lanes] {
		wr, wi := mul(laneRe[i], laneIm[i], base[i/lanes*2], base[i/lanes*2+1])
		re[i], im[i] = mul(re[i], im[i], wr, wi)
	}
}
