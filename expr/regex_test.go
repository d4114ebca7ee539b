package expr

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// someText draws characters that patterns tell apart, some of them not UTF-8.
func someText(r *rand.Rand, n int) []byte {
	parts := []string{"a", "b", "\n", "é", "ß", " ", "_", "0", "-", "\xff", "日", "B", "%"}
	var out []byte
	for range r.IntN(n + 1) {
		out = append(out, parts[r.IntN(len(parts))]...)
	}
	return out
}

// somePattern draws a pattern; re is nil if it is none.
func somePattern(t *testing.T, r *rand.Rand, parts, ops []string) (pattern string, re *regexp.Regexp, m *matcher) {
	for range 1 + r.IntN(5) {
		pattern += parts[r.IntN(len(parts))] + ops[r.IntN(len(ops))]
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return pattern, nil, nil
	}
	if m, err = newMatcher(pattern); err != nil {
		t.Fatal(err)
	}
	return pattern, re, m
}

// TestMatcher holds the automaton to package regexp.
func TestMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	parts := []string{"a", "b", ".", "é", "[^a]", "[a-b0]", "(a|ß)", "^", "$", `\b`, `\B`, "(?m:^)", "(?m:$)", "(?i:b)", `\d`, "(?s:.)", "x", "日+", "(ab)?", "[é-日]", `\z`, `\A`, "-_"}
	ops := []string{"", "", "", "*", "+", "?", "{2}", "|"}
	for range 1500 {
		pattern, re, m := somePattern(t, r, parts, ops)
		if re == nil {
			continue
		}
		for range 60 {
			x := someText(r, 9)
			if got, want := m.match(x), re.Match(x); got != want {
				t.Fatalf("%q in %q: %v, want %v", pattern, x, got, want)
			}
		}
	}
}

// TestMatcherGivesUp has more states than an automaton may have.
func TestMatcherGivesUp(t *testing.T) {
	const pattern = "a[ab]{12}b[^a]"
	re := regexp.MustCompile(pattern)
	m, err := newMatcher(pattern)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		x := make([]byte, 60)
		for i := range x {
			x[i] = "aaabbbb-"[r.IntN(8)]
		}
		if got, want := m.match(x), re.Match(x); got != want {
			t.Fatalf("%q: %v, want %v", x, got, want)
		}
	}
	if !m.full || len(m.states) > maxStates {
		t.Errorf("%d states, full: %v; the test wants more than there may be", len(m.states), m.full)
	}
}

// TestLike holds patterns, and regular expressions that are searched for by a text in them,
// to package regexp: alone and on a column, which is searched as a whole.
func TestLike(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	parts := []string{"%", "_", "a", "b", "é", `\%`, `\_`, "%", "ab", "-"}
	var vals []any
	for i := range 200 {
		if vals = append(vals, any(string(someText(r, 7)))); i%9 == 0 {
			vals[i] = nil
		}
	}
	col := column(tText, vals...)
	b, s := &chunk.Batch{Cols: []chunk.Vec{col}, N: len(vals)}, dtype.Schema{{Name: "s", Type: tText, Nullable: true}}
	for range 3000 {
		pattern := ""
		for range r.IntN(6) {
			pattern += parts[r.IntN(len(parts))]
		}
		l, re := newLike(pattern), regexp.MustCompile(likeRegexp(pattern))
		for _, c := range []struct {
			text string
			re   *regexp.Regexp
		}{{"str.like(s, " + strconv.Quote(pattern) + ")", re}, {"str.match(s, " + strconv.Quote(regexp.QuoteMeta(pattern)+"[ab]?") + ")", regexp.MustCompile(regexp.QuoteMeta(pattern))},
			{"str.contains(s, " + strconv.Quote(pattern) + ")", regexp.MustCompile(regexp.QuoteMeta(pattern))}} {
			e, err := Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(e, s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.NewState().Eval(b)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range vals {
				want := "null"
				if v != nil {
					want = strconv.FormatBool(c.re.MatchString(v.(string)))
				}
				if word(got, i) != want {
					t.Fatalf("%s of %q: %s, want %s", c.text, v, word(got, i), want)
				}
			}
		}
		for range 20 {
			x := someText(r, 7)
			if got, want := l.match(x), re.Match(x); got != want {
				t.Fatalf("%q like %q: %v, want %v", x, pattern, got, want)
			}
		}
	}
}

// TestFinder holds the finder to bytes.Index, where its byte is rare, frequent, and not in
// the sample.
func TestFinder(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20_000 {
		x := make([]byte, r.IntN(400))
		kinds := 1 + r.IntN(4)
		for i := range x {
			x[i] = "abcd"[r.IntN(kinds)]
		}
		text := make([]byte, 1+r.IntN(5))
		for i := range text {
			text[i] = "abcd"[r.IntN(kinds)]
		}
		s := finder{text: text, rare: r.IntN(len(text))}
		if r.IntN(2) == 0 {
			s.learn(x)
		}
		if got, want := s.find(x), bytes.Index(x, text); got != want {
			t.Fatalf("%q in %q: %d, want %d", text, x, got, want)
		}
	}
}

// TestHashSpreads: sums of the parts are no hash; neighbours must not collide.
func TestHashSpreads(t *testing.T) {
	v := &vector{}
	v.reset(tInt64, 100_000)
	x := fixed[int64](v)
	for i := range x {
		x[i] = int64(i)
	}
	out := make([]uint64, len(x))
	hashInto(out, &v.Vec)
	seen, low := map[uint64]bool{}, make([]int, 256)
	for _, h := range out {
		seen[h] = true
		low[h&255]++
	}
	if len(seen) != len(x) {
		t.Errorf("%d of %d numbers have a hash of their own", len(seen), len(x))
	}
	for b, n := range low {
		if n < 250 || n > 550 { // 390 ± 8 standard deviations
			t.Errorf("low byte %d: %d of %d", b, n, len(x))
		}
	}
}
