package expr

import (
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A State evaluates a Program on one thread. All scratch is in it and reused:
// after the first morsels nothing is allocated for fixed-width results.
type State struct {
	p      *Program
	codes  []code
	frames []frame
	slots  []vector
	consts []constant
	vecs   []*chunk.Vec // value → where it is for this batch
	lifted []*lifted    // instruction → the last dictionary it ran over
	check  []uint64
	mask   []uint64
	part   []uint64 // the mask of a portion
	n      int
	room   *Ration // nil: without bounds
	own    Ration  // of Filter
	age    uint32  // of the buffers of text, see Ration
}

// NewState makes the state of one thread.
func (p *Program) NewState() *State {
	s := &State{p: p, codes: make([]code, len(p.instrs)), frames: make([]frame, len(p.instrs)), slots: make([]vector, p.slots),
		consts: make([]constant, len(p.values)), vecs: make([]*chunk.Vec, len(p.values)), lifted: make([]*lifted, len(p.instrs))}
	for i := range p.instrs {
		ins := &p.instrs[i]
		b := ins.binding
		code, err := ins.bind(&b)
		if err != nil { // Compile did the same
			panic(fmt.Sprintf("expr: %s: %v", ins.text, err))
		}
		s.codes[i] = code
		s.frames[i].in = make([]*chunk.Vec, len(ins.args))
	}
	for id, v := range p.values {
		if v.Lit != nil {
			s.consts[id].lit = v.Lit
		} else if v.col >= 0 {
			s.consts[id].lit = &Literal{Type: v.T, Null: true} // for batches that have the Null column instead
		}
	}
	return s
}

// Eval computes the expression for every row of b. The result is borrowed: it is
// valid until the next call of Eval or Filter, and may share buffers with b.
//
// Errors: a row on which a function fails, with the expression and the values;
// see Function.Errors.
func (s *State) Eval(b *chunk.Batch) (*chunk.Vec, error) { return s.Within(nil, b) }

// Within is Eval of the rows that r.Take gave; the caller asks r.Over about its error. Nil is a Ration without bounds.
func (s *State) Within(r *Ration, b *chunk.Batch) (*chunk.Vec, error) {
	if err := s.start(b, r); err != nil {
		return nil, err
	}
	if err := s.run(0, len(s.p.instrs)); err != nil {
		return nil, err
	}
	return s.vec(s.p.result), nil
}

// Filter computes a predicate as a bitmap of the rows for which it is true, null
// counting as false, and how many these are. Bits beyond b.N are zero. The bitmap
// is borrowed until the next call. Conjuncts are tried in order; those that are left when no
// row remains are not evaluated if they cannot fail.
func (s *State) Filter(b *chunk.Batch) (mask []uint64, n int, err error) {
	if k := s.p.field.Type.Kind; k != dtype.Bool && k != dtype.Null {
		return nil, 0, fmt.Errorf("expr: %s is %s, want a predicate (bool)", s.p.field.Name, s.p.field.Type)
	}
	mask = words(&s.mask, chunk.Words(b.N))
	for lo := 0; lo < b.N; {
		m, into := s.own.Take(b, lo), mask
		if m.N < b.N {
			into = words(&s.part, chunk.Words(m.N))
		}
		err := s.filter(m, into)
		if s.own.Over(err) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if m.N < b.N {
			kernel.CopyBits(mask, lo, into, 0, m.N)
		}
		lo += m.N
	}
	if r := b.N & 63; r != 0 {
		mask[len(mask)-1] &= 1<<uint(r) - 1
	}
	return mask, kernel.PopCount(mask, b.N), nil
}

// filter computes the predicate of rows that s.own gave.
func (s *State) filter(b *chunk.Batch, mask []uint64) error {
	if err := s.start(b, &s.own); err != nil {
		return err
	}
	at := 0
	for i, c := range s.p.conj {
		if err := s.run(at, c.end); err != nil {
			return err
		}
		at = c.end
		v := s.vec(c.value)
		switch {
		case v.Type.Kind == dtype.Null:
			clear(mask)
		case i == 0:
			copy(mask, v.Bits())
		default:
			kernel.And(mask, mask, v.Bits())
		}
		if v.Valid != nil {
			kernel.And(mask, mask, v.Valid[:len(mask)])
		}
		if i+1 < len(s.p.conj) && !c.fallible && kernel.NoneSet(mask, b.N) {
			break
		}
	}
	return nil
}

// start takes a batch, to be computed within the bounds of r.
func (s *State) start(b *chunk.Batch, r *Ration) error {
	s.n, s.room = b.N, r
	if r != nil && r.age != s.age {
		s.age = r.age
		for i := range s.slots {
			s.slots[i].str = nil
		}
	}
	for id := range s.p.values {
		v := &s.p.values[id]
		if v.col < 0 {
			continue
		}
		if v.col >= len(b.Cols) {
			return fmt.Errorf("expr: a batch of %d columns, want the %d of the schema", len(b.Cols), len(s.p.schema))
		}
		s.vecs[id] = &b.Cols[v.col]
		if got := b.Cols[v.col].Type.Kind; got != v.T.Kind {
			if got != dtype.Null {
				return fmt.Errorf("expr: column %q is %s in a batch, want %s", s.p.schema[v.col].Name, got, v.T)
			}
			s.vecs[id] = s.consts[id].vec(b.N)
		}
	}
	return nil
}

// vec returns a value as a column.
func (s *State) vec(id int) *chunk.Vec {
	if s.p.values[id].Lit != nil {
		return s.consts[id].vec(s.n)
	}
	return s.vecs[id]
}

func (s *State) run(from, to int) error {
	for i := from; i < to; i++ {
		if err := s.step(i); err != nil {
			return fmt.Errorf("expr: %s: %w", s.p.instrs[i].text, err)
		}
	}
	return nil
}

func (s *State) step(i int) error {
	ins, f := &s.p.instrs[i], &s.frames[i]
	f.n, f.check, f.most = s.n, nil, 0
	f.out = &s.slots[s.p.values[ins.out].slot]
	f.out.reset(ins.Out, s.n)
	for k, a := range ins.args {
		if ins.Args[k].Lit == nil || ins.asVec[k] {
			f.in[k] = s.vec(a)
		}
	}
	if !ins.lazy {
		s.nulls(f)
	}
	if ins.fails {
		f.check = f.out.Valid
		if ins.active != always {
			s.narrow(f, s.vecs[ins.active].Bits())
		}
	}
	s.vecs[ins.out] = &f.out.Vec
	if s.room != nil && ins.Out.Kind.IsVar() {
		return s.measured(i)
	}
	return s.code(i)
}

// code runs an instruction.
func (s *State) code(i int) error {
	if l := s.p.instrs[i].lift; l >= 0 && s.frames[i].in[l].Dict != nil {
		return s.runLifted(i)
	}
	return s.codes[i](&s.frames[i])
}

// measured is code of an instruction that makes text or lists: what it makes counts.
func (s *State) measured(i int) error {
	f, r := &s.frames[i], s.room
	had := cap(f.out.str)
	f.most, f.made = r.left(), 0
	err := s.code(i)
	r.held += max(0, cap(f.out.str)-had)
	if err == errLong {
		r.over(f.long, f.made)
	}
	r.made += f.made
	return err
}

// nulls makes the result null wherever an argument is.
func (s *State) nulls(f *frame) {
	w := chunk.Words(f.n)
	for _, v := range f.in {
		if v == nil || v.Valid == nil {
			continue
		}
		if f.out.Valid == nil {
			f.out.Valid = words(&f.out.valid, w)
			copy(f.out.Valid, v.Valid[:w])
			continue
		}
		kernel.And(f.out.Valid, f.out.Valid, v.Valid[:w])
	}
}

// narrow restricts the rows on which errors matter.
func (s *State) narrow(f *frame, active []uint64) {
	if f.check == nil {
		f.check = active
		return
	}
	check := words(&s.check, chunk.Words(f.n))
	kernel.And(check, f.check, active)
	f.check = check
}
