package csv

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// benchFile returns the file named by WEFT_BENCH_CSV, or one made here: the
// columns of the h2o group-by benchmark, 5e5 rows.
func benchFile(b *testing.B, quoted bool) string {
	if p := os.Getenv("WEFT_BENCH_CSV"); p != "" && !quoted {
		return p
	}
	var s strings.Builder
	s.WriteString("id1,id2,id3,id4,id5,id6,v1,v2,v3\n")
	f := "id%03d,id%03d,id%010d,%d,%d,%d,%d,%d,%d.%06d\n"
	if quoted {
		f = "\"id%03d\",\"id%03d\",\"id%010d\",%d,%d,%d,%d,%d,%d.%06d\n"
	}
	x := uint64(1)
	n := func(k uint64) uint64 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return 1 + x%k
	}
	for range 500_000 {
		fmt.Fprintf(&s, f, n(100), n(100), n(5000), n(100), n(100), n(5000), n(5), n(15), n(99), n(999999))
	}
	path := filepath.Join(b.TempDir(), "bench.csv")
	if err := os.WriteFile(path, []byte(s.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// counter counts rows.
type counter int64

func (c *counter) Push(m *chunk.Batch) error { *c += counter(m.N); return nil }

// readAll reads every block on one thread and returns the rows.
func readAll(b *testing.B, p ReadParams) int64 {
	src, err := newSource(p)
	if err != nil {
		b.Fatal(err)
	}
	var rows counter
	for block := range len(p.blocks()) {
		feed, err := src.Open(newTask(block, 1), nil)
		if err != nil {
			b.Fatal(err)
		}
		r, err := feed.Reader()
		if err != nil {
			b.Fatal(err)
		}
		for i := range feed.Splits() {
			if err := r.Read(i, &rows); err != nil {
				b.Fatal(err)
			}
		}
		r.Close()
	}
	return int64(rows)
}

func benchRead(b *testing.B, path string, o Options, cols []int32) {
	p, _, err := Describe(context.Background(), []string{path}, o)
	if err != nil {
		b.Fatal(err)
	}
	if cols != nil {
		p.Cols = cols
	}
	var rows int64
	b.ReportAllocs()
	b.SetBytes(p.Files[0].Size)
	for b.Loop() {
		rows = readAll(b, p)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func BenchmarkRead(b *testing.B)       { benchRead(b, benchFile(b, false), Options{}, nil) }
func BenchmarkReadQuoted(b *testing.B) { benchRead(b, benchFile(b, true), Options{}, nil) }
func BenchmarkReadOneColumn(b *testing.B) {
	benchRead(b, benchFile(b, false), Options{}, []int32{8})
}
func BenchmarkCount(b *testing.B) { benchRead(b, benchFile(b, false), Options{}, []int32{}) }

var _ op.Sink = (*counter)(nil)

// BenchmarkBareReading is what the machine gives for reading alone: pieces of a file
// that is in the page cache, into the same buffer, each looked at once. It says how
// much of a second thread reading can use.
func BenchmarkBareReading(b *testing.B) {
	f, err := os.Open(benchFile(b, false))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int64{128 << 10, 256 << 10, 1 << 20, 16 << 20} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dKiB/threads=%d", size>>10, threads), func(b *testing.B) {
				b.SetBytes(st.Size())
				for b.Loop() {
					var at atomic.Int64
					var wg sync.WaitGroup
					for range threads {
						wg.Go(func() {
							buf := make([]byte, size)
							for lo := at.Add(size) - size; lo < st.Size(); lo = at.Add(size) - size {
								n, err := f.ReadAt(buf, lo)
								if err != nil && err != io.EOF {
									b.Error(err)
									return
								}
								kernel.CountQuotes(buf[:n], '\n')
							}
						})
					}
					wg.Wait()
				}
			})
		}
	}
}
