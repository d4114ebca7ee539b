// Package ipc reads and writes Arrow IPC files (also called Feather) and streams: the operators "ipc.read" and
// "ipc.write", and Describe, which reads schemas when a plan is built.
//
// Messages are parsed by the guard, which believes no length. A block of a file is some consecutive records, a split
// is one record; a stream is read by one thread. Text that has a dictionary keeps its codes.
package ipc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// A File is an input as it was when the plan was built.
type File struct {
	store.Info
	Stream  bool
	Records int32          // of a file that is no stream
	Keys    []expr.Literal // of the columns that its path gives
}

// A Part is records [Lo, Hi) of a file; of a stream 0 and 1, which stand for all.
type Part struct {
	File   int32
	Lo, Hi int32
}

// ReadParams are the parameters of ipc.read. Describe makes them.
type ReadParams struct {
	Files  []File
	Schema dtype.Schema // of the files, then the columns that paths give
	Keys   int32        // how many columns paths give
	Cols   []int32      // output columns, positions in Schema
	Parts  []Part       // blocks
}

// blockBytes is how many bytes of a file make a block.
const blockBytes = 128 << 20

// Options are what the user says about Arrow files. The zero value is good.
type Options struct {
	// NoKeys leaves the parts key=value of paths alone.
	NoKeys bool
}

// Describe finds the files of paths, folders and patterns, see store.Find, reads the schemas and returns the parameters and the
// schema. All files must have the schema of the first, nulls apart. The parts key=value of the paths below a folder, or from
// the first wildcard of a pattern on, become columns behind those of the files, see scan.Find.
func Describe(ctx context.Context, paths []string, o Options) (ReadParams, dtype.Schema, error) {
	var p ReadParams
	found, err := scan.Find(ctx, scan.Ask{Paths: paths, NoKeys: o.NoKeys})
	if err != nil {
		return p, nil, err
	}
	for i, x := range found.Files {
		if err := p.add(ctx, File{Info: x.Info, Keys: found.Values[i]}); err != nil {
			return p, nil, err
		}
	}
	for i, f := range p.Schema {
		if found.Keys.Index(f.Name) < 0 {
			p.Cols = append(p.Cols, int32(i))
		}
	}
	for _, k := range found.Keys {
		p.Cols = append(p.Cols, int32(len(p.Schema)))
		p.Schema = append(p.Schema, k)
	}
	p.Keys = int32(len(found.Keys))
	return p, p.schema(), nil
}

// add describes one more file.
func (p *ReadParams) add(ctx context.Context, d File) error {
	path := store.Name(d.Path)
	f, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := d.open(f)
	if err != nil {
		return err
	}
	d.Stream, d.Records = !r.IsFile(), int32(r.NumRecords())
	schema, err := chunk.FromArrowSchema(r.Schema())
	if err == nil {
		err = schema.Unique()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if p.Schema == nil {
		p.Schema = schema
	} else if err := same(p.Schema, schema); err != nil {
		return fmt.Errorf("%s differs from %s: %w", path, store.Name(p.Files[0].Path), err)
	}
	n := int32(len(p.Files))
	p.Files = append(p.Files, d)
	if d.Stream {
		p.Parts = append(p.Parts, Part{n, 0, 1})
		return nil
	}
	blocks := min(max(1, int32(d.Size/blockBytes)), max(1, d.Records))
	for b := range blocks {
		p.Parts = append(p.Parts, Part{n, int32(int64(d.Records) * int64(b) / int64(blocks)), int32(int64(d.Records) * int64(b+1) / int64(blocks))})
	}
	return nil
}

// mostSchema is more bytes than a schema has.
const mostSchema = 64 << 20

// open reads the schema of the file behind f.
func (d *File) open(f store.File) (*guard.IPCReader, error) {
	var magic [6]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && err != io.EOF {
		return nil, store.Named(d.Path, err)
	}
	o := guard.IPCOptions{Name: store.Name(d.Path)}
	switch begin := int32(binary.LittleEndian.Uint32(magic[:])); {
	case string(magic[:]) == "ARROW1":
		return guard.OpenIPC(f, d.Size, o)
	case d.Size >= 4 && begin != -1 && (begin < 0 || begin > mostSchema): // neither the mark nor the length of a stream
		return nil, fmt.Errorf("%s: neither an Arrow file nor a stream: it begins with %q", store.Name(d.Path), magic[:])
	}
	return guard.NewIPCStream(io.NewSectionReader(f, 0, d.Size), o)
}

// same compares schemas; nulls in either make the column nullable.
func same(have, got dtype.Schema) error {
	if len(have) != len(got) {
		return fmt.Errorf("%d columns instead of %d", len(got), len(have))
	}
	for i := range have {
		if have[i].Name != got[i].Name || have[i].Type != got[i].Type {
			return fmt.Errorf("column %d is %s instead of %s", i+1, got[i], have[i])
		}
		have[i].Nullable = have[i].Nullable || got[i].Nullable
	}
	return nil
}

func (p *ReadParams) schema() dtype.Schema { return scan.Pick(p.Schema, p.Cols) }

// Read is the operator ipc.read.
var Read = op.Register(op.Spec[ReadParams]{
	Name: "ipc.read", Version: 1, Class: op.Scanning,
	Doc: "reads Arrow IPC files and streams",
	Infer: func(p ReadParams, _ []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: p.schema(), Rows: -1, Bytes: p.bytes(p.Parts)}, p.schema().Unique()
	},
	Mem: func(p ReadParams, _ op.Meta) op.Need {
		most := 0.0
		for _, x := range p.Parts {
			n := max(1, float64(x.Hi-x.Lo))
			most = max(most, p.bytes([]Part{x})/n*float64(len(p.Schema))/float64(max(1, len(p.Cols))))
		}
		return op.Need{Floor: min(int64(most), 16<<20), Want: 2 * int64(most)}
	},
	Text: func(p ReadParams) string {
		return scan.Text(store.Name(p.Files[0].Path), len(p.Files), len(p.Cols), len(p.Schema), expr.Expr{})
	},
	Source: func(p ReadParams) (op.Source, error) { return source{p}, nil },
	Rules: op.Rules[ReadParams]{
		Blocks: func(p ReadParams) int { return max(1, len(p.Parts)) },
		BlockMeta: func(p ReadParams, b int) op.Meta {
			return op.Meta{Schema: p.schema(), Rows: -1, Bytes: p.bytes(p.Parts[b : b+1])}
		},
		Uses: func(ReadParams, []op.Meta, []string) [][]string { return nil },
		Project: func(p ReadParams, cols []string) ReadParams {
			p.Cols = scan.Project(p.Schema, p.Cols, cols)
			return p
		},
	},
})

// bytes estimates the bytes of the output columns in some parts.
func (p *ReadParams) bytes(parts []Part) (n float64) {
	for _, x := range parts {
		f := &p.Files[x.File]
		n += float64(f.Size) * float64(x.Hi-x.Lo) / max(1, float64(f.Records))
	}
	return n * float64(len(p.Cols)) / float64(max(1, len(p.Schema)))
}

type source struct{ p ReadParams }

// Open implements op.Source.
func (s source) Open(t op.Task, _ []op.In) (op.Feed, error) {
	f := &feed{task: t, p: s.p}
	if b := t.Block(); b < len(s.p.Parts) {
		f.part = s.p.Parts[b]
	}
	return f, nil
}

// A feed is one part of a file.
type feed struct {
	task op.Task
	p    ReadParams
	part Part
}

// Splits implements op.Feed.
func (f *feed) Splits() int { return int(f.part.Hi - f.part.Lo) }

// Close implements op.Feed.
func (f *feed) Close() error { return nil }

// Reader implements op.Feed: every thread has a reader of its own, with its dictionaries.
func (f *feed) Reader() (op.Reader, error) {
	d := &f.p.Files[f.part.File]
	file, err := d.Open(f.task.Context())
	if err != nil {
		return nil, err
	}
	in, err := d.open(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &reader{feed: f, file: file, in: in, stream: d.Stream, given: scan.GivenOf(d.Keys), dicts: make([]lastDict, len(f.p.Schema))}, nil
}

type reader struct {
	*feed
	file   store.File
	in     *guard.IPCReader
	stream bool
	seq    uint64
	given  []scan.Given // by the path of the file
	dicts  []lastDict
	out    chunk.Batch
}

// lastDict is the dictionary that a column had last: records that share one have the same codes.
type lastDict struct {
	from arrow.ArrayData
	dict *chunk.Dict
}

// Close implements op.Reader.
func (r *reader) Close() error { return r.file.Close() }

// morselRows is how many rows a morsel has at most.
const morselRows = 4096

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) error {
	r.seq = uint64(r.task.Block())<<48 | uint64(split)<<32
	if !r.stream {
		r.in.Seek(int(r.part.Lo) + split)
		_, err := r.record(out)
		return err
	}
	for {
		if more, err := r.record(out); err != nil || !more {
			return err
		}
	}
}

// record pushes the next record.
func (r *reader) record(out op.Sink) (more bool, err error) {
	if err := r.task.Context().Err(); err != nil {
		return false, err
	}
	rec, err := r.in.Next()
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b, err := chunk.FromRecord(rec)
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.file.Name(), err)
	}
	for i := range b.Cols {
		r.share(i, rec.Column(i), &b.Cols[i])
	}
	size := b.Bytes()
	if !r.task.Reserve(size) {
		return false, fmt.Errorf("%s: no memory for a record of %d bytes: %w", r.file.Name(), size, mem.ErrBudget)
	}
	defer r.task.Release(size)
	own := len(r.p.Schema) - int(r.p.Keys)
	for lo := 0; lo < b.N; lo += morselRows {
		hi := min(b.N, lo+morselRows)
		r.out.Cols = r.out.Cols[:0]
		for _, c := range r.p.Cols {
			if k := int(c) - own; k >= 0 {
				r.out.Cols = append(r.out.Cols, r.given[k].Vec(hi-lo))
				continue
			}
			r.out.Cols = append(r.out.Cols, b.Cols[c].Slice(lo, hi))
		}
		r.out.N, r.out.Seq = hi-lo, r.seq
		r.seq++
		if err := out.Push(&r.out); err != nil {
			return false, err
		}
	}
	return true, nil
}

// share gives a column the dictionary object of the record before where it is the same.
func (r *reader) share(i int, a arrow.Array, v *chunk.Vec) {
	d, ok := a.(*array.Dictionary)
	if !ok || v.Dict == nil {
		return
	}
	l := &r.dicts[i]
	if from := d.Data().Dictionary(); l.dict == nil || from != l.from {
		*l = lastDict{from, v.Dict}
	}
	v.Dict = l.dict
}
