package csv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// WriteOptions are how a file is written. The zero value is good.
type WriteOptions struct {
	Delimiter byte   // 0: tab for .tsv and .tab, else comma
	NoHeader  bool   // no first record with the column names
	Null      string // how nulls are written, unquoted
}

// WriteParams are the parameters of "csv.write".
type WriteParams struct {
	Path    string // compressed if it ends in .gz, .zst, .zstd, .lz4, .snappy or .sz
	Options WriteOptions
}

// Write is the operator "csv.write". It writes its one input block to a temporary
// file beside Path, which gets its name when it is complete and is removed when
// the task fails, so that Path is never half a file.
//
// Threads format stretches of the rows side by side, see op.WritesText. Text is
// quoted when it must be; null is an empty field and empty text "", floats have the fewest digits that read back as
// the same number and always a point or exponent, dates and timestamps are ISO
// 8601, so that Read with the same types gives back the same values.
var Write = op.Register(op.Spec[WriteParams]{
	Name:    "csv.write",
	Version: 1,
	Class:   op.Writing,
	Doc:     "Writes one delimited text file.",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		if len(in) != 1 || len(in[0].Schema) == 0 {
			return op.Meta{}, errors.New("csv.write wants one input with at least one column")
		}
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, p.check()
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 4 << 20, Want: 16 << 20} },
	Text: func(p WriteParams) string { return store.Name(p.Path) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) { return p.pipe(in.Schema), p.check() },
})

// pipe makes the pipe that writes rows of a schema.
func (p WriteParams) pipe(schema dtype.Schema) op.Pipe {
	row := func() *rowFormat { return &rowFormat{delim: p.delimiter(), null: p.Options.Null} }
	var head []byte
	if !p.Options.NoHeader {
		f := row()
		for i, name := range schema.Names() {
			if i > 0 {
				head = append(head, f.delim)
			}
			head = f.appendText(head, name)
		}
		head = append(head, '\n')
	}
	return op.WritesText(p.Path, head, func() op.TextFormat {
		f := row()
		return func(dst []byte, m *chunk.Batch) ([]byte, error) { return f.appendRows(dst, m, schema) }
	})
}

func (p *WriteParams) check() error {
	if p.Path == "" {
		return errors.New("csv: no path to write to")
	}
	c := p.delimiter()
	g := grammar{delim: c, quote: '"'}
	if c == '.' || c == '-' || c == '+' || c == ':' || c == ' ' || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return fmt.Errorf("csv: the delimiter %q occurs in numbers, dates or words: choose a comma, semicolon, tab or bar", c)
	}
	if strings.ContainsAny(p.Options.Null, "\"\r\n"+string(rune(c))) {
		return fmt.Errorf("csv: the null spelling %q holds a quote, newline or delimiter", p.Options.Null)
	}
	return g.check()
}

func (p *WriteParams) delimiter() byte {
	if p.Options.Delimiter != 0 {
		return p.Options.Delimiter
	}
	if store.Ends(codec.Trim(p.Path), ".tsv", ".tab") {
		return '\t'
	}
	return ','
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	return nil
}
