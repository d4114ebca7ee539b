package kernel

import (
	"slices"
	"testing"
)

func TestBitwise(t *testing.T) {
	ops := []struct {
		name string
		f    func(dst, x, y []uint64)
		want func(x, y uint64) uint64
	}{
		{"And", And, func(x, y uint64) uint64 { return x & y }},
		{"Or", Or, func(x, y uint64) uint64 { return x | y }},
		{"Xor", Xor, func(x, y uint64) uint64 { return x ^ y }},
		{"AndNot", AndNot, func(x, y uint64) uint64 { return x &^ y }},
	}
	atLevels(t, func(t *testing.T) {
		a := newArena[uint64](t, largest)
		for _, n := range lengths() {
			r := newRand(n)
			x, y, d := a.end(0, n), a.end(1, n+1)[:n], a.end(2, n+2)
			fillBits(r, x)
			fillBits(r, y)
			for _, op := range ops {
				want := make([]uint64, n)
				for i := range want {
					want[i] = op.want(x[i], y[i])
				}
				fillBits(r, d)
				after := d[n]
				op.f(d, x, y)
				if !slices.Equal(d[:n], want) || d[n] != after {
					t.Fatalf("%s of %d words is wrong", op.name, n)
				}
				same := slices.Clone(x)
				op.f(same, same, y)
				if !slices.Equal(same, want) {
					t.Fatalf("%s of %d words in place is wrong", op.name, n)
				}
				same = slices.Clone(y)
				op.f(same, x, same)
				if !slices.Equal(same, want) {
					t.Fatalf("%s of %d words into y is wrong", op.name, n)
				}
			}
		}
	})
}

func TestBitCounts(t *testing.T) {
	for _, n := range lengths() {
		r := newRand(n)
		x := make([]uint64, Words(n)+1)
		fillBits(r, x)
		count := 0
		for i := range n {
			count += int(b2u(bit(x, i)))
		}
		if got := PopCount(x, n); got != count {
			t.Fatalf("PopCount of %d bits = %d, want %d", n, got, count)
		}
		inverse := slices.Clone(x)
		Not(inverse, x, n)
		checkBits(t, "Not", inverse[:Words(n)], n, func(i int) bool { return !bit(x, i) })
		if inverse[Words(n)] != x[Words(n)] {
			t.Fatalf("Not of %d bits wrote beyond", n)
		}
		// All bits set but one, wherever that is; what lies beyond n does not count.
		all := slices.Repeat([]uint64{^uint64(0)}, Words(n)+1)
		none := make([]uint64, Words(n)+1)
		SetRange(none, n, len(none)*64, true)
		for i := 0; i <= n; i++ {
			SetRange(all, i, i+1, false)
			SetRange(none, i, i+1, true)
			if AllSet(all, n) != (i == n) || NoneSet(none, n) != (i == n) {
				t.Fatalf("%d bits, all but %d: AllSet %v, NoneSet %v", n, i, AllSet(all, n), NoneSet(none, n))
			}
			SetRange(all, i, i+1, true)
			SetRange(none, i, i+1, i >= n)
		}
	}
}

func TestSetRange(t *testing.T) {
	x, want := make([]uint64, 5), make([]uint64, 5)
	r := newRand(1)
	for from := 0; from <= 260; from += 1 + from%5 {
		for to := max(0, from-2); to <= 320; to += 1 + to%7 {
			for _, v := range []bool{false, true} {
				fillBits(r, x)
				copy(want, x)
				for i := from; i < to; i++ {
					want[i>>6] = want[i>>6]&^(1<<(i&63)) | b2u(v)<<(i&63)
				}
				SetRange(x, from, to, v)
				if !slices.Equal(x, want) {
					t.Fatalf("SetRange %d to %d, %v", from, to, v)
				}
			}
		}
	}
}

func TestCopyBits(t *testing.T) {
	a := newArena[uint64](t, 10)
	r := newRand(2)
	for _, n := range lengths() {
		if n > 300 {
			break
		}
		for range 60 {
			so, do := r.IntN(140), r.IntN(140)
			// The slices end with the last word that is touched.
			src, dst := a.end(0, Words(so+n)), a.end(1, Words(do+n))
			fillBits(r, src)
			fillBits(r, dst)
			want := slices.Clone(dst)
			for i := range n {
				SetRange(want, do+i, do+i+1, bit(src, so+i))
			}
			CopyBits(dst, do, src, so, n)
			if !slices.Equal(dst, want) {
				t.Fatalf("CopyBits of %d from %d to %d", n, so, do)
			}
		}
	}
}
