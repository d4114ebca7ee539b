// Package emit is what the generators of assembly share: files under construction, instruction sets, and the pieces of
// functions that every kernel has.
package emit

import (
	"bytes"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// ISA is an instruction set: the suffix of function names and the bytes of a vector.
type ISA struct {
	Name  string
	Width int
}

// The instruction sets. AVX512VL has the instructions of the first with the vectors of the second.
var (
	AVX512   = ISA{"AVX512", 64}
	AVX2     = ISA{"AVX2", 32}
	AVX512VL = ISA{"AVX512VL", 32}
)

// File is one file of assembly under construction, and that of its Go declarations.
type File struct {
	*build.Context
	pkg   string
	words map[string]bool // constants of 8 bytes that go to all lanes
}

// New begins a file of a package.
func New(pkg string) *File {
	f := &File{build.NewContext(), pkg, map[string]bool{}}
	f.ConstraintExpr("amd64")
	return f
}

// Save assembles the file and writes base.s and base.go, neither if anything is wrong.
func (f *File) Save(base string) error {
	config := printer.Config{Argv: []string{"go", "run", "."}, Pkg: f.pkg}
	var code, stubs buffer
	status := build.Main(&build.Config{
		ErrOut:    os.Stderr,
		MaxErrors: 10,
		Passes: []pass.Interface{
			pass.Compile,
			pass.InstructionPass(f.broadcast),
			&pass.Output{Writer: &code, Printer: printer.NewGoAsm(config)},
			&pass.Output{Writer: &stubs, Printer: printer.NewStubs(config)},
		},
	}, f.Context)
	if status != 0 {
		return fmt.Errorf("not assembled")
	}
	if err := Replace(base+".s", code.Bytes()); err != nil {
		return err
	}
	return Replace(base+".go", stubs.Bytes())
}

// Word is a constant of 64 bits in all lanes of a vector, in memory; a name has the same bits throughout the file. It may be
// an operand of any instruction on 8-byte lanes. For AVX-512 the memory has it once, and instructions broadcast it: the
// linker aligns data to 32 bytes, so that half of all programs would have every constant of 64 on two cache lines.
func (f *File) Word(name string, s ISA, bits uint64) Mem {
	if !f.words[name] {
		f.words[name] = true
		f.StaticGlobal(name)
		f.DataAttributes(attr.RODATA | attr.NOPTR)
		n := 1
		if s != AVX512 {
			n = s.Width / 8
		}
		for range n {
			f.AppendDatum(U64(bits))
		}
	}
	return NewDataAddr(NewStaticSymbol(name), 0)
}

// broadcast makes instructions that read a word into 64 bytes broadcast it.
func (f *File) broadcast(i *ir.Instruction) error {
	word, wide := false, false
	for _, o := range i.Operands {
		m, ok := o.(Mem)
		word = word || ok && f.words[m.Symbol.Name]
		r, ok := o.(reg.Register)
		wide = wide || ok && r.Size() == 64
	}
	switch {
	case !word || !wide:
	case i.Opcode == "VMOVUPD":
		i.Opcode = "VBROADCASTSD"
	default:
		i.Suffixes = append([]string{"BCST"}, i.Suffixes...)
	}
	return nil
}

// buffer is a bytes.Buffer that a pass may close.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// Replace writes a file so that it is there whole or not at all.
func Replace(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// Begin starts a function.
func (f *File) Begin(name, signature, doc string) {
	f.Function(name)
	f.Attributes(attr.NOSPLIT)
	f.SignatureExpr(signature)
	f.Pragma("noescape")
	f.Doc(name + " " + doc)
}

// End clears the vector state and returns.
func (f *File) End() {
	f.VZEROUPPER()
	f.RET()
}

// Arg loads a 64-bit parameter.
func (f *File) Arg(name string) reg.GPVirtual {
	r := f.GP64()
	f.Load(f.Param(name), r)
	return r
}

// ArgMem returns the address of a parameter.
func (f *File) ArgMem(name string) Mem {
	b, err := f.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// Vec returns a new vector register of the instruction set.
func (f *File) Vec(s ISA) reg.VecVirtual {
	if s == AVX512 {
		return f.ZMM()
	}
	return f.YMM()
}

// Vecs returns n new vector registers.
func (f *File) Vecs(s ISA, n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = f.Vec(s)
	}
	return v
}

// Ones sets all bits of a vector.
func (f *File) Ones(s ISA, v reg.VecVirtual) {
	if s == AVX512 {
		f.VPTERNLOGQ(U8(0xff), v, v, v)
	} else {
		f.VPCMPEQD(v, v, v)
	}
}

// Signs sets the top bit of every lane of size bytes.
func (f *File) Signs(s ISA, size int, v reg.VecVirtual) {
	f.Ones(s, v)
	if size == 4 {
		f.VPSLLD(Imm(31), v, v)
	} else {
		f.VPSLLQ(Imm(63), v, v)
	}
}

// At addresses base + disp.
func At(base reg.Register, disp int) Mem { return Mem{Base: base, Disp: disp} }

// Index addresses base + index*scale + disp.
func Index(base, index reg.Register, scale, disp int) Mem {
	return Mem{Base: base, Index: index, Scale: uint8(scale), Disp: disp}
}
