package csv

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/script"
)

var typeWords = map[string]dtype.Type{
	"decimal": dtype.DecimalOf(10, 2), "s": dtype.TimestampOf(dtype.Second, ""), "ms": dtype.TimestampOf(dtype.Milli, ""),
	"us": dtype.TimestampOf(dtype.Micro, ""), "ns": dtype.TimestampOf(dtype.Nano, ""), "utc": dtype.TimestampOf(dtype.Micro, "UTC"),
}

func init() {
	for k := dtype.Null; k <= dtype.Date; k++ {
		typeWords[k.String()] = dtype.Of(k)
	}
}

// options reads the options of a stanza.
func options(t *testing.T, d *script.Stanza) Options {
	one := func(key string) byte { return (d.Str(key, "") + "\x00")[0] }
	o := Options{Delimiter: one("delim"), Quote: one("quote"), Comment: one("comment"), NoQuotes: d.Has("noquotes"), OneLine: d.Has("oneline"),
		SkipRows: d.Int(t, "skip", 0), MaxRecordBytes: int64(d.Int(t, "max", 0)), SplitBytes: int64(d.Int(t, "split", 0))}
	o.Header = map[string]Choice{"": Auto, "yes": Yes, "no": No}[d.Str("header", "")]
	o.Codec = map[string]Codec{"": ByName, "plain": Plain}[d.Str("codec", "")]
	if d.Has("pad") {
		o.Ragged = RaggedPad
	}
	if s, ok := d.Lookup("names"); ok {
		o.Names = strings.Split(s, ",")
	}
	if s, ok := d.Lookup("nulls"); ok {
		o.Nulls = strings.Split(s, ",")
	}
	if s, ok := d.Lookup("types"); ok {
		o.Types = map[string]dtype.Type{}
		for _, kv := range strings.Split(s, ",") {
			name, word, _ := strings.Cut(kv, ":")
			typ, ok := typeWords[word]
			if !ok {
				t.Fatalf("%s: type %q", d.Pos, word)
			}
			o.Types[name] = typ
		}
	}
	return o
}

// TestScripts reads texts with splits of several sizes, which must all give the
// expected output.
func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T, d *script.Stanza) string {
		text, _ := d.Lookup("text")
		path := writeFile(t, d.Str("name", "x.csv"), text)
		clean := func(s string) string { return strings.ReplaceAll(s, filepath.Dir(path)+"/", "") }
		o := options(t, d)
		out := ""
		for i, split := range []int64{0, 1, 2, 7, 64} {
			if split > 0 {
				o.SplitBytes = split
			}
			got := clean(readText(t, path, o))
			if i > 0 && got != out {
				t.Errorf("%s: splits of %d bytes give\n%s", d.Pos, split, got)
			}
			if out == "" {
				out = got
			}
		}
		return out
	})
}

// readText returns the schema and the rows, or the error.
func readText(t *testing.T, path string, o Options) string {
	p, schema, err := Describe(context.Background(), []string{path}, o)
	if err != nil {
		return "describe: " + err.Error()
	}
	rows, err := collect(t, p, 16, func(n int) []int {
		out := descend(n)
		for i := range out {
			out[i] = i
		}
		return out
	})
	if err != nil {
		return fmt.Sprintf("%s\nerror: %v", schema, err)
	}
	return fmt.Sprintf("%s\n%s", schema, table(rows))
}
