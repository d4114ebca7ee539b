package frame

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/format/csv"
	"github.com/weft-data/weft/format/parquet"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op/rows"
)

// ParquetOptions are the options of WriteParquetWith. The zero value is good.
type ParquetOptions = parquet.WriteOptions

// ParquetColumn are the options of one column, see ParquetOptions.
type ParquetColumn = parquet.ColumnOptions

// WriteParquet runs the plan and writes its rows, in order, to one Parquet file
// compressed with zstd. The file appears under its name when it is complete.
// It returns the number of rows.
func (f *Frame) WriteParquet(ctx context.Context, r graph.Runner, path string, opts ...Option) (int64, error) {
	return f.WriteParquetWith(ctx, r, path, ParquetOptions{}, opts...)
}

// WriteParquetWith is WriteParquet with options of the file.
func (f *Frame) WriteParquetWith(ctx context.Context, r graph.Runner, path string, o ParquetOptions, opts ...Option) (int64, error) {
	p := parquet.WriteParams{Path: path, Options: o}
	return f.single().write(ctx, r, "WriteParquet", calls(parquet.Write, p), opts)
}

// CSVWriteOptions are the options of WriteCSVWith. The zero value is good.
type CSVWriteOptions = csv.WriteOptions

// WriteCSV runs the plan and writes its rows, in order, to one CSV file with a
// header; a name that ends in .gz or .zst is compressed, one that ends in .tsv
// separated by tabs. Nulls are empty fields and empty text is quoted, so the
// file reads back as it was. The file appears under its name when it is
// complete. It returns the number of rows.
func (f *Frame) WriteCSV(ctx context.Context, r graph.Runner, path string, opts ...Option) (int64, error) {
	return f.WriteCSVWith(ctx, r, path, CSVWriteOptions{}, opts...)
}

// WriteCSVWith is WriteCSV with options of the file.
func (f *Frame) WriteCSVWith(ctx context.Context, r graph.Runner, path string, o CSVWriteOptions, opts ...Option) (int64, error) {
	return f.single().write(ctx, r, "WriteCSV", calls(csv.Write, csv.WriteParams{Path: path, Options: o}), opts)
}

// single makes one block of the frame.
func (f *Frame) single() *Frame { return add("Write", calls(rows.Single, struct{}{}), f) }

// write runs a plan that ends in a writing operator; every block of its output
// is one row with the number of rows written.
func (f *Frame) write(ctx context.Context, r graph.Runner, verb string, m maker, opts []Option) (int64, error) {
	t, err := add(verb, m, f).Collect(ctx, r, opts...)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for i := range int(t.NumRows()) {
		n, ok := t.Value(i, 0).(int64)
		if !ok {
			return 0, fmt.Errorf("%s: the writer said %v", verb, t.Value(i, 0))
		}
		total += n
	}
	return total, nil
}
