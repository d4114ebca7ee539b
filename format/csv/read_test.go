package csv

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

// reference reads text as encoding/csv does; ok means that it accepts it.
func reference(text []byte) (rows [][]string, ok bool) {
	r := stdcsv.NewReader(bytes.NewReader(text))
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	return rows, err == nil
}

// check compares what the reader makes of text with the reference, for one cutting
// into splits and chunks.
func check(t *testing.T, text []byte, split int64, chunk int, order func(int) []int) {
	t.Helper()
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return
	}
	want, ok := reference(text)
	if !ok || len(want) == 0 {
		return
	}
	path := writeFile(t, "x.csv", string(text))
	// Text is read as codes, binary never is.
	for _, kind := range []dtype.Kind{dtype.Binary, dtype.Utf8} {
		types := map[string]dtype.Type{}
		for c := range want[0] {
			types[fmt.Sprintf("column_%d", c+1)] = dtype.Of(kind)
		}
		// A comment byte that does not occur has the file read as a stream.
		for _, comment := range []byte{0, 1} {
			o := Options{Delimiter: ',', Header: No, Types: types, Codec: Plain, SplitBytes: split, Comment: comment}
			if comment == 0 && (kind == dtype.Binary || utf8.Valid(text)) || comment != 0 && kind == dtype.Binary && bytes.IndexByte(text, 1) < 0 {
				compare(t, path, text, want, o, chunk, order)
			}
		}
	}
}

func compare(t *testing.T, path string, text []byte, want [][]string, o Options, chunk int, order func(int) []int) {
	t.Helper()
	p, _, err := Describe(context.Background(), []string{path}, o)
	var got [][]string
	if err == nil {
		got, err = collect(t, p, chunk, order)
	}
	if misquoted(text) || returnsAlone(&grammar{delim: ',', quote: '"'}, append(bytes.Clone(text), '\n')) {
		if err == nil {
			t.Fatalf("%+v chunk %d: %q is accepted", o, chunk, text)
		}
		return
	}
	if err != nil {
		t.Fatalf("%+v chunk %d: %q: %v", o, chunk, text, err)
	}
	var have [][]string
	for _, r := range got {
		if len(r) == 1 && r[0] == null {
			continue
		}
		for i, s := range r {
			if s == null {
				r[i] = ""
			}
			r[i] = strings.ReplaceAll(r[i], "\r\n", "\n")
		}
		have = append(have, r)
	}
	for _, r := range want {
		for i := range r {
			r[i] = strings.ReplaceAll(r[i], "\r\n", "\n")
		}
	}
	if table(have) != table(want) {
		t.Fatalf("%+v chunk %d: %q\nread\n%swant\n%s", o, chunk, text, table(have), table(want))
	}
}

// misquoted reports whether text has something after a closing quote, or a quote
// that is not closed: encoding/csv with LazyQuotes takes that, this reader does not.
func misquoted(text []byte) bool {
	g := grammar{delim: ',', quote: '"'}
	text = append(bytes.Clone(text), '\n')
	for at := 0; at < len(text); {
		next, f, kind := g.record(text, at, nil)
		if kind == lineOpen || slices.ContainsFunc(f, func(x field) bool { return x.bad }) {
			return true
		}
		at = next
	}
	return false
}

var shapes = []string{
	"\r0", "a\rb,c\rd",
	"a,b\n1,2\n", "a,b\n1,2", "a\n", "a", "\"a\"", "\"a\n\",b\nc,d", "\"a,\",\"b\"\"\"\n\"\",\"\"\"\"\n",
	"a,b\r\n1,2\r\n", "\"a\r\nb\",c\r\nd,e\r\n", "a,b\n\n1,2\n\n\n", "x\n\ny\n", "\n\na,b\n", "a,b\r\r\nc,d\r\r\n",
	"a\"b,c\nd,e\"\n", "5\" disk,a\n\"q\"\"\",b\n", "a,\"\"\"\"\"\"\n,\n", "\"a\"\"b\n\"\"c\",d\ne,f\n", "é,ü\n日本,\"語\n\"\n",
	"a,\"b\n", "\"a\"b,c\n", ",\n,\n", "\"\"\n\"\"\n", "a\r,b\n", "\"a\"\r\n\"b\"\r\n",
}

func TestRecordsAreThoseOfEncodingCSV(t *testing.T) {
	for _, s := range shapes {
		for split := int64(1); split <= 12; split++ {
			check(t, []byte(s), split, 0, nil)
			check(t, []byte(s), split, 3, descend)
		}
		check(t, []byte(s), 64, 2, nil)
	}
}

// soup makes text in which quotes, delimiters and newlines are frequent.
func soup(r *rand.Rand, n int) []byte {
	parts := []string{"a", "bc", ",", ",", "\n", "\n", "\"", "\"", "\"\"", "\r\n", "\",\"", "\"\n\"", "\n\"", "\",", "xyz", "é"}
	var b []byte
	for range n {
		b = append(b, parts[r.IntN(len(parts))]...)
	}
	return b
}

// records makes text of records with equal numbers of fields.
func records(r *rand.Rand, rows, cols int, stray bool) []byte {
	var b []byte
	for range rows {
		for c := range cols {
			if c > 0 {
				b = append(b, ',')
			}
			switch k := r.IntN(8); {
			case k == 0:
				b = append(b, '"')
				for range r.IntN(5) {
					b = append(b, []string{"\"\"", ",", "\n", "x", "\r\n", "\"\"\"\""}[r.IntN(6)]...)
				}
				b = append(b, '"')
			case k == 1 && stray:
				b = append(b, "a\""...)
			case k > 1:
				b = fmt.Appendf(b, "%d", r.IntN(1000))
			}
		}
		b = append(b, []string{"\n", "\r\n", "\n\n"}[r.IntN(3)]...)
	}
	return b
}

func TestRandomTextAgainstEncodingCSV(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	n := 800
	if testing.Short() {
		n = 250
	}
	for i := range n {
		var text []byte
		if i%3 == 0 {
			text = soup(r, 1+r.IntN(30))
		} else {
			text = records(r, 1+r.IntN(12), 1+r.IntN(4), i%3 == 1)
		}
		order := descend
		if i%2 == 0 {
			order = nil
		}
		check(t, text, 1+r.Int64N(64), 1+r.IntN(100), order)
	}
}

func FuzzCSV(f *testing.F) {
	for i, s := range shapes {
		f.Add([]byte(s), uint8(i), uint8(5))
	}
	f.Fuzz(func(t *testing.T, text []byte, split, chunk uint8) {
		check(t, text, int64(split)+1, int(chunk), nil)
		check(t, text, int64(split)+1, int(chunk), descend)
	})
}
