// Package radix sorts by 64-bit keys: elements whose first field is the key, and bare keys alike. All functions are stable.
package radix

import (
	"context"
	"math/bits"
	"unsafe"
)

// Threads are those that SortAll may use.
type Threads interface {
	Threads() int
	// Fork calls f(0) to f(n-1), perhaps at once, and returns the first error. It asks before each call whether it is
	// still wanted.
	Fork(n int, f func(i int) error) error
	Context() context.Context
}

// Alone is one thread, until its context ends.
type Alone struct{ Until context.Context }

// Context implements Threads.
func (a Alone) Context() context.Context { return a.Until }

// Threads implements Threads.
func (Alone) Threads() int { return 1 }

// Fork implements Threads.
func (a Alone) Fork(n int, f func(i int) error) error {
	for i := range n {
		if err := a.Until.Err(); err != nil {
			return err
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// word returns the key of an element, which is its first field.
func word[E any](e *E) uint64 { return *(*uint64)(unsafe.Pointer(e)) }

const (
	insertMax = 32      // shorter ones are sorted by insertion
	lsdMax    = 1 << 13 // longer ones are divided first, so that LSD passes stay in cache
)

// ForkMin is the length below which one thread sorts.
const ForkMin = 1 << 16

// Stretch is how many elements are moved, or sorted, between two looks at whether the result is still wanted: ten
// milliseconds at 40 ns for each, which is what scattering to as many places costs where pages are new.
const Stretch = 1 << 18

// Sort sorts a by word, with b as scratch of the same length. The result is
// in b if toB is set and in a otherwise. Bits that all keys share cost nothing:
// MSD by 8 bits until a part fits the cache, then LSD over as many digits as
// tell most keys apart, then insertion; keys that differ only below those digits
// get the remaining LSD passes.
func Sort[E any](a, b []E, toB bool) {
	if len(a) <= insertMax {
		if toB {
			copy(b, a)
			a = b
		}
		insertion(a, len(a)*insertMax)
		return
	}
	and, or := spanOf(a)
	width := bits.Len64(and ^ or)
	switch {
	case width == 0:
		if toB {
			copy(b, a)
		}
	case len(a) > lsdMax:
		radixMSD(a, b, toB, uint(max(width-8, 0)))
	default:
		radixLSD(a, b, toB, width)
	}
}

func spanOf[E any](a []E) (and, or uint64) {
	and = ^uint64(0)
	for i := range a {
		k := word(&a[i])
		and &= k
		or |= k
	}
	return and, or
}

func radixMSD[E any](a, b []E, toB bool, shift uint) {
	var at [257]uint32
	for i := range a {
		at[1+int(uint8(word(&a[i])>>(shift&63)))]++
	}
	for i := 1; i < len(at); i++ {
		at[i] += at[i-1]
	}
	next := at
	for i := range a {
		d := uint8(word(&a[i]) >> (shift & 63))
		b[next[d]] = a[i]
		next[d]++
	}
	for d := range 256 {
		if lo, hi := at[d], at[d+1]; hi > lo {
			Sort(b[lo:hi], a[lo:hi], !toB)
		}
	}
}

// radixLSD sorts at most lsdMax elements whose keys differ below bit width.
func radixLSD[E any](a, b []E, toB bool, width int) {
	digits := 1
	if len(a) > 256 {
		digits = 2
	}
	bottom := max(width-8*digits, 0)
	in := lsdPasses(a, b, uint(bottom), (width-bottom+7)/8)
	x, y := a, b
	if in {
		x, y = b, a
	}
	if bottom > 0 && !insertion(x, 8*len(x)) {
		if lsdPasses(x, y, 0, (width+7)/8) {
			x, in = y, !in
		}
	}
	if in != toB {
		if toB {
			copy(b, x)
		} else {
			copy(a, x)
		}
	}
}

// lsdPasses sorts by n digits of 8 bits from bit shift on; true when the result
// is in b.
func lsdPasses[E any](a, b []E, shift uint, n int) (inB bool) {
	for range n {
		var at [256]uint32
		for i := range a {
			at[uint8(word(&a[i])>>(shift&63))]++
		}
		if at[uint8(word(&a[0])>>(shift&63))] != uint32(len(a)) {
			sum := uint32(0)
			for i, c := range at {
				at[i] = sum
				sum += c
			}
			b = b[:len(a)]
			for i := range a {
				d := uint8(word(&a[i]) >> (shift & 63))
				b[at[d]] = a[i]
				at[d]++
			}
			a, b, inB = b, a, !inB
		}
		shift += 8
	}
	return inB
}

// insertion sorts a, or gives up after about budget moves: then a is a stable
// rearrangement that is not sorted.
func insertion[E any](a []E, budget int) bool {
	for i := 1; i < len(a); i++ {
		k := word(&a[i])
		if word(&a[i-1]) <= k {
			continue
		}
		e := a[i]
		j := i
		for j > 0 && word(&a[j-1]) > k {
			a[j] = a[j-1]
			j--
		}
		a[j] = e
		if budget -= i - j; budget < 0 {
			return false
		}
	}
	return true
}

// pageBytes is the least that the system clears at once.
const pageBytes = 4096

// forkBits is how many bits the first division of a parallel sort takes.
const forkBits = 11

// SortAll is Sort on the threads of a task, in stretches; the result is in a.
func SortAll[E any](t Threads, a, b []E) error {
	n := t.Threads()
	if len(a) < ForkMin || n == 1 && len(a) <= Stretch {
		Sort(a, b, false)
		return nil
	}
	parts := (len(a) + Stretch - 1) / Stretch
	if n > 1 {
		parts = max(parts, min(n*4, 64))
	}
	cut := func(i int) int { return int(int64(len(a)) * int64(i) / int64(parts)) }
	spans := make([][2]uint64, parts)
	if err := t.Fork(parts, func(i int) error {
		spans[i][0], spans[i][1] = spanOf(a[cut(i):cut(i+1)])
		return nil
	}); err != nil {
		return err
	}
	and, or := ^uint64(0), uint64(0)
	for _, s := range spans {
		and, or = and&s[0], or|s[1]
	}
	width := bits.Len64(and ^ or)
	if width == 0 {
		return nil
	}
	shift := uint(max(width-forkBits, 0))
	at, err := scatterAll(t, a, b, shift, parts, cut)
	if err != nil {
		return err
	}
	if shift == 0 {
		return copyAll(t, a, b)
	}
	return sortBuckets(t, a, b, at)
}

// scatterAll moves a to b by forkBits bits of the keys from shift on and returns
// where each bucket begins. Counting touches b first, a stretch at a time: the first elements that are scattered would
// touch all of it, and where the pages are new the system would clear a gigabyte meanwhile.
func scatterAll[E any](t Threads, a, b []E, shift uint, parts int, cut func(int) int) ([]int, error) {
	const n = 1 << forkBits
	next := make([][n]int32, parts)
	if err := t.Fork(parts, func(i int) error {
		h := &next[i]
		x := a[cut(i):cut(i+1)]
		for j := range x {
			h[word(&x[j])>>(shift&63)&(n-1)]++
		}
		y := b[cut(i):cut(i+1)]
		for j := 0; j < len(y); j += pageBytes / int(unsafe.Sizeof(y[0])) {
			clear(y[j : j+1])
		}
		return nil
	}); err != nil {
		return nil, err
	}
	at := make([]int, n+1)
	sum := 0
	for d := range n {
		at[d] = sum
		for i := range next {
			c := int(next[i][d])
			next[i][d] = int32(sum)
			sum += c
		}
	}
	at[n] = sum
	return at, t.Fork(parts, func(i int) error {
		h := &next[i]
		x := a[cut(i):cut(i+1)]
		for j := range x {
			d := word(&x[j]) >> (shift & 63) & (n - 1)
			b[h[d]] = x[j]
			h[d]++
		}
		return nil
	})
}

// sortBuckets sorts the buckets of b into a: small neighbours together on one
// thread, one that holds most of the rows on all threads.
func sortBuckets[E any](t Threads, a, b []E, at []int) error {
	var tasks [][2]int
	lo := 0
	big, few := max(len(a)/2, Stretch), min(len(a)/128+1, Stretch)
	for d := 1; d < len(at); d++ {
		if at[d]-at[d-1] >= big {
			if lo < d-1 {
				tasks = append(tasks, [2]int{lo, d - 1})
			}
			if err := sortBucket(t, b[at[d-1]:at[d]], a[at[d-1]:at[d]]); err != nil {
				return err
			}
			lo = d
		} else if at[d]-at[lo] >= few || d == len(at)-1 {
			tasks = append(tasks, [2]int{lo, d})
			lo = d
		}
	}
	return t.Fork(len(tasks), func(i int) error {
		for d := tasks[i][0]; d < tasks[i][1]; d++ {
			x, y := b[at[d]:at[d+1]], a[at[d]:at[d+1]]
			if len(x) > Stretch {
				if err := sortBucket(Alone{t.Context()}, x, y); err != nil {
					return err
				}
			} else if len(x) > 0 {
				Sort(x, y, true)
			}
		}
		return nil
	})
}

// sortBucket sorts one of b into a.
func sortBucket[E any](t Threads, b, a []E) error {
	if err := SortAll(t, b, a); err != nil {
		return err
	}
	return copyAll(t, a, b)
}

// copyAll copies b to a.
func copyAll[E any](t Threads, a, b []E) error {
	return t.Fork((len(a)+Stretch-1)/Stretch, func(i int) error {
		copy(a[i*Stretch:min((i+1)*Stretch, len(a))], b[i*Stretch:])
		return nil
	})
}
