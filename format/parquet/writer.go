package parquet

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/outbox"
	"github.com/weft-data/weft/op"
)

// ColumnOptions say how one column is written.
type ColumnOptions struct {
	Name string // of the column; nested ones are written alike at every depth
	// Encoding is "" for a dictionary where it pays, "plain", "delta" (differences of integers, of the lengths of
	// text), or "byte_stream_split" (byte k of all numbers together, which compresses floats better).
	Encoding string
	// Bloom adds a bloom filter per row group, so that readers that look for a value leave out row groups.
	Bloom bool
}

// WriteOptions are the options of writing. The zero value is good.
type WriteOptions struct {
	Codec        string // "zstd" (the default), "snappy", "gzip", "lz4" (LZ4_RAW) or "none"
	RowGroupRows int64  // 0 means 2^20, and 2^17 in folders by keys
	PageV2       bool   // data pages of version 2, whose levels are not compressed
	Columns      []ColumnOptions
}

const (
	defaultGroup = 1 << 20
	// A page has so many rows, a multiple of what morsels have, or ends when a column has so many bytes.
	pageRows = 5 * morselRows
	fullPage = 1 << 20
	// So many pages of a column are compressed at once where there are threads.
	pagesAtOnce = 4
)

// check holds the options against the columns of the files.
func (o *WriteOptions) check(s dtype.Schema) error {
	if _, err := guard.CodecNumber(o.codec()); err != nil {
		return err
	}
	if o.RowGroupRows < 0 {
		return fmt.Errorf("option RowGroupRows: %d", o.RowGroupRows)
	}
	if len(s) == 0 {
		return errors.New("a Parquet file has a column at least")
	}
	for _, c := range o.Columns {
		i, err := s.Find(c.Name)
		if err != nil {
			return fmt.Errorf("option Columns: %w", err)
		}
		switch c.Encoding {
		case "", "plain", "delta", "byte_stream_split":
		default:
			return fmt.Errorf("option Columns: encoding %q of column %q: want plain, delta or byte_stream_split", c.Encoding, c.Name)
		}
		k := s[i].Type.Kind
		if c.Encoding == "delta" && (k.IsFloat() || k == dtype.Bool) || c.Encoding == "byte_stream_split" && (k.IsVar() || k == dtype.Bool) {
			return fmt.Errorf("option Columns: encoding %s does not hold column %q of %s", c.Encoding, c.Name, s[i].Type)
		}
	}
	for _, f := range s {
		if _, err := shredOf(f, 0); err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	return nil
}

func (o *WriteOptions) codec() string {
	if o.Codec == "" {
		return "zstd"
	}
	return o.Codec
}

// A fileWriter encodes one file. It is for one goroutine. On the threads that the task lends columns are encoded side
// by side, and a row group is written while the next one is encoded: of encoded ones there are two at most.
type fileWriter struct {
	task   op.Task
	out    io.Writer
	schema dtype.Schema
	lanes  []*lane // by column
	order  []*lane // those that take longest first
	leaves []*leafWriter
	group  int64 // rows of a row group
	atOnce int   // rows of a page

	behind outbox.Errand // a row group being written
	at     int64         // bytes written, or about to be
	rows   int           // of the page
	sealed int           // pages of each column that are not compressed yet
	inRows int64         // of the row group, the page's included
	total  int64
	groups []writtenGroup
}

// A lane is a column, which one thread encodes at a time.
type lane struct {
	*shred
	col    int
	leaves []*leafWriter
	spent  time.Duration // encoding
	most   int           // bytes that the page has gathered, at most: as they are without a dictionary
	// The longest text of a dictionary.
	longest struct {
		of uint64
		n  int
	}
	bits *[2][morselRows / 64]uint64 // what cut moved
}

// A patient task waits for memory that a row group being written will give back.
type patient struct {
	op.Task
	behind *outbox.Errand
}

// Alloc implements mem.Allocator.
func (p patient) Alloc(n int) []byte {
	b := p.Task.Alloc(n)
	if b == nil && p.behind.Busy() {
		_ = p.behind.Wait() // who writes the next row group is told
		b = p.Task.Alloc(n)
	}
	return b
}

// newFileWriter begins a file on out; the options were checked.
func newFileWriter(t op.Task, out io.Writer, s dtype.Schema, o WriteOptions) (*fileWriter, error) {
	w := &fileWriter{out: out, schema: s, group: o.RowGroupRows}
	w.task = patient{t, &w.behind}
	if w.group == 0 {
		w.group = defaultGroup
	}
	codec, err := guard.CodecNumber(o.codec())
	if err != nil {
		return nil, err
	}
	for i, f := range s {
		x, err := shredOf(f, 0)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		c := &lane{shred: x, col: i}
		w.lanes = append(w.lanes, c)
		opt := ColumnOptions{}
		for _, c := range o.Columns {
			if c.Name == f.Name {
				opt = c
			}
		}
		x.leavesOf(nil, func(path []string, n *shred) {
			l := &leafWriter{stored: n.stored, name: f.Name, path: path, maxDef: n.def, maxRep: n.rep, codec: codec, v2: o.PageV2, opt: opt, alloc: w.task}
			l.dict = lookup{alloc: w.task, width: l.width}
			l.begin()
			n.leaf = l
			c.leaves = append(c.leaves, l)
		})
		w.leaves = append(w.leaves, c.leaves...)
	}
	w.order = slices.Clone(w.lanes)
	// Wide tables have shorter pages, so that all pages together stay small.
	w.atOnce = max(pageRows/(1+len(w.leaves)/64), 256)
	return w, w.write([]byte(magic))
}

// magic is at both ends of a file.
const magic = "PAR1"

func (w *fileWriter) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

// push takes the rows of a batch, which it only borrows.
func (w *fileWriter) push(b *chunk.Batch) error {
	for lo := 0; lo < b.N; {
		n := w.together(b, lo)
		w.rows, w.inRows, w.total = w.rows+n, w.inRows+int64(n), w.total+int64(n)
		if err := w.add(b, lo, lo+n, w.rows == w.atOnce || w.inRows == w.group); err != nil {
			return err
		}
		lo += n
		var err error
		switch {
		case w.inRows == w.group:
			err = w.endGroup()
		case w.rows == 0 || w.rows%morselRows == 0 && w.full():
			err = w.seal()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// together is how many rows from lo on the threads take into the page before they wait for each other: a page ends
// early only after a multiple of morselRows, so that files are of their rows and not of their morsels, and where it
// cannot be that full these are passed.
func (w *fileWriter) together(b *chunk.Batch, lo int) int {
	n := min(b.N-lo, w.atOnce-w.rows, int(min(w.group-w.inRows, pageRows)))
	if step := morselRows - w.rows%morselRows; n > step {
		for _, c := range w.lanes {
			if c.most+c.bound(&b.Cols[c.col], lo, lo+n) >= fullPage {
				return step
			}
		}
	}
	return n
}

// full reports whether a column has gathered so much that the page should end.
func (w *fileWriter) full() bool {
	for _, l := range w.leaves {
		if l.bytes() >= fullPage {
			return true
		}
	}
	return false
}

// add takes rows [lo, hi) of a batch, the last of the page so far, into all columns; ends says that they are the last of it.
func (w *fileWriter) add(b *chunk.Batch, lo, hi int, ends bool) error {
	before := w.rows - (hi - lo)
	err := w.fork(hi-lo, func(c *lane) error {
		if err := c.take(w.task, &b.Cols[c.col], lo, hi, before); err != nil || !ends {
			return err
		}
		return c.encode(w.group)
	})
	if ends {
		w.encoded()
	}
	return err
}

// take takes values [lo, hi) of the column: those that a processor keeps at hand at once.
func (c *lane) take(t op.Task, v *chunk.Vec, lo, hi, before int) error {
	c.most += c.bound(v, lo, hi)
	for lo < hi {
		n := min(hi-lo, morselRows-before%morselRows)
		part := c.cut(v, lo, lo+n)
		if err := c.add(t, &part); err != nil {
			return err
		}
		lo, before = lo+n, before+n
	}
	return nil
}

// bound is how many bytes values [lo, hi) make in a page, at most.
func (c *lane) bound(v *chunk.Vec, lo, hi int) int {
	n := hi - lo
	switch k := v.Type.Kind; {
	case k.IsNested():
		return fullPage
	case v.Dict != nil:
		if v.Dict.ID != c.longest.of {
			c.longest.of, c.longest.n = v.Dict.ID, 0
			for i := range v.Dict.Values.N {
				c.longest.n = max(c.longest.n, len(v.Dict.Values.Text(i)))
			}
		}
		return n * (4 + c.longest.n)
	case k.IsVar():
		return 4*n + int(v.Off[hi]-v.Off[lo])
	}
	return 16 * n
}

// cut returns values [lo, hi) of the column, at most a morsel of them. Bits that do not begin at a word are moved.
func (c *lane) cut(v *chunk.Vec, lo, hi int) chunk.Vec {
	if lo&63 == 0 {
		return v.Slice(lo, hi)
	}
	from := lo &^ 63
	out, off := v.Slice(from, hi), lo-from
	out.N = hi - lo
	if c.bits == nil {
		c.bits = new([2][morselRows / 64]uint64)
	}
	if out.Valid != nil {
		kernel.CopyBits(c.bits[0][:], 0, out.Valid, off, out.N)
		out.Valid = c.bits[0][:chunk.Words(out.N)]
	}
	switch k := v.Type.Kind; {
	case v.Dict != nil:
		out.Data = out.Data[4*off:]
	case k.IsVar():
		out.Off = out.Off[off:]
	case k == dtype.Bool:
		kernel.CopyBits(c.bits[1][:], 0, chunk.Slice[uint64](out.Data, chunk.Words(hi-from)), off, out.N)
		out.Data = chunk.Bytes(c.bits[1][:chunk.Words(out.N)])
	default:
		out.Data = out.Data[off*v.Type.Width():]
	}
	return out
}

// encode makes the page of every column, if there are rows for one.
func (w *fileWriter) encode() error {
	if w.rows == 0 {
		return nil
	}
	err := w.fork(w.rows, func(c *lane) error { return c.encode(w.group) })
	w.encoded()
	return err
}

// encoded begins the next page.
func (w *fileWriter) encoded() {
	w.sealed, w.rows = w.sealed+1, 0
	for _, c := range w.lanes {
		c.most = 0
	}
	slices.SortStableFunc(w.order, func(a, b *lane) int { return cmp.Compare(b.spent, a.spent) })
}

func (c *lane) encode(groupRows int64) error {
	for _, l := range c.leaves {
		if err := l.encode(groupRows); err != nil {
			return err
		}
	}
	return nil
}

// forkRows are worth more than one thread.
const forkRows = 1024

// fork calls f for all columns, on the threads there are if it is about so many rows. The columns that took longest so
// far go first: who has the last one lets the others wait.
func (w *fileWriter) fork(rows int, f func(c *lane) error) error {
	if rows < forkRows || len(w.lanes) == 1 || w.task.Threads() == 1 {
		for _, c := range w.lanes {
			if err := f(c); err != nil {
				return err
			}
		}
		return nil
	}
	return w.task.Fork(len(w.order), func(i int) error {
		c, start := w.order[i], time.Now()
		err := f(c)
		c.spent += time.Since(start)
		return err
	})
}

// waits reports whether the pages that were made wait for the next to be compressed with them: where threads and
// memory let them.
func (w *fileWriter) waits() bool {
	if w.sealed == pagesAtOnce || w.task.Threads() == 1 {
		return false
	}
	for _, l := range w.leaves {
		if !l.another() {
			for _, l := range w.leaves {
				l.noOther()
			}
			return false
		}
	}
	return true
}

// seal ends the page of every column.
func (w *fileWriter) seal() error {
	if err := w.encode(); err != nil || w.waits() {
		return err
	}
	if err := w.pack(); err != nil {
		return err
	}
	for _, l := range w.leaves {
		if !l.keep() { // there is no memory: the row group ends
			return w.writeGroup(false)
		}
	}
	return nil
}

// pack compresses the pages that were made.
func (w *fileWriter) pack() error {
	w.sealed = 0
	type page struct {
		l *leafWriter
		i int
	}
	var pages []page
	for _, l := range w.leaves {
		for i := range l.made {
			pages = append(pages, page{l, i})
		}
	}
	if w.task.Threads() > 1 && len(pages) > 1 {
		// The longest first: who takes the last one lets the others wait.
		slices.SortStableFunc(pages, func(a, b page) int { return cmp.Compare(len(b.l.made[b.i].body), len(a.l.made[a.i].body)) })
		return w.task.Fork(len(pages), func(i int) error { return pages[i].l.pack(pages[i].i) })
	}
	for _, p := range pages {
		if err := p.l.pack(p.i); err != nil {
			return err
		}
	}
	return nil
}

// endGroup ends the row group.
func (w *fileWriter) endGroup() error {
	if w.inRows == 0 {
		return nil
	}
	if err := w.encode(); err != nil {
		return err
	}
	if err := w.pack(); err != nil {
		return err
	}
	return w.writeGroup(w.task.Threads() > 1)
}

// A written is bytes for the file.
type written struct {
	b    []byte
	room []byte // where they are, to be freed; nil: nowhere
}

// writeGroup writes the pages that were made, or has them written behind what comes next: where there are threads, and
// memory for what lies in buffers that are used again.
func (w *fileWriter) writeGroup(behind bool) error {
	err := w.fork(int(w.inRows), (*lane).complete)
	if err = errors.Join(err, w.behind.Wait()); err != nil {
		return err
	}
	for _, l := range w.leaves {
		behind = behind && l.whole && l.keep()
	}
	all, g := []written(nil), writtenGroup{rows: w.inRows, at: w.at}
	for i, l := range w.leaves {
		if !l.whole { // there is more memory when what comes before is written, and before others take it
			for _, l := range w.leaves[i+1:] {
				l.undo()
			}
			if err := w.put(all); err != nil {
				return err
			}
			if all, err = all[:0], l.makeDictPage(); err != nil {
				return err
			}
		}
		g.chunks = append(g.chunks, w.place(l))
		all = l.hand(all)
	}
	for i, l := range w.leaves {
		if !l.whole {
			if err := w.put(all); err != nil {
				return err
			}
			if all, err = all[:0], l.makeFilter(); err != nil {
				return err
			}
		}
		if b := l.filter; b != nil {
			head := bloomHead(len(b))
			g.chunks[i].bloomAt, g.chunks[i].bloomLen = w.at, len(head)+len(b)
			w.at += int64(g.chunks[i].bloomLen)
			all = append(all, written{b: head}, written{b, b})
		}
		l.begin()
	}
	w.groups, w.inRows = append(w.groups, g), 0
	if !behind {
		return w.put(all)
	}
	w.behind.Start(func() error { return w.put(all) })
	return nil
}

// complete makes what the chunks have beside their pages, where there is memory for it.
func (c *lane) complete() error {
	for _, l := range c.leaves {
		err := l.makeDictPage()
		if err == nil {
			err = l.makeFilter()
		}
		if l.whole = err == nil; !l.whole && !errors.Is(err, mem.ErrBudget) {
			return err
		}
	}
	return nil
}

// put writes what a row group has and frees it.
func (w *fileWriter) put(all []written) (err error) {
	for _, x := range all {
		if err == nil {
			_, err = w.out.Write(x.b)
		}
		w.task.Free(x.room)
	}
	return err
}

// place says where the pages of a leaf will be.
func (w *fileWriter) place(l *leafWriter) writtenChunk {
	c := writtenChunk{values: l.total, nulls: l.nulls, dict: -1}
	start := w.at
	if l.dictPage != nil {
		c.dict = w.at
		c.use(guard.Plain)
		c.raw += int64(l.dictRaw)
		w.at += int64(len(l.dictPage))
	}
	c.data = w.at
	row := int64(0)
	for _, p := range l.all() {
		c.pages = append(c.pages, writtenPage{at: w.at, bytes: len(p.b), row: row, nulls: int64(p.nulls), lo: p.lo.b, hi: p.hi.b, empty: p.empty, bounded: p.bounded})
		row += int64(p.rows)
		c.use(p.encoding)
		c.raw += int64(p.raw)
		w.at += int64(len(p.b))
	}
	if l.maxDef > 0 {
		c.use(guard.RLE)
	}
	c.packed = w.at - start
	c.lo, c.hi, c.bounded = l.chunk.limits(&l.stored)
	return c
}

// finish writes what is left, and the footer.
func (w *fileWriter) finish() error {
	if err := errors.Join(w.endGroup(), w.behind.Wait()); err != nil {
		return err
	}
	for i := range w.groups {
		for k := range w.groups[i].chunks {
			c := &w.groups[i].chunks[k]
			b := columnIndex(c, w.leaves[k])
			if b != nil {
				c.columnAt, c.columnLen = w.at, len(b)
				if err := w.write(b); err != nil {
					return err
				}
			}
		}
	}
	for i := range w.groups {
		for k := range w.groups[i].chunks {
			c := &w.groups[i].chunks[k]
			b := offsetIndex(c)
			c.offsetAt, c.offsetLen = w.at, len(b)
			if err := w.write(b); err != nil {
				return err
			}
		}
	}
	b, err := w.footer()
	if err != nil {
		return err
	}
	return w.write(b)
}

// shrink ends the row group and frees all buffers.
func (w *fileWriter) shrink() error {
	err := errors.Join(w.endGroup(), w.behind.Wait())
	for _, l := range w.leaves {
		l.close()
		l.begin()
	}
	return err
}

// close frees what is left, also after an error.
func (w *fileWriter) close() {
	_ = w.behind.Wait()
	for _, l := range w.leaves {
		l.close()
	}
}
