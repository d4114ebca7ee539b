package frame

import (
	"context"

	"github.com/weft-data/weft/format/ndjson"
	"github.com/weft-data/weft/graph"
)

// JSONOptions are the options of ReadJSONWith; the zero value finds out
// everything it can.
type JSONOptions = ndjson.Options

// ReadJSON reads JSON files, folders or patterns of them, whose paths may give
// columns, see ReadCSV: one object per line, or one array of objects, plain or
// compressed. Keys become columns, arrays lists, inner objects structs; a column of
// mixed types is text. Types are found in a sample of
// the files; every record is checked against them when it is read.
func ReadJSON(paths ...string) *Frame { return ReadJSONWith(JSONOptions{}, paths...) }

// ReadJSONWith is ReadJSON with options.
func ReadJSONWith(o JSONOptions, paths ...string) *Frame {
	p, _, err := ndjson.Describe(context.Background(), paths, o)
	if err != nil {
		return fail("ReadJSON", err)
	}
	return add("ReadJSON", calls(ndjson.Read, p))
}

// WriteJSON runs the plan and writes its rows, in order, to one file of a JSON
// object per line; a name that ends in .gz, .zst, .lz4 or .snappy is compressed.
// Null, NaN and infinities are null, what JSON has no word for (dates, times) is
// text; binary columns are refused. The file appears under its name when it is
// complete. It returns the number of rows.
func (f *Frame) WriteJSON(ctx context.Context, r graph.Runner, path string, opts ...Option) (int64, error) {
	return f.single().write(ctx, r, "WriteJSON", calls(ndjson.Write, ndjson.WriteParams{Path: path}), opts)
}
