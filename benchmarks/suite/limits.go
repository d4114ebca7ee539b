package suite

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"time"

	chunked "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// A limit is something the machine can do only so fast. It is measured in the same run
// as the cases that are compared with it, with as many threads.
type limit struct {
	name, unit, about string
	// measure does the work once and returns its amount: bytes or operations.
	measure func(threads int, dir string) (amount float64, took time.Duration, err error)
}

const (
	limitPrefix = "machine/"
	limitBytes  = 256 << 20 // of memory that each thread reads
)

var limits = []limit{
	{"read", "GB/s", "bytes read from memory by sums", readLimit},
	{"triad", "GB/s", "bytes moved by x + c·y into x", triadLimit},
	{"fma", "Gflop/s", "products of matrices that stay in the cache", fmaLimit},
	{"disk", "GB/s", "bytes written to the folder of the data and synced", diskLimit},
	{"loopback", "GB/s", "bytes from one thread to another by TCP", loopbackLimit},
}

func limitOf(name string) *limit {
	for i := range limits {
		if limitPrefix+limits[i].name == name {
			return &limits[i]
		}
	}
	return nil
}

// rate is the most of some tries, in units of 10⁹ a second.
func (l *limit) rate(threads, tries int, dir string) (best float64, all []use, err error) {
	for range tries {
		var amount float64
		var took time.Duration
		u, err := processes(nil).measure(func() (err error) {
			amount, took, err = l.measure(threads, dir)
			return err
		})
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", l.name, err)
		}
		u.Wall = took.Seconds()
		best, all = max(best, amount/1e9/u.Wall), append(all, u)
	}
	return best, all, nil
}

// together runs f on every thread and returns how long all took.
func together(threads int, f func(thread int)) time.Duration {
	var wait sync.WaitGroup
	start := time.Now()
	for i := range threads {
		wait.Add(1)
		go func() { defer wait.Done(); f(i) }()
	}
	wait.Wait()
	return time.Since(start)
}

// touched is memory of each thread that the system has given.
func touched(threads int) [][]float64 {
	out := make([][]float64, threads)
	for i := range out {
		out[i] = chunked.NewSlice[float64](limitBytes / 8)
		vec.Fill(out[i], 1)
	}
	return out
}

// readLimit adds both halves of the memory of a thread at once: two streams, asked for ahead, are faster than one.
func readLimit(threads int, _ string) (float64, time.Duration, error) {
	x, add, sums := touched(threads), vec.SumOfTwo(vec.Add), make([]float64, threads)
	took := together(threads, func(i int) {
		half := len(x[i]) / 2
		sums[i] = add(x[i][:half], x[i][half:])
	})
	for _, s := range sums {
		if s != limitBytes/8 {
			return 0, 0, fmt.Errorf("ones added up to %g", s)
		}
	}
	return float64(threads) * limitBytes, took, nil
}

func triadLimit(threads int, _ string) (float64, time.Duration, error) {
	x, add := touched(threads), vec.AddScaled[float64]()
	took := together(threads, func(i int) {
		half := len(x[i]) / 2
		add(x[i][:half], x[i][half:], 3)
	})
	return float64(threads) * limitBytes / 2 * 3, took, nil
}

// cached is the side of matrices that stay in a processor's own cache, and rounds how
// often they are multiplied.
const (
	cached = 192
	rounds = 200
)

func fmaLimit(threads int, _ string) (float64, time.Duration, error) {
	errs := make([]error, threads)
	took := together(threads, func(i int) {
		m := make([]gemm.Matrix[float64], 3)
		for k := range m {
			m[k] = gemm.RowMajor(make([]float64, cached*cached), cached, cached, cached)
		}
		env := gemm.Env[float64]{Buf: make([]float64, gemm.Buffer[float64](cached, cached, cached, 1)), Workers: 1}
		for range rounds {
			errs[i] = errors.Join(errs[i], gemm.Mul(m[0], m[1], m[2], env))
		}
	})
	return float64(threads) * rounds * 2 * cached * cached * cached, took, errors.Join(errs...)
}

func diskLimit(_ int, dir string) (_ float64, took time.Duration, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, 0, err
	}
	f, err := os.CreateTemp(dir, "limit-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4<<20)
	start := time.Now()
	for range limitBytes / len(block) {
		if _, err := f.Write(block); err != nil {
			return 0, 0, err
		}
	}
	err = f.Sync()
	return limitBytes, time.Since(start), err
}

func loopbackLimit(int, string) (float64, time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			block := make([]byte, 1<<20)
			for n := 0; n < limitBytes && err == nil; n += len(block) {
				_, err = c.Write(block)
			}
			err = errors.Join(err, c.Close())
		}
		sent <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	start := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20))
	return float64(n), time.Since(start), errors.Join(err, <-sent)
}

// An amount is what a case must do at least, against which its limit is held.
type amount struct {
	limit string // its name
	of    func(rows int) float64
	least float64 // percent of the limit that are wanted; 0: no goal
}

// percent is how much of the limit of its case an engine reached; NaN without one.
func (l *line) percent(engine string) float64 {
	need := l.bench.need
	f := l.figures[engine]
	if need.of == nil || f == nil || l.rates[need.limit] == 0 {
		return math.NaN()
	}
	return 100 * need.of(l.rows) / 1e9 / f.wall.least / l.rates[need.limit]
}

// ofLimit words it for weft.
func (l *line) ofLimit() string {
	x := l.percent("weft")
	if math.IsNaN(x) {
		return ""
	}
	return fmt.Sprintf("%.0f %% of %s", x, l.bench.need.limit)
}

// rates are the limits found in some results.
func rates(all []*result) map[string]float64 {
	out := map[string]float64{}
	for _, r := range all {
		if l := limitOf(r.Case); l != nil {
			out[l.name] = max(out[l.name], r.Rate)
		}
	}
	return out
}
