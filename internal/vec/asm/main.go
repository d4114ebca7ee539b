// Command asm writes the amd64 assembly of packages vec, gemm and fft, its Go declarations, and the tables by which package
// vec finds it.
//
// Run it in its own folder: `go run .`. It is a module of its own, so that the assembler it uses (avo) is no
// dependency of the house. What each loop computes is said by the Go loop of the same purpose in the package; here is only
// how. Families are files: a family F becomes zz_F_amd64.s and zz_F_amd64.go.
//
// The kernels of package vec take slices and do as many elements as the shortest has, so that they are called without a
// check in between. No kernel reads or writes outside of these; vector state is cleared (VZEROUPPER) before every return.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// families says which files there are, of which package, and what writes them.
var families = []struct {
	pkg, name string
	write     func(*gen)
}{
	{"vec", "binary_avx512", func(g *gen) { writeBinary(g, avx512) }},
	{"vec", "binary_avx2", func(g *gen) { writeBinary(g, avx2) }},
	{"vec", "unary", writeUnary},
	{"vec", "compare", writeCompare},
	{"vec", "cast", writeCast},
	{"vec", "reduce", writeReduce},
	{"vec", "columns", writeColumns},
	{"vec", "transpose", writeTranspose},
	{"vec", "math_avx512", func(g *gen) { writeMath(g, avx512) }},
	{"vec", "math_avx2", func(g *gen) { writeMath(g, avx2) }},
	{"gemm", "micro", writeMicro},
	{"fft", "lines", writeFFT},
}

func main() {
	flags := flag.NewFlagSet("asm", flag.ExitOnError) // the assembler has taken the names of the common set
	out := flags.String("out", "../..", "folder of the packages")
	_ = flags.Parse(os.Args[1:])
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// generate writes the files of all families into the folders of their packages, which lie in one folder.
func generate(folder string) error {
	t := &tables{}
	for _, f := range families {
		g := &gen{Context: build.NewContext(), pkg: f.pkg, tables: t}
		g.ConstraintExpr("amd64")
		f.write(g)
		if err := g.save(filepath.Join(folder, f.pkg, "zz_"+f.name+"_amd64")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return replace(filepath.Join(folder, "vec", "zz_tables_amd64.go"), t.bytes())
}

// save assembles the family and writes both files, neither if anything is wrong.
func (g *gen) save(base string) error {
	config := printer.Config{Argv: []string{"go", "run", "."}, Pkg: g.pkg}
	var code, stubs buffer
	status := build.Main(&build.Config{
		ErrOut:    os.Stderr,
		MaxErrors: 10,
		Passes: []pass.Interface{
			pass.Compile,
			&pass.Output{Writer: &code, Printer: printer.NewGoAsm(config)},
			&pass.Output{Writer: &stubs, Printer: printer.NewStubs(config)},
		},
	}, g.Context)
	if status != 0 {
		return fmt.Errorf("not assembled")
	}
	if err := replace(base+".s", code.Bytes()); err != nil {
		return err
	}
	return replace(base+".go", stubs.Bytes())
}

// buffer is a bytes.Buffer that a pass may close.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// isa is an instruction set: the suffix of function names and the bytes of a vector.
type isa struct {
	name  string
	width int
}

var (
	avx512 = isa{"AVX512", 64}
	avx2   = isa{"AVX2", 32}
)

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
	*build.Context
	pkg    string
	tables *tables
	labels int
}

// begin starts a function.
func (g *gen) begin(name, signature, doc string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr(signature)
	g.Pragma("noescape")
	g.Doc(name + " " + doc)
}

// end clears the vector state and returns.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

// label returns a name for a place in the function that no other place has.
func (g *gen) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

// arg loads a 64-bit parameter.
func (g *gen) arg(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
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

// argMem returns the address of a parameter.
func (g *gen) argMem(name string) Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// vec returns a new vector register of the instruction set.
func (g *gen) vec(s isa) reg.VecVirtual {
	if s == avx512 {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *gen) vecs(s isa, n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec(s)
	}
	return v
}

// at addresses base + disp.
func at(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// elemAt addresses base + index*scale + disp.
func elemAt(base, index reg.Register, scale, disp int) Mem {
	return Mem{Base: base, Index: index, Scale: uint8(scale), Disp: disp}
}
