package kernel

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// structuralOracle is the state machine in its plainest form.
func structuralOracle(buf []byte, delim, quote byte, inQuote bool) (pos []uint32, _ bool) {
	for i, c := range buf {
		switch {
		case quote != 0 && c == quote:
			inQuote = !inQuote
		case inQuote:
		case c == delim || c == '\n':
			pos = append(pos, uint32(i))
		}
	}
	return pos, inQuote
}

func state(inQuote bool) uint64 { return -b2u(inQuote) }

// checkStructural runs the block whole and in two parts.
func checkStructural(t *testing.T, buf []byte, delim, quote byte, inQuote bool, pos []uint32) {
	t.Helper()
	n := len(buf)
	inQuote = inQuote && quote != 0
	want, end := structuralOracle(buf, delim, quote, inQuote)
	k, out := Structural(buf, n, delim, quote, state(inQuote), pos)
	if !slices.Equal(pos[:k], want) || out != state(end) {
		t.Fatalf("Structural(%q, %q, %q, %v) = %v, %x; want %v, %v", buf, delim, quote, inQuote, pos[:k], out, want, end)
	}
	cut := n / 3
	k, out = Structural(buf[:cut], cut, delim, quote, state(inQuote), pos)
	got := slices.Clone(pos[:k])
	k, out = Structural(buf[cut:], n-cut, delim, quote, out, pos)
	for _, p := range pos[:k] {
		got = append(got, p+uint32(cut))
	}
	if !slices.Equal(got, want) || out != state(end) {
		t.Fatalf("Structural(%q, %q, %q, %v) in parts of %d = %v, %x; want %v, %v", buf, delim, quote, inQuote, cut, got, out, want, end)
	}
}

func fillText(r *rand.Rand, buf []byte, alphabet string) {
	for i := range buf {
		buf[i] = alphabet[r.IntN(len(alphabet))]
	}
}

func TestStructural(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		bytes, positions := newArena[byte](t, largest), newArena[uint32](t, largest+64)
		for _, n := range lengths() {
			r := newRand(n)
			buf, pos := bytes.end(0, n), positions.end(0, n+64)
			for _, alphabet := range []string{",\n\"a", ",aaaaaaaa\n", "a\"aaaaaaaaaaaaaaaa,a\n", ",", "\n", "\"", "\x00\x01\x02\x03,\n\";\xff\x80"} {
				for _, delim := range []byte{',', ';', '\t', 0} {
					fillText(r, buf, alphabet)
					checkStructural(t, buf, delim, '"', false, pos)
					checkStructural(t, buf, delim, '"', true, pos)
					checkStructural(t, buf, delim, 1, true, pos)
					checkStructural(t, buf, delim, 0, false, pos)
				}
			}
		}
	})
}

// TestStructuralFar checks positions beyond 2^16 and many blocks in a row.
func TestStructuralFar(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		buf := bytes.Repeat([]byte("12345,\"a,\n\"\"b\",0.25,xyz\n"), 10000)
		checkStructural(t, buf, ',', '"', false, make([]uint32, len(buf)+64))
	})
}

func FuzzStructural(f *testing.F) {
	f.Add([]byte("a,b\n1,\"x\"\"y\n\",2\n"), byte(','), byte('"'), false)
	f.Add(bytes.Repeat([]byte{','}, 200), byte(','), byte(0), true)
	f.Add(bytes.Repeat([]byte{'"', ','}, 100), byte(','), byte('"'), true)
	f.Fuzz(func(t *testing.T, buf []byte, delim, quote byte, inQuote bool) {
		if delim == quote || delim == '\n' || quote == '\n' {
			t.Skip("such a dialect is refused before")
		}
		atLevels(t, func(t *testing.T) {
			checkStructural(t, buf, delim, quote, inQuote, make([]uint32, len(buf)+64))
		})
		checkQuotes(t, buf, quote)
	})
}

func checkQuotes(t *testing.T, buf []byte, quote byte) {
	t.Helper()
	quotes := 0
	for _, c := range buf {
		quotes += int(b2u(c == quote))
	}
	if got := CountQuotes(buf, quote); got != quotes {
		t.Fatalf("CountQuotes(%q, %q) = %d, want %d", buf, quote, got, quotes)
	}
}

func TestCountQuotes(t *testing.T) {
	for _, n := range lengths() {
		r := newRand(n)
		buf := make([]byte, n)
		for _, alphabet := range []string{"\n\"a", "aaaaaa\naaaaa\"aaaaaaaaa", "\"", "\n", "a"} {
			fillText(r, buf, alphabet)
			checkQuotes(t, buf, '"')
			checkQuotes(t, buf, 0)
		}
	}
}
