package csv

import (
	"bytes"
	"fmt"
	"io"

	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

const (
	// front is the room before the bytes of a split: the byte before it goes there.
	front = 64
	// slack is how far a split is read beyond its end at first, for the rest of its
	// last record.
	slack = 4 << 10
)

// A reader reads splits on one thread.
type reader struct {
	*feed
	parser *parser
	layout int32 // of parser
	open   int   // the file that file is, -1 for none
	file   store.File
	state  *fileState
	buf    []byte // from Task.Alloc
	other  []byte // the next piece of a streamed file, from Task.Alloc
	aside  []byte // splits before the own ones, when their quotes are not known yet

	// The split being read.
	split  int
	morsel uint32
	hard   int   // chunks to be cut quote by quote before the quick way is tried again
	given  int64 // rows pushed
	path   string
	base   int64  // where the bytes in hand begin in the file's text
	lines  int64  // newlines before base; -1: not counted yet
	hand   []byte // the bytes in hand, when lines are counted in them
}

// Close implements op.Reader.
func (r *reader) Close() error {
	r.untext(r.buf)
	r.untext(r.other)
	r.buf, r.other = nil, nil
	r.rest()
	return r.closeFile()
}

func (r *reader) closeFile() error {
	r.open = -1
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

// Read implements op.Reader.
func (r *reader) Read(split int, out op.Sink) error {
	s := r.splits[split]
	r.split, r.morsel, r.given, r.path = split, 0, 0, store.Name(r.p.Files[s.file].Path)
	if n, limited := r.left(); limited && n <= 0 {
		return nil
	}
	if r.open != s.file {
		r.closeFile()
		f, st, err := r.prepare(r.task.Context(), s.file)
		if err != nil {
			return err
		}
		r.open, r.file, r.state = s.file, f, st
		r.use(r.p.Files[s.file].Layout)
		r.parser.begin(&r.p.Files[s.file])
	}
	var err error
	if r.p.streamed(s.file) {
		err = r.readStream(&r.p.Files[s.file], out)
	} else {
		err = r.readSplit(s, out)
	}
	if err == nil {
		r.finish(split, r.given)
	}
	return err
}

// room makes *buf hold n bytes between front and pad, keeping the first keep.
func (r *reader) room(buf *[]byte, keep, n int) error {
	if len(*buf) >= front+n+pad+1 {
		return nil
	}
	next := r.text(roomFor(n))
	if next == nil {
		return r.noText(r.path, n)
	}
	copy(next[front-1:], (*buf)[min(front-1, len(*buf)):min(front+keep, len(*buf))])
	r.untext(*buf)
	*buf = next
	return nil
}

// roomFor is the size of a buffer for n bytes of text and some more.
func roomFor(n int) int { return front + n + n/8 + pad + 1 }

// readSplit reads a split of a plain file: the records that begin in it.
func (r *reader) readSplit(s segment, out op.Sink) error {
	size, start := r.p.Files[s.file].Size, r.state.start
	own := int(s.hi - s.lo)
	// Claimed before it is read, so that nobody else reads it for its quotes: they wait.
	mine := r.state.borders != nil && r.state.borders.claim(int(s.lo/r.p.SplitBytes))
	b, err := r.fill(s.lo, 0, int(min(int64(own+slack), size-s.lo)))
	if err != nil {
		if mine {
			r.state.borders.abandon(int(s.lo / r.p.SplitBytes))
		}
		return err
	}
	prev := r.buf[front-1]
	st, end, quotes, err := r.states(s, b[:own], prev, mine)
	if err != nil {
		return err
	}
	at := 0
	switch {
	case start >= s.hi:
		return nil
	case start >= s.lo:
		at = int(start - s.lo)
	case st != outside || prev != '\n':
		if at = r.g.border(b[:own], 0, prev, st); at < 0 || at == own {
			return nil
		}
	}
	b, err = r.whole(s, b, at, end)
	if err != nil {
		return err
	}
	quotes = quotes || r.g.quote != 0 && kernel.CountQuotes(b[own:], r.g.quote) > 0
	r.base, r.lines = s.lo+int64(at), -1
	return r.push(b[at:], quotes, out)
}

// states returns the states at both ends of a split and whether it has quotes; mine
// says that the other splits wait to be told.
func (r *reader) states(s segment, b []byte, prev byte, mine bool) (from, to state, quotes bool, err error) {
	if r.g.quote == 0 {
		return outside, outside, false, nil
	}
	bs, n := r.state.borders, kernel.CountQuotes(b, r.g.quote)
	if bs == nil {
		return outside, outside, n > 0, nil
	}
	i := int(s.lo / r.p.SplitBytes)
	pass := r.passageOf(b, prev, n, s.lo-r.state.start)
	if mine {
		bs.publish(i, pass)
	}
	from, err = bs.state(i, func(split int) (passage, error) {
		return r.look(r.file, r.state, &r.p.Files[s.file], split)
	})
	return from, pass.to[from], n > 0, err
}

// fill reads bytes [lo+have, lo+n) of the file behind the have bytes in the
// buffer, and the byte before lo when it starts anew.
func (r *reader) fill(lo int64, have, n int) ([]byte, error) {
	if err := r.room(&r.buf, have, n); err != nil {
		return nil, err
	}
	at := lo + int64(have)
	dst := r.buf[front+have : front+n]
	if have == 0 && lo > 0 {
		at--
		dst = r.buf[front-1 : front+n]
	}
	if k, err := r.file.ReadAt(dst, at); k < len(dst) {
		return nil, wrapPath(r.path, err)
	}
	r.task.Count("bytes read", int64(len(dst)))
	return r.buf[front : front+n], nil
}

// whole returns the bytes from the start of the split to the end of its last
// record, reading on as far as that goes. The last record of a file gets a newline
// if it has none. at is the first record's start, st the state at the split's end.
func (r *reader) whole(s segment, b []byte, at int, st state) ([]byte, error) {
	own, size := int(s.hi-s.lo), r.p.Files[s.file].Size
	if st == outside && b[own-1] == '\n' {
		return b[:own], nil
	}
	for {
		final := s.lo+int64(len(b)) == size
		if final && b[len(b)-1] != '\n' {
			b = b[:len(b)+1]
			b[len(b)-1] = '\n'
		}
		if i := r.g.border(b, own, b[own-1], st); i >= 0 {
			return b[:i], nil
		}
		msg := ""
		switch {
		case final:
			msg = "a quoted field is not closed"
		case int64(len(b)-own) > r.p.MaxRecord:
			msg = fmt.Sprintf("the record has more than %d bytes (option MaxRecordBytes)", r.p.MaxRecord)
		}
		if msg != "" {
			r.base, r.lines = s.lo+int64(at), -1
			last := r.g.cut(b[at:own], &r.parser.marks).end
			return nil, r.errorAt(last, msg)
		}
		var err error
		if b, err = r.fill(s.lo, len(b), int(min(int64(own)+2*int64(len(b)-own)+slack, size-s.lo))); err != nil {
			return nil, err
		}
	}
}

// push parses whole records and pushes them. b begins at r.base.
func (r *reader) push(b []byte, quotes bool, out op.Sink) error {
	ctx := r.task.Context()
	for at := 0; at < len(b); {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := r.next(b[at:], quotes)
		if err := r.pushChunk(b[at:at+c.end], c, at, out); err != nil {
			return err
		}
		at += c.end
		if n, limited := r.left(); limited && r.given >= n {
			return nil
		}
	}
	return nil
}

// next cuts a chunk of whole records off the start of b, which ends at a record
// border.
func (r *reader) next(b []byte, quotes bool) cut {
	if r.g.comment != 0 {
		return cut{end: len(b)}
	}
	if quotes && !r.p.OneLine {
		if r.hard--; r.hard < 0 {
			w := b[:r.stretch(len(b))]
			if end := r.parser.quick(w); end > 0 && int64(end) <= r.p.MaxRecord {
				return cut{end: end, strict: true, quotes: true, loaded: true}
			}
			r.hard = 7
		}
		for n := r.stretch(len(b)); ; n *= 2 {
			if c := r.g.cut(b[:min(n, len(b))], &r.parser.marks); c.end > 0 || n >= len(b) {
				return c
			}
		}
	}
	end := r.stretch(len(b))
	if end < len(b) {
		if end = bytes.LastIndexByte(b[:r.chunk], '\n') + 1; end == 0 {
			end = r.chunk + bytes.IndexByte(b[r.chunk:], '\n') + 1
		}
	}
	c := cut{end: end, strict: true}
	if quotes {
		// A newline inside quotes breaks the promise of one line per record: the slow road says where.
		c = r.g.cut(b[:end], &r.parser.marks)
		c.strict = c.strict && c.end == end && c.records == kernel.CountQuotes(b[:end], '\n')
		c.end = end
	}
	return c
}

// stretch is how much of n bytes to make a chunk of: a small rest goes with it, so
// that the end of a split is no chunk of a few records.
func (r *reader) stretch(n int) int {
	if n <= r.chunk+r.chunk/8 {
		return n
	}
	return r.chunk
}

// pushChunk parses a chunk that begins at b's byte at and pushes its morsels.
func (r *reader) pushChunk(b []byte, c cut, at int, out op.Sink) error {
	ps := r.parser
	if f := ps.load(b, c); f != nil {
		return r.fail(b, at, f)
	}
	if len(ps.text) > 0 && &ps.text[0] != &b[0] {
		r.task.Count("chunks rewritten", 1)
	}
	for lo := 0; lo < ps.rows; lo += maxRows {
		hi := min(lo+maxRows, ps.rows)
		// What is left falls while other threads finish splits before this one.
		left, limited := r.left()
		if limited && r.given >= left {
			break
		}
		if limited && ps.sieve == nil {
			hi = min(hi, lo+int(min(left-r.given, maxRows)))
		}
		m, f, err := ps.emit(lo, hi)
		if f != nil {
			return r.fail(b, at, f)
		}
		if err != nil {
			return wrapPath(r.path, err)
		}
		if m.N > 0 {
			m.Seq = uint64(r.block<<16|r.split)<<32 | uint64(r.morsel)
			r.morsel++
			r.given += int64(m.N)
			if err := out.Push(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail turns a fault in the chunk b, which begins at byte at of the bytes in hand,
// into an error with its line.
func (r *reader) fail(b []byte, at int, f *fault) error {
	off, value := r.parser.faultAt(b, f.row, f.col)
	return r.errorAt(at+off, f.text(value))
}

// errorAt makes the error of byte at of the bytes in hand. Lines are counted now:
// a file without errors never needs them.
func (r *reader) errorAt(at int, msg string) error {
	lines := r.lines
	if lines < 0 {
		var err error
		if lines, err = r.countLines(r.base + int64(at)); err != nil {
			return err
		}
	} else {
		lines += int64(bytes.Count(r.hand[:at], []byte{'\n'}))
	}
	return fmt.Errorf("%s:%d: %s", r.path, lines+1, msg)
}

// countLines counts the newlines before a position of the file.
func (r *reader) countLines(to int64) (n int64, err error) {
	buf := make([]byte, 256<<10)
	f := io.NewSectionReader(r.file, 0, to)
	for {
		k, err := f.Read(buf)
		n += int64(kernel.CountQuotes(buf[:k], '\n'))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, wrapPath(r.path, err)
		}
	}
}
