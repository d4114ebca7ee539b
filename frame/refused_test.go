package frame_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/sched/local"
)

// refuse has one of so many requests for memory refused from now on, until the function it returns is called.
func refuse(seed uint64, one int) func() {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 99))
	f := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(one) == 0
	}
	mem.Refuse(f)
	return func() { mem.Refuse(nil) }
}

// chained draws a chain of verbs and a hall to run it in, whose tables are there, with a runner of its own.
func chained(t *testing.T, rnd *rand.Rand) (*weaver, *hall, *local.Runner) {
	w := newWeaver(rnd)
	w.weave(1 + rnd.IntN(6))
	m := room{threads: 1 + rnd.IntN(3), pool: 256 << 20, source: []string{"csv", "whole", "parquet"}[rnd.IntN(3)]}
	h := &hall{room: m, r: m.open(t), dir: t.TempDir(), tables: map[string]*frame.Frame{}}
	h.write(t, w)
	r := local.New(local.Options{Threads: m.threads, Pool: m.pool, SpillDir: t.TempDir()})
	h.r = r
	return w, h, r
}

// TestRefusedAtRandom runs random chains of verbs while memory is refused now and then, as if others had taken the
// last of it: the answer is right, or the error says that memory was short, and nothing is handed out at the end.
func TestRefusedAtRandom(t *testing.T) {
	n := effort.Of(*chains, *chains/8)
	done := 0
	for i := range uint64(n) {
		rnd := rand.New(rand.NewPCG(*seed+i, 13))
		w, h, r := chained(t, rnd)
		want := strings.Join(w.t.lines(), "\n")
		end := refuse(*seed+i, 4<<rnd.IntN(7))
		got := h.chained(w)
		end()
		if err := r.Close(); err != nil {
			t.Errorf("seed %d: %v\n%s", *seed+i, err, w.script())
		}
		switch {
		case strings.HasPrefix(got, "error: ") && strings.HasSuffix(got, mem.ErrBudget.Error()):
		case got != want:
			t.Fatalf("seed %d:\n%s\n--- want\n%s\n--- got\n%s", *seed+i, w.script(), want, got)
		default:
			done++
		}
	}
	if done < n/2 {
		t.Errorf("%d of %d chains ended with an answer", done, n)
	}
}

// TestCancelledAtRandom cancels random chains at some request for memory: the answer is right, or the error says
// that they were cancelled, and nothing is handed out at the end.
func TestCancelledAtRandom(t *testing.T) {
	n := effort.Of(*chains, *chains/8)
	cancelled := 0
	for i := range uint64(n) {
		rnd := rand.New(rand.NewPCG(*seed+i, 17))
		w, h, r := chained(t, rnd)
		want := strings.Join(w.t.lines(), "\n")
		ctx, cancel := context.WithCancel(context.Background())
		h.ctx = ctx
		at, asked := int64(1+rnd.IntN(1<<rnd.IntN(9))), atomic.Int64{}
		mem.Refuse(func() bool {
			if asked.Add(1) == at {
				cancel()
			}
			return false
		})
		got := h.chained(w)
		mem.Refuse(nil)
		cancel()
		if err := r.Close(); err != nil {
			t.Errorf("seed %d: %v\n%s", *seed+i, err, w.script())
		}
		switch {
		case strings.HasPrefix(got, "error: ") && strings.HasSuffix(got, context.Canceled.Error()):
			cancelled++
		case got != want:
			t.Fatalf("seed %d:\n%s\n--- want\n%s\n--- got\n%s", *seed+i, w.script(), want, got)
		}
	}
	if cancelled < n/4 {
		t.Errorf("%d of %d chains were cancelled", cancelled, n)
	}
}

// TestWritesRefusedAtRandom writes files while memory is refused now and then, and reads them back: there is a file with all
// rows in their order, or an error says that memory was short and there is nothing.
func TestWritesRefusedAtRandom(t *testing.T) {
	read := map[string]func(...string) *frame.Frame{".csv": frame.ReadCSV, ".parquet": frame.ReadParquet, ".json": frame.ReadJSON, ".arrow": frame.ReadArrow}
	n, done := effort.Of(*chains, *chains/8), 0
	calm := room{threads: 2, pool: 256 << 20}.open(t)
	for i := range uint64(n) {
		rnd := rand.New(rand.NewPCG(*seed+i, 19))
		rows := rnd.IntN(20000)
		list := make([]struct {
			N int64
			S string
			X *float64
		}, rows)
		for k := range list {
			list[k].N, list[k].S = int64(k), strings.Repeat("abc ", rnd.IntN(5))
			if x := rnd.Float64(); x > 0.3 {
				list[k].X = &x
			}
		}
		f := frame.FromStructs(list)
		suffix := []string{".csv", ".parquet", ".json", ".arrow"}[i%4]
		write := map[string]func(context.Context, graph.Runner, string, ...frame.Option) (int64, error){
			".csv": f.WriteCSV, ".parquet": f.WriteParquet, ".json": f.WriteJSON, ".arrow": f.WriteArrow}[suffix]
		dir := t.TempDir()
		path := filepath.Join(dir, "out"+suffix)
		r := local.New(local.Options{Threads: 1 + rnd.IntN(3), Pool: 64 << 20, SpillDir: t.TempDir()})
		end := refuse(*seed+i, 4<<rnd.IntN(9))
		wrote, err := write(context.Background(), r, path)
		end()
		if e := r.Close(); e != nil {
			t.Errorf("seed %d: %v", *seed+i, e)
		}
		left, e := os.ReadDir(dir)
		if e != nil {
			t.Fatal(e)
		}
		if err != nil {
			if !errors.Is(err, mem.ErrBudget) || len(left) > 0 {
				t.Errorf("seed %d, %s: %d files after %v", *seed+i, suffix, len(left), err)
			}
			continue
		}
		if len(left) != 1 || wrote != int64(rows) {
			t.Errorf("seed %d, %s: %d files, %d rows of %d", *seed+i, suffix, len(left), wrote, rows)
		}
		if rows == 0 {
			continue // CSV and JSON say nothing of types then
		}
		got, err := read[suffix](path).Collect(context.Background(), calm)
		if err != nil {
			t.Fatalf("seed %d, %s: %v", *seed+i, suffix, err)
		}
		numbers, err := frame.Column[int64](got, "N")
		if err != nil || len(numbers) != rows || !slices.IsSorted(numbers) {
			t.Errorf("seed %d, %s: %d rows of %d, %v", *seed+i, suffix, len(numbers), rows, err)
		}
		done++
	}
	if done < n/4 {
		t.Errorf("%d of %d files were written", done, n)
	}
}
