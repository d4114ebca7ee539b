package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a piece of the text form. Its kind is 'a' for a word (dots
// included), '0' for a number, '"' for a quoted text (unquoted in text), '.' for the
// end and 'o' for an operator or bracket.
type token struct {
	kind byte
	text string
	at   int
}

func (t token) String() string {
	switch t.kind {
	case '.':
		return "the end"
	case '"':
		return strconv.Quote(t.text)
	}
	return fmt.Sprintf("%q", t.text)
}

var operators = []string{"==", "!=", "<=", ">=", "//", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",", "[", "]"}

// instead says what to write for what other languages have.
var instead = map[byte]string{'=': "want ==", '&': "want and", '|': "want or", '!': "want not or !=", '\'': `want "…" for text`,
	'`': `want col("…") for a column`}

// next reads a token at or after byte at.
func next(s string, at int) (token, error) {
	for at < len(s) && strings.IndexByte(" \t\r\n", s[at]) >= 0 {
		at++
	}
	if at == len(s) {
		return token{'.', "", at}, nil
	}
	rest := s[at:]
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '"':
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return token{}, fail(at, "a text that does not end or has a bad escape")
		}
		text, err := strconv.Unquote(q)
		if err != nil {
			return token{}, fail(at, "the text %s: %v", q, err)
		}
		return token{'"', text, at}, nil
	case r >= '0' && r <= '9':
		return token{'0', rest[:numberLen(rest)], at}, nil
	case r == '_' || unicode.IsLetter(r):
		return token{'a', rest[:wordLen(rest)], at}, nil
	}
	for _, o := range operators {
		if strings.HasPrefix(rest, o) {
			return token{'o', o, at}, nil
		}
	}
	if hint := instead[s[at]]; hint != "" {
		return token{}, fail(at, "unexpected %q; %s", r, hint)
	}
	return token{}, fail(at, "unexpected %q", r)
}

func wordLen(s string) int {
	for i, r := range s {
		if r == unicode.ReplacementChar || r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func numberLen(s string) int {
	i := 0
	digits := func() {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		whole := i
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		first := i
		if digits(); i == first { // no exponent but the next word
			return whole
		}
	}
	return i
}

func fail(at int, format string, args ...any) error {
	return fmt.Errorf("expr: at byte %d: %s", at, fmt.Sprintf(format, args...))
}
