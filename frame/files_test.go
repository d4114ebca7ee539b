package frame_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A file has its rows in order, and the same bytes, whichever threads made the rows, and
// whether they were spilled or not; sorted, filtered, and as they were read.
func TestFilesAreInOrder(t *testing.T) {
	type row struct {
		k, i int
		s    string
	}
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	var all []row
	for f := range 3 {
		var text bytes.Buffer
		w := bufio.NewWriter(&text)
		fmt.Fprintln(w, "k,i,s")
		for range []int{effort.Of(150_000, 50_000), 0, effort.Of(90_000, 30_000)}[f] {
			r := row{rng.IntN(5000), len(all), fmt.Sprint("text ", rng.IntN(300))}
			all = append(all, r)
			fmt.Fprintf(w, "%d,%d,%s\n", r.k, r.i, r.s)
		}
		w.Flush()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("in-%d.csv", f)), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := frame.ReadCSV(filepath.Join(dir, "in-*.csv"))
	some := slices.DeleteFunc(slices.Clone(all), func(r row) bool { return r.k%2 == 0 })
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b row) int { return cmp.Compare(a.k, b.k) })
	for name, c := range map[string]struct {
		f    *frame.Frame
		want []row
	}{
		"as read":  {in, all},
		"filtered": {in.Filter(frame.Col("k").Mod(2).Eq(1)), some},
		"sorted":   {in.Repartition(6).Sort("k"), sorted},
	} {
		var files [2][]byte // Parquet, CSV
		for _, threads := range effort.Some(2, []int{1, 2, 5}) {
			for _, pool := range []int64{256 << 20, 24 << 20} {
				r := local.New(local.Options{Threads: threads, Pool: pool, SpillDir: t.TempDir()})
				about := fmt.Sprintf("%s, %d threads, %d MiB", name, threads, pool>>20)
				paths := [2]string{filepath.Join(dir, "out.parquet"), filepath.Join(dir, "out.csv")}
				n, err := c.f.WriteParquet(t.Context(), r, paths[0])
				if err != nil || int(n) != len(c.want) {
					t.Fatalf("%s: %d rows of %d, %v", about, n, len(c.want), err)
				}
				if n, err = c.f.WriteCSV(t.Context(), r, paths[1]); err != nil || int(n) != len(c.want) {
					t.Fatalf("%s: %d rows of %d, %v", about, n, len(c.want), err)
				}
				for i, path := range paths {
					got, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if files[i] == nil {
						files[i] = got
					} else if !bytes.Equal(files[i], got) && (i == 1 || pool > 24<<20) { // row groups may end early
						t.Errorf("%s: %s differs from the first one", about, filepath.Base(path))
					}
				}
				if back := collect(t, frame.ReadParquet(paths[0]).Select("i"), runner(t)); back.NumRows() != n {
					t.Errorf("%s: %d rows were read back", about, back.NumRows())
				} else {
					for k, r := range c.want {
						if x := back.Value(k, 0); x != int64(r.i) {
							t.Fatalf("%s: row %d is %v, want %d", about, k, x, r.i)
						}
					}
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
