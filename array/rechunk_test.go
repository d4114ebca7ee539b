package array_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestPieces cuts arrays anew through pieces, with and without room for them.
func TestPieces(t *testing.T) {
	defer array.PieceBytes(0, 0)()
	ctx := context.Background()
	roomy := local.New(local.Options{Threads: 3, Pool: 256 << 20, SpillDir: t.TempDir()})
	defer roomy.Close()
	tight := local.New(local.Options{Threads: 2, Pool: 3 << 20, SpillDir: t.TempDir()})
	defer tight.Close()

	x := array.Arange(0, 1200*1000, 1, array.Chunks(40_000)).Reshape(1200, 1000)
	y := x.Add(1).Rechunk(-1, 20).Mul(2)
	rep, err := y.Explain(ctx, roomy)
	if err != nil || !strings.Contains(rep.After, "array.split((30, 1) to (1, 50))") {
		t.Fatalf("%v\n%s", err, rep.After)
	}
	for _, r := range []*local.Runner{roomy, tight} {
		got, err := array.Collect[int64](ctx, r, y)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if v != int64(2*i+2) {
				t.Fatalf("element %d is %d", i, v)
			}
		}
	}
	if tight.Node().Spilled() == 0 {
		t.Error("9.6 MB went through 3 MiB without a spill file")
	}

	rnd := rand.New(rand.NewPCG(5, 6))
	for range effort.Of(100, 30) {
		a := &author{r: rnd, cuts: rnd}
		shape := []int{1 + rnd.IntN(40), 1 + rnd.IntN(40), 1 + rnd.IntN(6)}
		n := shape[0] * shape[1] * shape[2]
		x := array.Arange(0, n, 1).Reshape(shape...).Rechunk(a.chunks(shape)...).Rechunk(a.chunks(shape)...)
		got, err := array.Collect[int64](ctx, roomy, x)
		if err != nil {
			t.Fatalf("%v: %v", x, err)
		}
		for i, v := range got {
			if v != int64(i) {
				t.Fatalf("%v: %v", x, got)
			}
		}
	}
}

// TestPiecesOfWhatIsMade: what is made of indices or drawn is made piece by piece, with steps too, and not when others read it.
func TestPiecesOfWhatIsMade(t *testing.T) {
	defer array.PieceBytes(0, 0)()
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	x := array.Arange(0, 40*5120, 1, array.Chunks(10240)).Reshape(40, 5120)
	drawn := array.Random(7).Integers(0, 1000, []int{40, 5120}, array.Chunks(2, 5120))
	for _, c := range []struct {
		y, as *array.Array
		want  string
	}{
		{x.Rechunk(-1, 256), x, " of arange)"},
		{drawn.Rechunk(-1, 256), drawn, " of integers)"},
		{drawn.Mul(3).Sub(1).Rechunk(-1, 260), drawn.Mul(3).Sub(1), " of ((integers * 3) - 1))"},
		{x.Add(drawn).Rechunk(-1, 256), x.Add(drawn), ""}, // x has other axes than it was made with
		{drawn.Rechunk(-1, 256).Add(drawn.Sum()), drawn.Add(drawn.Sum()), ""},
	} {
		rep, err := c.y.Explain(ctx, r)
		if err != nil || !strings.Contains(rep.After, "array.split((20, 1) to (5, 5)"+cmp.Or(c.want, ")")) {
			t.Errorf("%v, want%s\n%s", err, c.want, rep.After)
		}
		got, err := array.Collect[int64](ctx, r, c.y)
		if err != nil {
			t.Fatal(err)
		}
		want, err := array.Collect[int64](ctx, r, c.as)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: other elements: %v", c.want, err)
		}
	}
}

// TestBroad: blocks of which an array has small pieces are brought together before it is
// cut, and those that are wanted are parts of larger ones.
func TestBroad(t *testing.T) {
	defer array.PieceBytes(0, 512)()
	r := local.New(local.Options{Threads: 2, Pool: 3 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	check := func(x *array.Array, n int) {
		t.Helper()
		got, err := array.Collect[int64](context.Background(), r, x)
		if err != nil || len(got) != n {
			t.Fatalf("%v: %d elements: %v", x, len(got), err)
		}
		for i, v := range got {
			if v != int64(i) {
				t.Fatalf("%v: element %d is %d", x, i, v)
			}
		}
	}
	// Of 1.3 MB in lines there would be 160 000 pieces of 8 bytes; of eight lines together
	// there are 2500 of 512.
	x := array.Arange(0, 400*400, 1, array.Chunks(400)).Reshape(400, 400).Rechunk(-1, 1)
	rep, err := x.Explain(context.Background(), r)
	if err != nil || !strings.Contains(rep.After, "array.split((50, 1) to ") || !strings.Contains(rep.After, " to (1, 50))") {
		t.Fatalf("%v\n%s", err, rep.After)
	}
	if c := x.Chunks(); len(c[0]) != 1 || len(c[1]) != 400 {
		t.Errorf("%d by %d chunks", len(c[0]), len(c[1]))
	}
	check(x, 400*400)

	rnd := rand.New(rand.NewPCG(9, 10))
	for range effort.Of(100, 30) {
		a := &author{r: rnd, cuts: rnd}
		shape := []int{1 + rnd.IntN(60), 1 + rnd.IntN(60), 1 + rnd.IntN(4)}
		n := shape[0] * shape[1] * shape[2]
		check(array.Arange(0, n, 1).Reshape(shape...).Rechunk(a.chunks(shape)...).Rechunk(a.chunks(shape)...), n)
	}
}

// TestSteps: arrays of few pieces are cut anew at once, those of very many by way of
// chunks between the old and the new ones.
func TestSteps(t *testing.T) {
	shape := []int{1 << 17, 1 << 17}
	rows, cols := array.Zeros(shape, array.Chunks(256, -1)), array.Zeros(shape, array.Chunks(-1, 256))
	if got := array.Steps(rows, cols, rows.NBytes()); len(got) != 1 {
		t.Errorf("262144 pieces of 512 KiB in %d steps: %v", len(got), got)
	}
	rows, cols = array.Zeros(shape, array.Chunks(1, -1)), array.Zeros(shape, array.Chunks(-1, 1))
	if got := array.Steps(rows, cols, rows.NBytes()); len(got) != 3 || got[0] != "((2621×50,22),(50×2580,2072))" {
		t.Errorf("2^34 pieces of 8 bytes in %d steps: %v", len(got), got)
	}
	r := local.New(local.Options{Threads: 3, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		a := &author{r: rnd, cuts: rnd}
		shape := []int{1 + rnd.IntN(30), 1 + rnd.IntN(30)}
		x := array.Arange(0, shape[0]*shape[1], 1).Reshape(shape...).Rechunk(a.chunks(shape)...)
		y := array.Halfway(x, x.Rechunk(a.chunks(shape)...))
		got, err := array.Collect[int64](context.Background(), r, y)
		if err != nil {
			t.Fatalf("%v: %v", y, err)
		}
		for i, v := range got {
			if v != int64(i) {
				t.Fatalf("%v: %v", y, got)
			}
		}
	}
}

// TestToWrite: an array that was cut anew is written as it was before, unless that is in very
// small pieces.
func TestToWrite(t *testing.T) {
	of := func(chunks ...any) *array.Array { return array.Zeros([]int{1000, 1000}, array.Chunks(chunks...)) }
	for i, c := range []struct {
		x, store *array.Array
		want     bool
	}{
		{of(1, -1).Rechunk(-1, 1), nil, true},
		{of(-1, 1).Rechunk(1, -1), nil, false},
		{of(1, -1).Rechunk(-1, 1), of(-1, 1), false},
		{of(1, -1).Rechunk(-1, 1), of(1, -1), true},
		{of(-1, 1).Rechunk(1, -1).Rechunk(2, -1), nil, false},
		{of(1, -1).Rechunk(-1, 1).Rechunk(-1, 2), nil, true},
		{of(500, 500).Rechunk(-1, -1), of(250, 1000), true},
		{of(1, -1), nil, false},
	} {
		if got := array.WrittenUncut(c.x, c.store); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}
