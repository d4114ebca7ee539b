package csv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// codesSink checks the dictionaries of every morsel and keeps its rows.
type codesSink struct {
	rowsSink
	dicts  map[uint64]chunk.Vec
	coded  int // vectors with a dictionary
	plain  int // vectors of text without
	nulled int
}

func (s *codesSink) Push(m *chunk.Batch) error {
	s.mu.Lock()
	for i := range m.Cols {
		v := &m.Cols[i]
		switch {
		case v.Type.Kind != dtype.Utf8:
		case v.Dict == nil:
			s.plain++
		default:
			s.coded++
			s.nulled += v.Nulls()
			s.vector(v)
		}
	}
	s.mu.Unlock()
	return s.rowsSink.Push(m)
}

// vector checks that codes lie within their dictionary, under nulls too, and that
// dictionaries of one ID are the same and have no value twice.
func (s *codesSink) vector(v *chunk.Vec) {
	d := &v.Dict.Values
	for i, c := range chunk.Values[uint32](v) {
		if int(c) >= d.N {
			s.tb.Fatalf("row %d has code %d of %d", i, c, d.N)
		}
		if c == 0 && !v.IsNull(i) {
			s.tb.Fatalf("row %d has the code that is only for nulls", i)
		}
	}
	known, ok := s.dicts[v.Dict.ID]
	if !ok {
		s.dicts[v.Dict.ID] = *d
		seen := map[string]bool{}
		for i := 1; i < d.N; i++ {
			if seen[d.Text(i)] {
				s.tb.Fatalf("the dictionary has %q twice", d.Text(i))
			}
			seen[d.Text(i)] = true
		}
		return
	}
	if known.N != d.N || &known.Off[0] != &d.Off[0] {
		s.tb.Fatalf("two dictionaries have one ID")
	}
}

// readCoded reads text; change may alter the glossaries before.
func readCoded(t *testing.T, text string, o Options, threads, chunkSize int, change func(*glossary)) (rows [][]string, sink *codesSink, err error) {
	t.Helper()
	p, _, err := Describe(context.Background(), []string{writeFile(t, "x.csv", text)}, o)
	if err != nil {
		t.Fatal(err)
	}
	src, err := newSource(p)
	if err != nil {
		t.Fatal(err)
	}
	s := src.(*source)
	s.chunk = chunkSize
	for _, g := range s.glossaries {
		if g != nil && change != nil {
			change(g)
		}
	}
	sink = &codesSink{rowsSink: rowsSink{new(sync.Mutex), map[uint64][][]string{}, t}, dicts: map[uint64]chunk.Vec{}}
	order := descend
	if threads > 1 {
		order = nil
	}
	for b := range s.blocks {
		if err := collectBlock(s, b, sink, order); err != nil {
			return nil, sink, err
		}
	}
	for i := uint64(0); len(rows) < 1<<20 && len(sink.into) > 0; i++ {
		for j := uint64(0); ; j++ {
			m, ok := sink.into[i<<32|j]
			if !ok {
				break
			}
			rows = append(rows, m...)
			delete(sink.into, i<<32|j)
		}
	}
	return rows, sink, nil
}

func abandon(g *glossary) { g.over.Store(true) }

// words makes a table of a number and three columns of text: few values; few, some
// quoted, null or long; and values that become more and more.
func wordsTable(r *rand.Rand, rows, values int) string {
	var b strings.Builder
	b.WriteString("n,few,odd,many\n")
	for i := range rows {
		k := r.IntN(values)
		odd := []string{"", `""`, "NA", `"NA"`, `"a,b"`, "plain", `"plain"`, `"say ""x"" twice"`, "Ünïcödé", strings.Repeat("long ", 7) + "x",
			strings.Repeat("long ", 7) + "y", strings.Repeat("e", 31), strings.Repeat("e", 32), "nul\x00", "nul", strings.Repeat("z", 200)}[r.IntN(16)]
		fmt.Fprintf(&b, "%d,w%d,%s,m%d\n", i, k, odd, r.IntN(i+1))
	}
	return b.String()
}

func TestCodesAreThoseOfTheText(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, c := range []struct {
		rows, values, most int
		kept               bool // all columns stay coded
	}{{3000, 40, 0, false}, {200, 10, 0, true}, {3000, 500, 9 << 10, false}, {500, 499, 4 << 10, false}} {
		text := wordsTable(r, c.rows, c.values)
		for _, o := range []Options{{Nulls: []string{"NA"}, SplitBytes: 5000}, {SplitBytes: 700}} {
			want, _, err := readCoded(t, text, o, 1, 600, abandon)
			if err != nil || len(want) != c.rows {
				t.Fatalf("%d rows, %v", len(want), err)
			}
			for _, threads := range []int{1, 2, 8} {
				got, sink, err := readCoded(t, text, o, threads, 600, func(g *glossary) {
					if c.most > 0 {
						g.most = c.most
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if table(got) != table(want) {
					t.Fatalf("%+v %d threads: coded text differs from plain text", c, threads)
				}
				if sink.coded == 0 || sink.nulled == 0 || c.kept && sink.plain > 0 || c.most > 0 && sink.plain == 0 {
					t.Errorf("%+v: %d vectors of codes with %d nulls, %d of text", c, sink.coded, sink.nulled, sink.plain)
				}
			}
		}
	}
}

func TestEqualTextHasOneCodeOnAllThreads(t *testing.T) {
	text := wordsTable(rand.New(rand.NewPCG(5, 5)), 4000, 30)
	_, sink, err := readCoded(t, text, Options{SplitBytes: 2000}, 8, 500, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Editions of a column continue each other, so one of two dictionaries begins with the other.
	codes := map[string]map[string]int{}
	for _, d := range sink.dicts {
		if d.N < 2 {
			continue
		}
		column := codes[d.Text(1)]
		if column == nil {
			column = map[string]int{}
			codes[d.Text(1)] = column
		}
		for i := 1; i < d.N; i++ {
			if c, ok := column[d.Text(i)]; ok && c != i {
				t.Fatalf("%q has the codes %d and %d", d.Text(i), c, i)
			}
			column[d.Text(i)] = i
		}
	}
	if len(codes) != 3 {
		t.Errorf("%d columns were coded, want 3", len(codes))
	}
}

func TestALongFieldWithTheHashOfAnotherEndsTheCodes(t *testing.T) {
	longSpellingHash = func([]byte) xxh3.Uint128 { return xxh3.Uint128{Lo: 1, Hi: 2} }
	defer func() { longSpellingHash = xxh3.Hash128 }()
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	text := "n,s\n" + strings.Repeat("1,"+a+"\n", 50) + strings.Repeat("2,"+b+"\n3,"+a+"\n", 50)
	rows, sink, err := readCoded(t, text, Options{}, 1, 300, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		want := a
		if r[0] == "2" {
			want = b
		}
		if r[1] != want {
			t.Fatalf("row %d is %q", i, r)
		}
	}
	if len(rows) != 150 || sink.coded == 0 || sink.plain == 0 {
		t.Errorf("%d rows, %d vectors of codes and %d of text", len(rows), sink.coded, sink.plain)
	}
}

func TestTextThatIsNotUTF8IsRefusedCodedOrNot(t *testing.T) {
	for _, bad := range []string{"\xff", "\"a\xc3\"", strings.Repeat("x", 40) + "\xe4"} {
		text := "n,s\n" + strings.Repeat("1,a\n2,b\n", 400) + "3," + bad + "\n" + strings.Repeat("4,c\n", 300) + "5,\xfe\n"
		for _, change := range []func(*glossary){nil, abandon} {
			_, _, err := readCoded(t, text, Options{Types: map[string]dtype.Type{"s": dtype.Of(dtype.Utf8)}}, 1, 1000, change)
			if err == nil || !strings.Contains(err.Error(), "x.csv:802: column \"s\"") || !strings.Contains(err.Error(), notUTF8) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}
