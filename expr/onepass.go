package expr

import (
	"bytes"
	"math/bits"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// A onepass finds the first match of an expression, and its groups, without
// trying twice: in its expression the next character alone tells how a match that
// has begun goes on, as in `item-(\d+)` and unlike in `(.*)-(.*)`.
//
// Source: Cox, "Regular Expression Matching in the Wild", 2010.
type onepass struct {
	places   []place
	ways     []way  // the first stands for none
	prefix   []byte // every match begins with it
	first    *[utf8.RuneSelf]bool
	anchored bool
	at, kept []int // where the match and its groups begin and end
}

// A place is a point in the expression in front of a character.
type place struct {
	ascii  [utf8.RuneSelf]uint16 // the way each character takes, 0 for none
	end    uint16                // the way to the end of the match
	beyond uint16                // the way of the characters beyond ASCII …
	wide   *syntax.Inst          // … that this instruction takes
}

// A way leads from a place to the next one.
type way struct {
	to   uint16
	look syntax.EmptyOp // must hold where it begins
	late bool           // the end of the match is preferred, if it can be here
	set  uint32         // the elements of at that get the position where it begins
}

// maxPlaces bounds a onepass to some 150 kB.
const maxPlaces = 512

// newOnepass returns nil for expressions that are not such.
func newOnepass(prog *syntax.Prog, prefix string) *onepass {
	if prog.NumCap > 32 {
		return nil
	}
	o := &onepass{ways: make([]way, 1), prefix: []byte(prefix), at: make([]int, prog.NumCap), kept: make([]int, prog.NumCap)}
	o.anchored = prog.StartCond()&syntax.EmptyBeginText != 0
	w := paver{o: o, prog: prog, number: map[uint32]uint16{}, seen: make([]int, len(prog.Inst))}
	w.place(uint32(prog.Start))
	for i := 0; i < len(w.pcs); i++ {
		w.round = i + 1
		w.reached = false
		o.places = append(o.places, place{})
		if len(w.pcs) > maxPlaces || !w.pave(&o.places[i], w.pcs[i], way{}) {
			return nil
		}
	}
	if begin := &o.places[0]; begin.end == 0 {
		o.first = new([utf8.RuneSelf]bool)
		for c, w := range begin.ascii {
			o.first[c] = w != 0
		}
	}
	return o
}

// A paver makes the ways of a onepass.
type paver struct {
	o       *onepass
	prog    *syntax.Prog
	pcs     []uint32 // where each place begins
	number  map[uint32]uint16
	seen    []int // instruction → the round that met it last
	round   int
	reached bool // the end of the match, in this round
}

func (w *paver) place(pc uint32) uint16 {
	n, ok := w.number[pc]
	if !ok {
		n = uint16(len(w.pcs))
		w.number[pc] = n
		w.pcs = append(w.pcs, pc)
	}
	return n
}

// pave follows what needs no character from instruction pc, the preferred
// branches first, and tells whether no two ways compete.
func (w *paver) pave(p *place, pc uint32, so way) bool {
	if w.seen[pc] == w.round {
		return false
	}
	w.seen[pc] = w.round
	in := &w.prog.Inst[pc]
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return w.pave(p, in.Out, so) && w.pave(p, in.Arg, so)
	case syntax.InstCapture:
		so.set |= 1 << in.Arg
		return w.pave(p, in.Out, so)
	case syntax.InstNop:
		return w.pave(p, in.Out, so)
	case syntax.InstEmptyWidth:
		so.look |= syntax.EmptyOp(in.Arg)
		return w.pave(p, in.Out, so)
	case syntax.InstMatch:
		p.end = w.way(so)
		w.reached = true
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		so.to, so.late = w.place(in.Out), w.reached
		return w.fork(p, in, w.way(so))
	}
	return true
}

func (w *paver) way(so way) uint16 {
	w.o.ways = append(w.o.ways, so)
	return uint16(len(w.o.ways) - 1)
}

// fork gives the characters of an instruction a way that no other may have.
func (w *paver) fork(p *place, in *syntax.Inst, n uint16) bool {
	for c := range p.ascii {
		if in.MatchRune(rune(c)) {
			if p.ascii[c] != 0 {
				return false
			}
			p.ascii[c] = n
		}
	}
	if takesWide(in) {
		if p.beyond != 0 {
			return false
		}
		p.beyond, p.wide = n, in
	}
	return true
}

// takesWide tells whether an instruction may take characters beyond ASCII.
func takesWide(in *syntax.Inst) bool {
	if in.Op == syntax.InstRuneAny || in.Op == syntax.InstRuneAnyNotNL {
		return true
	}
	for _, r := range in.Rune {
		if r >= utf8.RuneSelf {
			return true
		}
	}
	if len(in.Rune) == 1 && syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
		for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
			if r >= utf8.RuneSelf {
				return true
			}
		}
	}
	return false
}

// find returns the first match at byte pos or behind it: where it and its groups
// begin and end, until the next call. There is none if the result is nil; ok is
// false where one begins so often in vain that another algorithm is better.
func (o *onepass) find(x []byte, pos int) (at []int, ok bool) {
	left := 8*(len(x)-pos) + 256
	for pos <= len(x) {
		if pos = o.candidate(x, pos); pos < 0 {
			return nil, true
		}
		at, end := o.match(x, pos)
		if at != nil {
			return at, true
		}
		if left -= end - pos; left < 0 {
			return nil, false
		}
		_, size := utf8.DecodeRune(x[pos:])
		pos += max(size, 1)
	}
	return nil, true
}

// each is find for all matches that do not overlap; when it is not ok another
// algorithm has to find those behind the first done.
func (o *onepass) each(x []byte, f func(at []int)) (done int, ok bool) {
	for pos, last := 0, -1; pos <= len(x); {
		at, ok := o.find(x, pos)
		if at == nil {
			return done, ok
		}
		if at[1] > pos {
			pos = at[1]
		} else {
			_, size := utf8.DecodeRune(x[pos:])
			pos += max(size, 1)
		}
		if at[0] < at[1] || at[0] != last {
			last = at[1]
			f(at)
			done++
		}
	}
	return done, true
}

// candidate returns the first position from pos on where a match may begin, -1
// for none.
func (o *onepass) candidate(x []byte, pos int) int {
	switch {
	case o.anchored && pos > 0:
		return -1
	case len(o.prefix) > 0:
		k := bytes.Index(x[pos:], o.prefix)
		if k < 0 {
			return -1
		}
		return pos + k
	case o.first == nil:
		return pos
	}
	wide := o.places[0].beyond != 0
	for i, c := range x[pos:] {
		if c < utf8.RuneSelf && o.first[c] || c >= utf8.RuneSelf && wide {
			return pos + i
		}
	}
	return -1
}

// match tries the match that begins at byte from and returns how far it looked. A
// match that may end at a place but may go on too is pending: it is kept before
// the positions of groups change, and lost to a longer one.
func (o *onepass) match(x []byte, from int) (at []int, i int) {
	for k := range o.at {
		o.at[k] = -1
	}
	o.at[0] = from
	p, pending, kept := &o.places[0], -1, []int(nil)
	var last *way // to the end of the match that is pending
	for i = from; ; {
		n, size := uint16(0), 0
		if i < len(x) {
			n, size = p.ahead(x, i)
		}
		w := &o.ways[n]
		if p.end != 0 && around(o.ways[p.end].look, x, i) {
			pending, last = i, &o.ways[p.end]
			if w.late {
				break
			}
		}
		if n == 0 || !around(w.look, x, i) {
			break
		}
		if w.set != 0 {
			if pending >= 0 {
				kept = append(o.kept[:0], o.at...)
				last.mark(kept, pending)
				kept[1], pending = pending, -1
			}
			w.mark(o.at, i)
		}
		p, i = &o.places[w.to], i+size
	}
	if pending >= 0 {
		last.mark(o.at, pending)
		o.at[1] = pending
		return o.at, i
	}
	return kept, i
}

// ahead returns the way of the character at byte i, and its size.
func (p *place) ahead(x []byte, i int) (n uint16, size int) {
	if c := x[i]; c < utf8.RuneSelf {
		return p.ascii[c], 1
	}
	r, size := utf8.DecodeRune(x[i:])
	if p.beyond != 0 && p.wide.MatchRune(r) {
		n = p.beyond
	}
	return n, size
}

// mark notes position i for the groups that begin or end on the way.
func (w *way) mark(at []int, i int) {
	for set := w.set; set != 0; set &= set - 1 {
		at[bits.TrailingZeros32(set)] = i
	}
}

// around tells whether what an expression asks for around byte i is so.
func around(look syntax.EmptyOp, x []byte, i int) bool {
	if look == 0 {
		return true
	}
	before, after := rune(-1), rune(-1)
	if i > 0 {
		before, _ = utf8.DecodeLastRune(x[:i])
	}
	if i < len(x) {
		after, _ = utf8.DecodeRune(x[i:])
	}
	return look&^syntax.EmptyOpContext(before, after) == 0
}
