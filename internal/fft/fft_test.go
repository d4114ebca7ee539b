package fft

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/effort"
)

// atLevels runs f at every level that the process may use.
func atLevels(t *testing.T, f func(t *testing.T)) {
	// The level was read before the test began. Reading it again tells go test that a result kept from a run with
	// another value is no result of this one.
	if want := os.Getenv(cpu.EnvISA); want != "" && want != cpu.ISA().String() {
		t.Logf("%s=%s is not obeyed: %v", cpu.EnvISA, want, cpu.Err())
	}
	l := level
	defer func() { level = l }()
	for level = cpu.Generic; level <= cpu.ISA(); level++ {
		t.Run(level.String(), f)
	}
}

func random(n int) []complex128 {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	x := make([]complex128, n)
	for i := range x {
		x[i] = complex(r.NormFloat64(), r.NormFloat64())
	}
	return x
}

func env(p *Plan) Env {
	return Env{Planes: make([]float64, p.Planes()), Work: make([]complex128, p.Work())}
}

// slow is the definition, for some elements of the result.
func slow(x []complex128, ks []int, inverse bool) []complex128 {
	var out []complex128
	n := len(x)
	for _, k := range ks {
		var re, im [8]float64
		for j, v := range x {
			w := root(int(uint64(j)*uint64(k)%uint64(n)), n)
			if inverse {
				w = cmplx.Conj(w)
			}
			z := v * w
			re[j%8] += real(z)
			im[j%8] += imag(z)
		}
		z := complex(re[0]+re[1]+re[2]+re[3]+re[4]+re[5]+re[6]+re[7], im[0]+im[1]+im[2]+im[3]+im[4]+im[5]+im[6]+im[7])
		if inverse {
			z /= complex(float64(n), 0)
		}
		out = append(out, z)
	}
	return out
}

// TestTransform compares rows and columns of every small length, and of some long ones, with the definition.
func TestTransform(t *testing.T) {
	var first map[string][]complex128
	atLevels(t, func(t *testing.T) {
		results := map[string][]complex128{}
		lengths := []int{1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 31, 32, 64, 100, 127, 128, 256, 1000, 2048, 4096, 5000, 8192, 16384}
		for _, n := range lengths {
			for _, count := range []int{1, 3, 8, 19} {
				if n > 300 && count > 8 || n > 4096 && count > 3 {
					continue
				}
				p, err := New(n, nil)
				if err != nil {
					t.Fatal(err)
				}
				x := random(n * count)
				for _, inverse := range []bool{false, true} {
					what := fmt.Sprint(n, " x ", count, " ", inverse)
					rows, cols := make([]complex128, len(x)), make([]complex128, len(x))
					if err := p.Rows(rows, x, count, inverse, env(p)); err != nil {
						t.Fatal(err)
					}
					if err := p.Columns(cols, x, count, count, inverse, env(p)); err != nil {
						t.Fatal(err)
					}
					ks := []int{0, 1 % n, n / 3, n / 2, n - 1}
					for i := 0; i < count; i += max(1, count-1) {
						line := make([]complex128, n)
						for k := range line {
							line[k] = x[k*count+i]
						}
						size := 1.0
						if inverse {
							size = 1 / float64(n)
						}
						bound := 4e-15 * size * math.Sqrt(float64(n)) * (2 + math.Log2(float64(n)))
						wantRow, wantCol := slow(x[i*n:][:n], ks, inverse), slow(line, ks, inverse)
						for j, k := range ks {
							if d := cmplx.Abs(rows[i*n+k] - wantRow[j]); !(d <= bound) {
								t.Fatalf("row %d of %s: [%d] is %v, want %v", i, what, k, rows[i*n+k], wantRow[j])
							}
							if d := cmplx.Abs(cols[k*count+i] - wantCol[j]); !(d <= bound) {
								t.Fatalf("column %d of %s: [%d] is %v, want %v", i, what, k, cols[k*count+i], wantCol[j])
							}
						}
					}
					results[what] = append(slices.Clone(rows), cols...)
					// In place, and there and back.
					y := slices.Clone(x)
					if err := p.Rows(y, y, count, inverse, env(p)); err != nil || !slices.Equal(y, rows) {
						t.Fatalf("%s: in place is not the same (%v)", what, err)
					}
					if err := p.Columns(cols, cols, count, count, !inverse, env(p)); err != nil {
						t.Fatal(err)
					}
					for i, v := range cols {
						if !(cmplx.Abs(v-x[i]) < 1e-13*(3+math.Log2(float64(n)))) {
							t.Fatalf("%s: back again, [%d] is %v, was %v", what, i, v, x[i])
						}
					}
				}
			}
		}
		if first == nil {
			first = results
		}
		for what, r := range results {
			if !slices.Equal(r, first[what]) {
				t.Errorf("%s: not the bits of plain Go", what)
			}
		}
	})
}

// TestWide transforms some of the columns of a wider block and leaves the others alone.
func TestWide(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		for _, n := range []int{6, 16, 8192} {
			p, err := New(n, nil)
			if err != nil {
				t.Fatal(err)
			}
			x := random(n * 11)
			y, want := slices.Clone(x), slices.Clone(x)
			if err := p.Columns(y, x, 11, 9, false, env(p)); err != nil {
				t.Fatal(err)
			}
			for i := range 9 {
				line := make([]complex128, n)
				for k := range line {
					line[k] = x[k*11+i]
				}
				if err := p.Rows(line, line, 1, false, env(p)); err != nil {
					t.Fatal(err)
				}
				for k, v := range line {
					want[k*11+i] = v
				}
			}
			if !slices.Equal(y, want) {
				t.Errorf("n=%d: columns are not rows", n)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	p, err := New(16, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]complex128, 40)
	_, zero := New(0, nil)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"length":  {zero, "a transform of 0 elements"},
		"planes":  {p.Rows(x, x, 1, false, Env{}), "buffers of 0 and 0 elements, want 256 and 0"},
		"rows":    {p.Rows(x, x, 3, false, env(p)), "the last element is 47, there are 40 and 40"},
		"columns": {p.Columns(x, x, 3, 1, false, env(p)), "the last element is 45, there are 40 and 40"},
		"stride":  {p.Columns(x, x, 2, 3, false, env(p)), "3 columns in rows of 2"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, c.err, c.want)
		}
	}
	if p.Len() != 16 || p.Bytes() <= 0 {
		t.Errorf("length %d, %d bytes", p.Len(), p.Bytes())
	}
}

func BenchmarkRows(b *testing.B) {
	for _, n := range []int{64, 1024, 4096, 1000, 1 << 16, 1 << 20, 1 << 22, 1 << 24} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, err := New(n, nil)
			if err != nil {
				b.Fatal(err)
			}
			count := max(1, 8192/n)
			x, e := random(n*count), env(p)
			before, runs := cpuTime(), 0
			for b.Loop() {
				if err := p.Rows(x, x, count, runs%2 == 1, e); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(runs)/float64(n*count), "cpu-ns/elem")
		})
	}
}

// BenchmarkColumns transforms eight lines beside each other, of lengths that are no power of two.
func BenchmarkColumns(b *testing.B) {
	for _, n := range []int{548, 1096, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, err := New(n, nil)
			if err != nil {
				b.Fatal(err)
			}
			x, e := random(n*lanes), env(p)
			before, runs := cpuTime(), 0
			for b.Loop() {
				if err := p.Columns(x, x, lanes, lanes, runs%2 == 1, e); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(runs)/float64(n*lanes), "cpu-ns/elem")
		})
	}
}

// TestTransformsEnd: a transform asks whether to stop each time it has gone over a stretch of elements, so does the making
// of tables, and both end when they are told to.
func TestTransformsEnd(t *testing.T) {
	halt := errors.New("halt")
	for _, c := range effort.Some(2, []struct {
		name           string
		n, lines, asks int // asks: how often it goes over all elements of the lines
	}{{"many short", 64, 1 << 15, 1}, {"many short, convolved", 48, 1 << 15, 2}, {"long", 1 << 21, 1, 2}, {"long, convolved", 1<<20 + 1, 1, 8}}) {
		asked, last := 0, 0
		stop := func() error {
			if asked++; asked == last {
				return halt
			}
			return nil
		}
		p, err := New(c.n, stop)
		if err != nil {
			t.Fatal(err)
		}
		if want := c.n / tables; p.chirp != nil && asked < want {
			t.Errorf("%s: its tables ask %d times, want %d", c.name, asked, want)
		}
		if made := asked; made > 0 {
			asked, last = 0, made
			if _, err := New(c.n, stop); err != halt {
				t.Errorf("%s: tables: %v", c.name, err)
			}
		}
		e := env(p)
		e.Stop = stop
		x := make([]complex128, c.n*c.lines)
		for name, f := range map[string]func() error{
			"rows":    func() error { return p.Rows(x, x, c.lines, false, e) },
			"columns": func() error { return p.Columns(x, x, c.lines, c.lines, true, e) },
		} {
			asked, last = 0, 0
			if err := f(); err != nil {
				t.Fatal(err)
			}
			if want := c.asks * c.n * c.lines / between; asked < want {
				t.Errorf("%s, %s: it asks %d times, want %d", c.name, name, asked, want)
			}
			asked, last = 0, asked
			if err := f(); err != halt || asked != last {
				t.Errorf("%s, %s: %v after %d of %d", c.name, name, err, asked, last)
			}
		}
	}
}
