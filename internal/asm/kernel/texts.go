package kernel

import (
	. "github.com/mmcloughlin/avo/operand"

	"github.com/weft-data/weft/internal/asm/emit"
)

// ahead is how many rows ahead of its comparison a key of the table is fetched, and how many rows ahead of that its slot:
// more than the cache can have under way. The processor looks ten rows ahead by itself.
const ahead = 32

func writeTexts(g *gen) {
	writeTextKeys(g)
	writeFirstSlots(g)
}

// writeTextKeys writes the loop over texts: 16 bytes from where each begins, those behind it masked away, its length put on
// top. Masks and lengths are a table.
func writeTextKeys(g *gen) {
	g.Begin("textKeysAVX2", "func(str, off *byte, n int, out *byte) (done int)", "does up to n texts, and ends before one of more than 15 bytes.")
	table := g.table("textForms", 64, func(i int) Constant {
		n, word := i/4, i%4
		if word == 3 {
			return U64(uint64(n) << 56)
		}
		if word == 2 {
			return U64(0)
		}
		bytes := min(max(n-8*word, 0), 8)
		if bytes == 8 {
			return U64(^uint64(0))
		}
		return U64(uint64(1)<<(8*bytes) - 1)
	})
	str, off, n, out := g.Arg("str"), g.Arg("off"), g.Arg("n"), g.Arg("out")
	done, forms, from, to, size := g.zero(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(table, forms)
	g.MOVLQSX(emit.At(off, 0), from)
	g.Label("text")
	g.MOVLQSX(emit.Index(off, done, 4, 4), to)
	g.MOVQ(to, size)
	g.SUBQ(from, size)
	g.CMPQ(size, Imm(15))
	g.JA(LabelRef("end"))
	g.SHLQ(Imm(5), size)
	x := g.XMM()
	g.VMOVDQU(emit.Index(str, from, 1, 0), x)
	g.VPAND(emit.Index(forms, size, 1, 0), x, x)
	g.VPOR(emit.Index(forms, size, 1, 16), x, x)
	g.VMOVDQU(x, emit.At(out, 0))
	g.MOVQ(to, from)
	g.ADDQ(Imm(16), out)
	g.until(done, n, "text")
	g.End()
}

// writeFirstSlots writes the loop over keys. What is found decides no branch, and the slots and keys of later rows are
// fetched while those of earlier ones are compared.
func writeFirstSlots(g *gen) {
	g.Begin("firstSlotsAVX2", "func(keys, hash *byte, n int, slots *byte, mask int, table, codes, other *byte) (count int)",
		"does n keys, at least one.")
	keys, hash, n := g.Arg("keys"), g.Arg("hash"), g.Arg("n")
	slots, mask, table := g.Arg("slots"), g.Arg("mask"), g.Arg("table")
	codes, other := g.Arg("codes"), g.Arg("other")
	count, i, next := g.zero(), g.zero(), g.zero()
	// fetch writes the code of row next, and fetches its key.
	fetch := func() {
		s := g.GP64()
		g.MOVQ(emit.Index(hash, next, 8, 0), s)
		g.ANDQ(mask, s)
		g.MOVL(emit.Index(slots, s, 4, 0), s.As32())
		g.CMPL(s.As32(), Imm(1))
		g.ADCL(I8(-1), s.As32()) // 0 stays 0
		g.MOVL(s.As32(), emit.Index(codes, next, 4, 0))
		g.SHLQ(Imm(4), s)
		g.PREFETCHT0(emit.Index(table, s, 1, 0))
		g.INCQ(next)
	}
	compare := func() {
		s, x, y := g.GP64(), g.GP64(), g.GP64()
		g.MOVL(emit.Index(codes, i, 4, 0), s.As32())
		g.SHLQ(Imm(4), s)
		g.MOVL(i.As32(), emit.Index(other, count, 4, 0))
		g.MOVQ(emit.At(keys, 0), x)
		g.MOVQ(emit.At(keys, 8), y)
		g.XORQ(emit.Index(table, s, 1, 0), x)
		g.XORQ(emit.Index(table, s, 1, 8), y)
		g.ORQ(x, y)
		g.NEGQ(y) // carries unless 0
		g.ADCQ(Imm(0), count)
		g.ADDQ(Imm(16), keys)
		g.INCQ(i)
	}
	// touch fetches the slot of the key so many rows after row next.
	touch := func(rows int) {
		s := g.GP64()
		g.MOVQ(emit.Index(hash, next, 8, 8*rows), s)
		g.ANDQ(mask, s)
		g.PREFETCHT0(emit.Index(slots, s, 4, 0))
	}
	// upTo does something for the rows from next on, to the given one or n.
	upTo := func(rows uint32, label string, do func()) {
		end := g.GP64()
		g.MOVQ(U32(rows), end)
		g.CMPQ(n, end)
		g.CMOVQLT(n, end)
		g.Label(label)
		do()
		g.CMPQ(next, end)
		g.JL(LabelRef(label))
	}
	upTo(2*ahead, "touch", func() { touch(0); g.INCQ(next) })
	g.XORL(next.As32(), next.As32())
	upTo(ahead, "first", fetch)
	g.SUBQ(Imm(ahead), n)
	g.CMPQ(next, n)
	g.JGE(LabelRef("touched"))
	g.Label("all")
	touch(ahead)
	fetch()
	compare()
	g.CMPQ(next, n)
	g.JL(LabelRef("all"))
	g.Label("touched")
	g.ADDQ(Imm(ahead), n)
	g.CMPQ(next, n)
	g.JGE(LabelRef("last"))
	g.Label("both")
	fetch()
	compare()
	g.CMPQ(next, n)
	g.JL(LabelRef("both"))
	g.Label("last")
	compare()
	g.CMPQ(i, n)
	g.JL(LabelRef("last"))
	g.Store(count, g.Return("count"))
	g.End()
}
