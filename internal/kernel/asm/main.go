// Command asm writes the amd64 assembly of package kernel and its Go declarations.
//
// Run it in its own folder: `go run .`. It is a module of its own, so that the assembler it uses (avo) is no
// dependency of the house. What each loop computes is said by the Go loop of the same name in package kernel; here is
// only how. Families are files: a family F becomes zz_F_amd64.s and zz_F_amd64.go one folder up.
//
// All kernels share these rules: every pointer is *byte, whatever it points to; counts of blocks are at least 1; no
// kernel reads or writes outside the elements it is told of; vector state is cleared (VZEROUPPER) before every return.
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

// families says which files there are and what writes them.
var families = []struct {
	name  string
	write func(*gen)
}{
	{"structural", writeStructural},
	{"cmp_avx512", func(g *gen) { writeCmp(g, avx512) }},
	{"cmp_avx2", func(g *gen) { writeCmp(g, avx2) }},
	{"compress", writeCompress},
	{"arith", writeArith},
	{"checked", writeChecked},
	{"hash", writeHash},
	{"minmax", writeMinMax},
	{"sum", writeSum},
	{"fixed", writeFixed},
}

func main() {
	flags := flag.NewFlagSet("asm", flag.ExitOnError) // the assembler has taken the names of the common set
	out := flags.String("out", "..", "folder of package kernel")
	_ = flags.Parse(os.Args[1:])
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// generate writes the files of all families into a folder.
func generate(folder string) error {
	for _, f := range families {
		g := &gen{build.NewContext()}
		g.ConstraintExpr("amd64")
		f.write(g)
		if err := g.save(filepath.Join(folder, "zz_"+f.name+"_amd64")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// save assembles the family and writes both files, neither if anything is wrong.
func (g *gen) save(base string) error {
	config := printer.Config{Argv: []string{"go", "run", "."}, Pkg: "kernel"}
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
	// avx512vl has the instructions of the one with the vectors of the other.
	avx512vl = isa{"AVX512VL", 32}
)

// gen is one file under construction.
type gen struct{ *build.Context }

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

// arg loads a 64-bit parameter.
func (g *gen) arg(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

// argMem returns the address of a parameter.
func (g *gen) argMem(name string) Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func (g *gen) zero() reg.GPVirtual {
	r := g.GP64()
	g.XORQ(r, r)
	return r
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

// mov copies a vector between memory and registers, unaligned.
func (g *gen) mov(s isa, from, to Op) {
	if s == avx512 {
		g.VMOVDQU64(from, to)
	} else {
		g.VMOVDQU(from, to)
	}
}

// broadcast fills a vector with one element of size bytes in memory.
func (g *gen) broadcast(size int, m Mem, v Op) {
	if size == 4 {
		g.VPBROADCASTD(m, v)
	} else {
		g.VPBROADCASTQ(m, v)
	}
}

// and, or, xor are bitwise operations of whole vectors.
func (g *gen) and(s isa, a, b, d Op) {
	if s == avx512 {
		g.VPANDQ(a, b, d)
	} else {
		g.VPAND(a, b, d)
	}
}

func (g *gen) or(s isa, a, b, d Op) {
	if s == avx512 {
		g.VPORQ(a, b, d)
	} else {
		g.VPOR(a, b, d)
	}
}

func (g *gen) xor(s isa, a, b, d Op) {
	if s == avx512 {
		g.VPXORQ(a, b, d)
	} else {
		g.VPXOR(a, b, d)
	}
}

// ones sets all bits of a vector.
func (g *gen) ones(s isa, v reg.VecVirtual) {
	if s == avx512 {
		g.VPTERNLOGQ(U8(0xff), v, v, v)
	} else {
		g.VPCMPEQD(v, v, v)
	}
}

// signs sets the top bit of every lane of size bytes.
func (g *gen) signs(s isa, size int, v reg.VecVirtual) {
	g.ones(s, v)
	if size == 4 {
		g.VPSLLD(Imm(31), v, v)
	} else {
		g.VPSLLQ(Imm(63), v, v)
	}
}

// table makes read-only data of n values.
func (g *gen) table(name string, n int, at func(int) Constant) Mem {
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		g.AppendDatum(at(i))
	}
	return m
}

// at addresses base + disp.
func at(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// elem addresses base + index*scale + disp.
func elem(base, index reg.Register, scale, disp int) Mem {
	return Mem{Base: base, Index: index, Scale: uint8(scale), Disp: disp}
}
