package radix

import (
	"context"
	"slices"
)

// Nth brings a into an order in which a[i] is what it were if a was sorted, nothing before it is larger, and nothing behind
// it smaller. Where the context ends meanwhile, it gives its error.
//
// It is quickselect (Hoare 1961): elements are parted by one of a sample, that whose rank in the sample is i's in a, so that
// most of them are out of the way at once; and without a branch, which would be foretold wrongly half of the time. Should
// the samples deceive, what is left after so many rounds is sorted.
func Nth[K uint32 | uint64](ctx context.Context, a []K, i int) error {
	const rounds, few = 64, 24
	for r := 0; len(a) > few && r < rounds; r++ {
		p := sampled(a, i)
		j, err := part(ctx, a, p)
		if err != nil {
			return err
		}
		if i < j {
			a = a[:j]
			continue
		}
		a, i = a[j:], i-j
		if j > len(a)>>3 || p == ^K(0) {
			continue
		}
		// What is parted by is among the least, maybe because many are equal to it: they are put first.
		k, err := part(ctx, a, p+1)
		if err != nil {
			return err
		}
		if i < k {
			return nil
		}
		a, i = a[k:], i-k
	}
	slices.Sort(a)
	return nil
}

// part puts elements below p before the others, and returns how many there are.
func part[K uint32 | uint64](ctx context.Context, a []K, p K) (j int, err error) {
	const look = 1 << 14 // elements between which it is looked whether the context has ended
	for lo := 0; lo < len(a); lo += look {
		if lo > 0 {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
		for i, v := range a[lo:min(lo+look, len(a))] {
			a[lo+i] = a[j]
			a[j] = v
			below := 0
			if v < p {
				below = 1
			}
			j += below
		}
	}
	return j, nil
}

// sampled is the element of a sample of a whose rank there is about that of i in a.
func sampled[K uint32 | uint64](a []K, i int) K {
	var s [16]K
	for k := range s {
		v := a[(2*k+1)*len(a)/(2*len(s))]
		at := k
		for ; at > 0 && s[at-1] > v; at-- {
			s[at] = s[at-1]
		}
		s[at] = v
	}
	return s[i*len(s)/len(a)]
}
