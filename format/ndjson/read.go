package ndjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/scan"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// A Part is bytes [Lo, Hi) of a file: a block.
type Part struct {
	File   int32
	Lo, Hi int64
}

// ReadParams are the parameters of ndjson.read. Describe makes them.
type ReadParams struct {
	Files     []File
	Schema    dtype.Schema // of the records, then those that paths give
	Keys      int32        // how many columns paths give
	Cols      []int32      // output columns, positions in Schema
	Parts     []Part
	MaxRecord int64
}

const (
	splitBytes = 1 << 20
	blockBytes = 128 << 20
	morselRows = 4096
	morselText = 512 << 10 // bytes of records in a morsel, about
)

// cut divides the files into blocks.
func (p *ReadParams) cut() {
	for i, f := range p.Files {
		if f.Codec != codec.Plain || f.Form != Lines || f.Size == 0 {
			p.Parts = append(p.Parts, Part{int32(i), 0, f.Size})
			continue
		}
		for lo := int64(0); lo < f.Size; lo += blockBytes {
			p.Parts = append(p.Parts, Part{int32(i), lo, min(f.Size, lo+blockBytes)})
		}
	}
}

func (p *ReadParams) schema() dtype.Schema { return scan.Pick(p.Schema, p.Cols) }

// key returns which of the columns that paths give column c is, negative if records have it.
func (p *ReadParams) key(c int32) int { return int(c) - (len(p.Schema) - int(p.Keys)) }

// meta estimates parts: the bytes of a record in memory are about those of its text.
func (p *ReadParams) meta(parts []Part) op.Meta {
	m := op.Meta{Schema: p.schema(), Rows: -1}
	for _, x := range parts {
		n := float64(x.Hi - x.Lo)
		if p.Files[x.File].Codec != codec.Plain {
			n *= 6
		}
		m.Bytes += n * float64(len(p.Cols)) / float64(len(p.Schema))
	}
	return m
}

// Read is the operator ndjson.read.
var Read = op.Register(op.Spec[ReadParams]{
	Name: "ndjson.read", Version: 1, Class: op.Scanning,
	Doc: "reads JSON: objects by lines, or arrays of objects",
	Infer: func(p ReadParams, _ []op.Meta) (op.Meta, error) {
		for _, f := range p.Schema {
			if _, err := newColumn(f.Name, f.Type); err != nil {
				return op.Meta{}, err
			}
		}
		return p.meta(p.Parts), p.schema().Unique()
	},
	Mem: func(p ReadParams, _ op.Meta) op.Need { return op.Need{Floor: need, Want: 2 * need} },
	Text: func(p ReadParams) string {
		return scan.Text(store.Name(p.Files[0].Path), len(p.Files), len(p.Cols), len(p.Schema), expr.Expr{})
	},
	Source: func(p ReadParams) (op.Source, error) { return source{p}, nil },
	Rules: op.Rules[ReadParams]{
		Blocks:    func(p ReadParams) int { return max(1, len(p.Parts)) },
		BlockMeta: func(p ReadParams, b int) op.Meta { return p.meta(p.Parts[b : b+1]) },
		Uses:      func(ReadParams, []op.Meta, []string) [][]string { return nil },
		Project: func(p ReadParams, cols []string) ReadParams {
			p.Cols = scan.Project(p.Schema, p.Cols, cols)
			return p
		},
	},
})

// need is what a thread takes: a split of text, and the columns of a morsel, whose records are twice there.
const need = 2*splitBytes + 6*morselText

type source struct{ p ReadParams }

// Open implements op.Source.
func (s source) Open(t op.Task, _ []op.In) (op.Feed, error) {
	f := &feed{task: t, p: s.p, part: s.p.Parts[t.Block()]}
	f.file = &f.p.Files[f.part.File]
	return f, nil
}

// A feed is one part of a file.
type feed struct {
	task op.Task
	p    ReadParams
	part Part
	file *File
}

func (f *feed) streamed() bool { return f.file.Codec != codec.Plain || f.file.Form != Lines }

// Splits implements op.Feed.
func (f *feed) Splits() int {
	if f.streamed() {
		return 1
	}
	return int((f.part.Hi - f.part.Lo + splitBytes - 1) / splitBytes)
}

// Close implements op.Feed.
func (f *feed) Close() error { return nil }

// Reader implements op.Feed.
func (f *feed) Reader() (op.Reader, error) {
	r := &reader{feed: f, given: scan.GivenOf(f.file.Keys)}
	// The columns come in the order of the table, so that keys are found in it; those that nobody reads have no
	// column.
	r.row = &column{typ: dtype.Type{Kind: dtype.Struct}, byName: map[string]int{}}
	for _, c := range f.p.Cols {
		if f.p.key(c) >= 0 {
			continue
		}
		k, err := newColumn(f.p.Schema[c].Name, f.p.Schema[c].Type)
		if err != nil {
			return nil, err
		}
		r.row.byName[k.name] = len(r.row.kids)
		r.row.kids = append(r.row.kids, k)
	}
	for _, s := range f.p.Schema {
		if _, ok := r.row.byName[s.Name]; !ok {
			r.row.byName[s.Name] = len(f.p.Schema) // beyond all columns
		}
	}
	r.row.reset()
	if !f.task.Reserve(6 * morselText) {
		return nil, fmt.Errorf("%s: no memory for %d bytes of columns: %w", store.Name(f.file.Path), 6*morselText, mem.ErrBudget)
	}
	return r, nil
}

// A reader reads splits on one thread.
type reader struct {
	*feed
	f     store.File
	buf   []byte // from the task
	row   *column
	given []scan.Given // by the path of the file
	n     int          // bytes of the records in row
	seq   uint64
	out   chunk.Batch
}

// Close implements op.Reader.
func (r *reader) Close() (err error) {
	r.task.Release(6 * morselText)
	r.task.Free(r.buf)
	if r.buf = nil; r.f != nil {
		err = r.f.Close()
	}
	return err
}

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) error {
	r.seq = uint64(r.task.Block())<<48 | uint64(split)<<32
	r.row.reset()
	r.n = 0
	var err error
	if r.streamed() {
		err = r.stream(out)
	} else {
		err = r.lines(r.part.Lo+int64(split)*splitBytes, out)
	}
	if err != nil {
		return err
	}
	return r.push(out)
}

// stream reads a whole file.
func (r *reader) stream(out op.Sink) error {
	if err := r.room(splitBytes); err != nil {
		return err
	}
	t, err := r.file.text(r.task.Context(), r.buf, func(old []byte, n int) []byte {
		b := r.task.Alloc(n)
		if b != nil {
			copy(b, old)
			r.task.Free(r.buf)
			r.buf = b
		}
		return b
	}, r.p.MaxRecord)
	if err != nil {
		return err
	}
	defer t.close()
	for {
		rec, err := t.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.add(rec, out); err != nil {
			if errors.Is(err, op.ErrEnough) || r.task.Context().Err() != nil {
				return err
			}
			return t.fail(err)
		}
	}
}

// room makes the buffer n bytes long at least; it loses what is in it.
func (r *reader) room(n int) error {
	if len(r.buf) >= n {
		return nil
	}
	r.task.Free(r.buf)
	if r.buf = r.task.Alloc(n); r.buf == nil {
		return fmt.Errorf("%s: no memory for %d bytes of text: %w", store.Name(r.file.Path), n, mem.ErrBudget)
	}
	return nil
}

// lines reads the records that begin in a split.
func (r *reader) lines(lo int64, out op.Sink) (err error) {
	if r.f == nil {
		if r.f, err = r.file.Open(r.task.Context()); err != nil {
			return err
		}
	}
	hi := min(lo+splitBytes, r.part.Hi)
	from := max(0, lo-1) // the byte before tells whether a line begins at lo
	b, err := r.load(from, hi)
	if err != nil {
		return err
	}
	i := 0
	if lo > 0 {
		if i = bytes.IndexByte(b[:hi-from], '\n') + 1; i == 0 {
			return nil
		}
	} else if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		i = 3
	}
	for i < len(b) && from+int64(i) < hi {
		line := b[i:]
		if k := bytes.IndexByte(line, '\n'); k >= 0 {
			line = line[:k]
		}
		at := from + int64(i)
		i += len(line) + 1
		s := skipSpace(line, 0)
		if s == len(line) {
			continue
		}
		if err := r.add(line[s:], out); err != nil {
			if errors.Is(err, op.ErrEnough) || r.task.Context().Err() != nil {
				return err
			}
			return lineError(r.task.Context(), r.file, at, err)
		}
	}
	return nil
}

// load reads bytes [from, hi) of the file and on to the end of the last line.
func (r *reader) load(from, hi int64) ([]byte, error) {
	for n := hi - from + 16<<10; ; n *= 2 {
		n = min(n, r.file.Size-from)
		if err := r.room(int(n)); err != nil {
			return nil, err
		}
		b := r.buf[:n]
		if k, err := r.f.ReadAt(b, from); k < len(b) {
			return nil, r.file.wrap(err)
		}
		if k := bytes.IndexByte(b[hi-from-1:], '\n'); k >= 0 || from+n == r.file.Size {
			if k >= 0 {
				b = b[:int(hi-from)+k]
			}
			return b, nil
		}
		if n-(hi-from) > r.p.MaxRecord {
			return nil, lineError(r.task.Context(), r.file, hi, fmt.Errorf("the record has more than %d bytes (option MaxRecordBytes)", r.p.MaxRecord))
		}
	}
}

// add takes one record.
func (r *reader) add(rec []byte, out op.Sink) error {
	if r.row.n == morselRows || r.n+len(rec) > morselText && r.row.n > 0 {
		if err := r.push(out); err != nil {
			return err
		}
	}
	if rec[0] != '{' {
		return fmt.Errorf("%q is no object", show(rec))
	}
	extra := int64(0)
	if len(rec) > morselText {
		if extra = int64(6 * len(rec)); !r.task.Reserve(extra) {
			return fmt.Errorf("no memory for a record of %d bytes: %w", len(rec), mem.ErrBudget)
		}
		defer r.task.Release(extra)
	}
	end, err := r.row.fields(rec, 0, 0)
	if err != nil {
		return err
	}
	if j := skipSpace(rec, end); j < len(rec) {
		return fmt.Errorf("%q behind the object", show(rec[j:]))
	}
	r.row.push(true)
	r.n += len(rec)
	if extra > 0 {
		return r.push(out)
	}
	return nil
}

// push gives the rows gathered so far.
func (r *reader) push(out op.Sink) error {
	if err := r.task.Context().Err(); err != nil {
		return err
	}
	if r.row.n == 0 {
		return nil
	}
	r.out.Cols, r.out.N, r.out.Seq = r.out.Cols[:0], r.row.n, r.seq
	kids := r.row.kids
	for _, c := range r.p.Cols {
		if i := r.p.key(c); i >= 0 {
			r.out.Cols = append(r.out.Cols, r.given[i].Vec(r.row.n))
			continue
		}
		k := kids[0]
		kids = kids[1:]
		v, err := k.vec()
		if err != nil {
			return fmt.Errorf("column %q: %w", k.name, err)
		}
		r.out.Cols = append(r.out.Cols, v)
	}
	r.seq++
	err := out.Push(&r.out)
	r.row.reset()
	r.n = 0
	return err
}
