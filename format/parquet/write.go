package parquet

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// WriteParams are the parameters of parquet.write.
type WriteParams struct {
	Path    string
	Options WriteOptions
}

// Write is the operator parquet.write: it writes its one input block, in order, to one file, which appears under
// its name when it is complete. Its output is one row: the number of rows written.
//
// Row groups and pages have statistics, pages have checksums, and where every page has bounds there is a page index.
// Pages of all columns end at the same rows. The file depends on the rows and the options alone, unless memory is
// so short that a row group must end early.
var Write = op.Register(op.Spec[WriteParams]{
	Name: "parquet.write", Version: 2, Class: op.Writing,
	Doc: "writes a Parquet file",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, p.Options.check(in[0].Schema)
	},
	Mem: func(p WriteParams, in op.Meta) op.Need {
		n := int64(max(1, len(in.Schema))) * (256 << 10)
		return op.Need{Floor: min(n, 16<<20), Want: 16 * n}
	},
	Text: func(p WriteParams) string { return fmt.Sprintf("%q", store.Name(p.Path)) },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) {
		return op.Writes(func(t op.Task) (op.RowWriter, error) {
			f, err := beginFile(t, p.Path, in, p.Options)
			if err != nil {
				return nil, err
			}
			return f, nil
		}), nil
	},
})

// An oneFile is a file being written.
type oneFile struct {
	path string
	file store.Output
	buf  *bufio.Writer
	out  *fileWriter
}

func beginFile(t op.Task, path string, in op.Meta, o WriteOptions) (*oneFile, error) {
	f, err := store.Create(t.Context(), path)
	if err != nil {
		return nil, err
	}
	x := &oneFile{path: store.Name(path), file: f, buf: bufio.NewWriterSize(f, 64<<10)}
	if x.out, err = newFileWriter(t, x.buf, in.Schema, o); err != nil {
		return nil, errors.Join(x.wrap(err), f.Close())
	}
	return x, nil
}

func (x *oneFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", x.path, err)
}

// Sharing implements op.Sharing.
func (x *oneFile) Sharing() bool { return true }

// Push implements op.RowWriter.
func (x *oneFile) Push(m *chunk.Batch) error { return x.wrap(x.out.push(m)) }

// Finish implements op.RowWriter: the file gets its name.
func (x *oneFile) Finish(out op.Out, rows int64) error {
	if err := x.end(); err != nil {
		return err
	}
	if err := x.file.Commit(); err != nil {
		return err
	}
	return op.Written(out, rows)
}

// end completes the content.
func (x *oneFile) end() error {
	err := x.out.finish()
	if err == nil {
		err = x.buf.Flush()
	}
	return x.wrap(err)
}

// Close implements op.RowWriter: what is not complete leaves nothing behind.
func (x *oneFile) Close() error {
	x.out.close()
	return x.file.Close()
}
