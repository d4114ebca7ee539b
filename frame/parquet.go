package frame

import (
	"context"

	"github.com/weft-data/weft/format/parquet"
	"github.com/weft-data/weft/graph"
)

// ParquetFolderOptions are the options of WriteParquetFolder. The zero value is
// good.
type ParquetFolderOptions = parquet.FolderOptions

// WriteParquetFolder runs the plan and writes its rows into a folder of Parquet
// files, a file per block, or with the option By into folders key=value that
// ReadParquet turns back into columns. Blocks are written at the same time; files
// appear when they are complete. It returns the number of rows.
func (f *Frame) WriteParquetFolder(ctx context.Context, r graph.Runner, dir string, o ParquetFolderOptions, opts ...Option) (int64, error) {
	p, err := parquet.Folder(dir, o)
	if err != nil {
		return 0, fail("WriteParquetFolder", err).Err()
	}
	return f.write(ctx, r, "WriteParquetFolder", calls(parquet.WriteFolder, p), opts)
}
