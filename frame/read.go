package frame

import (
	"context"
	"fmt"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/format/csv"
	"github.com/weft-data/weft/format/parquet"
	"github.com/weft-data/weft/op/rows"
)

// CSVOptions are the options of ReadCSV; the zero value finds out everything it
// can.
type CSVOptions = csv.Options

// ReadCSV reads delimited text: files or patterns such as "data/*.csv", plain,
// gzip or zstd. Delimiter, header and types are found out from a sample of the
// files; every row is checked against them when it is read. Only the sample is
// read now; a file that changes before the plan runs is an error then.
func ReadCSV(paths ...string) *Frame { return ReadCSVWith(CSVOptions{}, paths...) }

// ReadCSVWith is ReadCSV with options.
func ReadCSVWith(o CSVOptions, paths ...string) *Frame {
	p, _, err := csv.Describe(context.Background(), paths, o)
	if err != nil {
		return fail("ReadCSV", err)
	}
	return add("ReadCSV", calls(csv.Read, p))
}

// ReadParquet reads Parquet files, patterns such as "data/*.parquet", or folders
// whose paths may give columns ("year=2024"). The table has the columns of all
// files: those that a file lacks are null in its rows, and types are widened. Only
// their footers are read now.
func ReadParquet(paths ...string) *Frame { return ReadParquetWith(ParquetReadOptions{}, paths...) }

// ParquetReadOptions are the options of ReadParquetWith; the zero value is good.
type ParquetReadOptions = parquet.Options

// ReadParquetWith is ReadParquet with options.
func ReadParquetWith(o ParquetReadOptions, paths ...string) *Frame {
	p, _, err := parquet.Describe(context.Background(), paths, o)
	if err != nil {
		return fail("ReadParquet", err)
	}
	return add("ReadParquet", calls(parquet.Read, p))
}

// FromRecords makes a frame of Arrow records of one schema. Their buffers are
// borrowed: they must not be changed or freed while the frame is in use. A plan
// with such a frame runs in this process only.
func FromRecords(recs ...arrow.Record) *Frame {
	if len(recs) == 0 {
		return fail("FromRecords", fmt.Errorf("no records: the schema is unknown"))
	}
	schema, err := chunk.FromArrowSchema(recs[0].Schema())
	if err != nil {
		return fail("FromRecords", err)
	}
	batches := make([]*chunk.Batch, len(recs))
	for i, r := range recs {
		if !r.Schema().Equal(recs[0].Schema()) {
			return fail("FromRecords", fmt.Errorf("record %d has schema %v, record 0 has %v", i, r.Schema(), recs[0].Schema()))
		}
		if batches[i], err = chunk.FromRecord(r); err != nil {
			return fail("FromRecords", fmt.Errorf("record %d: %w", i, err))
		}
	}
	return inMemory(schema, batches, recs)
}

// inMemory makes a frame of batches; keep is what their buffers belong to.
func inMemory(schema dtype.Schema, batches []*chunk.Batch, keep any) *Frame {
	for i := range schema {
		schema[i].Nullable = false
		for _, b := range batches {
			schema[i].Nullable = schema[i].Nullable || b.Cols[i].Valid != nil || schema[i].Type.Kind == dtype.Null
		}
	}
	p := rows.Keep(schema, batches)
	f := add("FromRecords", calls(rows.Memory, p))
	if f.err != nil {
		rows.Drop(p.ID)
		return f
	}
	f.n.keep = keep
	runtime.AddCleanup(f.n, rows.Drop, p.ID)
	return f
}
