package order

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// numberParams are the parameters of ordertest.numbers, a table that is made
// while it is read: random keys and the number of the row.
type numberParams struct {
	Rows   int64
	Blocks int
}

var numberSchema = dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Uint64)}, {Name: "n", Type: dtype.Of(dtype.Int64)}}

var numbers = op.Register(op.Spec[numberParams]{
	Name: "ordertest.numbers", Version: 1, Class: op.Scanning, Doc: "makes random rows",
	Infer: func(p numberParams, _ []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: numberSchema, Rows: float64(p.Rows), Bytes: float64(16 * p.Rows)}, nil
	},
	Source: func(p numberParams) (op.Source, error) { return p, nil },
	Rules:  op.Rules[numberParams]{Blocks: func(p numberParams) int { return p.Blocks }},
})

// numbersRead counts the rows that were made.
var numbersRead atomic.Int64

const numberSplit = 1 << 20

type numberFeed struct {
	t    op.Task
	rows int64
}

func (p numberParams) Open(t op.Task, _ []op.In) (op.Feed, error) {
	return &numberFeed{t, p.Rows / int64(p.Blocks)}, nil
}
func (f *numberFeed) Splits() int                { return int((f.rows + numberSplit - 1) / numberSplit) }
func (f *numberFeed) Reader() (op.Reader, error) { return f, nil }
func (f *numberFeed) Close() error               { return nil }

func (f *numberFeed) Read(split int, out op.Sink) error {
	const n = 4096
	k, v := make([]uint64, n), make([]int64, n)
	end := min(f.rows, int64(split+1)*numberSplit)
	seq := uint64(f.t.Block())<<48 | uint64(split)<<32
	for lo := int64(split) * numberSplit; lo < end; lo += n {
		m := int(min(n, end-lo))
		for i := range m {
			v[i] = int64(f.t.Block())*f.rows + lo + int64(i)
			k[i] = mix(uint64(v[i]))
		}
		numbersRead.Add(int64(m))
		if err := out.Push(&chunk.Batch{N: m, Seq: seq, Cols: []chunk.Vec{
			{Type: numberSchema[0].Type, N: m, Data: chunk.Bytes(k[:m])}, {Type: numberSchema[1].Type, N: m, Data: chunk.Bytes(v[:m])}}}); err != nil {
			return err
		}
		seq++
	}
	return nil
}

// mix is a permutation of 64 bits.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// sortNumbers sorts a table that is made while it is read, checks the order and
// counts the rows.
func sortNumbers(t testing.TB, o local.Options, p numberParams) graph.Report {
	o.SpillDir = t.TempDir()
	r := local.New(o)
	defer r.Close()
	c, m, err := numbers.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	g := &graph.Graph{}
	from := g.Add(graph.Layer{Call: c, Out: m})
	if c, m, err = Sort.Call(SortParams{Keys: []op.SortKey{{Col: "k"}}}, m); err != nil {
		t.Fatal(err)
	}
	want := g.Add(graph.Layer{Call: c, In: []graph.Edge{{From: from}}, Out: m})
	j, err := r.Start(context.Background(), graph.Request{Graph: g, Want: want, Ordered: true})
	if err != nil {
		t.Fatal(err)
	}
	n, last := int64(0), uint64(0)
	for {
		d, err := j.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for run := range d.Value.Runs() {
			rd, err := d.Value.Open(run)
			if err != nil {
				t.Fatal(err)
			}
			for {
				b, err := rd.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for i, k := range chunk.Values[uint64](&b.Cols[0]) {
					if k < last || k != mix(uint64(chunk.Values[int64](&b.Cols[1])[i])) {
						t.Fatalf("row %d: key %x after %x", n, k, last)
					}
					last = k
					n++
				}
			}
			rd.Close()
		}
		d.Value.Release()
	}
	rep := j.Report()
	j.Close()
	r.Wait()
	if n != p.Rows {
		t.Fatalf("%d rows, want %d", n, p.Rows)
	}
	return rep
}

// BenchmarkHuge sorts 1e8 rows of 16 bytes, of one block and of 16, in 256 MiB
// and in 1 GiB, and reports the most memory the process ever had: run one at a
// time.
func BenchmarkHuge(b *testing.B) {
	for i := range 4 {
		blocks, memory := []int{1, 16}[i&1], int64(256<<20)<<(i&2)
		b.Run(fmt.Sprintf("MiB%d/blocks%d", memory>>20, blocks), func(b *testing.B) {
			for b.Loop() {
				before := cpuTime()
				rep := sortNumbers(b, local.Options{Threads: 2, Memory: memory}, numberParams{hugeRows, blocks})
				b.ReportMetric(float64((cpuTime() - before).Milliseconds()), "cpu-ms/op")
				b.ReportMetric(float64(rep.Spilled>>20), "spilled-MiB")
				b.ReportMetric(float64(highWater()>>20), "VmHWM-MiB")
			}
		})
	}
}

// highWater is the largest resident size of this process in bytes, 0 where the
// system does not say.
func highWater() (kb int64) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "VmHWM:") {
			_, _ = fmt.Sscanf(s.Text(), "VmHWM: %d kB", &kb)
		}
	}
	return kb << 10
}

// TestBudget sorts more bytes than the budget of the buffers.
func TestBudget(t *testing.T) {
	rows := int64(4 << 20)
	if testing.Short() {
		rows = 1 << 20
	}
	for _, blocks := range []int{1, 4} {
		rep := sortNumbers(t, local.Options{Threads: 2, Pool: 17 << 20}, numberParams{rows, blocks})
		if rep.Spilled == 0 {
			t.Error("nothing was spilled")
		}
		if rep.Peak > 17<<20 {
			t.Errorf("%d bytes of buffers in a budget of %d", rep.Peak, 17<<20)
		}
	}
}

// hugeRows is a multiple of the numbers of blocks.
const hugeRows = 100_000_000
