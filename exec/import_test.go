package exec

import (
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
)

// TestImports has blocks come in memory of the node and in others', with room in memory
// and without: they have the same rows, and nothing is left of them.
func TestImports(t *testing.T) {
	for _, budget := range []int64{64 << 20, 6 << 20} {
		n := NewNode(Options{Memory: budget, SpillDir: t.TempDir()})
		im := n.Import(oneColumn, 1)
		for k := range 12 {
			b := numbers(mem.Heap, k*100_000, 100_000)
			if k%2 == 0 {
				if err := im.Put(k/5, b); err != nil {
					t.Fatal(err)
				}
				continue
			}
			room := n.Alloc(800_000)
			if room == nil {
				t.Fatal("there is no room for what could be spilled")
			}
			copy(room, b.Cols[0].Data)
			b.Cols[0].Data = room
			if err := im.Adopt(k/5, b, room); err != nil {
				t.Fatal(err)
			}
		}
		v, err := im.Close(3)
		if err != nil || v.Runs() != 3 || v.Rows() != 1_200_000 {
			t.Fatal(v, err)
		}
		if spilled := n.Spilled() > 0; spilled != (budget < 8<<20) {
			t.Errorf("%d bytes were spilled", n.Spilled())
		}
		want := int64(0)
		for run := range 3 {
			err := chunk.Each(v, run, func(b *chunk.Batch) error {
				for _, x := range chunk.Values[int64](&b.Cols[0]) {
					if x != want {
						t.Fatalf("value %d is %d", want, x)
					}
					want++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		v.Release()
		im = n.Import(oneColumn, 1) // given up
		if err := im.Adopt(0, numbers(mem.Heap, 0, 10), n.Alloc(80)); err != nil {
			t.Fatal(err)
		}
		im.Drop()
		over(t, n)
	}
}
