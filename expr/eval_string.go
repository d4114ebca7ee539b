package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
)

// bindTextCount binds the functions of text that give an int64.
func bindTextCount(b *binding) (code, error) {
	switch b.fn {
	case "str.ord":
		return func(f *frame) error {
			x := f.text(b, 0)
			f.eachInt(func(i int) int64 {
				r, n := utf8.DecodeRune(x.at(i))
				if n == 0 {
					f.out.setNull(i)
					return 0
				}
				return int64(r)
			})
			return nil
		}, nil
	case "str.levenshtein":
		var d editor
		return func(f *frame) error {
			x, y := f.text(b, 0), f.text(b, 1)
			f.eachInt(func(i int) int64 { return int64(d.distance(x.at(i), y.at(i))) })
			return nil
		}, nil
	}
	return func(f *frame) error {
		x, y := f.text(b, 0), f.text(b, 1)
		f.eachInt(func(i int) int64 {
			if len(y.at(i)) == 0 {
				return 0
			}
			return int64(bytes.Count(x.at(i), y.at(i)))
		})
		return nil
	}, nil
}

// An editor compares two texts character by character; it keeps its scratch.
type editor struct {
	a, b []rune
	row  []int
	used []bool
}

// runes returns the characters of x; bytes that are not UTF-8 are one each, and
// differ from all characters.
func runes(dst []rune, x []byte) []rune {
	dst = dst[:0]
	for len(x) > 0 {
		r, n := utf8.DecodeRune(x)
		if r == utf8.RuneError && n == 1 {
			r = -1 - rune(x[0])
		}
		dst, x = append(dst, r), x[n:]
	}
	return dst
}

// distance is the Levenshtein distance; what both begin and end with is left out.
func (e *editor) distance(x, y []byte) int {
	e.a, e.b = runes(e.a, x), runes(e.b, y)
	a, b := e.a, e.b
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	if cap(e.row) <= len(b) {
		e.row = make([]int, len(b)+1)
	}
	row := e.row[:len(b)+1]
	for j := range row {
		row[j] = j
	}
	for i, c := range a {
		diag := row[0]
		row[0] = i + 1
		for j, d := range b {
			cost := diag
			if c != d {
				cost = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// jaroWinkler is the similarity of Jaro, raised by a tenth of the rest for each of
// up to four characters that both begin with. Source: Winkler, "String Comparator
// Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model", 1990.
func (e *editor) jaroWinkler(x, y []byte) float64 {
	e.a, e.b = runes(e.a, x), runes(e.b, y)
	a, b := e.a, e.b
	if len(a) == 0 && len(b) == 0 {
		return 1
	}
	reach := max(0, max(len(a), len(b))/2-1)
	if cap(e.used) < len(a)+len(b) {
		e.used = make([]bool, len(a)+len(b))
	}
	e.used = e.used[:len(a)+len(b)]
	clear(e.used)
	ua, ub := e.used[:len(a)], e.used[len(a):]
	m := 0
	for i, c := range a {
		for j := max(0, i-reach); j < min(len(b), i+reach+1); j++ {
			if !ub[j] && b[j] == c {
				ua[i], ub[j] = true, true
				m++
				break
			}
		}
	}
	if m == 0 {
		return 0
	}
	swaps, j := 0, 0
	for i, c := range a {
		if !ua[i] {
			continue
		}
		for !ub[j] {
			j++
		}
		if b[j] != c {
			swaps++
		}
		j++
	}
	n := float64(m)
	s := (n/float64(len(a)) + n/float64(len(b)) + (n-float64(swaps/2))/n) / 3
	p := 0
	for p < min(4, len(a), len(b)) && a[p] == b[p] {
		p++
	}
	return s + float64(p)*0.1*(1-s)
}

func bindJaroWinkler(b *binding) (code, error) {
	var e editor
	return func(f *frame) error {
		x, y := f.text(b, 0), f.text(b, 1)
		out := fixed[float64](f.out)
		for i := range out {
			out[i] = 0
			if !f.null(i) {
				out[i] = e.jaroWinkler(x.at(i), y.at(i))
			}
		}
		return nil
	}, nil
}

func bindToInt(b *binding) (code, error) {
	base := int(b.Args[1].Lit.I)
	return func(f *frame) error {
		x := f.text(b, 0)
		f.eachInt(func(i int) int64 {
			v, err := strconv.ParseInt(x.view(i), base, 64)
			if err != nil {
				f.out.setNull(i)
				return 0
			}
			return v
		})
		return nil
	}, nil
}

func bindFromInt(b *binding) (code, error) {
	b.asVec[0] = true
	base := int(b.Args[1].Lit.I)
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) { return strconv.AppendInt(dst, x[i], base), nil })
	}, nil
}

func bindFromFloat(b *binding) (code, error) {
	b.asVec[0] = true
	digits := int(b.Args[1].Lit.I)
	return func(f *frame) error {
		x := chunk.Values[float64](f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			if math.IsNaN(x[i]) || math.IsInf(x[i], 0) {
				return appendFloat(dst, x[i], 64), nil
			}
			return strconv.AppendFloat(dst, x[i], 'f', digits, 64), nil
		})
	}, nil
}

func bindChr(b *binding) (code, error) {
	b.vectors()
	return func(f *frame) error {
		x := chunk.Values[int64](f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			if x[i] < 0 || x[i] > unicode.MaxRune || !utf8.ValidRune(rune(x[i])) {
				f.out.setNull(i)
				return dst, nil
			}
			return utf8.AppendRune(dst, rune(x[i])), nil
		})
	}, nil
}

// bindStrip binds the functions that take something off the ends.
func bindStrip(b *binding) (code, error) {
	cut := map[string]func(x []byte, y string) []byte{
		"str.strip": bytes.Trim, "str.strip_left": bytes.TrimLeft, "str.strip_right": bytes.TrimRight,
		"str.strip_prefix": func(x []byte, y string) []byte {
			if len(y) <= len(x) && string(x[:len(y)]) == y {
				return x[len(y):]
			}
			return x
		},
		"str.strip_suffix": func(x []byte, y string) []byte {
			if n := len(x) - len(y); n >= 0 && string(x[n:]) == y {
				return x[:n]
			}
			return x
		},
	}[b.fn]
	return func(f *frame) error {
		x, y := f.text(b, 0), f.text(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) { return append(dst, cut(x.at(i), y.view(i))...), nil })
	}, nil
}

func bindTranslate(b *binding) (code, error) {
	from, to := []rune(b.Args[1].Lit.S), []rune(b.Args[2].Lit.S)
	table := make(map[rune]rune, len(from))
	for i, r := range from {
		if _, seen := table[r]; seen {
			continue
		}
		if table[r] = -1; i < len(to) {
			table[r] = to[i]
		}
	}
	return func(f *frame) error {
		x := f.text(b, 0)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			start := len(dst)
			for t := x.at(i); len(t) > 0; {
				r, n := utf8.DecodeRune(t)
				switch to, hit := table[r]; {
				case !hit || r == utf8.RuneError && n == 1:
					dst = append(dst, t[:n]...)
				case to >= 0:
					dst = utf8.AppendRune(dst, to)
				}
				t = t[n:]
			}
			if len(dst)-start > maxText {
				return dst[:start], f.tooLong(i, int64(len(dst)-start))
			}
			return dst, nil
		})
	}, nil
}

// bindEnds binds str.left and str.right.
func bindEnds(b *binding) (code, error) {
	left := b.fn == "str.left"
	return func(f *frame) error {
		x, n := f.text(b, 0), f.integer(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t, k := x.at(i), n(i)
			if k < 0 || !left { // counted from the end
				chars := int64(utf8.RuneCount(t))
				switch {
				case left:
					k = max(0, chars+k)
				case k < 0:
					k = min(chars, -max(k, -math.MaxInt64))
				default:
					k = max(0, chars-k)
				}
			}
			at := skip(t, k)
			if left {
				return append(dst, t[:at]...), nil
			}
			return append(dst, t[at:]...), nil
		})
	}, nil
}

func bindConcatWS(b *binding) (code, error) {
	b.vectors()
	parts := make([]texts, len(b.In))
	return func(f *frame) error {
		for k := range parts {
			parts[k] = textsOf(f.in[k])
		}
		f.takeValid(f.in[0])
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			start, first := len(dst), true
			for k, p := range parts[1:] {
				if f.in[k+1].IsNull(i) {
					continue
				}
				if !first {
					dst = append(dst, parts[0].at(i)...)
				}
				dst, first = append(dst, p.at(i)...), false
				if n := len(dst) - start; n > maxText {
					return dst[:start], f.tooLong(i, int64(n))
				}
			}
			return dst, nil
		})
	}, nil
}

// A listBuilder makes the records of lists of text.
type listBuilder struct {
	parts chunk.Vec
}

func (l *listBuilder) reset() {
	l.parts = chunk.Vec{Type: tText, Off: append(l.parts.Off[:0], 0), Str: l.parts.Str[:0]}
}

func (l *listBuilder) add(x []byte) {
	l.parts.Str = append(l.parts.Str, x...)
	l.parts.Off = append(l.parts.Off, int32(len(l.parts.Str)))
	l.parts.N++
}

func bindSplit(b *binding) (code, error) {
	var l listBuilder
	return func(f *frame) error {
		x, sep := f.text(b, 0), f.text(b, 1)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			l.reset()
			t, s := x.at(i), sep.at(i)
			for len(s) == 0 && len(t) > 0 {
				_, n := utf8.DecodeRune(t)
				l.add(t[:n])
				t = t[n:]
			}
			for more := len(s) > 0; more; {
				var part []byte
				part, t, more = bytes.Cut(t, s)
				l.add(part)
			}
			return chunk.AppendList(dst, &l.parts, 0, l.parts.N), nil
		})
	}, nil
}

// appendReversed appends the characters of x from the last to the first.
func appendReversed(dst, x []byte) []byte {
	for len(x) > 0 {
		_, n := utf8.DecodeLastRune(x)
		dst = append(dst, x[len(x)-n:]...)
		x = x[:len(x)-n]
	}
	return dst
}

func appendTitle(dst, x []byte) []byte {
	inside := false
	for len(x) > 0 {
		r, n := utf8.DecodeRune(x)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, x[0])
		case inside:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		default:
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		inside = unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		x = x[n:]
	}
	return dst
}

// bindBytes binds encodings and digests.
func bindBytes(b *binding) (code, error) {
	var add func(dst, x []byte) ([]byte, bool)
	switch b.fn {
	case "bytes.hex":
		add = func(dst, x []byte) ([]byte, bool) { return hex.AppendEncode(dst, x), true }
	case "bytes.base64":
		add = func(dst, x []byte) ([]byte, bool) { return base64.StdEncoding.AppendEncode(dst, x), true }
	case "bytes.sha256":
		add = func(dst, x []byte) ([]byte, bool) { h := sha256.Sum256(x); return hex.AppendEncode(dst, h[:]), true }
	case "bytes.md5":
		add = func(dst, x []byte) ([]byte, bool) { h := md5.Sum(x); return hex.AppendEncode(dst, h[:]), true }
	case "bytes.from_hex":
		add = func(dst, x []byte) ([]byte, bool) { out, err := hex.AppendDecode(dst, x); return out, err == nil }
	default:
		add = func(dst, x []byte) ([]byte, bool) {
			out, err := base64.StdEncoding.Strict().AppendDecode(dst, x)
			return out, err == nil
		}
	}
	return func(f *frame) error {
		x := f.text(b, 0)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			start := len(dst)
			dst, ok := add(dst, x.at(i))
			if !ok {
				f.out.setNull(i)
				dst = dst[:start]
			}
			return dst, nil
		})
	}, nil
}

func bindBytesSlice(b *binding) (code, error) {
	return func(f *frame) error {
		x, start, n := f.text(b, 0), f.integer(b, 1), f.integer(b, 2)
		return f.eachText(func(dst []byte, i int) ([]byte, error) {
			t := x.at(i)
			lo, hi := span64(int64(len(t)), start(i), n(i))
			return append(dst, t[lo:hi]...), nil
		})
	}, nil
}

// span64 returns the part [lo, hi) of size elements that n of them from start on
// are; a negative start counts from the end, and what lies before it is lost.
func span64(size, start, n int64) (lo, hi int64) {
	if start < 0 {
		start += size
		if start < 0 {
			n = max(n, 0) + start
			start = 0
		}
	}
	if n <= 0 || start >= size {
		return 0, 0
	}
	return start, start + min(n, size-start)
}

func bindBytesGet(b *binding) (code, error) {
	return func(f *frame) error {
		x, at := f.text(b, 0), f.integer(b, 1)
		f.eachInt(func(i int) int64 {
			t, k := x.at(i), at(i)
			if k < 0 {
				k += int64(len(t))
			}
			if k < 0 || k >= int64(len(t)) {
				f.out.setNull(i)
				return 0
			}
			return int64(t[k])
		})
		return nil
	}, nil
}
