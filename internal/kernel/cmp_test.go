package kernel

import (
	"testing"

	"github.com/weft-data/weft/internal/cpu"
)

var cmpOps = []CmpOp{Eq, Ne, Lt, Le, Gt, Ge}

// cmpOracle compares two numbers as Go does.
func cmpOracle[T Number](op CmpOp, a, b T) bool {
	switch op {
	case Eq:
		return a == b
	case Ne:
		return a != b
	case Lt:
		return a < b
	case Le:
		return a <= b
	case Gt:
		return a > b
	}
	return a >= b
}

func checkBits(t *testing.T, what string, out []uint64, n int, want func(i int) bool) {
	t.Helper()
	for i := 0; i < len(out)*64; i++ {
		if got := bit(out, i); got != (i < n && want(i)) {
			t.Fatalf("%s, %d elements: bit %d is %v", what, n, i, got)
		}
	}
}

func testCmp[T Number](t *testing.T) {
	lens := lengths()
	a, out := newArena[T](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lens {
		r := newRand(n)
		x, y := a.end(0, n), a.end(1, n+1)[:n]
		fillValues(r, x)
		fillValues(r, y)
		for i := range y { // equal elements at equal places
			if r.IntN(3) == 0 {
				y[i] = x[i]
			}
		}
		o := out.end(0, Words(n))
		consts := specials[T]()
		if n > 260 {
			consts = consts[:2]
		}
		if n > 0 {
			consts = append(consts, x[n/2])
		}
		for _, op := range cmpOps {
			for _, c := range consts {
				fillBits(r, o)
				CmpConst(op, x, c, o)
				checkBits(t, typeName[T]()+" "+op.String()+" const", o, n, func(i int) bool { return cmpOracle(op, x[i], c) })
			}
			fillBits(r, o)
			Cmp(op, x, y, o)
			checkBits(t, typeName[T]()+" "+op.String(), o, n, func(i int) bool { return cmpOracle(op, x[i], y[i]) })
		}
	}
}

func TestCmp(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testCmp[int32](t)
		testCmp[uint32](t)
		testCmp[int64](t)
		testCmp[uint64](t)
		testCmp[float32](t)
		testCmp[float64](t)
		if level == cpu.Generic {
			testCmp[int8](t)
			testCmp[uint8](t)
			testCmp[int16](t)
			testCmp[uint16](t)
		}
	})
}

func TestCmpOps(t *testing.T) {
	for _, op := range cmpOps {
		for _, a := range []int64{1, 2, 3} {
			if cmpOracle(op, a, 2) != cmpOracle(op.Swap(), 2, a) {
				t.Errorf("%v does not swap to %v", op, op.Swap())
			}
		}
	}
	if s := CmpOp(7).String(); s != "kernel.CmpOp(7)" {
		t.Error(s)
	}
	wantPanic(t, "short out", func() { CmpConst(Eq, make([]int64, 65), 0, make([]uint64, 1)) })
	wantPanic(t, "short y", func() { Cmp(Eq, make([]int64, 65), make([]int64, 64), make([]uint64, 2)) })
}
