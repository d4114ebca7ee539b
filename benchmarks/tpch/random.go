package tpch

// The numbers of a column come from a generator of their own, x ← 16807·x mod 2³¹-1
// (Lewis, Goodman and Miller, 1969).
const (
	multiplier = 16807
	modulus    = 1<<31 - 1
)

// A stream is the random numbers of one column. A row of the table owns perRow of
// them, whether it draws all or not.
type stream struct {
	x      int64
	drawn  int64
	perRow int64
}

func newStream(seed, perRow int64) stream { return stream{x: seed, perRow: perRow} }

func (s *stream) next() int64 {
	s.x = s.x * multiplier % modulus
	s.drawn++
	return s.x
}

// between is a number from lo to hi.
func (s *stream) between(lo, hi int64) int64 {
	return lo + int64(float64(s.next())/modulus*float64(hi-lo+1))
}

// endRow goes to the numbers of the next row.
func (s *stream) endRow() {
	m := int64(multiplier)
	for n := s.perRow - s.drawn; n > 0; n /= 2 {
		if n%2 != 0 {
			s.x = m * s.x % modulus
		}
		m = m * m % modulus
	}
	s.drawn = 0
}

// letters are those of addresses.
const letters = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,"

// Lengths of texts vary by 60 % around their mean.
func shortest(mean int64) int64 { return mean * 4 / 10 }
func longest(mean int64) int64  { return mean * 16 / 10 }

// addressDraws is how many numbers an address owns: its length, and one for each five
// of its at most 40 letters.
const addressDraws = 9

// address draws the length of an address and returns it with the state from which
// appendAddress makes the letters.
func (s *stream) address(mean int64) int64 {
	n := s.between(shortest(mean), longest(mean))
	return s.x<<8 | n
}

// appendAddress appends an address. Six bits of a number make a letter; the numbers
// are from -2³¹ to 0, because the range overflows in the specification's generator.
func appendAddress(b []byte, v int64) []byte {
	s := stream{x: v >> 8}
	bits := int64(0)
	for i := range v & 0xFF {
		if i%5 == 0 {
			bits = int64(float64(s.next()) / modulus * (-1 << 31))
		}
		b = append(b, letters[bits&63])
		bits >>= 6
	}
	return b
}

// phone draws the three local parts of a number; the country's follows the nation.
func (s *stream) phone(nation int64) int64 {
	a, b, c := s.between(100, 999), s.between(100, 999), s.between(1000, 9999)
	return ((10+nation)*1000+a)*10_000_000 + b*10_000 + c
}

func appendPhone(b []byte, v int64) []byte {
	b = append(appendPadded(b, v/10_000_000_000, 2), '-')
	b = append(appendPadded(b, v/10_000_000%1000, 3), '-')
	b = append(appendPadded(b, v/10_000%1000, 3), '-')
	return appendPadded(b, v%10_000, 4)
}

// appendPadded appends a number with at least the given number of digits.
func appendPadded(b []byte, v int64, digits int) []byte {
	at := len(b)
	for ; v > 0 || digits > 0; digits-- {
		b = append(b, byte('0'+v%10))
		v /= 10
	}
	for i, k := at, len(b)-1; i < k; i, k = i+1, k-1 {
		b[i], b[k] = b[k], b[i]
	}
	return b
}

// An alphabet is words of which one is drawn with a weight.
type alphabet struct {
	words []string
	by    []int32 // the word of each unit of weight
}

// draw returns the position of a word.
func (a *alphabet) draw(s *stream) int64 { return int64(a.by[s.between(0, int64(len(a.by)-1))]) }

// word draws a word.
func (a *alphabet) word(s *stream) string { return a.words[a.draw(s)] }

func (a *alphabet) append(b []byte, v int64) []byte { return append(b, a.words[v]...) }
