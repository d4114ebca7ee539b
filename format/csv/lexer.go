package csv

import (
	"bytes"

	"github.com/weft-data/weft/internal/kernel"
)

// A grammar is the bytes with a meaning. A zero quote or comment means none.
type grammar struct{ delim, quote, comment byte }

// A field is a field of a record as the lexer found it: bytes [lo, hi) of the
// buffer, without the quotes of a quoted one.
type field struct {
	lo, hi  int
	quoted  bool
	doubled bool // has doubled quotes
	bad     bool // something other than a delimiter or newline follows the closing quote
}

// A line is what begins at a record border.
type line uint8

const (
	lineRecord  line = iota
	lineBlank        // nothing before the newline
	lineComment      // begins with the comment byte
	lineOpen         // the buffer ends before the record does
)

// record reads the record that begins at b[at] into f and returns where the next
// begins. This is the definition of the grammar; the fast roads must agree with it.
func (g *grammar) record(b []byte, at int, f []field) (next int, out []field, kind line) {
	f = f[:0]
	if at < len(b) && g.comment != 0 && b[at] == g.comment {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return at, f, lineOpen
		}
		return at + i + 1, f, lineComment
	}
	for i := at; ; {
		var x field
		if i < len(b) && g.quote != 0 && b[i] == g.quote {
			x = g.quotedField(b, i)
		} else {
			x = field{lo: i, hi: g.endOfField(b, i)}
		}
		end := x.hi
		if x.quoted {
			end++
		}
		if x.quoted && end+1 < len(b) && b[end] == '\r' && b[end+1] == '\n' {
			end++
		}
		if end >= len(b) {
			return at, f, lineOpen
		}
		if b[end] == '\n' && !x.quoted && end > x.lo && b[end-1] == '\r' {
			x.hi--
		}
		f = append(f, x)
		if b[end] == '\n' {
			if len(f) == 1 && !x.quoted && !x.bad && x.lo == x.hi {
				return end + 1, f, lineBlank
			}
			return end + 1, f, lineRecord
		}
		i = end + 1
	}
}

// quotedField reads the quoted field at b[i]. Its hi is len(b) when the buffer
// ends inside it or right after a quote that may or may not close it.
func (g *grammar) quotedField(b []byte, i int) field {
	x := field{lo: i + 1, quoted: true}
	for j := i + 1; ; j += 2 {
		k := bytes.IndexByte(b[j:], g.quote)
		if k < 0 || j+k+1 >= len(b) {
			x.hi = len(b)
			return x
		}
		if j += k; b[j+1] != g.quote {
			x.hi = j
			break
		}
		x.doubled = true
	}
	switch c := b[x.hi+1]; {
	case c == g.delim || c == '\n':
		return x
	case c == '\r' && x.hi+2 >= len(b):
		x.hi = len(b)
		return x
	case c == '\r' && b[x.hi+2] == '\n':
		return x
	}
	return field{lo: i, hi: g.endOfField(b, x.hi+1), bad: true}
}

// endOfField returns the position of the next delimiter or newline, or len(b).
func (g *grammar) endOfField(b []byte, i int) int {
	for ; i < len(b); i++ {
		if b[i] == g.delim || b[i] == '\n' {
			return i
		}
	}
	return i
}

// text appends the value of a field to dst.
func (g *grammar) text(dst, b []byte, x field) []byte {
	if !x.doubled {
		return append(dst, b[x.lo:x.hi]...)
	}
	return unquote(dst, b[x.lo:x.hi], g.quote)
}

// unquote appends s to dst with doubled quotes made single.
func unquote(dst, s []byte, quote byte) []byte {
	for {
		i := bytes.IndexByte(s, quote)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i+1]...)
		s = s[min(i+2, len(s)):]
	}
}

// A state is where a border between two bytes lies.
type state uint8

const (
	outside state = iota
	inside        // inside quotes
	after         // after a quote inside quotes: the next byte says what it was
)

// A passage maps the state at the start of some bytes to the state at their end, and says whether a record ends between.
type passage struct {
	to   [3]state
	ends [3]bool
}

// nowhere is the passage of no bytes.
var nowhere = passage{to: [3]state{outside, inside, after}}

// then is the passage of some bytes and those of q behind them.
func (p passage) then(q passage) passage {
	for s, to := range p.to {
		p.to[s], p.ends[s] = q.to[to], p.ends[s] || q.ends[to]
	}
	return p
}

// only returns the state at the end, if it is the same whatever that at the start was: of those that have a record end, if bytes
// are more than a record may have.
func (p passage) only(long bool) (to state, ok bool) {
	for s := range p.to {
		switch {
		case long && !p.ends[s]:
		case !ok:
			to, ok = p.to[s], true
		case p.to[s] != to:
			return 0, false
		}
	}
	return to, ok
}

// next moves a state over a quote. opens says that the quote stands at the start
// of a field, adjacent that the byte before it is the last quote seen.
func (s state) next(opens, adjacent bool) state {
	if s == after {
		if adjacent {
			return inside
		}
		s = outside
	}
	switch {
	case s == inside:
		return after
	case opens:
		return inside
	}
	return outside
}

// passage computes the passage of b; prev is the byte before it ('\n' at the
// start of the records). quotes is the number of quotes in b; pos is scratch that
// is grown as needed.
func (g *grammar) passage(b []byte, prev byte, quotes int, pos *[]uint32) passage {
	if len(b) == 0 {
		return nowhere
	}
	if quotes == 0 {
		ends := bytes.IndexByte(b, '\n') >= 0
		return passage{[3]state{outside, inside, outside}, [3]bool{ends, false, ends}}
	}
	last := -1
	s, ends := nowhere.to, nowhere.ends
	for base := 0; base < len(b); base += window {
		w := b[base:min(base+window, len(b))]
		for _, p := range g.marks(w, pos) {
			at := base + int(p)
			if b[at] == '\n' {
				for i := range s { // after a quote the newline is outside
					ends[i] = ends[i] || s[i] != inside
				}
				continue
			}
			before := prev
			if at > 0 {
				before = b[at-1]
			}
			opens, adjacent := before == g.delim || before == '\n', at == last+1
			last = at
			one := s[0] == s[1] && s[0] == s[2]
			s[0] = s[0].next(opens, adjacent)
			if one {
				s[1], s[2] = s[0], s[0]
				continue
			}
			s[1], s[2] = s[1].next(opens, adjacent), s[2].next(opens, adjacent)
		}
	}
	if last != len(b)-1 {
		for i := range s {
			if s[i] == after {
				s[i] = outside
			}
		}
	}
	return passage{s, ends}
}

// window is how many bytes are scanned in one call of a kernel.
const window = 256 << 10

// marks returns the positions of quotes and newlines in b, which is at most a
// window long.
func (g *grammar) marks(b []byte, pos *[]uint32) []uint32 {
	if len(*pos) < len(b)+64 {
		*pos = make([]uint32, len(b)+64)
	}
	k, _ := kernel.Structural(b, len(b), g.quote, 0, 0, *pos)
	return (*pos)[:k]
}

// border returns the position after the first newline outside quotes in b[from:],
// or -1. s is the state at from, prev the byte before it. When s is outside and
// prev a newline, from itself is a border: callers look at that first.
func (g *grammar) border(b []byte, from int, prev byte, s state) int {
	if g.quote == 0 {
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			return from + i + 1
		}
		return -1
	}
	for i := from; i < len(b); i++ {
		c := b[i]
		switch {
		case s == inside:
			k := bytes.IndexByte(b[i:], g.quote)
			if k < 0 {
				return -1
			}
			i += k
			c, s = g.quote, after
		case s == after && c == g.quote:
			s = inside
		case c == g.quote && s == outside && (prev == g.delim || prev == '\n'):
			s = inside
		case c == '\n':
			return i + 1
		default:
			s = outside
		}
		prev = c
	}
	return -1
}

// A cut is how far whole records reach in a window that starts at a record
// border.
type cut struct {
	end     int  // after the last newline outside quotes; 0 if there is none
	records int  // newlines outside quotes
	strict  bool // every quote up to end opens, closes or is doubled in a quoted field
	quotes  bool // there are quotes up to end
	loaded  bool // the parser has its fields already
}

// cut looks for the last record border in b, of which at most a window is read
// at once.
func (g *grammar) cut(b []byte, pos *[]uint32) cut {
	c := cut{strict: true}
	strict, quotes := true, false
	s, last := outside, -1
	for base := 0; base < len(b); base += window {
		w := b[base:min(base+window, len(b))]
		for _, p := range g.marks(w, pos) {
			at := base + int(p)
			if b[at] == '\n' {
				if s == after {
					s = outside
				}
				if s == outside {
					c = cut{at + 1, c.records + 1, strict, quotes, false}
				}
				continue
			}
			quotes = true
			opens := at == 0 || b[at-1] == g.delim || b[at-1] == '\n'
			t := s.next(opens, at == last+1)
			switch {
			case t == outside: // a quote outside that opens nothing
				strict = false
			case t == after && at+1 < len(b):
				strict = strict && g.closes(b, at)
			}
			s, last = t, at
		}
	}
	return c
}

// closes reports whether the quote at b[at], inside quotes, is followed by
// something that may follow it.
func (g *grammar) closes(b []byte, at int) bool {
	switch c := b[at+1]; c {
	case g.quote, g.delim, '\n':
		return true
	case '\r':
		return at+2 >= len(b) || b[at+2] == '\n'
	}
	return false
}
