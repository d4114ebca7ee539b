package csv

import (
	"bytes"
	"fmt"
	"io"

	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// pieceBytes is how much of a streamed file is decompressed at once.
const pieceBytes = 1 << 20

// A stream is the text of one file on its way through a reader's two buffers.
type stream struct {
	text  *text
	final bool // no more text
	ended bool // its last record has got a newline
}

// readStream reads a file from its beginning to its end: pieces of whole records
// are parsed while the next piece is decompressed, when the node has a thread for
// it.
func (r *reader) readStream(d *File, out op.Sink) error {
	t, err := openText(r.task.Context(), d)
	if err != nil {
		return err
	}
	defer t.Close()
	s := stream{text: t}
	defer func() { r.task.Count("bytes read", t.used()) }()
	have, at, err := r.openStream(&s, d)
	if err != nil {
		return err
	}
	r.base, r.lines = int64(at), int64(kernel.CountQuotes(r.buf[front:front+at], '\n'))
	for {
		b := r.buf[front+at : front+have]
		end := r.lastBorder(b)
		if end == 0 && len(b) > 0 {
			r.hand = b
			switch {
			case s.final:
				return r.errorAt(0, "a quoted field is not closed")
			case int64(len(b)) > r.p.MaxRecord+1:
				return r.errorAt(0, fmt.Sprintf("the record has more than %d bytes (option MaxRecordBytes)", r.p.MaxRecord))
			}
		}
		if s.final && len(b) == 0 {
			return nil
		}
		rest := len(b) - end
		if err := r.room(&r.other, 0, rest+max(r.piece, rest)); err != nil {
			return err
		}
		copy(r.other[front:], b[end:])
		n := rest
		err := r.both(func() error {
			r.hand = b
			return r.push(b[:end], r.g.quote != 0 && kernel.CountQuotes(b[:end], r.g.quote) > 0, out)
		}, func() (err error) {
			n, err = s.read(r.other[front:], rest, rest+max(r.piece, rest), d)
			return err
		})
		if err != nil {
			return err
		}
		if left, limited := r.left(); limited && r.given >= left {
			return nil
		}
		r.base += int64(end)
		r.lines += int64(kernel.CountQuotes(b[:end], '\n'))
		r.buf, r.other = r.other, r.buf
		at, have = 0, n
	}
}

// both runs f and g at the same time if there is a thread for it.
func (r *reader) both(f, g func() error) error {
	if r.task.Threads() > 1 {
		return r.task.Fork(2, func(i int) error {
			if i == 0 {
				return f()
			}
			return g()
		})
	}
	if err := f(); err != nil {
		return err
	}
	return g()
}

// openStream reads the head of the text into buf; the records begin at at.
func (r *reader) openStream(s *stream, d *File) (have, at int, err error) {
	n := r.piece
	if d.Codec <= Plain {
		n = int(min(int64(n), d.Size+1)) // one more finds the end
	}
	for ; ; n *= 2 {
		if err := r.room(&r.buf, have, n); err != nil {
			return 0, 0, err
		}
		if have, err = s.read(r.buf[front:], have, n, d); err != nil {
			return 0, 0, err
		}
		// A copy, since start may write a newline behind it.
		if at, err = r.start(bytes.Clone(r.buf[front:front+have]), s.final, d); err != nil {
			return 0, 0, err
		}
		if s.ended && at == have-1 { // nothing but a byte order mark: the newline ends no record
			have = at
		}
		if at >= 0 {
			return have, at, nil
		}
	}
}

// read fills b[have:want] and returns how much b holds then. The end of the text
// gets a newline if it has none.
func (s *stream) read(b []byte, have, want int, d *File) (int, error) {
	if s.final {
		return have, nil
	}
	k, err := readFull(s.text, b[have:want])
	if have += k; err != io.EOF {
		return have, wrapPath(d.Path, err)
	}
	s.final = true
	if have > 0 && b[have-1] != '\n' {
		b[have], s.ended = '\n', true
		have++
	}
	return have, nil
}

// lastBorder returns the last record border in b, which begins at one; 0 if there
// is none.
func (r *reader) lastBorder(b []byte) int {
	switch {
	case r.g.comment != 0:
		at := 0
		for at < len(b) {
			next, f, kind := r.g.record(b, at, r.parser.fields)
			r.parser.fields = f
			if kind == lineOpen {
				break
			}
			at = next
		}
		return at
	case r.g.quote == 0 || r.p.OneLine || kernel.CountQuotes(b, r.g.quote) == 0:
		return bytes.LastIndexByte(b, '\n') + 1
	}
	return r.g.cut(b, &r.parser.marks).end
}

// readFull fills b; io.EOF means that the reader ended before. Unlike io.ReadFull
// it tells the end of the text from compressed data that is cut short.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	if n == len(b) && err == io.EOF {
		err = nil
	}
	return n, err
}

func wrapPath(path string, err error) error {
	if err != nil {
		return fmt.Errorf("csv: %w", store.Named(path, err))
	}
	return nil
}
