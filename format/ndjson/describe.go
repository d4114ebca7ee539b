package ndjson

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weft-data/weft/dtype"
)

// Options are what the user says about JSON files. The zero value finds out everything.
type Options struct {
	// Types gives the types of top-level keys; the others are found out.
	Types map[string]dtype.Type
	// SampleBytes is how much of the files' beginnings decides types; 0 means 16 MiB.
	SampleBytes int64
	// MaxRecordBytes is how long a record may be; 0 means 16 MiB.
	MaxRecordBytes int64
}

// A Form is how records stand in a file.
type Form uint8

// The forms.
const (
	Lines Form = iota // one object per line
	Array             // one array of objects
)

// A Codec is how a file is compressed.
type Codec uint8

// The codecs.
const (
	Plain Codec = iota
	Gzip
	Zstd
)

// A File is an input; reading fails when size or time differ from these.
type File struct {
	Path    string
	Size    int64
	ModTime int64
	Form    Form
	Codec   Codec
}

// Describe expands patterns, reads a sample and returns the parameters and the schema.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	p := ReadParams{MaxRecord: o.MaxRecordBytes}
	if p.MaxRecord <= 0 {
		p.MaxRecord = 16 << 20
	}
	left := o.SampleBytes
	if left <= 0 {
		left = 16 << 20
	}
	files, err := expand(paths)
	if err != nil {
		return p, nil, err
	}
	all := &shape{}
	for i, path := range files {
		if err := ctx.Err(); err != nil {
			return p, nil, err
		}
		used, err := p.sample(path, all, left/int64(len(files)-i))
		if err != nil {
			return p, nil, err
		}
		left -= used
	}
	p.Schema = all.schema()
	for name, t := range o.Types {
		i := p.Schema.Index(name)
		if i < 0 {
			p.Schema = append(p.Schema, dtype.Field{Name: name, Type: t, Nullable: true})
			continue
		}
		p.Schema[i].Type = t
	}
	if len(p.Schema) == 0 {
		return p, nil, fmt.Errorf("%s: no keys in the sample: give their types with the option Types", files[0])
	}
	for i, f := range p.Schema {
		if _, err := newColumn(f.Name, f.Type); err != nil {
			return p, nil, err
		}
		p.Cols = append(p.Cols, int32(i))
	}
	p.cut()
	return p, p.Schema, nil
}

func expand(paths []string) (out []string, err error) {
	if len(paths) == 0 {
		return nil, errors.New("no files: give a path or a pattern")
	}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err == nil && st.IsDir() {
			return nil, fmt.Errorf("%s is a folder: give a pattern such as %s", p, filepath.Join(p, "*.ndjson"))
		}
		if err == nil {
			out = append(out, p)
			continue
		}
		match, bad := filepath.Glob(p)
		if bad != nil {
			return nil, fmt.Errorf("%s: %w", p, bad)
		}
		if len(match) == 0 {
			return nil, err
		}
		out = append(out, match...)
	}
	return out, nil
}

// sample describes a file and takes the records of its first bytes, one at least.
func (p *ReadParams) sample(path string, into *shape, bytes int64) (used int64, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	d := File{Path: path, Size: st.Size(), ModTime: st.ModTime().UnixNano()}
	if d.Form, d.Codec, err = formOf(path); err != nil {
		return 0, err
	}
	p.Files = append(p.Files, d)
	t, err := d.text(make([]byte, min(256<<10, p.MaxRecord)), func(old []byte, n int) []byte { return append(old, make([]byte, n-len(old))...) }, p.MaxRecord)
	if err != nil {
		return 0, err
	}
	defer t.close()
	for t.passed < bytes {
		rec, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if _, err := into.add(rec, 0, 0); err != nil {
			return 0, t.fail(err)
		}
	}
	return t.passed, nil
}

// formOf looks at the first bytes of a file.
func formOf(path string) (Form, Codec, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var magic [4]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	codec := Plain
	switch {
	case bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}):
		codec = Gzip
	case bytes.HasPrefix(magic[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		codec = Zstd
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	r, done, err := expanded(f, codec)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	defer done()
	b := bufio.NewReader(r)
	if mark, _ := b.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = b.Discard(3)
	}
	for {
		c, err := b.ReadByte()
		switch {
		case err == io.EOF:
			return Lines, codec, nil
		case err != nil:
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		case c == '[':
			return Array, codec, nil
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return Lines, codec, nil
		}
	}
}

// expanded is the text of a compressed file.
func expanded(f io.Reader, c Codec) (r io.Reader, done func(), err error) {
	switch c {
	case Gzip:
		r, err = gzip.NewReader(f)
		return r, func() {}, err
	case Zstd:
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return f, func() {}, nil
}
