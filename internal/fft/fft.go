// Package fft computes discrete Fourier transforms of complex128 of any length, along rows or columns of a block.
//
// Lengths that are powers of two are transformed eight lines at a time: row k of two planes holds element k of each line, so
// that every step is one on vectors, without shuffles. Lines are read in the order of reversed digits and joined four parts
// at a time in place (Cooley and Tukey, decimation in time). Long lines are cut in two dimensions (Bailey, FFTs in external
// or hierarchical memory, 1990), whose lines fit the second cache. Other lengths become convolutions of a power of two
// (Bluestein, A linear filtering approach to the computation of the discrete Fourier transform, 1970).
//
// Results are equal bit for bit at every level of package cpu. The error is about log2(n) roundings of the size of the input.
package fft

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/vec"
)

// level chooses the code; tests change it.
var level = cpu.ISA()

// lanes is the number of lines that are transformed at once.
const lanes = 8

// maxDirect is the length of lines up to which eight of them are transformed in the second cache.
const maxDirect = 4096

// MaxLen is the longest transform.
const MaxLen = 1 << 32

// Plan holds the tables for transforms of one length. It is not changed by its use, so threads can share it.
type Plan struct {
	n      int
	direct *lines // up to maxDirect
	long   *long
	chirp  *chirp
	scale  func(dst, x []float64, c float64)
}

// Env is what a transform borrows from its caller.
type Env struct {
	// Planes holds the planes of eight lines: at least Plan.Planes elements.
	Planes []float64
	// Work holds a line or two: at least Plan.Work elements.
	Work []complex128
	// Stop, if not nil, is asked every few milliseconds; an error ends the transform, whose result is then undefined.
	Stop func() error
	// spent is how many elements were transformed since it was asked.
	spent int
}

// between is how many elements are transformed between two times that Env.Stop is asked: some milliseconds.
const between = 1 << 18

// went notes elements that were transformed, and asks whether to stop.
func (e *Env) went(n int) error {
	if e.spent += n; e.spent < between || e.Stop == nil {
		return nil
	}
	e.spent = 0
	return e.Stop()
}

// stretches calls f for the parts of n elements.
func (e *Env) stretches(n int, f func(lo, hi int)) error {
	for lo := 0; lo < n; lo += between {
		hi := min(lo+between, n)
		f(lo, hi)
		if err := e.went(hi - lo); err != nil {
			return err
		}
	}
	return nil
}

// touch writes to the pages of a long line that is then written in another order: the first lines across it would touch all
// of them, and where they are new the system would clear them meanwhile.
func (e *Env) touch(line []complex128) error {
	const page = 4096 / 16
	if len(line) <= between {
		return nil
	}
	return e.stretches(len(line), func(lo, hi int) {
		for k := lo; k < hi; k += page {
			line[k] = 0
		}
	})
}

// New returns the plan for lines of n elements. Stop, if not nil, is asked as Env.Stop is.
func New(n int, stop func() error) (*Plan, error) {
	if n < 1 || n > MaxLen {
		return nil, fmt.Errorf("fft: a transform of %d elements: want 1 to %d", n, int64(MaxLen))
	}
	p := &Plan{n: n, scale: vec.BinaryRight[float64](vec.Mul)}
	switch {
	case n&(n-1) != 0:
		c, err := newChirp(n, stop)
		if err != nil {
			return nil, err
		}
		p.chirp = c
	case n <= maxDirect:
		p.direct = newLines(n)
	default:
		p.long = newLong(n)
	}
	return p, nil
}

// Len returns the length of the lines.
func (p *Plan) Len() int { return p.n }

// Bytes returns the size of the plan's tables.
func (p *Plan) Bytes() int64 {
	switch {
	case p.direct != nil:
		return p.direct.bytes()
	case p.long != nil:
		return p.long.bytes()
	}
	if p.chirp.inner.direct != nil {
		return 52*int64(p.n) + 32*int64(p.chirp.inner.n) + p.chirp.inner.Bytes()
	}
	return 32*int64(p.n) + 16*int64(p.chirp.inner.n) + p.chirp.inner.Bytes()
}

// Planes returns the number of elements that Env.Planes must have.
func (p *Plan) Planes() int {
	switch {
	case p.direct != nil:
		return 2 * lanes * p.n
	case p.long != nil:
		return 2*lanes*p.long.rows.n + 2*p.long.rows.n
	}
	if p.chirp.inner.direct != nil {
		return 2 * p.chirp.inner.Planes()
	}
	return p.chirp.inner.Planes()
}

// Work returns the number of elements that Env.Work must have.
func (p *Plan) Work() int {
	switch {
	case p.direct != nil:
		return 0
	case p.long != nil:
		return 2 * p.n
	}
	if p.chirp.inner.direct != nil {
		return 0
	}
	return 2*p.chirp.inner.n + p.chirp.inner.Work()
}

func (p *Plan) check(env Env, dst, src []complex128, last int) error {
	if len(env.Planes) < p.Planes() || len(env.Work) < p.Work() {
		return fmt.Errorf("fft: buffers of %d and %d elements, want %d and %d", len(env.Planes), len(env.Work), p.Planes(), p.Work())
	}
	if last >= len(src) || last >= len(dst) {
		return fmt.Errorf("fft: the last element is %d, there are %d and %d", last, len(src), len(dst))
	}
	return nil
}

// Rows transforms count lines, one after the other: element k of line i is src[i*n+k]. The inverse is divided by n. dst may be
// src, and must not overlap it otherwise.
func (p *Plan) Rows(dst, src []complex128, count int, inverse bool, env Env) error {
	if err := p.check(env, dst, src, count*p.n-1); err != nil {
		return err
	}
	for i := 0; i < count; {
		d, s := dst[i*p.n:], src[i*p.n:]
		switch {
		case p.direct != nil:
			w := min(lanes, count-i)
			pl := p.direct.planes(env.Planes)
			p.direct.gatherRows(pl, s, w, p.n)
			p.direct.run(pl, inverse)
			p.unscale(pl, inverse)
			p.direct.scatterRows(d, pl, w, p.n)
			i += w
			if err := env.went(w * p.n); err != nil {
				return err
			}
			continue
		case p.long != nil:
			if err := p.long.run(d[:p.n], s[:p.n], inverse, &env, p); err != nil {
				return err
			}
		case p.chirp.inner.direct != nil:
			w := min(lanes, count-i)
			p.chirp.together(d, s, w, 1, p.n, inverse, env)
			i += w
			if err := env.went(w * p.chirp.inner.n); err != nil {
				return err
			}
			continue
		default:
			if err := p.chirp.run(d[:p.n], s[:p.n], inverse, &env); err != nil {
				return err
			}
		}
		i++
	}
	return nil
}

// Columns transforms count lines side by side: element k of line i is src[k*stride+i]. The inverse is divided by n. dst may be
// src, and must not overlap it otherwise.
func (p *Plan) Columns(dst, src []complex128, stride, count int, inverse bool, env Env) error {
	if count > stride {
		return fmt.Errorf("fft: %d columns in rows of %d", count, stride)
	}
	if err := p.check(env, dst, src, (p.n-1)*stride+count-1); err != nil {
		return err
	}
	if p.direct != nil {
		for i := 0; i < count; i += lanes {
			w := min(lanes, count-i)
			pl := p.direct.planes(env.Planes)
			p.direct.gather(pl, src[i:], w, stride)
			p.direct.run(pl, inverse)
			p.unscale(pl, inverse)
			p.direct.scatter(dst[i:], pl, w, stride)
			if err := env.went(w * p.n); err != nil {
				return err
			}
		}
		return nil
	}
	if p.chirp != nil && p.chirp.inner.direct != nil {
		for i := 0; i < count; i += lanes {
			p.chirp.together(dst[i:], src[i:], min(lanes, count-i), stride, 1, inverse, env)
			if err := env.went(lanes * p.chirp.inner.n); err != nil {
				return err
			}
		}
		return nil
	}
	line := env.Work[:p.n]
	rest := env
	for i := range count {
		if err := env.stretches(p.n, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				line[k] = src[k*stride+i]
			}
		}); err != nil {
			return err
		}
		if p.long != nil {
			rest.Work = env.Work[p.n:]
			if err := p.long.run(line, line, inverse, &rest, p); err != nil {
				return err
			}
		} else if err := p.chirp.run(line, line, inverse, &env); err != nil {
			return err
		}
		if err := env.stretches(p.n, func(lo, hi int) {
			for k := lo; k < hi; k++ {
				dst[k*stride+i] = line[k]
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// unscale divides by n.
func (p *Plan) unscale(pl planes, inverse bool) {
	if inverse {
		f := 1 / float64(p.n)
		p.scale(pl.re, pl.re, f)
		p.scale(pl.im, pl.im, f)
	}
}

// root returns exp(-2*pi*i*k/n), each part rounded to about the nearest number: angles are taken from the nearest multiple
// of pi/2.
func root(k, n int) complex128 {
	k %= n
	q := (8*k + n) / (2 * n) // nearest quarter, 4*k/n rounded
	s, c := math.Sincos(math.Pi / 2 * float64(4*k-q*n) / float64(n))
	switch q & 3 {
	case 0:
		return complex(c, -s)
	case 1:
		return complex(-s, -c)
	case 2:
		return complex(-c, s)
	}
	return complex(s, c)
}
