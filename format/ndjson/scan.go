package ndjson

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep values nest at most.
const maxDepth = 64

// errMore says that the text ends inside of a value.
var errMore = errors.New("the text ends inside of a value")

// skipSpace passes white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the place behind the string that begins with the quote at i, and whether it has escapes.
func stringEnd(b []byte, i int) (end int, escaped bool, err error) {
	for j := i + 1; j < len(b); j++ {
		switch b[j] {
		case '"':
			return j + 1, escaped, nil
		case '\\':
			escaped = true
			j++
		}
	}
	return 0, false, errMore
}

// appendString appends the content of the string b, quotes included.
func appendString(dst, b []byte, escaped bool) ([]byte, error) {
	b = b[1 : len(b)-1]
	if !escaped {
		return append(dst, b...), nil
	}
	for len(b) > 0 {
		k := bytes.IndexByte(b, '\\')
		if k < 0 {
			return append(dst, b...), nil
		}
		dst = append(dst, b[:k]...)
		if b = b[k+1:]; len(b) == 0 {
			return nil, errors.New("a string ends in a backslash")
		}
		c := b[0]
		b = b[1:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(b)
			if !ok {
				return nil, errors.New(`\u without four hexadecimal digits`)
			}
			b = b[4:]
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
					low, ok = hex4(b[2:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					b = b[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return nil, fmt.Errorf(`the escape \%c`, c)
		}
	}
	return dst, nil
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// numberEnd returns the place behind the number at i, and whether it is an integer.
func numberEnd(b []byte, i int) (end int, whole bool) {
	whole = true
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9' || c == '-':
		case c == '.' || c == 'e' || c == 'E' || c == '+':
			whole = false
		default:
			return i, whole
		}
	}
	return i, whole
}

// word returns the place behind the word at i, which must be w.
func word(b []byte, i int, w string) (int, error) {
	if len(b)-i < len(w) && bytes.HasPrefix([]byte(w), b[i:]) {
		return 0, errMore
	}
	if !bytes.HasPrefix(b[i:], []byte(w)) {
		return 0, fmt.Errorf("%q is no value", show(b[i:]))
	}
	return i + len(w), nil
}

// show cuts bytes to what an error can show.
func show(b []byte) string {
	if k := bytes.IndexAny(b, "\n,}]"); k > 0 {
		b = b[:k]
	}
	if len(b) > 40 {
		return string(b[:40]) + "…"
	}
	return string(b)
}

// skip returns the place behind the value at i.
func skip(b []byte, i, depth int) (end int, err error) {
	if i >= len(b) {
		return 0, errMore
	}
	if depth > maxDepth {
		return 0, fmt.Errorf("values nest deeper than %d", maxDepth)
	}
	switch c := b[i]; {
	case c == '"':
		end, _, err = stringEnd(b, i)
		return end, err
	case c == '{':
		return object(b, i, func(_ []byte, at int) (int, error) { return skip(b, at, depth+1) })
	case c == '[':
		return array(b, i, func(at int) (int, error) { return skip(b, at, depth+1) })
	case c == 't':
		return word(b, i, "true")
	case c == 'f':
		return word(b, i, "false")
	case c == 'n':
		return word(b, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		end, _ = numberEnd(b, i)
		return end, nil
	}
	return 0, fmt.Errorf("%q is no value", show(b[i:]))
}

// object calls f with the key, quotes included, and the place of every value of the object at i; f returns the place
// behind the value.
func object(b []byte, i int, f func(key []byte, at int) (int, error)) (int, error) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) {
			return 0, errMore
		}
		if b[i] != '"' {
			return 0, fmt.Errorf("%q where a key belongs", show(b[i:]))
		}
		end, _, err := stringEnd(b, i)
		if err != nil {
			return 0, err
		}
		key := b[i:end]
		if i = skipSpace(b, end); i >= len(b) {
			return 0, errMore
		}
		if b[i] != ':' {
			return 0, fmt.Errorf("%q where a colon belongs", show(b[i:]))
		}
		if i = skipSpace(b, i+1); i >= len(b) {
			return 0, errMore
		}
		if i, err = f(key, i); err != nil {
			return 0, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return 0, errMore
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return 0, fmt.Errorf("%q where a comma or a brace belongs", show(b[i:]))
		}
	}
}

// array calls f with the place of every value of the array at i; f returns the place behind the value.
func array(b []byte, i int, f func(at int) (int, error)) (_ int, err error) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		if i >= len(b) {
			return 0, errMore
		}
		if i, err = f(i); err != nil {
			return 0, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return 0, errMore
		}
		switch b[i] {
		case ']':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return 0, fmt.Errorf("%q where a comma or a bracket belongs", show(b[i:]))
		}
	}
}
