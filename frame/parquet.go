package frame

import (
	"context"
	"errors"

	"github.com/weft-data/weft/format/parquet"
	"github.com/weft-data/weft/graph"
)

// ParquetFolderOptions are the options of WriteParquetFolder. The zero value is
// good.
type ParquetFolderOptions = parquet.FolderOptions

// WriteParquetFolder runs the plan and writes its rows into a folder of Parquet
// files, a file per block, or with the option By into folders key=value that
// ReadParquet turns back into columns. Blocks are written at the same time. The
// files appear at the end, all of them or, after an error, none. On a cluster all
// workers must share the path. In a folder of an object store (s3://bucket/dir),
// which renames nothing, every file appears when its block is written, and those
// that are there are removed after an error. It returns the number of rows.
func (f *Frame) WriteParquetFolder(ctx context.Context, r graph.Runner, dir string, o ParquetFolderOptions, opts ...Option) (int64, error) {
	if f.Err() != nil {
		return 0, f.Err()
	}
	p, err := parquet.Folder(ctx, dir, f.Schema(), o)
	if err != nil {
		return 0, fail("WriteParquetFolder", err).Err()
	}
	files := add("WriteParquetFolder", calls(parquet.WriteFolder, p), f).single()
	n, err := files.write(ctx, r, "WriteParquetFolder", calls(parquet.CommitFolder, p), opts)
	if err != nil {
		err = errors.Join(err, p.Abandon(context.WithoutCancel(ctx)))
	}
	return n, err
}
