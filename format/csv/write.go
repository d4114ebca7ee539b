package csv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// WriteOptions are how a file is written. The zero value is good.
type WriteOptions struct {
	Delimiter byte   // 0: tab for .tsv and .tab, else comma
	NoHeader  bool   // no first record with the column names
	Null      string // how nulls are written, unquoted
}

// WriteParams are the parameters of "csv.write".
type WriteParams struct {
	Path    string // compressed if it ends in .gz, .zst, .zstd, .lz4, .snappy or .sz
	Options WriteOptions
}

// Write is the operator "csv.write". It writes its one input block to a temporary
// file beside Path, which gets its name when it is complete and is removed when
// the task fails, so that Path is never half a file.
//
// Threads format and compress pieces of the rows by themselves; the pieces are put
// in the order of the rows at the end. Text is quoted when it must be; null is an
// empty field and empty text "", floats have the fewest digits that read back as
// the same number and always a point or exponent, dates and timestamps are ISO
// 8601, so that Read with the same types gives back the same values.
var Write = op.Register(op.Spec[WriteParams]{
	Name:    "csv.write",
	Version: 1,
	Class:   op.Writing,
	Doc:     "Writes one delimited text file.",
	Infer: func(p WriteParams, in []op.Meta) (op.Meta, error) {
		if len(in) != 1 || len(in[0].Schema) == 0 {
			return op.Meta{}, errors.New("csv.write wants one input with at least one column")
		}
		return op.Meta{Schema: op.WrittenSchema, Rows: 1, Bytes: 8}, p.check()
	},
	Mem:  func(WriteParams, op.Meta) op.Need { return op.Need{Floor: 4 << 20, Want: 16 << 20} },
	Text: func(p WriteParams) string { return p.Path },
	Pipe: func(p WriteParams, in op.Meta) (op.Pipe, error) { return &writePipe{p, in.Schema}, p.check() },
})

// writeBytes is how much text a piece has before it is written.
const writeBytes = 1 << 20

func (p *WriteParams) check() error {
	if p.Path == "" {
		return errors.New("csv: no path to write to")
	}
	c := p.delimiter()
	g := grammar{delim: c, quote: '"'}
	if c == '.' || c == '-' || c == '+' || c == ':' || c == ' ' || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return fmt.Errorf("csv: the delimiter %q occurs in numbers, dates or words: choose a comma, semicolon, tab or bar", c)
	}
	if strings.ContainsAny(p.Options.Null, "\"\r\n"+string(rune(c))) {
		return fmt.Errorf("csv: the null spelling %q holds a quote, newline or delimiter", p.Options.Null)
	}
	return g.check()
}

func (p *WriteParams) delimiter() byte {
	if p.Options.Delimiter != 0 {
		return p.Options.Delimiter
	}
	if store.Ends(codec.Trim(p.Path), ".tsv", ".tab") {
		return '\t'
	}
	return ','
}

type writePipe struct {
	p      WriteParams
	schema dtype.Schema
}

// Close implements op.Pipe.
func (w *writePipe) Close() error { return nil }

// Open implements op.Pipe.
func (w *writePipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	if t.Block() != 0 {
		return nil, fmt.Errorf("csv: %s is one file: the table must be one block", w.p.Path)
	}
	f, err := store.Create(t.Context(), w.p.Path)
	if err != nil {
		return nil, wrap(err)
	}
	s := &writing{pipe: w, ctx: t.Context(), f: f}
	if !w.p.Options.NoHeader {
		l := s.local()
		for i, name := range w.schema.Names() {
			if i > 0 {
				l.text = append(l.text, l.row.delim)
			}
			l.text = l.row.appendText(l.text, name)
		}
		l.text = append(l.text, '\n')
		if err := l.flush(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.pieces[0].header = true
	}
	return s, nil
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	return nil
}

// A written is a piece of the output: rows that follow each other, at off in the
// temporary file.
type written struct {
	header bool
	seq    uint64 // of its first morsel
	sub    uint32
	off, n int64
}

// writing is one file being written.
type writing struct {
	pipe   *writePipe
	ctx    context.Context
	mu     sync.Mutex
	f      store.Output
	end    int64
	pieces []written
	rows   int64
}

// Local implements op.Stage.
func (s *writing) Local() (op.Local, error) { return s.local(), nil }

func (s *writing) local() *writer {
	return &writer{stage: s, row: rowFormat{delim: s.pipe.p.delimiter(), null: s.pipe.p.Options.Null}, codec: codec.OfName(s.pipe.p.Path)}
}

// Drain implements op.Stage.
func (s *writing) Drain() (op.Feed, error) { return nil, nil }

// Finish implements op.Stage: it puts the pieces in order and gives the file its
// name.
func (s *writing) Finish(out op.Out) error {
	slices.SortStableFunc(s.pieces, func(a, b written) int {
		if a.header != b.header {
			if a.header {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.sub, b.sub), cmp.Compare(a.off, b.off))
	})
	if !slices.IsSortedFunc(s.pieces, func(a, b written) int { return cmp.Compare(a.off, b.off) }) {
		if err := s.reorder(); err != nil {
			return err
		}
	}
	if err := s.f.Commit(); err != nil {
		return wrap(err)
	}
	return op.Written(out, s.rows)
}

// reorder copies the pieces to a second file in their order; neighbours go
// together.
func (s *writing) reorder() error {
	to, err := store.Create(s.ctx, s.pipe.p.Path)
	if err != nil {
		return wrap(err)
	}
	from := s.f
	for i := 0; i < len(s.pieces) && err == nil; {
		off, n := s.pieces[i].off, int64(0)
		for ; i < len(s.pieces) && s.pieces[i].off == off+n; i++ {
			n += s.pieces[i].n
		}
		err = store.CopyRange(to, from, off, n)
	}
	s.f = to
	return wrap(errors.Join(err, from.Close()))
}

// Close implements op.Stage: what is not complete leaves nothing behind.
func (s *writing) Close() error { return wrap(s.f.Close()) }

// A writer formats morsels on one thread.
type writer struct {
	stage *writing
	row   rowFormat
	codec Codec
	text  []byte
	rows  int64
	first written // seq and sub of the first morsel in text
	last  uint64  // Seq of the last one

	packed []byte
	packer *codec.Packer
}

// Push implements op.Local. Morsels of one split come one after the other, so they
// can share a piece.
func (w *writer) Push(m *chunk.Batch, _ op.Sink) error {
	if m.N == 0 {
		return nil
	}
	if len(w.text) > 0 && (m.Seq>>32 != w.last>>32 || m.Seq < w.last) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.text) == 0 {
		w.first = written{seq: m.Seq, sub: m.Sub}
	}
	w.last = m.Seq
	var err error
	if w.text, err = w.row.appendRows(w.text, m, w.stage.pipe.schema); err != nil {
		return err
	}
	w.rows += int64(m.N)
	if len(w.text) >= writeBytes {
		return w.flush()
	}
	return nil
}

// Close implements op.Local.
func (w *writer) Close(_ op.Sink, failed bool) error {
	if failed {
		return nil
	}
	return w.flush()
}

// flush writes the text as a piece: one gzip member or zstd frame if the file is
// compressed.
func (w *writer) flush() error {
	if len(w.text) == 0 {
		return nil
	}
	b := w.text
	if w.codec != Plain {
		if w.packer == nil {
			w.packer = codec.NewPacker(w.codec)
		}
		var err error
		if b, err = w.packer.Pack(w.packed[:0], w.text); err != nil {
			return wrap(err)
		}
		w.packed = b
	}
	s := w.stage
	piece := w.first
	piece.n = int64(len(b))
	s.mu.Lock()
	piece.off = s.end
	s.end += piece.n
	s.pieces = append(s.pieces, piece)
	s.rows += w.rows
	s.mu.Unlock()
	w.text, w.rows = w.text[:0], 0
	_, err := s.f.WriteAt(b, piece.off)
	return wrap(err)
}
