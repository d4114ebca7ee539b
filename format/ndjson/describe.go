package ndjson

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/store"
)

// Options are what the user says about JSON files. The zero value finds out everything.
type Options struct {
	// Types gives the types of top-level keys; the others are found out.
	Types map[string]dtype.Type
	// SampleBytes is how much of the files' beginnings decides types; 0 means 16 MiB.
	SampleBytes int64
	// MaxRecordBytes is how long a record may be; 0 means 16 MiB.
	MaxRecordBytes int64
	// NoKeys leaves the parts key=value of paths alone.
	NoKeys bool
}

// A Form is how records stand in a file.
type Form uint8

// The forms.
const (
	Lines Form = iota // one object per line
	Array             // one array of objects
)

// A File is an input as it was when the plan was built.
type File struct {
	store.Info
	Form  Form
	Codec codec.Codec
	Keys  []expr.Literal // of the columns that its path gives
}

// Describe finds the files of paths, folders and patterns, see store.Find, reads a sample and returns the parameters and the
// schema. The parts key=value of the paths below a folder, or from the first wildcard of a pattern on, become columns behind
// those of the records, see scan.Find.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	p := ReadParams{MaxRecord: o.MaxRecordBytes}
	if p.MaxRecord <= 0 {
		p.MaxRecord = 16 << 20
	}
	left := o.SampleBytes
	if left <= 0 {
		left = 16 << 20
	}
	found, err := scan.Find(ctx, scan.Ask{Paths: paths, NoKeys: o.NoKeys, Types: o.Types})
	if err != nil {
		return p, nil, err
	}
	all := &shape{}
	for i, x := range found.Files {
		if err := ctx.Err(); err != nil {
			return p, nil, err
		}
		used, err := p.sample(ctx, File{Info: x.Info, Keys: found.Values[i]}, all, left/int64(len(found.Files)-i))
		if err != nil {
			return p, nil, err
		}
		left -= used
	}
	p.Schema = all.schema()
	for _, name := range slices.Sorted(maps.Keys(o.Types)) { // those that the sample lacks are in this order
		i, t := p.Schema.Index(name), o.Types[name]
		if i < 0 {
			p.Schema = append(p.Schema, dtype.Field{Name: name, Type: t, Nullable: true})
			continue
		}
		p.Schema[i].Type = t
	}
	if len(p.Schema) == 0 {
		return p, nil, fmt.Errorf("%s: no keys in the sample: give their types with the option Types", store.Name(p.Files[0].Path))
	}
	p.Schema, p.Keys = found.Behind(p.Schema), int32(len(found.Keys))
	for i, f := range p.Schema {
		if _, err := newColumn(f.Name, f.Type); err != nil {
			return p, nil, fmt.Errorf("ndjson: option Types: %w", err)
		}
		p.Cols = append(p.Cols, int32(i))
	}
	p.cut()
	return p, p.Schema, nil
}

// sample describes a file and takes the records of its first bytes, one at least.
func (p *ReadParams) sample(ctx context.Context, d File, into *shape, bytes int64) (used int64, err error) {
	if err := d.form(ctx); err != nil {
		return 0, err
	}
	p.Files = append(p.Files, d)
	t, err := d.text(ctx, make([]byte, min(256<<10, p.MaxRecord)), func(old []byte, n int) []byte { return append(old, make([]byte, n-len(old))...) }, p.MaxRecord)
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

// form looks at the first bytes of a file.
func (d *File) form(ctx context.Context) error {
	f, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	if d.Codec, err = codec.OfFile(f, d.Path); err != nil {
		return err
	}
	r, done, err := codec.NewReader(f, d.Codec)
	if err != nil {
		return d.wrap(err)
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
			return nil
		case err != nil:
			return d.wrap(err)
		case c == '[':
			d.Form = Array
			return nil
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return nil
		}
	}
}

func (d *File) wrap(err error) error { return store.Named(d.Path, err) }
