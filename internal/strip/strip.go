// Package strip interprets elementwise programs on arrays, a strip of a few
// kilobytes per operand at a time, so that all that lies between the reads and
// the result stays in the first-level cache. A program is data: steps that name
// the values they take. Folds are the reductions that end a program.
//
//	Program ──Compile──▶ Code ──NewState──▶ State   (one per thread)
//
// Values are named by numbers: -1-k is leaf k, i ≥ 0 the result of step i.
package strip

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// Bytes is the size of a strip of the widest operand, in programs of two steps or
// more; others take half of it. The processor overlaps the cache misses of one step
// with the arithmetic of others, so that larger strips are slower: at 8 KiB by a
// fifth. Smaller ones pay for more calls: at 2 KiB sqrt(x*x+y*y).sum is slower by an
// eighth, but a bare sum of rows of 8 KiB faster by as much.
const Bytes = 4096

// early is how far ahead of the strip that is computed memory is asked for.
const early = 8192

// A Step applies an operation to values.
type Step struct {
	Op      Op
	In, Out elem.Kind // of the operands (Where: of the second and third) and of the result
	A, B, C int32     // as many as the operation takes, the others 0
}

// Leaf returns the value of leaf k.
func Leaf(k int) int32 { return int32(-1 - k) }

// A Program computes values from leaves.
type Program struct {
	Leaves []elem.Kind
	Steps  []Step
}

// Kind returns the type of a value.
func (p *Program) Kind(v int32) (elem.Kind, error) {
	switch {
	case v >= 0 && int(v) < len(p.Steps):
		return p.Steps[v].Out, nil
	case v < 0 && int(-1-v) < len(p.Leaves):
		return p.Leaves[-1-v], nil
	}
	return 0, fmt.Errorf("there is no value %d", v)
}

// A Kernel computes n elements. dst may be a, b or c themselves when elements
// are equally wide.
type Kernel func(dst, a, b, c []byte, n int)

// Code is a program whose kernels are chosen. It is safe for concurrent use.
type Code struct {
	prog    Program
	kernels []Kernel // nil for steps that others include
	buf     []int    // buffer of each step
	bufs    int
	length  int
	room    int
	early   int
	asks    bool  // for memory ahead
	whole   bool  // there is one step, of all leaves: what takes its place, see Last, asks for memory by itself
	share   []int // where the bytes that a step asks for ahead begin, see State.Ahead; the last one is the end
}

// Length returns the most elements of a strip.
func (c *Code) Length() int { return c.length }

// Room returns how many elements Run takes at most, where no memory is asked for ahead.
func (c *Code) Room() int { return c.room }

// Early returns how many elements ahead memory is to be asked for.
func (c *Code) Early() int { return c.early }

// Compile checks a program and chooses its kernels. outs are the values that
// will be asked for.
func Compile(p Program, outs []int32) (*Code, error) {
	c := &Code{prog: p, buf: make([]int, len(p.Steps))}
	c.prog.Steps = slices.Clone(p.Steps)
	width := 1
	for _, k := range p.Leaves {
		width = max(width, k.Width())
	}
	for i, s := range p.Steps {
		k, err := p.step(i, s)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", i, s.Op, err)
		}
		c.kernels = append(c.kernels, k)
		width = max(width, s.In.Width(), s.Out.Width())
	}
	for _, v := range outs {
		if _, err := p.Kind(v); err != nil {
			return nil, err
		}
	}
	c.room, c.early = Bytes/width, early/width
	c.length = c.room
	if len(p.Steps) < 2 {
		c.length /= 2
	}
	c.join(outs)
	c.share = shares(c.prog.Steps)
	c.asks = c.prog.asks()
	last := len(c.kernels) - 1
	c.whole = c.prog.takesAll(last) && !slices.ContainsFunc(c.kernels[:max(last, 0)], func(k Kernel) bool { return k != nil })
	c.place(outs)
	return c, nil
}

// join makes one step of a sum of squares, and of the square root of one: the processor computes them while it waits for
// the operands, and what lies between needs no pass of its own. The bits are those of the single steps.
func (c *Code) join(outs []int32) {
	steps, readers := c.prog.Steps, make([]int, len(c.prog.Steps))
	read := func(v int32) {
		if v >= 0 {
			readers[v]++
		}
	}
	for _, s := range steps {
		for _, v := range s.operands() {
			read(v)
		}
	}
	for _, v := range outs {
		read(v)
	}
	square := func(v int32) bool {
		return v >= 0 && steps[v].Op == Binary(vec.Mul) && steps[v].A == steps[v].B && readers[v] == 1
	}
	include := func(i int, op Op, a, b int32, parts ...int32) {
		k := table[key{op, steps[i].In, steps[i].Out}]
		if k == nil {
			return
		}
		c.kernels[i], steps[i].Op, steps[i].A, steps[i].B = k, op, a, b
		for _, v := range parts {
			c.kernels[v], steps[v] = nil, Step{}
		}
	}
	for i, s := range steps {
		switch {
		case s.Op == Binary(vec.Add) && square(s.A) && square(s.B):
			include(i, Binary(vec.Squares), steps[s.A].A, steps[s.B].A, s.A, s.B)
		case s.Op == Unary(vec.Sqrt) && s.A >= 0 && steps[s.A].Op == Binary(vec.Squares) && readers[s.A] == 1:
			include(i, Binary(vec.Norm), steps[s.A].A, steps[s.A].B, s.A)
		}
	}
}

// operands are the values that a step takes.
func (s *Step) operands() []int32 { return []int32{s.A, s.B, s.C}[:s.Op.Arity()] }

// slowShare is how much more a slow step asks for than others: while it computes, the
// memory has time. With 4 sqrt(x*x+y*y)+sin(x) takes a sixth less than with 1.
const slowShare = 4

// shares divides the bytes of a strip among steps.
func shares(steps []Step) []int {
	at, all := make([]int, len(steps)+1), 0
	for i, s := range steps {
		if s.Op.Slow() {
			all += slowShare
		} else if s.Op != NoOp {
			all++
		}
		at[i+1] = all
	}
	for i := range at {
		at[i] = (at[i]*Bytes/max(1, all) + 63) &^ 63
	}
	return at
}

// step checks step i and returns its kernel.
func (p *Program) step(i int, s Step) (Kernel, error) {
	n := s.Op.Arity()
	if n == 0 {
		return nil, fmt.Errorf("no such operation")
	}
	for j, v := range []int32{s.A, s.B, s.C}[:n] {
		if v >= int32(i) {
			return nil, fmt.Errorf("takes value %d, which comes later", v)
		}
		k, err := p.Kind(v)
		if err != nil {
			return nil, err
		}
		want := s.In
		if s.Op == Where && j == 0 {
			want = elem.Bool
		}
		if k != want {
			return nil, fmt.Errorf("operand %d is %s, not %s", j, k, want)
		}
	}
	if s.Op != Cast {
		if out, err := s.Op.Result(s.In); err != nil {
			return nil, err
		} else if out != s.Out {
			return nil, fmt.Errorf("gives %s, not %s", out, s.Out)
		}
	}
	k := table[key{s.Op, s.In, s.Out}]
	if k == nil {
		return nil, fmt.Errorf("is not defined for %s", s.In)
	}
	return k, nil
}

// asks reports whether a program must ask for the memory that it will read. It need not where the first step is a norm of
// all leaves, whose roots the processor takes while it reads ahead of them by itself: to ask as well made sqrt(x*x+y*y), folded
// in a pass of its own, slower by a fifth.
func (p *Program) asks() bool {
	first := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Op != NoOp })
	return first < 0 || p.Steps[first].Op != Binary(vec.Norm) || !p.takesAll(first)
}

// takesAll reports whether a step, if there is one, takes all leaves.
func (p *Program) takesAll(step int) bool {
	for k := range p.Leaves {
		if step < 0 || !slices.Contains(p.Steps[step].operands(), Leaf(k)) {
			return false
		}
	}
	return true
}

// Last returns the operation whose result is the value v, and its operands, if it is the last step and the others do not take
// that: then Operands may take the place of Run, and the operation that of the value.
func (c *Code) Last(v int32) (o Op, k elem.Kind, a, b int32, ok bool) {
	if v < 0 || int(v) != len(c.prog.Steps)-1 {
		return 0, 0, 0, 0, false
	}
	s := &c.prog.Steps[v]
	return s.Op, s.In, s.A, s.B, true
}

// place gives every step a buffer; one whose value is read for the last time is
// used again, so that few buffers circulate in the cache.
func (c *Code) place(outs []int32) {
	last := make([]int, len(c.prog.Steps))
	for i, s := range c.prog.Steps {
		last[i] = i
		for _, v := range s.operands() {
			if v >= 0 {
				last[v] = i
			}
		}
	}
	for _, v := range outs {
		if v >= 0 {
			last[v] = len(c.prog.Steps)
		}
	}
	ends := make([][]int, len(c.prog.Steps)+1)
	for i, l := range last {
		ends[l] = append(ends[l], i)
	}
	var free []int
	for i := range c.prog.Steps {
		if c.kernels[i] == nil {
			continue
		}
		if n := len(free); n > 0 {
			c.buf[i], free = free[n-1], free[:n-1]
		} else {
			c.buf[i] = c.bufs
			c.bufs++
		}
		for _, v := range ends[i] {
			free = append(free, c.buf[v])
		}
	}
}

// A State runs code on one thread.
type State struct {
	code  *Code
	leaf  [][]byte
	own   [][]byte // buffers of leaves that are gathered
	step  [][]byte
	bufs  [][]byte
	ahead [][]byte // what is to be asked for during the next run
	away  []int32  // whose results go elsewhere in the next run, see Into
}

// NewState makes the buffers of one thread.
func (c *Code) NewState() *State {
	s := &State{code: c, leaf: make([][]byte, len(c.prog.Leaves)), own: make([][]byte, len(c.prog.Leaves)),
		step: make([][]byte, len(c.prog.Steps))}
	all := Aligned(c.bufs * Bytes)
	for i := range c.bufs {
		s.bufs = append(s.bufs, all[i*Bytes:(i+1)*Bytes:(i+1)*Bytes])
	}
	for i, b := range c.buf {
		s.step[i] = s.bufs[b]
	}
	return s
}

// Set gives the elements of a leaf for the next run.
func (s *State) Set(leaf int, b []byte) { s.leaf[leaf] = b }

// Buffer returns a strip of the state's own for a leaf, and sets it.
func (s *State) Buffer(leaf int) []byte {
	if s.own[leaf] == nil {
		s.own[leaf] = Aligned(Bytes)
	}
	s.leaf[leaf] = s.own[leaf]
	return s.own[leaf]
}

// Swap gives a leaf the elements in the buffer of another one for the next run.
func (s *State) Swap(leaf, other int) { s.leaf[leaf] = s.own[other] }

// Ahead has memory that will be read soon asked for while the next run computes:
// a share after each step, because a burst for several operands would only wait
// for the first.
func (s *State) Ahead(b []byte) {
	if s.code.asks {
		s.ahead = append(s.ahead, b)
	}
}

// Run computes n elements, at most Length, or Room where nothing is asked for ahead.
func (s *State) Run(n int) { s.run(n, len(s.code.kernels)) }

// Operands is Run without the last step, of which there must be one: see Code.Last.
func (s *State) Operands(n int) {
	if s.code.whole {
		s.ahead = s.ahead[:0]
	}
	s.run(n, len(s.code.kernels)-1)
}

// run computes n elements of the first steps.
func (s *State) run(n, steps int) {
	c := s.code
	for i, k := range c.kernels[:steps] {
		if k == nil {
			continue
		}
		for _, b := range s.ahead {
			if from := c.share[i]; from < len(b) {
				Prefetch(b[from:min(c.share[i+1], len(b))])
			}
		}
		st := &c.prog.Steps[i]
		k(s.step[i], s.Value(st.A), s.Operand(st.B), s.Operand(st.C), n)
	}
	for _, b := range s.ahead {
		if from := c.share[steps]; from < len(b) {
			Prefetch(b[from:])
		}
	}
	s.ahead = s.ahead[:0]
	for _, v := range s.away {
		s.step[v] = s.bufs[c.buf[v]]
	}
	s.away = s.away[:0]
}

// Operand is Value for operands that may not be there.
func (s *State) Operand(v int32) []byte {
	if v < 0 && int(-1-v) >= len(s.leaf) || v >= 0 && int(v) >= len(s.step) {
		return nil
	}
	return s.Value(v)
}

// Value returns the elements of a value of the last run, at least as many as were computed.
func (s *State) Value(v int32) []byte {
	if v >= 0 {
		return s.step[v]
	}
	return s.leaf[-1-v]
}

// Into makes the result of a value go to dst in the next run, instead of a strip
// of the state; it reports false for leaves, which are to be copied. Later runs do not know dst, which may be
// shorter than their strips, or no longer the caller's.
func (s *State) Into(v int32, dst []byte) bool {
	if v < 0 {
		return false
	}
	s.step[v], s.away = dst, append(s.away, v)
	return true
}

// Aligned makes a buffer that begins at a multiple of 64 bytes.
func Aligned(n int) []byte {
	b := make([]byte, n+64)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[off : off+n : off+n]
}

// View views b as n values of T.
func View[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Raw views values as bytes.
func Raw[T any](s []T) []byte {
	var z T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(z)))
}
