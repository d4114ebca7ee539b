package array_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// TestPieces cuts arrays anew through pieces, with and without room for them.
func TestPieces(t *testing.T) {
	defer array.PieceBytes(0)()
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
	for range 100 {
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
