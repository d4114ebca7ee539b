package order

import (
	"fmt"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A writer gathers rows of pages, in the order of entries, into batches. Each
// batch is one buffer: of an allocator, so that the batch owns it, or the
// writer's own, so that it is valid until the next call. Columns whose pages
// share one dictionary stay codes if it is not large beside the rows, other dictionaries
// are decoded.
//
// It is for one thread; share makes one for another.
type writer struct {
	schema dtype.Schema
	pages  []*page
	alloc  mem.Allocator // nil: the writer's own buffer
	cols   []source
	buf    []byte
	lens   [][]int32 // offsets of text columns, before there is a buffer
	froms  [][]int32 // of text columns: where the values begin
	words  []decoder // of columns whose values are in the entries
	batch  chunk.Batch
}

// A source is where a column's values are, by page.
type source struct {
	dict  *chunk.Dict // of all pages
	nulls bool        // some page has nulls
	data  []unsafe.Pointer
}

// newWriter returns a writer of the first len(schema) columns of pages.
func newWriter(schema dtype.Schema, pages []*page, alloc mem.Allocator) *writer {
	w := &writer{schema: schema, pages: pages, alloc: alloc, cols: make([]source, len(schema)), lens: make([][]int32, len(schema)), froms: make([][]int32, len(schema)), words: make([]decoder, len(schema))}
	for c := range schema {
		s := &w.cols[c]
		s.data = make([]unsafe.Pointer, len(pages))
		same, rows := len(pages) > 0, 0
		for i, p := range pages {
			v := &p.b.Cols[c]
			rows += p.b.N
			s.nulls = s.nulls || v.Valid != nil
			s.data[i] = unsafe.Pointer(unsafe.SliceData(v.Data))
			same = same && sameDict(v.Dict, pages[0].b.Cols[c].Dict)
		}
		if same && !pages[0].b.Cols[c].Dict.Large(rows) {
			s.dict = pages[0].b.Cols[c].Dict
		}
	}
	return w
}

// share returns a writer of the same rows for another thread.
func (w *writer) share() *writer {
	return &writer{schema: w.schema, pages: w.pages, alloc: w.alloc, cols: w.cols, lens: make([][]int32, len(w.schema)), froms: make([][]int32, len(w.schema)), words: w.words}
}

func align(n int) int { return (n + 63) &^ 63 }

// rowsFor returns how many rows make a batch of about the given bytes: a
// multiple of 64 when it is 64 or more, at least 1.
func (w *writer) rowsFor(bytes, most int) int {
	total, rows := 0, 0
	for _, p := range w.pages {
		rows += p.b.N
		for c := range w.schema {
			v := &p.b.Cols[c]
			if v.Valid != nil {
				total += p.b.N / 8
			}
			switch {
			case w.cols[c].dict != nil:
				total += 4 * p.b.N
			case v.Dict != nil: // decoded: an average value of the dictionary
				total += (4 + len(v.Dict.Values.Str)/max(1, v.Dict.Values.N)) * p.b.N
			default:
				total += int(v.Bytes()) - len(v.Valid)*8
			}
		}
	}
	n := min(most, int(float64(bytes-64*2*len(w.schema))/(float64(total+1)/float64(max(rows, 1)))))
	if n >= 64 {
		n &^= 63
	}
	return max(n, 1)
}

// gather makes a batch of the rows of es.
func (w *writer) gather(es []entry) (*chunk.Batch, error) {
	n := len(es)
	size := 0
	for c, f := range w.schema {
		if w.cols[c].nulls {
			size += align(chunk.Words(n) * 8)
		}
		switch {
		case f.Type.Kind == dtype.Null:
		case w.cols[c].dict != nil:
			size += align(4 * n)
		case f.Type.Kind.IsVar():
			text, err := w.measure(c, es)
			if err != nil {
				return nil, err
			}
			size += align(4*(n+1)) + align(text+16)
		case f.Type.Kind == dtype.Bool:
			size += align(chunk.Words(n) * 8)
		default:
			size += align(n * f.Type.Width())
		}
	}
	out, from := &w.batch, w.alloc
	var buf []byte
	if w.alloc != nil {
		out = &chunk.Batch{}
		if buf = from.Alloc(size); buf == nil { // the rows to be sorted fill the budget
			from = mem.Heap
			buf = from.Alloc(size)
		}
	} else {
		if len(w.buf) < size {
			w.buf = mem.Heap.Alloc(size + size/8)
		}
		buf = w.buf
	}
	out.N, out.Cols = n, out.Cols[:0]
	take := func(k int) []byte {
		x := buf[:k:k]
		buf = buf[align(k):]
		return x
	}
	whole := buf
	for c, f := range w.schema {
		v := chunk.Vec{Type: f.Type, N: n, Dict: w.cols[c].dict}
		if w.cols[c].nulls {
			v.Valid = chunk.Slice[uint64](take(chunk.Words(n)*8), chunk.Words(n))
			w.valid(c, es, v.Valid)
		}
		switch {
		case f.Type.Kind == dtype.Null:
		case v.Dict != nil:
			v.Data = take(4 * n)
			if d := &w.words[c]; d.part != nil {
				decodeInts(d, es, chunk.Slice[uint32](v.Data, n))
			} else {
				gatherFixed(chunk.Slice[uint32](v.Data, n), w.cols[c].data, es)
			}
		case f.Type.Kind.IsVar():
			v.Off = chunk.Slice[int32](take(4*(n+1)), n+1)
			copy(v.Off, w.lens[c])
			v.Str = take(int(v.Off[n]) + 16)[:v.Off[n]]
			if d := &w.words[c]; d.level != nil {
				d.text(es, &v)
			} else {
				w.text(c, es, &v)
			}
		case f.Type.Kind == dtype.Bool:
			v.Data = take(chunk.Words(n) * 8)
			w.bools(c, es, chunk.Slice[uint64](v.Data, chunk.Words(n)))
		default:
			v.Data = take(n * f.Type.Width())
			if d := &w.words[c]; d.part != nil {
				d.fixed(es, &v)
			} else {
				w.fixed(c, es, &v)
			}
		}
		out.Cols = append(out.Cols, v)
	}
	if w.alloc != nil {
		out.Own(from, [][]byte{whole})
	}
	return out, nil
}

func (w *writer) fixed(c int, es []entry, v *chunk.Vec) {
	at := w.cols[c].data
	switch v.Type.Width() {
	case 1:
		gatherFixed(chunk.Values[uint8](v), at, es)
	case 2:
		gatherFixed(chunk.Values[uint16](v), at, es)
	case 4:
		gatherFixed(chunk.Values[uint32](v), at, es)
	case 8:
		gatherFixed(chunk.Values[uint64](v), at, es)
	case 16:
		gatherFixed(chunk.Values[[16]byte](v), at, es)
	}
}

func gatherFixed[T chunk.Fixed](dst []T, at []unsafe.Pointer, es []entry) {
	var z T
	dst = dst[:len(es)]
	for i := range es {
		id := es[i].id
		dst[i] = *(*T)(unsafe.Add(at[id>>pageBits], uintptr(id&(1<<pageBits-1))*unsafe.Sizeof(z)))
	}
}

func (w *writer) valid(c int, es []entry, dst []uint64) {
	clear(dst)
	for i := range es {
		id := es[i].id
		v := &w.pages[id>>pageBits].b.Cols[c]
		if v.Valid == nil || bit(v.Valid, int(id&(1<<pageBits-1))) != 0 {
			dst[i>>6] |= 1 << (i & 63)
		}
	}
}

func (w *writer) bools(c int, es []entry, dst []uint64) {
	clear(dst)
	for i := range es {
		id := es[i].id
		v := &w.pages[id>>pageBits].b.Cols[c]
		dst[i>>6] |= bit(v.Bits(), int(id&(1<<pageBits-1))) << (i & 63)
	}
}

// measure lays out the text of a column.
func (w *writer) measure(c int, es []entry) (int, error) {
	if cap(w.lens[c]) < len(es)+1 {
		w.lens[c] = make([]int32, len(es)+1+len(es)/4)
	}
	off := w.lens[c][:len(es)+1]
	w.lens[c] = off
	if d := &w.words[c]; d.level != nil {
		return d.measure(es, off)
	}
	if cap(w.froms[c]) < len(es) {
		w.froms[c] = make([]int32, len(es)+len(es)/4)
	}
	from := w.froms[c][:len(es)]
	w.froms[c] = from
	sum := 0
	off[0] = 0
	for i := range es {
		id := es[i].id
		v, r := &w.pages[id>>pageBits].b.Cols[c], id&(1<<pageBits-1)
		if v.Dict != nil {
			r = chunk.Values[uint32](v)[r]
			v = &v.Dict.Values
		}
		from[i] = v.Off[r]
		if sum += int(v.Off[r+1] - v.Off[r]); sum > maxText {
			return 0, tooMuchText(i)
		}
		off[i+1] = int32(sum)
	}
	return sum, nil
}

// maxText is the most bytes of text that offsets can tell.
const maxText = 1<<31 - 64

func tooMuchText(rows int) error {
	return fmt.Errorf("sort: more than 2 GiB of text in %d rows of one column", rows)
}

// text copies the values, 16 bytes at a time where neither side ends before.
func (w *writer) text(c int, es []entry, out *chunk.Vec) {
	dst := out.Str[:cap(out.Str)]
	from := w.froms[c]
	for i := range es {
		v := &w.pages[es[i].id>>pageBits].b.Cols[c]
		if v.Dict != nil {
			v = &v.Dict.Values
		}
		lo, at := int(from[i]), int(out.Off[i])
		n := int(out.Off[i+1]) - at
		if n <= 16 && lo+16 <= len(v.Str) && at+16 <= len(dst) {
			*(*[16]byte)(dst[at:]) = *(*[16]byte)(v.Str[lo:])
		} else {
			copy(dst[at:], v.Str[lo:lo+n])
		}
	}
}

func sameDict(a, b *chunk.Dict) bool { return a != nil && b != nil && a.ID == b.ID }
