package cell

import "testing"

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"Tromsø 東京":          "Tromsø 東京",
		"a\r\nb\nc\td":       "a⏎b⏎c⇥d",
		"a\rb":               "a\uFFFDb",
		"\x1b[31mred\x1b[0m": "\uFFFD[31mred\uFFFD[0m",
		"\u009b2J\x00\x7f":   "\uFFFD2J\uFFFD\uFFFD",
		"a\u202Ecod.exe":     "a\uFFFDcod.exe",
		"bad \xff":           "bad \uFFFD",
	} {
		if got := Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcd": "abcd", "abcde": "abc…", "東京東京東": "東京東…", "a\nb\tc": "a⏎b…"} {
		if got := Cut(in, 4); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
