package frame

import (
	"context"

	"github.com/weft-data/weft/format/ndjson"
)

// JSONOptions are the options of ReadJSONWith; the zero value finds out
// everything it can.
type JSONOptions = ndjson.Options

// ReadJSON reads JSON files or patterns of them: one object per line, or one
// array of objects, plain, gzip or zstd. Keys become columns, arrays lists, inner
// objects structs; a column of mixed types is text. Types are found in a sample of
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
