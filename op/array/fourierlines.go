package array

import (
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/strip"
)

// A strand is lines of a piece that lie evenly apart, and where they are transformed: element k of line l is at
// at+k*step+l*apart in the piece and k*stride+l in line. Those from lo to hi are moved.
type strand struct {
	line            []complex128
	stride, lines   int
	at, step, apart int64
	lo, hi          int
}

// row is element k of the lines, as they are transformed.
func (s *strand) row(k int) []complex128 { return s.line[k*s.stride:][:s.lines] }

// A lineMover moves elements between a piece and lines.
type lineMover func(f *fourierOf, p Piece, s *strand)

// linesIn brings elements to the lines.
func linesIn(k elem.Kind) lineMover {
	switch k {
	case elem.Float32:
		return realIn[float32]
	case elem.Float64:
		return realIn[float64]
	case elem.Complex64:
		return complexIn[complex64]
	}
	return complexIn[complex128]
}

// linesOut brings them back.
func linesOut(k elem.Kind) lineMover {
	switch k {
	case elem.Float32:
		return realOut[float32]
	case elem.Float64:
		return realOut[float64]
	case elem.Complex64:
		return complexOut[complex64]
	}
	return complexOut[complex128]
}

// realIn takes real numbers.
func realIn[R float32 | float64](f *fourierOf, p Piece, s *strand) {
	src := values[R](p)
	parts := strip.View[float64](strip.Raw(s.line), 2*len(s.line))
	for k := s.lo; k < s.hi; k++ {
		row := parts[f.part(k, s.stride):]
		from := s.at + int64(k)*s.step
		for l := range s.lines {
			row[2*l] = float64(src[from])
			from += s.apart
		}
	}
}

// part is where the first line has its real number k: a pair of them is a complex one where half as many are transformed.
func (f *fourierOf) part(k, stride int) int {
	if f.real == nil {
		return 2 * k * stride
	}
	return k/2*2*stride + k&1
}

// realOut is the opposite.
func realOut[R float32 | float64](f *fourierOf, p Piece, s *strand) {
	dst := values[R](p)
	parts := strip.View[float64](strip.Raw(s.line), 2*len(s.line))
	for k := s.lo; k < s.hi; k++ {
		row := parts[f.part(k, s.stride):]
		to := s.at + int64(k)*s.step
		for l := range s.lines {
			dst[to] = R(row[2*l] * f.scale)
			to += s.apart
		}
	}
}

// complexIn takes complex numbers, or the first half of a transform, of which the other half is the conjugate; what must be
// real there is taken to be.
func complexIn[C complex64 | complex128](f *fourierOf, p Piece, s *strand) {
	src := values[C](p)
	if f.form == ToReal && f.real != nil {
		joinIn(f, src, f.given(p), s)
		return
	}
	for k := s.lo; k < s.hi; k++ {
		row, mirror, from := s.row(k), []complex128(nil), s.at+int64(k)*s.step
		if f.form == ToReal && k > 0 {
			mirror = s.row(f.n - k)
		}
		for l := range row {
			v := complex128(src[from])
			if from += s.apart; f.form == ToReal && k == 0 {
				v = complex(real(v), 0)
			}
			if row[l] = v; mirror != nil {
				mirror[l] = complex(real(v), -imag(v))
			}
		}
	}
}

// joinIn makes, of so many elements of the first half of a transform, those of half as many complex numbers: an element and its
// mirror image, from whichever of the two is given.
func joinIn[C complex64 | complex128](f *fourierOf, src []C, given int, s *strand) {
	var x, other [side]complex128
	take := func(dst []complex128, k int) {
		if clear(dst); k >= given {
			return
		}
		from := s.at + int64(k)*s.step
		for l := range dst {
			dst[l] = complex128(src[from])
			from += s.apart
		}
	}
	for k := s.lo; k < s.hi; k++ {
		take(x[:s.lines], k)
		take(other[:s.lines], f.m-k)
		if k < f.m {
			f.real.Join(s.row(k), x[:], other[:], k, f.inverse)
		}
		if 0 < k {
			f.real.Join(s.row(f.m-k), other[:], x[:], f.m-k, f.inverse)
		}
	}
}

// complexOut gives complex numbers, or those of which half as many were transformed.
func complexOut[C complex64 | complex128](f *fourierOf, p Piece, s *strand) {
	dst := values[C](p)
	var room [side]complex128
	for k := s.lo; k < s.hi; k++ {
		row := room[:s.lines]
		switch {
		case f.form != FromReal || f.real == nil:
			row = s.row(k)
		case k == 0 || k == f.m:
			f.real.Split(row, s.row(0), s.row(0), k, f.inverse)
		default:
			f.real.Split(row, s.row(k), s.row(f.m-k), k, f.inverse)
		}
		to := s.at + int64(k)*s.step
		for _, v := range row {
			dst[to] = C(complex(real(v)*f.scale, imag(v)*f.scale))
			to += s.apart
		}
	}
}
