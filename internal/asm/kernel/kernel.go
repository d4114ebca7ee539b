// Package kernel writes the assembly of package kernel and its Go declarations.
//
// Its kernels take every pointer as *byte, whatever it points to; counts of blocks are at least 1.
package kernel

import (
	"fmt"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weft-data/weft/internal/asm/emit"
)

// families says which files there are and what writes them.
var families = []struct {
	name  string
	write func(*gen)
}{
	{"structural", writeStructural},
	{"cmp_avx512", func(g *gen) { writeCmp(g, emit.AVX512) }},
	{"cmp_avx2", func(g *gen) { writeCmp(g, emit.AVX2) }},
	{"compress", writeCompress},
	{"arith", writeArith},
	{"checked", writeChecked},
	{"hash", writeHash},
	{"minmax", writeMinMax},
	{"sum", writeSum},
	{"fixed", writeFixed},
	{"unpack", writeUnpack},
	{"gather", writeGather},
	{"texts", writeTexts},
}

// Generate writes the files of all families into a folder.
func Generate(folder string) error {
	for _, f := range families {
		g := &gen{emit.New("kernel")}
		f.write(g)
		if err := g.Save(filepath.Join(folder, "kernel", "zz_"+f.name+"_amd64")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// gen is one file under construction.
type gen struct{ *emit.File }

func (g *gen) zero() reg.GPVirtual {
	r := g.GP64()
	g.XORQ(r, r)
	return r
}

// until ends a loop that counts i up to n; the kernel, which what is in the loop may leave by a jump to end, returns i as done.
func (g *gen) until(i, n reg.GPVirtual, loop string) {
	g.INCQ(i)
	g.CMPQ(i, n)
	g.JL(LabelRef(loop))
	g.Label("end")
	g.Store(i, g.Return("done"))
}

// mov copies a vector between memory and registers, unaligned.
func (g *gen) mov(s emit.ISA, from, to Op) {
	if s == emit.AVX512 {
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
func (g *gen) and(s emit.ISA, a, b, d Op) {
	if s == emit.AVX512 {
		g.VPANDQ(a, b, d)
	} else {
		g.VPAND(a, b, d)
	}
}

func (g *gen) or(s emit.ISA, a, b, d Op) {
	if s == emit.AVX512 {
		g.VPORQ(a, b, d)
	} else {
		g.VPOR(a, b, d)
	}
}

func (g *gen) xor(s emit.ISA, a, b, d Op) {
	if s == emit.AVX512 {
		g.VPXORQ(a, b, d)
	} else {
		g.VPXOR(a, b, d)
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
