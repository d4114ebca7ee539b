package op

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/codec"
	"github.com/weft-data/weft/store"
)

// A TextFormat appends the rows of a morsel as text. It is for one goroutine.
type TextFormat func(dst []byte, m *chunk.Batch) ([]byte, error)

// WritesText returns the pipe of an operator that writes its one input block to one text file: head, then the rows as
// formats make them, compressed if the name of the file says so. The file appears under its name when it is
// complete.
//
// Threads format and compress pieces of the rows by themselves; the pieces are put in the order of the rows at the
// end.
func WritesText(path string, head []byte, format func() TextFormat) Pipe {
	return &textPipe{path, head, format}
}

type textPipe struct {
	path   string
	head   []byte
	format func() TextFormat
}

// Close implements Pipe.
func (w *textPipe) Close() error { return nil }

// Open implements Pipe.
func (w *textPipe) Open(t Task, _ []In) (Stage, error) {
	if t.Block() != 0 {
		return nil, fmt.Errorf("%s is one file: the table must be one block", store.Name(w.path))
	}
	f, err := store.Create(t.Context(), w.path)
	if err != nil {
		return nil, err
	}
	s := &textStage{pipe: w, ctx: t.Context(), f: f}
	if len(w.head) > 0 {
		l := s.local()
		l.text = append(l.text, w.head...)
		if err := l.flush(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.pieces[0].head = true
	}
	return s, nil
}

// A textPiece is rows that follow each other, at off in the temporary file.
type textPiece struct {
	head   bool
	seq    uint64 // of its first morsel
	sub    uint32
	off, n int64
}

// textStage is one file being written.
type textStage struct {
	pipe   *textPipe
	ctx    context.Context
	mu     sync.Mutex
	f      store.Output
	end    int64
	pieces []textPiece
	rows   int64
}

// Local implements Stage.
func (s *textStage) Local() (Local, error) { return s.local(), nil }

func (s *textStage) local() *textLocal {
	return &textLocal{stage: s, format: s.pipe.format(), codec: codec.OfName(s.pipe.path)}
}

// Drain implements Stage.
func (s *textStage) Drain() (Feed, error) { return nil, nil }

// Finish implements Stage: it puts the pieces in order and gives the file its name.
func (s *textStage) Finish(out Out) error {
	slices.SortStableFunc(s.pieces, func(a, b textPiece) int {
		if a.head != b.head {
			if a.head {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.sub, b.sub), cmp.Compare(a.off, b.off))
	})
	if !slices.IsSortedFunc(s.pieces, func(a, b textPiece) int { return cmp.Compare(a.off, b.off) }) {
		if err := s.reorder(); err != nil {
			return s.wrap(err)
		}
	}
	if err := s.f.Commit(); err != nil {
		return err
	}
	return Written(out, s.rows)
}

func (s *textStage) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", store.Name(s.pipe.path), err)
}

// reorder copies the pieces to a second file in their order; neighbours go together.
func (s *textStage) reorder() error {
	to, err := store.Create(s.ctx, s.pipe.path)
	if err != nil {
		return err
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
	return errors.Join(err, from.Close())
}

// Close implements Stage: what is not complete leaves nothing behind.
func (s *textStage) Close() error { return s.f.Close() }

// textBytes is how much text a piece has before it is written.
const textBytes = 1 << 20

// A textLocal formats morsels on one thread.
type textLocal struct {
	stage  *textStage
	format TextFormat
	codec  codec.Codec
	text   []byte
	rows   int64
	first  textPiece // seq and sub of the first morsel in text
	last   uint64    // Seq of the last one
	packed []byte
	packer *codec.Packer
}

// Push implements Local. Morsels of one split come one after the other, so they can share a piece.
func (w *textLocal) Push(m *chunk.Batch, _ Sink) error {
	if m.N == 0 {
		return nil
	}
	if len(w.text) > 0 && (m.Seq>>32 != w.last>>32 || m.Seq < w.last) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.text) == 0 {
		w.first = textPiece{seq: m.Seq, sub: m.Sub}
	}
	w.last = m.Seq
	var err error
	if w.text, err = w.format(w.text, m); err != nil {
		return err
	}
	w.rows += int64(m.N)
	if len(w.text) >= textBytes {
		return w.flush()
	}
	return nil
}

// Close implements Local.
func (w *textLocal) Close(_ Sink, failed bool) error {
	if failed {
		return nil
	}
	return w.flush()
}

// flush writes the text as a piece, compressed by itself if the file is.
func (w *textLocal) flush() error {
	if len(w.text) == 0 {
		return nil
	}
	s := w.stage
	b := w.text
	if w.codec != codec.Plain {
		if w.packer == nil {
			w.packer = codec.NewPacker(w.codec)
		}
		var err error
		if b, err = w.packer.Pack(w.packed[:0], w.text); err != nil {
			return s.wrap(err)
		}
		w.packed = b
	}
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
	return s.wrap(err)
}
