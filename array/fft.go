package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Fourier transforms. Float32 and complex64 give complex64 (or float32), everything
// else complex128 (or float64); they are computed in float64, with an error of
// about log2(n) roundings of the size of the input. An axis that is transformed
// becomes one chunk; the other axes keep theirs.

// An FFTOption changes a Fourier transform.
type FFTOption func(*transform)

// Points is the length of the transform: what an axis has beyond is left out, what
// it lacks is 0. For IRFFT and HFFT it is the length of the result.
func Points(n int) FFTOption { return func(t *transform) { t.n = n } }

// Scale is how transforms are scaled: "backward", the default, divides the inverse
// by n; "forward" the others; "ortho" both by √n.
func Scale(name string) FFTOption { return func(t *transform) { t.scale = name } }

// A transform is one along one axis.
type transform struct {
	form    int
	inverse bool
	n       int
	scale   string
}

var scales = []string{ops.Backward: "backward", ops.Ortho: "ortho", ops.Forward: "forward"}

func (x *Array) transformed(verb string, t transform, a int, opts []FFTOption) *Array {
	if x.err != nil {
		return x
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	}
	t.n = int(x.grid[at].Len())
	if t.form == ops.ToReal {
		t.n = 2 * (t.n - 1)
	}
	for _, o := range opts {
		o(&t)
	}
	scale := slices.Index(scales, t.scale)
	if t.scale == "" {
		scale = ops.Backward
	}
	switch {
	case scale < 0:
		return fail(verb, "scale %q: want one of %q", t.scale, scales)
	case t.n < 1 || t.n > 1<<32:
		return fail(verb, "shape %s: a transform of %d points along axis %d", grid.Tuple(x.Shape()), t.n, at)
	case t.form == ops.FromReal && x.kind.IsComplex():
		return fail(verb, "shape %s of %s: want real numbers", grid.Tuple(x.Shape()), x.kind)
	}
	in, out, length := elem.Complex128, elem.Complex128, int64(t.n)
	if x.kind == elem.Float32 || x.kind == elem.Complex64 {
		in, out = elem.Complex64, elem.Complex64
	}
	switch t.form {
	case ops.FromReal:
		in, length = in.Real(), int64(t.n/2+1)
	case ops.ToReal:
		out = out.Real()
	}
	whole := slices.Clone(x.grid)
	whole[at] = single(x.grid[at].Len())
	y := x.As(in).cut(verb, whole)
	if y.err != nil {
		return y
	}
	g := slices.Clone(whole)
	g[at] = single(length)
	o := &operation{CallParams: ops.CallParams{Kind: out, Space: whole, Out: []grid.Grid{g},
		Ints: []int64{int64(at), int64(t.n), int64(t.form), truth(t.inverse), int64(scale)}}}
	o.read(y.result(), false, along(len(whole))...)
	return o.one(verb, ops.Fourier)
}

// along is the axes of an input that is read block by block.
func along(d int) []int32 {
	a := make([]int32, d)
	for i := range a {
		a[i] = int32(i)
	}
	return a
}

// FFT is the discrete Fourier transform along an axis.
func (x *Array) FFT(a int, opts ...FFTOption) *Array {
	return x.transformed("FFT", transform{form: ops.Whole}, a, opts)
}

// IFFT is the inverse of FFT.
func (x *Array) IFFT(a int, opts ...FFTOption) *Array {
	return x.transformed("IFFT", transform{form: ops.Whole, inverse: true}, a, opts)
}

// RFFT is the first n/2+1 elements of the transform of real numbers; the others
// are their conjugates.
func (x *Array) RFFT(a int, opts ...FFTOption) *Array {
	return x.transformed("RFFT", transform{form: ops.FromReal}, a, opts)
}

// IRFFT is the inverse of RFFT: real numbers, 2·(n-1) of n elements unless Points
// says how many. The imaginary part of what must be real is left out.
func (x *Array) IRFFT(a int, opts ...FFTOption) *Array {
	return x.transformed("IRFFT", transform{form: ops.ToReal, inverse: true}, a, opts)
}

// HFFT is the transform of a series whose other half are the conjugates: real
// numbers, 2·(n-1) of n elements unless Points says how many.
func (x *Array) HFFT(a int, opts ...FFTOption) *Array {
	if x.err != nil {
		return x
	}
	return x.Conj().transformed("HFFT", transform{form: ops.ToReal, inverse: true}, a, append(slices.Clone(opts), turnScale))
}

// IHFFT is the inverse of HFFT, of real numbers.
func (x *Array) IHFFT(a int, opts ...FFTOption) *Array {
	y := x.transformed("IHFFT", transform{form: ops.FromReal}, a, append(slices.Clone(opts), turnScale))
	if y.err != nil {
		return y
	}
	return y.Conj()
}

// turnScale is the scale of a transform that is computed by the opposite one.
func turnScale(t *transform) {
	switch t.scale {
	case "", "backward":
		t.scale = "forward"
	case "forward":
		t.scale = "backward"
	}
}

// each transforms along several axes, the last one first; all when none is named.
func (x *Array) eachAxis(verb string, axes []int, f func(x *Array, a int, last bool) *Array) *Array {
	if x.err != nil {
		return x
	}
	if len(axes) == 0 {
		axes = others(len(x.grid), nil)
	}
	for i := len(axes) - 1; i >= 0; i-- {
		if x = f(x, axes[i], i == len(axes)-1); x.err != nil {
			return x
		}
	}
	return x
}

// FFTN is FFT along several axes, along all when none is named.
func (x *Array) FFTN(axes ...int) *Array {
	return x.eachAxis("FFTN", axes, func(x *Array, a int, _ bool) *Array {
		return x.transformed("FFTN", transform{form: ops.Whole}, a, nil)
	})
}

// IFFTN is the inverse of FFTN.
func (x *Array) IFFTN(axes ...int) *Array {
	return x.eachAxis("IFFTN", axes, func(x *Array, a int, _ bool) *Array {
		return x.transformed("IFFTN", transform{form: ops.Whole, inverse: true}, a, nil)
	})
}

// RFFTN is FFTN of real numbers, of which the last of the axes has n/2+1 elements.
func (x *Array) RFFTN(axes ...int) *Array {
	return x.eachAxis("RFFTN", axes, func(x *Array, a int, last bool) *Array {
		t := transform{form: ops.Whole}
		if last {
			t.form = ops.FromReal
		}
		return x.transformed("RFFTN", t, a, nil)
	})
}

// IRFFTN is the inverse of RFFTN; the last of the axes gets 2·(n-1) elements.
func (x *Array) IRFFTN(axes ...int) *Array {
	if x.err != nil {
		return x
	}
	if len(axes) == 0 {
		axes = others(len(x.grid), nil)
	}
	if len(axes) > 1 {
		if x = x.IFFTN(axes[:len(axes)-1]...); x.err != nil {
			return x
		}
	}
	if len(axes) == 0 {
		return fail("IRFFTN", "no axes")
	}
	return x.transformed("IRFFTN", transform{form: ops.ToReal, inverse: true}, axes[len(axes)-1], nil)
}

// FFT2 is FFTN along the last two axes.
func (x *Array) FFT2() *Array { return x.FFTN(-2, -1) }

// IFFT2 is the inverse of FFT2.
func (x *Array) IFFT2() *Array { return x.IFFTN(-2, -1) }

// RFFT2 is RFFTN along the last two axes.
func (x *Array) RFFT2() *Array { return x.RFFTN(-2, -1) }

// IRFFT2 is the inverse of RFFT2.
func (x *Array) IRFFT2() *Array { return x.IRFFTN(-2, -1) }

// FFTFreq is the frequencies of the elements of a transform of n points that are d
// apart: 0, 1, … and the negative ones, divided by n·d.
func FFTFreq(n int, d float64, opts ...Option) *Array {
	if n < 1 {
		return fail("FFTFreq", "%d points", n)
	}
	i := Arange(0.0, float64(n), 1.0, opts...)
	half := float64((n-1)/2 + 1)
	return Where(i.Lt(half), i, i.Sub(float64(n))).Div(float64(n) * d)
}

// RFFTFreq is the frequencies of RFFT.
func RFFTFreq(n int, d float64, opts ...Option) *Array {
	if n < 1 {
		return fail("RFFTFreq", "%d points", n)
	}
	return Arange(0.0, float64(n/2+1), 1.0, opts...).Div(float64(n) * d)
}

// FFTShift moves frequency 0 to the middle of axes, of all when none is named.
func (x *Array) FFTShift(axes ...int) *Array {
	return x.eachAxis("FFTShift", axes, func(x *Array, a int, _ bool) *Array { return x.shifted("FFTShift", a, 0) })
}

// IFFTShift is the inverse of FFTShift.
func (x *Array) IFFTShift(axes ...int) *Array {
	return x.eachAxis("IFFTShift", axes, func(x *Array, a int, _ bool) *Array { return x.shifted("IFFTShift", a, 1) })
}

func (x *Array) shifted(verb string, a, up int) *Array {
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	}
	return x.Roll((int(x.grid[at].Len())+up)/2, at)
}
