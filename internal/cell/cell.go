// Package cell makes text from files fit the cell of a table, or an error: one line, of a length that is shown, and
// nothing that a terminal would obey.
package cell

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line: line feeds and tabs are shown as signs, other control characters and the marks that turn
// the direction of writing, which could make a terminal show something else than the text, as replacement characters.
func Line(s string) string {
	return strings.Map(shown, strings.ReplaceAll(s, "\r\n", "\n"))
}

func shown(r rune) rune {
	switch {
	case r == '\n':
		return '⏎'
	case r == '\t':
		return '⇥'
	case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r):
		return utf8.RuneError
	}
	return r
}

// Cut returns Line(s), of at most n characters: an ellipsis stands for the rest.
func Cut(s string, n int) string {
	s = Line(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
