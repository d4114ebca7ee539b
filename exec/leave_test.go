package exec

import (
	"testing"

	"github.com/weft-data/weft/op"
)

// TestLeave: of rows that leave the process a batch is complete with its split, where that is large enough, and has its checksums
// if it is small enough to be in the cache then. Others wait for the next split, and have none.
func TestLeave(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		n := NewNode(Options{Threads: 1, SpillDir: t.TempDir()})
		tk, end := running(t, n, op.Need{})
		tk.leaves = leaves
		p := newPipeline(tk, &layer{parts: make([]op.FusedPart, 1), bound: make([]op.Bound, 1), meters: make([]Meter, 1)})
		p.source, p.stages, p.meters = &Meter{}, []op.Stage{&collector{t: tk, schema: oneColumn, out: tk.outlet(), alloc: tk}}, []*Meter{{}}
		// of 160 KB, 2.4 MB, 800 bytes and 160 KB
		if err := p.drive(&countingFeed{fail: -1, first: []int{0, 20_000, 320_000, 320_100, 340_100}}, 0); err != nil {
			t.Fatal(err)
		}
		if last := len(tk.out.runs) == 4; last != leaves {
			t.Errorf("leaves %v: %d runs are stored before the end", leaves, len(tk.out.runs))
		}
		if err := p.closeStage(0, false); err != nil {
			t.Fatal(err)
		}
		for run, rows := range []int{20_000, 300_000, 100, 20_000} {
			r := &tk.out.runs[run]
			if len(r.mem) != 1 || r.mem[0].N != rows {
				t.Fatalf("leaves %v: run %d has %d batches, want one of %d rows", leaves, run, len(r.mem), rows)
			}
			if sums, want := r.mem[0].Sums() != nil, leaves && 8*rows <= cacheBytes; sums != want {
				t.Errorf("leaves %v: run %d has checksums: %v", leaves, run, sums)
			}
		}
		tk.out.Release()
		end()
		over(t, n)
	}
}
