package expr

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/script"
)

// TestScripts runs testdata/*.txt. The commands are
//
//	table    columns, one per line: name type: value value …, text in quotes, null
//	eval     expressions, one per line; the values of each, or its error
//
// Every expression is computed over plain and over dictionary-encoded text, over
// the rows once and over many copies of them, and must have the same values.
func TestScripts(t *testing.T) {
	script.RunEach(t, filepath.Join("testdata", "*.txt"), func(t *testing.T) script.Handler {
		var schema dtype.Schema
		var batch *chunk.Batch
		return func(t *testing.T, d *script.Stanza) string {
			switch d.Cmd {
			case "table":
				schema, batch = readTable(t, d)
				return ""
			case "eval":
				var out []string
				for line := range strings.Lines(d.Input) {
					out = append(out, evalLine(t, d, strings.TrimSpace(line), schema, batch))
				}
				return strings.Join(out, "\n")
			}
			t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
			return ""
		}
	})
}

func readTable(t *testing.T, d *script.Stanza) (s dtype.Schema, b *chunk.Batch) {
	t.Helper()
	b = &chunk.Batch{}
	for line := range strings.Lines(d.Input) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		typ, n, err := dtype.ParsePrefix(rest)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		var vals []any
		for rest = strings.TrimSpace(strings.TrimPrefix(rest[n:], ":")); rest != ""; rest = strings.TrimSpace(rest) {
			if q, err := strconv.QuotedPrefix(rest); err == nil {
				v, _ := strconv.Unquote(q)
				vals, rest = append(vals, v), rest[len(q):]
				continue
			}
			var word string
			if word, rest, _ = strings.Cut(rest, " "); word == "null" {
				vals = append(vals, nil)
			} else {
				vals = append(vals, word)
			}
		}
		s = append(s, dtype.Field{Name: name, Type: typ, Nullable: true})
		b.Cols = append(b.Cols, column(typ, vals...))
		b.N = len(vals)
	}
	return s, b
}

// evalLine computes one expression in every way.
func evalLine(t *testing.T, d *script.Stanza, text string, s dtype.Schema, b *chunk.Batch) string {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		return err.Error()
	}
	p, err := Compile(e, s)
	if err != nil {
		return err.Error()
	}
	first := ""
	for way, m := range []*chunk.Batch{b, coded(b), copies(b, 45), coded(copies(b, 45))} {
		v, err := p.NewState().Eval(m)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			words := make([]string, b.N)
			for i := range words {
				words[i] = word(v, m.N-b.N+i)
			}
			got = text + ": " + strings.Join(words, " ")
		}
		if way == 0 {
			first = got
		} else if got != first {
			t.Errorf("%s: %s\nway %d: %s\nway 0: %s", d.Pos, text, way, got, first)
		}
	}
	return first
}

// coded makes dictionaries of text columns.
func coded(b *chunk.Batch) *chunk.Batch {
	out := &chunk.Batch{N: b.N, Cols: append([]chunk.Vec(nil), b.Cols...)}
	for c, v := range b.Cols {
		if v.Type.Kind != dtype.Utf8 {
			continue
		}
		dict := chunk.Vec{Type: v.Type, N: 1, Off: []int32{0, 3}, Str: []byte("\xffno")} // an entry that no row has
		seen := map[string]uint32{}
		w := &vector{}
		w.reset(v.Type, v.N)
		codes := fixed[uint32](w)
		for i := range v.N {
			code, ok := seen[v.Text(i)]
			if !ok {
				code = uint32(dict.N)
				seen[v.Text(i)] = code
				dict.Str = append(dict.Str, v.Text(i)...)
				dict.Off = append(dict.Off, int32(len(dict.Str)))
				dict.N++
			}
			codes[i] = code
		}
		w.Valid, w.Dict = v.Valid, chunk.NewDict(dict)
		out.Cols[c] = w.Vec
	}
	return out
}

// copies repeats the rows.
func copies(b *chunk.Batch, k int) *chunk.Batch {
	var s dtype.Schema
	idx := make([]uint32, 0, b.N*k)
	for range k {
		for i := range b.N {
			idx = append(idx, uint32(i))
		}
	}
	for c := range b.Cols {
		s = append(s, dtype.Field{Name: fmt.Sprint(c), Type: b.Cols[c].Type, Nullable: true})
	}
	x := chunk.NewBuilder(s, mem.Heap)
	if err := x.AppendRows(b, idx); err != nil {
		panic(err)
	}
	return x.Flush()
}
