package op

import (
	"fmt"
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
// Rows come in their order. Threads format stretches of a morsel side by side, and compress pieces of the text; whoever
// has made what comes next in the file writes it while the others go on. The file depends on the rows alone.
func WritesText(path string, head []byte, format func() TextFormat) Pipe {
	return Writes(func(t Task) (RowWriter, error) {
		if t.Block() != 0 {
			return nil, fmt.Errorf("%s is one file: the table must be one block", store.Name(path))
		}
		f, err := store.Create(t.Context(), path)
		if err != nil {
			return nil, err
		}
		return &textFile{task: t, path: path, file: f, codec: codec.OfName(path), format: format, now: append([]byte(nil), head...)}, nil
	})
}

const (
	// textBytes is how much text one thread writes together, and how much of it is compressed by itself.
	textBytes = 1 << 20
	// Threads share about so much text before they wait for each other: what waits to be written, at most.
	sharedText = 4 << 20
	// They share it in stretches: so many for each thread, of so many rows at least, and about so much text at most,
	// which is in the cache of who made it when it is written. Who has none left waits for those that have.
	stretches   = 4
	stretchRows = 512
	stretchText = 256 << 10
)

// A textHand is what one thread at a time formats and compresses with.
type textHand struct {
	format TextFormat
	packer *codec.Packer
	part   chunk.Batch
}

// A textFile is one file being written.
type textFile struct {
	task   Task
	path   string
	file   store.Output
	codec  codec.Codec
	format func() TextFormat

	now    []byte   // text that one thread makes, until it is worth writing
	perRow int      // bytes of text that the rows before had, about; 0 for the first
	pieces [][]byte // text to be compressed; all but the last are full

	mu    sync.Mutex // guards what follows
	hands []*textHand
	spare [][]byte // buffers
	line  textLine
}

// A textLine is what threads make side by side and goes on in order.
type textLine struct {
	made [][]byte // nil: not yet, or on its way
	next int      // the first that has not gone: while it is on its way, nothing else goes
	size int      // bytes made
}

func (w *textFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing %s: %w", store.Name(w.path), err)
}

// hand returns one that nobody has.
func (w *textFile) hand() *textHand {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.hands)
	if n == 0 {
		return &textHand{format: w.format(), packer: codec.NewPacker(w.codec)}
	}
	h := w.hands[n-1]
	w.hands = w.hands[:n-1]
	return h
}

// back takes a hand back.
func (w *textFile) back(h *textHand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hands = append(w.hands, h)
}

// buffer returns an empty one, which is not nil.
func (w *textFile) buffer() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.spare)
	if n == 0 {
		return []byte{}
	}
	b := w.spare[n-1]
	w.spare = w.spare[:n-1]
	return b[:0]
}

// Sharing implements Sharing.
func (w *textFile) Sharing() bool { return true }

// Push implements RowWriter.
func (w *textFile) Push(m *chunk.Batch) (err error) {
	if w.task.Threads() > 1 && m.N >= 2*stretchRows {
		return w.share(m)
	}
	h := w.hand()
	defer w.back(h)
	if w.now, err = h.format(w.now, m); err != nil || len(w.now) < textBytes {
		return err
	}
	return w.flush(false)
}

// share formats a morsel in stretches, as many of them together as have sharedText.
func (w *textFile) share(m *chunk.Batch) error {
	if err := w.flush(false); err != nil {
		return err
	}
	for lo := 0; lo < m.N; {
		rows, most := 8*stretchRows, stretchRows
		if w.perRow > 0 {
			rows, most = sharedText/w.perRow, stretchText/w.perRow
		}
		rest := m.N - lo
		rows = words(rest / (1 + rest/max(rows, 64))) // no short rest
		n := words(min(most, max(stretchRows, rows/(stretches*w.task.Threads()))))
		from, end := lo, min(m.N, lo+rows)
		if err := w.inOrder((end-from+n-1)/n, func(h *textHand, i int, dst []byte) ([]byte, error) {
			lo, hi := from+i*n, min(end, from+(i+1)*n)
			h.part.Cols, h.part.N = h.part.Cols[:0], hi-lo
			for c := range m.Cols {
				h.part.Cols = append(h.part.Cols, m.Cols[c].Slice(lo, hi))
			}
			return h.format(dst, &h.part)
		}, w.take); err != nil {
			return err
		}
		w.perRow = 1 + w.line.size/(end-from)
		if err := w.pack(false); err != nil {
			return err
		}
		lo = end
	}
	return nil
}

// words is a number of rows, one at least, whose bits end with a word.
func words(rows int) int { return max(rows+63, 64) &^ 63 }

// inOrder has n things made on the threads there are, and sees them off in their order: whoever has made what is next
// does so, while others make more. So what is written was made by the thread that writes it, as a rule, nobody waits but
// at the end, and no more threads want to run than the task has.
func (w *textFile) inOrder(n int, makes func(h *textHand, i int, dst []byte) ([]byte, error), off func(b []byte) error) error {
	w.line = textLine{made: append(w.line.made[:0], make([][]byte, n)...)}
	return w.task.Fork(n, func(i int) error {
		h := w.hand()
		defer w.back(h)
		b, err := makes(h, i, w.buffer())
		if err != nil {
			return err
		}
		return w.line.add(&w.mu, i, b, func(b []byte) error {
			err := off(b)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.spare = append(w.spare, b)
			return err
		})
	})
}

// add takes what was made as number i, and sees off what has its turn. After a failure nothing goes any more.
func (l *textLine) add(mu *sync.Mutex, i int, b []byte, off func(b []byte) error) error {
	mu.Lock()
	defer mu.Unlock()
	l.made[i] = b
	l.size += len(b)
	for l.next < len(l.made) && l.made[l.next] != nil {
		b, l.made[l.next] = l.made[l.next], nil
		if err := apart(mu, func() error { return off(b) }); err != nil {
			return err
		}
		l.next++
	}
	return nil
}

// apart calls f without the lock that the caller holds.
func apart(mu *sync.Mutex, f func() error) error {
	mu.Unlock()
	defer mu.Lock()
	return f()
}

// flush sees off what one thread made. Compressed are full pieces of it, and at the end what is left.
func (w *textFile) flush(ends bool) error {
	if len(w.now) > 0 {
		if err := w.take(w.now); err != nil {
			return err
		}
		w.now = w.now[:0]
	}
	return w.pack(ends)
}

// take writes text that is next, or gathers it where it is to be compressed.
func (w *textFile) take(b []byte) error {
	if w.codec == codec.Plain {
		return w.write(b)
	}
	for len(b) > 0 {
		if n := len(w.pieces); n == 0 || len(w.pieces[n-1]) == textBytes {
			w.pieces = append(w.pieces, w.buffer())
		}
		last := &w.pieces[len(w.pieces)-1]
		n := min(len(b), textBytes-len(*last))
		*last, b = append(*last, b[:n]...), b[n:]
	}
	return nil
}

func (w *textFile) write(b []byte) error {
	_, err := w.file.Write(b)
	return w.wrap(err)
}

// pack writes pieces compressed, once there is one for each thread.
func (w *textFile) pack(ends bool) error {
	full := len(w.pieces)
	if full > 0 && !ends && len(w.pieces[full-1]) < textBytes {
		full--
	}
	if full == 0 || full < w.task.Threads() && !ends {
		return nil
	}
	err := w.inOrder(full, func(h *textHand, i int, dst []byte) ([]byte, error) { return h.packer.Pack(dst, w.pieces[i]) }, w.write)
	w.spare = append(w.spare, w.pieces[:full]...)
	w.pieces = append(w.pieces[:0], w.pieces[full:]...)
	return err
}

// Finish implements RowWriter: the file gets its name.
func (w *textFile) Finish(out Out, rows int64) error {
	if err := w.flush(true); err != nil {
		return err
	}
	if err := w.file.Commit(); err != nil {
		return err
	}
	return Written(out, rows)
}

// Close implements RowWriter: what is not complete leaves nothing behind.
func (w *textFile) Close() error { return w.file.Close() }
