package fft

// Real are the tables for lines of an even number n of real numbers: they are transformed as n/2 complex numbers, the real
// parts of which are the elements with even places, and the others those between. Nothing of one line gets into another.
type Real struct {
	turns []complex128 // exp(-2*pi*i*k/n)
}

// NewReal returns them for n numbers. Stop, if not nil, is asked as Env.Stop is.
func NewReal(n int, stop func() error) (*Real, error) {
	r := &Real{turns: make([]complex128, n/2)}
	env := Env{Stop: stop}
	return r, env.stretches(n/2, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			r.turns[k] = root(k, n)
		}
	})
}

// conj is the conjugate.
func conj(z complex128) complex128 { return complex(real(z), -imag(z)) }

// turn is exp(-2*pi*i*k/n) for the transform, and its conjugate for the inverse.
func (r *Real) turn(k int, inverse bool) complex128 {
	if inverse {
		return conj(r.turns[k])
	}
	return r.turns[k]
}

// Split gives element k of the transforms of lines of n real numbers, of elements k and n/2-k of those of n/2 complex ones; k is
// at most n/2, and element n/2 of these is element 0. The inverse is divided by n, if the others were by n/2.
func (r *Real) Split(dst, z, other []complex128, k int, inverse bool) {
	half, turn := 0.5, complex128(1)
	if inverse {
		half = 0.25
	}
	if k > 0 && k < len(r.turns) {
		turn = r.turn(k, inverse)
	}
	for i := range dst {
		z, other := z[i], other[i]
		even := complex(half*(real(z)+real(other)), half*(imag(z)-imag(other)))
		odd := complex(half*(imag(z)+imag(other)), half*(real(other)-real(z)))
		switch k {
		case 0: // without a factor, which would make NaN of infinities
			dst[i] = even + odd
			continue
		case len(r.turns):
			dst[i] = even - odd
			continue
		}
		odd = times(odd, turn)
		dst[i] = complex(real(even)+real(odd), imag(even)+imag(odd))
	}
}

// Join is the way back: it gives element k below n/2 of the complex numbers that are to be transformed, of elements k and
// n/2-k of the transforms of real ones. Imaginary parts of elements 0 and n/2, which real numbers do not have, are left out.
func (r *Real) Join(dst, x, other []complex128, k int, inverse bool) {
	half, turn := 1.0, r.turn(k, inverse)
	if inverse {
		half = 0.5
	}
	for i := range dst {
		x, other := x[i], other[i]
		if k == 0 {
			x, other = complex(real(x), 0), complex(real(other), 0)
		}
		even := complex(half*(real(x)+real(other)), half*(imag(x)-imag(other)))
		odd := complex(half*(real(x)-real(other)), half*(imag(x)+imag(other)))
		if k > 0 {
			odd = times(odd, turn)
		}
		dst[i] = complex(real(even)-imag(odd), imag(even)+real(odd))
	}
}
