package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A Program is a compiled expression. It is immutable and may be shared; every
// thread evaluates it with a State of its own.
type Program struct {
	schema dtype.Schema
	field  dtype.Field
	values []value
	instrs []instr
	result int
	// The conjuncts of a predicate: Filter runs the instructions up to ends[k], then reads value
	// conj[k].
	conj  []conjunct
	slots int
}

type conjunct struct {
	value, end int
	fallible   bool // an instruction after this conjunct can fail
}

// A value is the result of a step: a column of the batch, a constant, or what an
// instruction computes.
type value struct {
	operand
	col  int // -1: not a column
	slot int // -1: not computed
}

// An instr computes one value.
type instr struct {
	binding
	bind   binder
	args   []int
	out    int
	lazy   bool // nulls are the code's business
	fails  bool
	active int // the value that says on which rows errors matter; -1: on all
	lift   int // the argument whose dictionary the code can run over; -1: none
	text   string
	dicts  *lifts
}

// A binding is what a binder knows of one call.
type binding struct {
	*sig
	fn     string
	asVec  []bool     // the constant argument is wanted as a vector
	node   Node       // the call itself
	once   *sync.Once // guards shared
	shared *any
}

// lit returns argument i if it is a constant that comes as such; f.in[i] is nil then.
func (b *binding) lit(i int) *Literal {
	if b.asVec[i] {
		return nil
	}
	return b.Args[i].Lit
}

// vectors makes all constants come as vectors. Compile has called it before any
// State does, so that States of several threads only read what they share.
func (b *binding) vectors() {
	for i, set := range b.asVec {
		if !set {
			b.asVec[i] = true
		}
	}
}

// share returns what make gave when it was first called for this instruction, in
// whatever State.
func (b *binding) share(make func() any) any {
	b.once.Do(func() { *b.shared = make() })
	return *b.shared
}

// A binder makes the code of one call for one State; the code may keep scratch.
type binder func(b *binding) (code, error)

// A code computes f.out from f.in.
type code func(f *frame) error

// Compile makes a program of e for batches of the given schema.
//
// Errors: those of Infer.
func Compile(e Expr, s dtype.Schema) (*Program, error) {
	f, err := Infer(e, s)
	if err != nil {
		return nil, err
	}
	c := &compiler{Program: Program{schema: s, field: f}, known: map[string]int{}}
	if err := c.root(e.N); err != nil {
		return nil, fmt.Errorf("expr: %w", err)
	}
	c.allot()
	return &c.Program, nil
}

// Field returns the name, type and nullability of the result.
func (p *Program) Field() dtype.Field { return p.field }

type compiler struct {
	Program
	known map[string]int // what computes a value → its number: equal parts are computed once
}

const always = -1 // the guard of rows that are always evaluated

// root compiles the expression; the conjuncts of a predicate are kept apart.
func (c *compiler) root(n Node) (err error) {
	if f, ok := n.(Func); ok && f.Fn == "and" {
		c.result, err = c.function(f, always, &c.conj)
	} else {
		c.result, err = c.node(n, always)
		c.conj = []conjunct{{value: c.result, end: len(c.instrs)}}
	}
	for i := range c.conj {
		for _, ins := range c.instrs[c.conj[i].end:] {
			c.conj[i].fallible = c.conj[i].fallible || ins.fails
		}
	}
	return err
}

func (c *compiler) node(n Node, active int) (int, error) {
	switch n := n.(type) {
	case Column:
		i, err := c.schema.Find(n.Name)
		if err != nil {
			return 0, err
		}
		return c.value("col "+strconv.Itoa(i), value{operand: fieldOperand(c.schema[i]), col: i, slot: -1}), nil
	case Literal:
		return c.constant(n), nil
	case Func:
		return c.function(n, active, nil)
	case Cast:
		return c.castNode(n, active)
	case When:
		return c.when(n, active)
	case Member:
		return c.member(n, active)
	}
	return 0, fmt.Errorf("%T cannot be compiled", n)
}

func (c *compiler) value(key string, v value) int {
	if id, ok := c.known[key]; ok {
		return id
	}
	c.values = append(c.values, v)
	c.known[key] = len(c.values) - 1
	return len(c.values) - 1
}

func (c *compiler) constant(l Literal) int {
	return c.value("lit "+valueText(l), value{operand: operand{T: l.Type, Null: l.Null, Lit: &l}, col: -1, slot: -1})
}

func (c *compiler) function(n Func, active int, conj *[]conjunct) (int, error) {
	ids := make([]int, len(n.Args))
	ops := make([]operand, len(n.Args))
	act, last := active, -1
	kind, guarded := guards[n.Fn]
	if guarded {
		last = c.lastFails(n.Args)
	}
	for i, a := range n.Args {
		id, err := c.node(a, act)
		if err != nil {
			return 0, err
		}
		ids[i], ops[i] = id, c.values[id].operand
		if i < last {
			act = c.guard(kind, id, act)
		}
		if conj != nil {
			*conj = append(*conj, conjunct{value: id, end: len(c.instrs)})
		}
	}
	s, err := typeOf(n, ops)
	if err != nil {
		return 0, err
	}
	if n.Fn == "coalesce" {
		act := active
		for i := range ids {
			if c.loses(ids[i:i+1], s.In[i:i+1]) {
				if ids[i], err = c.convert(ids[i], s.In[i], act); err != nil {
					return 0, err
				}
			}
			if c.loses(ids[i+1:], s.In[i+1:]) {
				act = c.guard(guardNull, ids[i], act)
			}
		}
	}
	return c.call(newCall(n, s), ids, active)
}

// loses reports whether bringing one of the values to its type can fail.
func (c *compiler) loses(ids []int, ts []dtype.Type) bool {
	for i, id := range ids {
		if from := c.values[id].T; from != ts[i] && ts[i].Kind != dtype.Null && castFails(from, ts[i]) {
			return true
		}
	}
	return false
}

// convertBranches brings the values of a conditional to its type, each on the rows
// that take it.
func (c *compiler) convertBranches(ids []int, s *sig, active int) (err error) {
	rest := active
	for i := 0; i+1 < len(ids); i += 2 {
		if c.loses(ids[i+1:i+2], s.In[i+1:i+2]) {
			if ids[i+1], err = c.convert(ids[i+1], s.In[i+1], c.guard(guardTrue, ids[i], rest)); err != nil {
				return err
			}
		}
		if c.losesLater(ids[i+2:], s.In[i+2:]) {
			rest = c.guard(guardNotTrue, ids[i], rest)
		}
	}
	if last := len(ids) - 1; len(ids)%2 == 1 && c.loses(ids[last:], s.In[last:]) {
		ids[last], err = c.convert(ids[last], s.In[last], rest)
	}
	return err
}

// losesLater is loses for the values among what is left of a conditional.
func (c *compiler) losesLater(ids []int, ts []dtype.Type) bool {
	for i := range ids {
		if (i%2 == 1 || i == len(ids)-1) && c.loses(ids[i:i+1], ts[i:i+1]) {
			return true
		}
	}
	return false
}

// newCall starts the instruction of a typed node that is not a cast.
func newCall(n Node, s *sig) instr {
	ins := instr{binding: binding{sig: s, node: n, asVec: make([]bool, len(s.In))}}
	switch n := n.(type) {
	case Func:
		f := lookup(n.Fn)
		ins.fn, ins.bind, ins.lazy, ins.fails = n.Fn, f.bind, f.lazy, f.fails != nil && f.fails(s)
		for i := range ins.asVec { // what evaluate and a call with nothing but constants want
			ins.asVec[i] = !f.param(i).Const
		}
	case When:
		ins.fn, ins.bind, ins.lazy = "case", bindWhen, true
	case Member:
		ins.fn, ins.bind = "in", bindMember
	}
	return ins
}

// evaluate computes a call whose arguments are all constant; false when they are
// not, or when it fails, which is then left to the rows that reach it.
func (s *sig) evaluate(n Node) (out Literal, ok bool) {
	lits := make([]Literal, len(s.Args))
	null := false
	for i, a := range s.Args {
		if a.Lit == nil || s.Out.Kind.IsNested() || s.In[i].Kind.IsNested() {
			return out, false
		}
		lits[i] = *a.Lit
		var err error
		if s.In[i].Kind != dtype.Null {
			if lits[i], err = castLit(*a.Lit, s.In[i]); err != nil {
				return out, false
			}
		}
		null = null || lits[i].Null
	}
	out = Literal{Type: s.Out, Null: true}
	if c, ok := n.(Cast); ok {
		l, err := castLit(lits[0], s.Out)
		if err != nil && !c.Strict {
			return out, true
		}
		return l, err == nil
	}
	ins := newCall(n, s)
	if s.Out.Kind == dtype.Null || null && !ins.lazy {
		return out, true
	}
	return ins.fold(lits)
}

// call converts the arguments and emits an instruction, or takes the result if
// it is known already.
func (c *compiler) call(ins instr, ids []int, active int) (int, error) {
	if l, ok := ins.evaluate(ins.node); ok {
		return c.constant(l), nil
	}
	s := *ins.sig
	s.Args = make([]operand, len(ids))
	constant := true
	for i := range ids {
		id, err := c.convert(ids[i], s.In[i], active)
		if err != nil {
			return 0, err
		}
		ids[i], s.Args[i] = id, c.values[id].operand
		l := s.Args[i].Lit
		constant = constant && l != nil
		if (l != nil && l.Null || s.Args[i].T.Kind == dtype.Null) && !ins.lazy {
			return c.constant(Literal{Type: s.Out, Null: true}), nil
		}
	}
	if s.Out.Kind == dtype.Null {
		return c.constant(Literal{Type: tNull, Null: true}), nil
	}
	ins.sig = &s
	if !constant {
		clear(ins.asVec)
	}
	return c.emit(ins, ids, active)
}

// emit adds an instruction unless the value exists.
func (c *compiler) emit(ins instr, ids []int, active int) (int, error) {
	ins.once, ins.shared, ins.dicts = new(sync.Once), new(any), &lifts{}
	if _, err := ins.bind(&ins.binding); err != nil { // what a State will do again
		return 0, fmt.Errorf("%s: %w", brief(ins.node), err)
	}
	ins.args, ins.active, ins.text = ids, always, brief(ins.node)
	key := fmt.Sprint(ins.fn, " ", ins.Out, " ", ids)
	if m, ok := ins.node.(Member); ok {
		key += " " + brief(Member{Column{"x"}, nil}) + fmt.Sprint(m.In)
	}
	if c, ok := ins.node.(Cast); ok && c.Strict {
		key += " strict"
	}
	if id, ok := c.known[key]; ok { // on all rows, which is good for fewer too
		return id, nil
	}
	if ins.fails && active != always {
		ins.active = active
		key += fmt.Sprint(" on ", active)
		if id, ok := c.known[key]; ok {
			return id, nil
		}
	}
	ins.lift = liftable(&ins)
	ins.out = c.value(key, value{operand: operand{T: ins.Out, Null: ins.Null}, col: -1, slot: len(c.instrs)})
	c.instrs = append(c.instrs, ins)
	return ins.out, nil
}

// liftable returns the only argument that varies if it is text, whose dictionary
// can then stand for the rows.
func liftable(ins *instr) int {
	at := -1
	for i, a := range ins.Args {
		if a.Lit != nil && !ins.asVec[i] {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = i
	}
	if at < 0 || ins.lazy || !ins.In[at].Kind.IsVar() {
		return -1
	}
	return at
}

// convert makes a value have type t.
func (c *compiler) convert(id int, t dtype.Type, active int) (int, error) {
	v := c.values[id]
	if v.T == t || t.Kind == dtype.Null {
		return id, nil
	}
	return c.cast(id, t, true, Cast{c.nodeOf(id), t, true}, active)
}

// nodeOf words a value for the message of an implicit conversion.
func (c *compiler) nodeOf(id int) Node {
	v := c.values[id]
	switch {
	case v.col >= 0:
		return Column{c.schema[v.col].Name}
	case v.Lit != nil:
		return *v.Lit
	}
	return c.instrs[v.slot].node
}

func (c *compiler) castNode(n Cast, active int) (int, error) {
	id, err := c.node(n.X, active)
	if err != nil {
		return 0, err
	}
	return c.cast(id, n.To, n.Strict, n, active)
}

func (c *compiler) cast(id int, t dtype.Type, strict bool, n Cast, active int) (int, error) {
	v := c.values[id]
	if v.T == t {
		return id, nil
	}
	s, err := castRule(Cast{To: t, Strict: strict}, v.operand)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", brief(n), err)
	}
	if v.Lit != nil && v.Lit.Null {
		return c.constant(Literal{Type: t, Null: true}), nil
	}
	if l, ok := s.evaluate(Cast{To: t, Strict: strict}); ok {
		return c.constant(l), nil
	}
	ins := instr{bind: bindCast(strict), fails: strict && castFails(v.T, t),
		binding: binding{sig: s, fn: "cast", node: n, asVec: []bool{true}}}
	return c.emit(ins, []int{id}, active)
}

func (c *compiler) when(n When, active int) (int, error) {
	var ids []int
	var ops []operand
	add := func(x Node, act int) (int, error) {
		id, err := c.node(x, act)
		if err == nil {
			ids, ops = append(ids, id), append(ops, c.values[id].operand)
		}
		return id, err
	}
	rest := active
	last := max(c.lastFails(n.If), c.lastFails(n.Then))
	if n.Else != nil && c.lastFails([]Node{n.Else}) == 0 {
		last = len(n.If)
	}
	for i := range n.If {
		cond, err := add(n.If[i], rest)
		if err != nil {
			return 0, err
		}
		then := rest
		if c.lastFails(n.Then[i:i+1]) == 0 {
			then = c.guard(guardTrue, cond, rest)
		}
		if _, err := add(n.Then[i], then); err != nil {
			return 0, err
		}
		if i < last {
			rest = c.guard(guardNotTrue, cond, rest)
		}
	}
	if n.Else != nil {
		if _, err := add(n.Else, rest); err != nil {
			return 0, err
		}
	}
	s, err := whenRule(ops)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", brief(n), err)
	}
	if err := c.convertBranches(ids, s, active); err != nil {
		return 0, err
	}
	return c.call(newCall(n, s), ids, active)
}

func (c *compiler) member(n Member, active int) (int, error) {
	id, err := c.node(n.X, active)
	if err != nil {
		return 0, err
	}
	s, err := memberRule(n, c.values[id].operand)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", brief(n), err)
	}
	return c.call(newCall(n, s), []int{id}, active)
}

// A guard is a bitmap of the rows on which what follows is evaluated.
type guardKind uint8

const (
	guardNotFalse guardKind = iota // and: x is not false
	guardNotTrue                   // or, and the later branches of case: x is not true
	guardTrue                      // a branch of case: x is true
	guardNull                      // coalesce: x is null
)

var guards = map[string]guardKind{"and": guardNotFalse, "or": guardNotTrue, "coalesce": guardNull}

// guard narrows the rows of guard active by value id.
func (c *compiler) guard(k guardKind, id, active int) int {
	in := []operand{c.values[id].operand}
	ids := []int{id}
	if active != always {
		in, ids = append(in, c.values[active].operand), append(ids, active)
	}
	s := &sig{In: make([]dtype.Type, len(in)), Args: in, Out: tBool}
	for i := range in {
		s.In[i] = in[i].T
	}
	ins := instr{bind: bindGuard(k), lazy: true, binding: binding{sig: s, fn: fmt.Sprint("guard ", k), node: Column{"guard"}, asVec: []bool{true, true}[:len(in)]}}
	out, err := c.emit(ins, ids, always)
	if err != nil {
		panic("expr: a guard cannot fail: " + err.Error())
	}
	return out
}

// lastFails is the position of the last that can fail, -1 if none can.
func (c *compiler) lastFails(ns []Node) int {
	for i := len(ns) - 1; i >= 0; i-- {
		if CanErrorIn(Expr{N: ns[i]}, c.schema) {
			return i
		}
	}
	return -1
}

// allot gives every computed value a scratch slot, reused after its last use so
// that the scratch of a long program stays in the cache.
func (c *compiler) allot() {
	last := make([]int, len(c.values))
	for i, ins := range c.instrs {
		last[ins.out] = i
		for _, a := range ins.args {
			last[a] = i
		}
		if ins.active != always {
			last[ins.active] = i
		}
	}
	for _, k := range c.conj {
		last[k.value] = len(c.instrs)
	}
	last[c.result] = len(c.instrs)
	var free []int
	dies := make([][]int, len(c.instrs)+1)
	for id, at := range last {
		if c.values[id].slot >= 0 {
			dies[at] = append(dies[at], id)
		}
	}
	for i, ins := range c.instrs {
		v := &c.values[ins.out]
		if len(free) > 0 {
			v.slot = free[len(free)-1]
			free = free[:len(free)-1]
		} else {
			v.slot = c.slots
			c.slots++
		}
		for _, id := range dies[i] {
			free = append(free, c.values[id].slot)
		}
	}
}

// maxFold bounds the constants that are computed early: they become part of plans.
const maxFold = 4096

// fold computes an instruction for one row of constants.
func (ins *instr) fold(lits []Literal) (Literal, bool) {
	b := ins.binding
	s := *b.sig
	s.Args = make([]operand, len(lits))
	b.sig, b.once, b.shared = &s, new(sync.Once), new(any)
	f := &frame{n: 1, out: &vector{}, in: make([]*chunk.Vec, len(lits))}
	for i := range lits {
		s.Args[i] = operand{T: lits[i].Type, Null: lits[i].Null, Lit: &lits[i]}
	}
	run, err := ins.bind(&b)
	if err != nil {
		return Literal{}, false
	}
	for i := range lits {
		if b.asVec[i] {
			f.in[i] = (&constant{lit: &lits[i]}).vec(1)
		}
	}
	f.out.reset(s.Out, 1)
	if run(f) != nil {
		return Literal{}, false
	}
	l := literalAt(&f.out.Vec, 0)
	return l, len(l.S) <= maxFold
}

// explain words the program, one instruction per line; for tests.
func (p *Program) explain() string {
	var b strings.Builder
	for _, ins := range p.instrs {
		fmt.Fprintf(&b, "v%d = %s%v slot %d", ins.out, ins.fn, ins.args, p.values[ins.out].slot)
		if ins.active != always {
			fmt.Fprintf(&b, " on v%d", ins.active)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var errNotHere = errors.New("not defined for this type")
