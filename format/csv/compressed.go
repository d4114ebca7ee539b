package csv

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// codecOf finds out how a file is compressed: by its first bytes, else by its
// suffix.
func codecOf(path string) (Codec, error) {
	f, err := os.Open(path)
	if err != nil {
		return Plain, fmt.Errorf("csv: %w", err)
	}
	defer f.Close()
	var b [4]byte
	n, err := io.ReadFull(f, b[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return Plain, fmt.Errorf("csv: %s: %w", path, err)
	}
	switch {
	case bytes.HasPrefix(b[:n], []byte{0x1f, 0x8b}):
		return Gzip, nil
	case bytes.HasPrefix(b[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd, nil
	case n == 0:
		return Plain, nil
	}
	if c := codecOfName(path); c != Plain {
		return c, fmt.Errorf("csv: %s is named like a %s file but does not begin like one: set Codec", path, c)
	}
	return Plain, nil
}

func codecOfName(path string) Codec {
	switch name := strings.ToLower(path); {
	case strings.HasSuffix(name, ".gz"):
		return Gzip
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		return Zstd
	}
	return Plain
}

// A text is the decompressed content of a file.
type text struct {
	io.Reader
	file  *counted
	close func()
}

// counted counts the bytes read from a file.
type counted struct {
	*os.File
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.n += int64(n)
	return n, err
}

// WriteTo hides the file's own, which would not count.
func (c *counted) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

// openText opens a file for reading from its beginning. Several gzip members or
// zstd frames after each other are one text.
func openText(f *File) (*text, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("csv: %w", err)
	}
	t := &text{file: &counted{File: file}, close: func() {}}
	t.Reader = t.file
	switch f.Codec {
	case Gzip:
		z, err := gzip.NewReader(t.file)
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("csv: %s: %w", f.Path, err)
		}
		t.Reader = z
	case Zstd:
		// One decoder thread: the reader overlaps decoding with parsing by itself.
		z, err := zstd.NewReader(t.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("csv: %s: %w", f.Path, err)
		}
		t.Reader, t.close = z, z.Close
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
