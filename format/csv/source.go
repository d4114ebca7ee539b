package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// chunkBytes is how much text is parsed at once: it stays in the second-level
// cache with its positions and columns.
const chunkBytes = 256 << 10

// A source is "csv.read" bound in this process.
type source struct {
	p          ReadParams
	g          grammar
	blocks     [][]segment
	files      []fileState
	chunk      int // see chunkBytes
	piece      int // see pieceBytes
	where      *expr.Program
	glossaries map[int]*glossary
	idle       []sync.Pool // *parser by layout, so that blocks do not touch fresh memory each
}

// fileState is what the tasks of a layer share about a file.
type fileState struct {
	mu      sync.Mutex
	opened  bool
	start   int64 // where the records begin
	borders *borders
}

func newSource(p ReadParams) (op.Source, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	where, err := p.where()
	if err != nil {
		return nil, err
	}
	s := &source{p: p, where: where, glossaries: p.glossaries(), g: grammar{p.Delimiter, p.Quote, p.Comment}, blocks: p.blocks(), files: make([]fileState, len(p.Files)), piece: pieceBytes,
		idle: make([]sync.Pool, len(p.Layouts))}
	// Few long records to a chunk would make loops over columns short.
	s.chunk = int(min(max(p.RecordBytes*1024, chunkBytes), 4<<20))
	return s, nil
}

// Open implements op.Source.
func (s *source) Open(t op.Task, in []op.In) (op.Feed, error) {
	b := t.Block()
	if b < 0 || b >= len(s.blocks) {
		return nil, fmt.Errorf("csv: block %d of %d", b, len(s.blocks))
	}
	f := &feed{source: s, task: t, block: b, splits: s.p.splits(s.blocks[b])}
	f.rows = make([]int64, len(f.splits))
	for i := range f.rows {
		f.rows[i] = -1
	}
	if len(f.splits) == 0 {
		return f, nil
	}
	if err := f.keep(); err != nil {
		return nil, err
	}
	return f, nil
}

// A feed is the splits of one block. With a limit it knows how many rows the first
// splits gave, so that later ones need not be read.
type feed struct {
	*source
	task   op.Task
	block  int
	splits []segment

	mu    sync.Mutex
	rows  []int64  // of each split, -1 until it was read
	ready int      // splits before this one were read
	total int64    // their rows
	kept  [][]byte // from Task.Alloc: the text of one reader at least has room, whatever the operators after it take
	most  int      // buffers in kept
	least int      // bytes of each
}

// Splits implements op.Feed.
func (f *feed) Splits() int { return len(f.splits) }

// Close implements op.Feed.
func (f *feed) Close() error {
	for _, b := range f.kept {
		f.task.Free(b)
	}
	f.kept, f.most = nil, 0
	return nil
}

// keep takes the buffers of the first reader.
func (f *feed) keep() error {
	n := int64(0)
	f.most = 1
	for _, s := range f.splits {
		if f.p.streamed(s.file) {
			n, f.most = max(n, int64(f.piece)), 2
		} else {
			n = max(n, s.hi-s.lo+slack)
		}
	}
	f.least = roomFor(int(n))
	for range f.most {
		b := f.task.Alloc(f.least)
		if b == nil {
			return errors.Join(f.noText(store.Name(f.p.Files[f.splits[0].file].Path), int(n)), f.Close())
		}
		f.kept = append(f.kept, b)
	}
	return nil
}

// text returns a buffer of n bytes or more, nil when there is no memory.
func (f *feed) text(n int) []byte {
	f.mu.Lock()
	for i, b := range f.kept {
		if len(b) >= n {
			f.kept = slices.Delete(f.kept, i, i+1)
			f.mu.Unlock()
			return b
		}
	}
	f.mu.Unlock()
	return f.task.Alloc(n)
}

// untext takes a buffer back.
func (f *feed) untext(b []byte) {
	f.mu.Lock()
	keep := len(f.kept) < f.most && len(b) >= f.least && len(b) > 0
	if keep {
		f.kept = append(f.kept, b)
	}
	f.mu.Unlock()
	if !keep {
		f.task.Free(b)
	}
}

func (f *feed) noText(path string, n int) error {
	return fmt.Errorf("csv: %s: no memory for %d bytes of text: %w", path, n, mem.ErrBudget)
}

// Reader implements op.Feed.
func (f *feed) Reader() (op.Reader, error) {
	return &reader{feed: f, open: -1}, nil
}

// use takes a parser of the files of a layout.
func (r *reader) use(layout int32) {
	if r.parser != nil && r.layout == layout {
		return
	}
	r.rest()
	r.layout = layout
	if r.parser, _ = r.idle[layout].Get().(*parser); r.parser == nil {
		r.parser = newParser(&r.p, &r.p.Layouts[layout], r.where, r.glossaries)
	}
}

// rest puts the parser back.
func (r *reader) rest() {
	if r.parser != nil {
		r.parser.text = nil
		r.idle[r.layout].Put(r.parser)
		r.parser = nil
	}
}

// left returns how many rows the limit leaves for a split at most, and whether
// there is a limit.
func (f *feed) left() (int64, bool) {
	if f.p.Limit == 0 {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.p.Limit - f.total, true
}

// finish notes the rows that a split gave.
func (f *feed) finish(split int, rows int64) {
	if f.p.Limit == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows[split] = rows
	for f.ready < len(f.rows) && f.rows[f.ready] >= 0 {
		f.total += f.rows[f.ready]
		f.ready++
	}
}

// prepare checks that a file is the one that was described and finds where its
// records begin. It leaves the file open.
func (s *source) prepare(ctx context.Context, i int) (store.File, *fileState, error) {
	d, st := &s.p.Files[i], &s.files[i]
	f, err := d.Open(ctx)
	if err != nil {
		return nil, nil, wrap(err)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.opened {
		return f, st, nil
	}
	if !s.p.streamed(i) {
		if st.start, err = s.findStart(f, d); err != nil {
			f.Close()
			return nil, nil, err
		}
		if s.g.quote != 0 && !s.p.OneLine {
			st.borders = new(borders)
			// A longer record is an error of the task that reads its start. There are no comments: such a file is not cut.
			st.borders.init(int((d.Size+s.p.SplitBytes-1)/s.p.SplitBytes), s.p.SplitBytes, s.p.MaxRecord+2)
		}
	}
	st.opened = true
	return f, st, nil
}

// findStart reads the head of a plain file.
func (s *source) findStart(f store.File, d *File) (int64, error) {
	for n := int64(64 << 10); ; n *= 4 {
		n = min(n, d.Size)
		b := make([]byte, n, n+1)
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			return 0, wrapPath(d.Path, err)
		}
		at, err := s.start(b, n == d.Size, d)
		if err != nil || at >= 0 {
			return int64(at), err
		}
	}
}

// start returns where the records begin in b, the first bytes of a file, all of
// them if final; -1 if b is too short. It checks the header.
func (s *source) start(b []byte, final bool, d *File) (int, error) {
	size, path := len(b), store.Name(d.Path)
	if final {
		b = append(b, '\n')
	}
	at, err := preamble(b, path, s.p.Skip)
	if err != nil || at < 0 {
		if final && err == nil {
			return size, nil
		}
		return at, err
	}
	if !s.p.HasHead {
		return min(at, size), nil
	}
	for at < size {
		next, f, kind := s.g.record(b, at, nil)
		if kind == lineOpen {
			switch {
			case final:
				return 0, fmt.Errorf("%s: a quoted field of the header is not closed", path)
			case int64(size-at) > s.p.MaxRecord:
				return 0, fmt.Errorf("%s: the header does not end within %d bytes (option MaxRecordBytes)", path, s.p.MaxRecord)
			}
			return -1, nil
		}
		if kind == lineRecord {
			return min(next, size), s.checkHeader(b, f, d)
		}
		at = next
	}
	if !final {
		return -1, nil
	}
	return size, nil
}

// checkHeader holds the header against the one that was there when the plan was built.
func (s *source) checkHeader(b []byte, f []field, d *File) error {
	want := s.p.Layouts[d.Layout].Header
	if len(want) == 0 {
		return nil
	}
	names := make([]string, len(f))
	for i, x := range f {
		names[i] = string(s.g.text(nil, b, x))
	}
	if slices.Equal(names, want) {
		return nil
	}
	return fmt.Errorf("%s: the header is %s, not %s as when the plan was built", store.Name(d.Path), strings.Join(names, ","), strings.Join(want, ","))
}

// look computes the passage of a split of a plain file that is not being read by
// this thread now.
func (r *reader) look(f store.File, st *fileState, d *File, split int) (passage, error) {
	lo := int64(split) * r.p.SplitBytes
	n := int(min(r.p.SplitBytes, d.Size-lo))
	if int64(n) > int64(len(r.aside))-1 {
		r.aside = make([]byte, n+1)
	}
	b := r.aside[:n+1]
	if lo == 0 {
		b = b[1:]
	}
	if k, err := f.ReadAt(b, max(lo-1, 0)); k < len(b) {
		return passage{}, wrapPath(d.Path, err)
	}
	b = r.aside[1 : n+1]
	r.task.Count("splits read for their quotes", 1)
	return r.passageOf(b, r.aside[0], kernel.CountQuotes(b, r.g.quote), lo-st.start), nil
}

// passageOf computes the passage of the split b, which begins at byte lo of the
// file's records: what lies before the first record (lo < 0) does not count.
func (r *reader) passageOf(b []byte, prev byte, quotes int, lo int64) passage {
	if lo > 0 {
		return r.g.passage(b, prev, quotes, &r.parser.marks)
	}
	if -lo >= int64(len(b)) {
		return passage{}
	}
	s := r.g.passage(b[-lo:], '\n', quotes, &r.parser.marks).to[outside]
	return passage{to: [3]state{s, s, s}}
}
