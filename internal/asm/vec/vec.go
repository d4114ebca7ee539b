// Package vec writes the assembly of packages vec, gemm and fft, its Go declarations, and the tables by which package vec
// finds it.
//
// The kernels of package vec take slices and do as many elements as the shortest has, so that they are called without a
// check in between.
package vec

import (
	"fmt"
	"path/filepath"

	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// families says which files there are, of which package, and what writes them.
var families = []struct {
	pkg, name string
	write     func(*gen)
}{
	{"vec", "binary_avx512", func(g *gen) { writeBinary(g, emit.AVX512) }},
	{"vec", "binary_avx2", func(g *gen) { writeBinary(g, emit.AVX2) }},
	{"vec", "unary", writeUnary},
	{"vec", "compare", writeCompare},
	{"vec", "cast", writeCast},
	{"vec", "reduce", writeReduce},
	{"vec", "sums", writeSums},
	{"vec", "columns", writeColumns},
	{"vec", "transpose", writeTranspose},
	{"vec", "math_avx512", func(g *gen) { writeMath(g, emit.AVX512) }},
	{"vec", "math_avx2", func(g *gen) { writeMath(g, emit.AVX2) }},
	{"gemm", "micro", writeMicro},
	{"fft", "lines", writeFFT},
}

// Generate writes the files of all families into the folders of their packages, which lie in one folder.
func Generate(folder string) error {
	t := &tables{}
	for _, f := range families {
		g := &gen{File: emit.New(f.pkg), tables: t}
		f.write(g)
		if err := g.Save(filepath.Join(folder, f.pkg, "zz_"+f.name+"_amd64")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return emit.Replace(filepath.Join(folder, "vec", "zz_tables_amd64.go"), t.bytes())
}

// elem is an element type: the suffix of function names, Go's name and what it is.
type elem struct {
	name, goType  string
	size          int
	float, signed bool
}

var (
	f64 = elem{"F64", "float64", 8, true, true}
	f32 = elem{"F32", "float32", 4, true, true}
	i64 = elem{"I64", "int64", 8, false, true}
	i32 = elem{"I32", "int32", 4, false, true}
	u64 = elem{"U64", "uint64", 8, false, false}
	u32 = elem{"U32", "uint32", 4, false, false}
	u8  = elem{"U8", "uint8", 1, false, false}
)

// gen is one file under construction.
type gen struct {
	*emit.File
	tables *tables
	labels int
}

// label returns a name for a place in the function that no other place has.
func (g *gen) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

// base loads the address of a slice.
func (g *gen) base(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name).Base(), r)
	return r
}

// shortest loads the length of the shortest slice.
func (g *gen) shortest(names ...string) reg.GPVirtual {
	n := g.GP64()
	g.Load(g.Param(names[0]).Len(), n)
	for _, name := range names[1:] {
		m := g.GP64()
		g.Load(g.Param(name).Len(), m)
		g.CMPQ(m, n)
		g.CMOVQLT(m, n)
	}
	return n
}
