package expr

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A matcher tells whether a regular expression matches somewhere in a text. It
// belongs to one State. A text that lacks a piece that every match has is
// rejected by a search for the piece; others go through an automaton whose states
// are made when they are first met. Package regexp takes over when there are too
// many of them.
//
// Source of the automaton: Cox, "Regular Expression Matching in the Wild", 2010.
type matcher struct {
	re     *regexp.Regexp
	one    *onepass // finds groups; nil where only package regexp does
	piece  []byte   // every match has it
	exact  bool     // the piece is all there is to match
	prog   *syntax.Prog
	states []state
	next   []int32 // state·128 + ASCII character → state·128; 0 is not known yet
	index  map[string]int32
	start  int32
	full   bool
	key    []byte
	marks  []uint32 // instruction → the closure it was last reached in
	mark   uint32
	stack  []uint32
	reach  []uint32
}

// A state is the instructions that wait for the next character, before those that
// only look around are followed, and what the character before was.
type state struct {
	pcs  []uint32
	prev rune
	end  int32          // the state when the text ends here
	wide map[rune]int32 // the states behind characters beyond ASCII
}

const (
	unknown   int32 = iota
	matched         // absorbing: it matches, whatever follows
	failed          // absorbing: nothing that follows matches
	firstReal       // states of the table begin here
)

// maxStates bounds an automaton to half a megabyte.
const maxStates = 1 << 10

// newMatcher compiles an expression.
func newMatcher(pattern string) (*matcher, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	tree = tree.Simplify()
	m := &matcher{re: re, piece: []byte(pieceOf(tree)), index: map[string]int32{}}
	m.exact = tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0
	if m.prog, err = syntax.Compile(tree); err != nil {
		return nil, err
	}
	prefix, _ := re.LiteralPrefix()
	m.one = newOnepass(m.prog, prefix)
	m.marks = make([]uint32, len(m.prog.Inst))
	m.states, m.next = make([]state, firstReal), make([]int32, firstReal*128)
	for i := range int32(128) {
		m.next[matched*128+i], m.next[failed*128+i] = matched*128, failed*128
	}
	m.start = m.intern([]uint32{uint32(m.prog.Start)}, -1)
	return m, nil
}

// pieceOf returns the longest text that every match of the tree has.
func pieceOf(t *syntax.Regexp) string {
	switch t.Op {
	case syntax.OpLiteral:
		if t.Flags&syntax.FoldCase == 0 && !slices.Contains(t.Rune, utf8.RuneError) {
			return string(t.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return pieceOf(t.Sub[0])
	case syntax.OpRepeat:
		if t.Min > 0 {
			return pieceOf(t.Sub[0])
		}
	case syntax.OpConcat:
		best := ""
		for _, s := range t.Sub {
			if p := pieceOf(s); len(p) > len(best) {
				best = p
			}
		}
		return best
	}
	return ""
}

// intern returns the number of a state; unknown when there are too many.
func (m *matcher) intern(pcs []uint32, prev rune) int32 {
	slices.Sort(pcs)
	m.key = binary.LittleEndian.AppendUint32(m.key[:0], uint32(prev))
	for _, pc := range pcs {
		m.key = binary.LittleEndian.AppendUint32(m.key, pc)
	}
	if id, ok := m.index[string(m.key)]; ok {
		return id
	}
	if len(m.states) >= maxStates {
		m.full = true
		return unknown
	}
	id := int32(len(m.states))
	m.states = append(m.states, state{pcs: slices.Clone(pcs), prev: prev})
	m.next = append(m.next, make([]int32, 128)...)
	m.index[string(m.key)] = id
	return id
}

// classOf keeps of a character what looking back asks for.
func classOf(r rune) rune {
	switch {
	case r == '\n' || r < 0:
		return r
	case syntax.IsWordChar(r):
		return 'a'
	}
	return ' '
}

// step computes the state behind character r (-1: the end) in state id.
func (m *matcher) step(id int32, r rune) int32 {
	s := &m.states[id]
	look := syntax.EmptyOpContext(s.prev, r)
	m.mark++
	m.reach = m.reach[:0]
	m.stack = append(m.stack[:0], uint32(m.prog.Start)) // a match may begin anywhere
	m.stack = append(m.stack, s.pcs...)
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if m.marks[pc] == m.mark {
			continue
		}
		m.marks[pc] = m.mark
		in := &m.prog.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			return matched
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^look == 0 {
				m.stack = append(m.stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if r >= 0 && in.MatchRune(r) && !slices.Contains(m.reach, in.Out) {
				m.reach = append(m.reach, in.Out)
			}
		}
	}
	if r < 0 || len(m.reach) == 0 && m.prog.StartCond()&syntax.EmptyBeginText != 0 {
		return failed
	}
	return m.intern(m.reach, classOf(r))
}

// match reports whether the expression matches somewhere in x.
func (m *matcher) match(x []byte) bool {
	if len(m.piece) > 0 && !bytes.Contains(x, m.piece) {
		return false
	}
	switch {
	case m.exact:
		return true
	case m.full:
		return m.re.Match(x)
	}
	s := m.start
	for i := 0; i < len(x); {
		i, s = m.ascii(x, i, s)
		if s <= failed || i == len(x) {
			break
		}
		r, size := rune(x[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(x[i:])
		}
		n, ok := unknown, false
		if r >= utf8.RuneSelf {
			n, ok = m.states[s].wide[r]
		}
		if !ok {
			if n = m.step(s, r); n == unknown {
				return m.re.Match(x)
			}
			m.remember(s, r, n)
		}
		s = n
		i += size
	}
	if s <= failed {
		return s == matched
	}
	if m.states[s].end == unknown {
		n := m.step(s, -1)
		m.states[s].end = n
	}
	return m.states[s].end == matched
}

// ascii follows known steps from byte i on, up to the end, a character beyond
// ASCII, a step that is not known, or an absorbing state.
func (m *matcher) ascii(x []byte, i int, s int32) (int, int32) {
	next, at := m.next, s*128
	for ; i < len(x); i++ {
		c := x[i]
		if c >= utf8.RuneSelf {
			break
		}
		n := next[at+int32(c)]
		if n < firstReal*128 {
			if n == unknown {
				break
			}
			return i, n / 128
		}
		at = n
	}
	return i, at / 128
}

// remember keeps a step; those of characters beyond ASCII up to so many per state.
func (m *matcher) remember(s int32, r rune, n int32) {
	if r < utf8.RuneSelf {
		m.next[s*128+r] = n * 128
		return
	}
	st := &m.states[s]
	if st.wide == nil {
		st.wide = map[rune]int32{}
	}
	if len(st.wide) < 256 {
		st.wide[r] = n
	}
}
