package frame

import (
	"context"

	"github.com/weft-data/weft/format/ipc"
	"github.com/weft-data/weft/graph"
)

// ReadArrow reads Arrow IPC files (also called Feather) or streams of one schema:
// files, folders or patterns of them, whose paths may give columns, see ReadCSV. Only
// their schemas are read now.
//
// A file has a footer, so one that was cut is an error. A stream ends with a marker or,
// as the format allows and many writers do, without one: a stream that was cut between
// two records cannot be told from a whole one. A cut anywhere else, and bytes behind the
// marker, are errors that name the byte.
func ReadArrow(paths ...string) *Frame { return ReadArrowWith(ArrowReadOptions{}, paths...) }

// ArrowReadOptions are the options of ReadArrowWith; the zero value is good.
type ArrowReadOptions = ipc.Options

// ReadArrowWith is ReadArrow with options.
func ReadArrowWith(o ArrowReadOptions, paths ...string) *Frame {
	p, _, err := ipc.Describe(context.Background(), paths, o)
	if err != nil {
		return fail("ReadArrow", err)
	}
	return add("ReadArrow", calls(ipc.Read, p))
}

// ArrowOptions are the options of WriteArrowWith. The zero value is good.
type ArrowOptions = ipc.WriteOptions

// WriteArrow runs the plan and writes its rows, in order, to one Arrow IPC file.
// The file appears under its name when it is complete. It returns the number of
// rows.
func (f *Frame) WriteArrow(ctx context.Context, r graph.Runner, path string, opts ...Option) (int64, error) {
	return f.WriteArrowWith(ctx, r, path, ArrowOptions{}, opts...)
}

// WriteArrowWith is WriteArrow with options of the file.
func (f *Frame) WriteArrowWith(ctx context.Context, r graph.Runner, path string, o ArrowOptions, opts ...Option) (int64, error) {
	return f.single().write(ctx, r, "WriteArrow", calls(ipc.Write, ipc.WriteParams{Path: path, Options: o}), opts)
}
