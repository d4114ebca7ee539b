package csv

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/store"
)

// A text is the decompressed content of a file.
type text struct {
	io.Reader
	file  *counted
	codec Codec
	close func()
}

// counted counts the bytes read from a file.
type counted struct {
	store.File
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.n += int64(n)
	return n, err
}

// openText opens a file for reading from its beginning. Several gzip members or
// zstd frames after each other are one text. A codec that is to be found out is.
func openText(ctx context.Context, f *File) (*text, error) {
	file, err := f.Open(ctx)
	if err != nil {
		return nil, wrap(err)
	}
	t := &text{file: &counted{File: file}, codec: f.Codec}
	if t.codec == ByName {
		if t.codec, err = codec.OfFile(file, f.Path); err != nil {
			hint := ""
			if t.codec != Plain {
				hint = ": say how it is compressed with option Codec"
			}
			return nil, errors.Join(fmt.Errorf("csv: %w%s", err, hint), file.Close())
		}
	}
	if t.Reader, t.close, err = codec.NewReader(t.file, t.codec); err != nil {
		return nil, errors.Join(wrapPath(f.Path, err), file.Close())
	}
	return t, nil
}

// used returns how many bytes of the file have been read.
func (t *text) used() int64 { return t.file.n }

// Close closes the file.
func (t *text) Close() error {
	t.close()
	return t.file.File.Close()
}
