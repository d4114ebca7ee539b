package expr

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
)

// bindPattern binds the functions of regular expressions.
func bindPattern(b *binding) (code, error) {
	m, err := newMatcher(b.Args[1].Lit.S)
	if err != nil {
		return nil, err
	}
	switch b.fn {
	case "str.match":
		test := m.match
		if m.exact {
			test = nil
		}
		return containing(b, m.piece, test), nil
	case "str.extract":
		group := int(b.Args[2].Lit.I)
		return func(f *frame) error {
			x := f.text(b, 0)
			return f.eachText(func(dst []byte, i int) ([]byte, error) {
				at := m.first(x.at(i))
				if at == nil || at[2*group] < 0 {
					f.out.setNull(i)
					return dst, nil
				}
				return append(dst, x.at(i)[at[2*group]:at[2*group+1]]...), nil
			})
		}, nil
	case "str.extract_all":
		var l listBuilder
		return func(f *frame) error {
			x := f.text(b, 0)
			return f.eachText(func(dst []byte, i int) ([]byte, error) {
				l.reset()
				m.each(x.at(i), func(at []int) { l.add(x.at(i)[at[0]:at[1]]) })
				return chunk.AppendList(dst, &l.parts, 0, l.parts.N), nil
			})
		}, nil
	case "str.count_re":
		return func(f *frame) error {
			x := f.text(b, 0)
			f.eachInt(func(i int) int64 {
				n := int64(0)
				m.each(x.at(i), func([]int) { n++ })
				return n
			})
			return nil
		}, nil
	}
	return m.replacing(b), nil
}

// first returns where the first match and its groups begin and end, until the
// next call; nil for none.
func (m *matcher) first(x []byte) []int {
	if !m.may(x) {
		return nil
	}
	if m.one != nil {
		if at, ok := m.one.find(x, 0); ok {
			return at
		}
	}
	return m.re.FindSubmatchIndex(x)
}

// may tells whether it is worth looking for a match.
func (m *matcher) may(x []byte) bool {
	if m.one == nil {
		return m.match(x)
	}
	return len(m.one.prefix) > 0 || len(m.piece) == 0 || bytes.Contains(x, m.piece)
}

// each finds the matches that do not overlap, of which an empty one does not
// follow another at once, as package regexp does.
func (m *matcher) each(x []byte, f func(at []int)) {
	if !m.may(x) {
		return
	}
	done, ok := 0, false
	if m.one != nil {
		if done, ok = m.one.each(x, f); ok {
			return
		}
	}
	for _, at := range m.re.FindAllSubmatchIndex(x, -1)[done:] {
		f(at)
	}
}

func (m *matcher) replacing(b *binding) code {
	to := []byte(b.Args[2].Lit.S)
	plain := !bytes.ContainsRune(to, '$') // names no group
	return func(f *frame) error {
		x := f.text(b, 0)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t := x.at(i)
			start, last, long := len(dst), 0, 0
			m.each(t, func(at []int) {
				if long == 0 {
					dst = append(dst, t[last:at[0]]...)
					if plain {
						dst = append(dst, to...)
					} else {
						dst = m.re.Expand(dst, to, t, at)
					}
					last = at[1]
					if n := len(dst) - start; n > maxText {
						long = n
					}
				}
			})
			if long > 0 {
				return dst[:start], f.tooLong(i, int64(long))
			}
			return append(dst, t[last:]...), nil
		})
	}
}

// bindLike binds str.like and str.ilike.
func bindLike(b *binding) (code, error) {
	pattern := b.Args[1].Lit.S
	if b.fn == "str.ilike" {
		m, err := newMatcher("(?i)" + likeRegexp(pattern))
		if err != nil {
			return nil, err
		}
		return containing(b, m.piece, m.match), nil
	}
	l := newLike(pattern)
	test := l.match
	if len(l.parts) == 3 && l.parts[0].free() && !l.parts[1].any && l.parts[2].free() {
		test = nil
	}
	return containing(b, l.piece(), test), nil
}

// piece is the longest text that stands somewhere between the ends of what matches; what
// stands at an end is compared soon enough.
func (l *like) piece() (longest []byte) {
	for i := 1; i < len(l.parts)-1; i++ {
		if p := &l.parts[i]; !p.any && len(p.text) > len(longest) {
			longest = p.text
		}
	}
	return longest
}

// A like is a pattern of SQL: texts with anything between them.
type like struct {
	parts []likePart // at least one; the first is at the start, the last at the end
}

// A likePart is a text in which some characters may be any one.
type likePart struct {
	text []byte // without the characters that may be any …
	hole []int  // … which stand before these positions of text, ascending
	any  bool
}

// free reports whether the part takes nothing.
func (p *likePart) free() bool { return len(p.text) == 0 && !p.any }

func newLike(pattern string) *like {
	l := &like{parts: []likePart{{}}}
	escaped := false
	for _, r := range pattern {
		p := &l.parts[len(l.parts)-1]
		switch {
		case escaped:
			p.text, escaped = utf8.AppendRune(p.text, r), false
		case r == '\\':
			escaped = true
		case r == '%':
			if last := p; len(l.parts) == 1 || len(last.text) > 0 || last.any {
				l.parts = append(l.parts, likePart{})
			}
		case r == '_':
			p.hole, p.any = append(p.hole, len(p.text)), true
		default:
			p.text = utf8.AppendRune(p.text, r)
		}
	}
	if escaped {
		p := &l.parts[len(l.parts)-1]
		p.text = append(p.text, '\\')
	}
	return l
}

// at returns how many bytes of x the part takes at the start of x, -1 when it
// does not match there.
func (p *likePart) at(x []byte) int {
	if !p.any {
		if bytes.HasPrefix(x, p.text) {
			return len(p.text)
		}
		return -1
	}
	n, from := 0, 0
	for _, h := range p.hole {
		if !bytes.HasPrefix(x[n:], p.text[from:h]) {
			return -1
		}
		n += h - from
		from = h
		if n == len(x) {
			return -1
		}
		_, size := utf8.DecodeRune(x[n:])
		n += size
	}
	if !bytes.HasPrefix(x[n:], p.text[from:]) {
		return -1
	}
	return n + len(p.text) - from
}

// find returns the end of the first place where the part matches.
func (p *likePart) find(x []byte) int {
	if !p.any {
		at := bytes.Index(x, p.text)
		if at < 0 {
			return -1
		}
		return at + len(p.text)
	}
	for i := 0; i <= len(x); {
		if n := p.at(x[i:]); n >= 0 {
			return i + n
		}
		if i == len(x) {
			break
		}
		_, size := utf8.DecodeRune(x[i:])
		i += size
	}
	return -1
}

// match takes every part at the first place behind the one before, which leaves
// the most for the others, and the last at the end.
func (l *like) match(x []byte) bool {
	n := l.parts[0].at(x)
	if len(l.parts) == 1 {
		return n == len(x)
	}
	if n < 0 {
		return false
	}
	x = x[n:]
	for i := range l.parts[1 : len(l.parts)-1] {
		if n = l.parts[i+1].find(x); n < 0 {
			return false
		}
		x = x[n:]
	}
	return l.parts[len(l.parts)-1].ends(x)
}

// ends reports whether the part matches at the end of x.
func (p *likePart) ends(x []byte) bool {
	if !p.any {
		return bytes.HasSuffix(x, p.text)
	}
	at := len(x)
	for k := utf8.RuneCount(p.text) + len(p.hole); k > 0; k-- { // so many characters from the end
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRune(x[:at])
		at -= size
	}
	return p.at(x[at:]) == len(x)-at
}

// likeRegexp is a LIKE pattern as a regular expression.
func likeRegexp(pattern string) string {
	var w strings.Builder
	w.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			w.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			w.WriteString(`.*`)
		case r == '_':
			w.WriteString(`.`)
		default:
			w.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if escaped {
		w.WriteString(`\\`)
	}
	return w.String() + `\z`
}

// containing sets the bits of the texts that have c and pass the test, if there is one:
// plain text is searched as a whole, and what is found across two of its values does not
// count. Where many have c, the test alone is faster.
func containing(b *binding, c []byte, test func([]byte) bool) code {
	each := test
	if each == nil {
		each = func(x []byte) bool { return bytes.Contains(x, c) }
	}
	return func(f *frame) error {
		x := f.text(b, 0)
		if x.same || x.codes != nil || len(c) == 0 || !f.search(&x, c, test) {
			f.eachBit(func(i int) bool { return each(x.at(i)) })
		}
		return nil
	}
}

// search is containing for plain text, false where too many have c for the test.
func (f *frame) search(x *texts, c []byte, test func([]byte) bool) bool {
	out := f.out.bits()
	clear(out)
	if f.n == 0 {
		return true
	}
	at, row, hits := int(x.off[0]), 0, 0
	all := x.str[:x.off[f.n]]
	s := finder{text: c}
	s.learn(all[at:])
	for {
		k := s.find(all[at:])
		if k < 0 {
			return true
		}
		at += k
		for int(x.off[row+1]) <= at {
			row++
		}
		if at+len(c) > int(x.off[row+1]) {
			at++
			continue
		}
		if test == nil || test(x.at(row)) {
			out[row>>6] |= 1 << (uint(row) & 63)
		}
		if hits++; test != nil && hits > 16+row/4 {
			return false
		}
		at = int(x.off[row+1])
	}
}
