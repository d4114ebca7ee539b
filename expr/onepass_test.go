package expr

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGroups holds the search for groups to package regexp: the first match and
// all of them.
func TestGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	parts := []string{"a", "b", ".", "(a)", "(b+)", "([^a]*)", "[a-b0]", "(a|ß)", "(?:(a)|(b))", "^", "$", `\b`, `(\B)`, "(?m:^)", "(?m:$)", "(?i:b)", `(\d+)`, "(?s:.)", "x",
		"(日+)", "(ab)?", "[é-日]", `\z`, `\A`, "-_", "()", "(?i:k)", "(a*?)", "(b??)", "(?:(a)-?)", "([é日]+)"}
	ops := []string{"", "", "", "", "*", "+", "?", "{2}", "|", "*?", "+?", "??"}
	alone := 0
	for range 6000 {
		pattern, re, m := somePattern(t, r, parts, ops)
		if re == nil {
			continue
		}
		if m.one != nil {
			alone++
		}
		for range 40 {
			x := someText(r, 12)
			if got, want := m.first(x), re.FindSubmatchIndex(x); !slices.Equal(got, want) {
				t.Fatalf("%q in %q: %v, want %v", pattern, x, got, want)
			}
			var got [][]int
			m.each(x, func(at []int) { got = append(got, slices.Clone(at)) })
			if want := re.FindAllSubmatchIndex(x, -1); !slices.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("all of %q in %q: %v, want %v", pattern, x, got, want)
			}
		}
	}
	if alone < 1000 {
		t.Errorf("%d expressions are searched in one pass; the test wants 1000", alone)
	}
}

// TestGroupsGiveUp: where matches begin in vain at every character, what has been
// found stands and package regexp finds the others.
func TestGroupsGiveUp(t *testing.T) {
	const pattern = `([ab]+)(\d)`
	m, err := newMatcher(pattern)
	if err != nil {
		t.Fatal(err)
	}
	x := []byte("ab1" + strings.Repeat("ab", 1000) + "-b2" + strings.Repeat("ba", 1000) + "3")
	if _, ok := m.one.find(x, 3); ok {
		t.Error("two thousand beginnings of a match were tried to their ends")
	}
	var got [][]int
	m.each(x, func(at []int) { got = append(got, slices.Clone(at)) })
	if want := regexp.MustCompile(pattern).FindAllSubmatchIndex(x, -1); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOnepass names expressions of both sorts.
func TestOnepass(t *testing.T) {
	for pattern, want := range map[string]bool{
		`item-(\d+)`: true, `/([a-z]+)/item-(\d+)`: true, `^(\w+)\s*=(.*)$`: true, `(\d{4})-(\d\d)-(\d\d)`: true,
		`(a*?)b`: true, `(?i)k+`: true, `[é日]+`: true, `(?:é|ß)+`: true, `a|ab`: true, `\bfoo\b`: true,
		`(.*)-(.*)`: false, `(\w+)\s*=\s*(.*)`: false, `ab|(a)(c)`: false, `(a*)*`: false, `(é)|(ß)`: false, strings.Repeat(`(a)`, 16): false, `a{600}`: false,
	} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.one != nil; got != want {
			t.Errorf("%q: %v, want %v", pattern, got, want)
		}
	}
}
