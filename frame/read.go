package frame

import (
	"context"
	"fmt"
	"runtime"
	"slices"

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

// ReadCSV reads delimited text, plain or compressed. Delimiter, header and types
// are found out from a sample of the files; every row is checked against them when
// it is read. Files may differ in their columns: the table has those of all headers,
// by name, null where a file lacks them. Only the sample is read now; a file that
// changes before the plan runs is an error then.
//
// Paths are those of files, folders, or patterns such as "data/*.csv"; the element **
// of a pattern stands for any number of folders. Of a folder all files below it are
// read, whatever their endings are, but for those whose names, or folders' names,
// begin with "." or "_"; a wildcard stands for no such name either. Folders key=value
// below a folder, or from the first wildcard of a pattern on, give columns behind
// those of the files: integers or dates if all values are, else text;
// __HIVE_DEFAULT_PARTITION__ is null. They take the place of columns of the same
// name. All readers of tables take paths so; the option NoKeys leaves keys alone.
func ReadCSV(paths ...string) *Frame { return ReadCSVWith(CSVOptions{}, paths...) }

// ReadCSVWith is ReadCSV with options.
func ReadCSVWith(o CSVOptions, paths ...string) *Frame {
	p, _, err := csv.Describe(context.Background(), paths, o)
	if err != nil {
		return fail("ReadCSV", err)
	}
	return add("ReadCSV", calls(csv.Read, p))
}

// ReadParquet reads Parquet files, folders or patterns of them, whose paths may give
// columns, see ReadCSV. The table has the columns of all
// files: those that a file lacks are null in its rows, and types are widened. Only
// their footers are read now.
//
// Where a filter follows, files, row groups and pages are left out by their paths,
// statistics, page indexes and bloom filters; where an inner or semi join does, also
// those in whose range of values none of its keys lies, once the keys are known. Of
// what is left the columns that tell are read first. Analyze shows how many rows each
// of these left out.
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
// borrowed: they must not be changed or freed while the frame is in use. With a
// plan that leaves this process the table travels, see cluster.MaxCarried. All columns
// of numbers, dates and times are looked at up to the first value that is less than the
// one before: nothing sorts again by the first of the columns read that never falls.
func FromRecords(recs ...arrow.Record) *Frame {
	if len(recs) == 0 {
		return fail("FromRecords", fmt.Errorf("no records: the schema is unknown"))
	}
	if i := slices.Index(recs, nil); i >= 0 {
		return fail("FromRecords", fmt.Errorf("record %d is nil", i))
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
	for i, c := range schema {
		if rows.Rising(batches, i) {
			p.Rising = append(p.Rising, c.Name)
		}
	}
	f := add("FromRecords", calls(rows.Memory, p))
	if f.Err() != nil {
		rows.Drop(p.ID)
		return f
	}
	f.n.keep = keep
	runtime.AddCleanup(f.n, rows.Drop, p.ID)
	return f
}
