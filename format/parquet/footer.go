package parquet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/guard"
)

// What was written, for the footer and the page index (parquet.thrift, FileMetaData, ColumnIndex, OffsetIndex).
type (
	writtenGroup struct {
		rows, at int64
		chunks   []writtenChunk
	}
	writtenChunk struct {
		values, nulls      int64
		dict, data         int64 // where the pages begin; -1: no dictionary
		packed, raw        int64
		encodings          []guard.Encoding
		lo, hi             limit
		bounded            bool
		pages              []writtenPage
		bloomAt            int64
		bloomLen           int
		columnAt, offsetAt int64
		columnLen          int
		offsetLen          int
	}
	writtenPage struct {
		at             int64
		bytes          int
		row, nulls     int64
		lo, hi         []byte
		empty, bounded bool
	}
)

func (c *writtenChunk) use(e guard.Encoding) {
	if !slices.Contains(c.encodings, e) {
		c.encodings = append(c.encodings, e)
	}
}

// footer is the metadata, its length and the magic.
func (w *fileWriter) footer() ([]byte, error) {
	hint, err := guard.StoredSchema(chunk.ToArrowSchema(w.schema))
	if err != nil {
		return nil, err
	}
	t := &thriftWriter{}
	t.begin()
	t.i32(1, 2)
	nodes := 1
	for _, x := range w.lanes {
		nodes += x.nodes()
	}
	t.list(2, thriftStruct, nodes)
	t.begin()
	t.bytes(4, []byte("schema"))
	t.i32(5, len(w.lanes))
	t.end()
	for _, x := range w.lanes {
		x.describe(t)
	}
	t.i64(3, w.total)
	t.list(4, thriftStruct, len(w.groups))
	for i := range w.groups {
		w.rowGroup(t, i)
	}
	t.list(5, thriftStruct, 1)
	t.begin()
	t.bytes(1, []byte("ARROW:schema"))
	t.bytes(2, []byte(base64.StdEncoding.EncodeToString(hint)))
	t.end()
	t.bytes(6, []byte("weft"))
	t.list(7, thriftStruct, len(w.leaves))
	for range w.leaves { // values compare as their types say
		t.begin()
		t.structure(1, func() {})
		t.end()
	}
	t.end()
	return append(binary.LittleEndian.AppendUint32(t.b, uint32(len(t.b))), magic...), nil
}

func (w *fileWriter) rowGroup(t *thriftWriter, i int) {
	g := &w.groups[i]
	raw, packed := int64(0), int64(0)
	t.begin()
	t.list(1, thriftStruct, len(g.chunks))
	for k := range g.chunks {
		c := &g.chunks[k]
		raw, packed = raw+c.raw, packed+c.packed
		c.describe(t, w.leaves[k])
	}
	t.i64(2, raw)
	t.i64(3, g.rows)
	t.i64(5, g.at)
	t.i64(6, packed)
	t.end()
}

func (c *writtenChunk) describe(t *thriftWriter, l *leafWriter) {
	t.begin()
	t.i64(2, 0)
	t.structure(3, func() {
		t.i32(1, int(l.physical))
		t.list(2, thriftI32, len(c.encodings))
		for _, e := range c.encodings {
			t.b = binary.AppendVarint(t.b, int64(e))
		}
		t.list(3, thriftBinary, len(l.path))
		for _, p := range l.path {
			t.element([]byte(p))
		}
		t.i32(4, l.codec)
		t.i64(5, c.values)
		t.i64(6, c.raw)
		t.i64(7, c.packed)
		t.i64(9, c.data)
		if c.dict >= 0 {
			t.i64(11, c.dict)
		}
		t.structure(12, func() {
			t.i64(3, c.nulls)
			if c.bounded {
				t.bytes(5, c.hi.b)
				t.bytes(6, c.lo.b)
				t.bool(7, c.hi.exact)
				t.bool(8, c.lo.exact)
			}
		})
		if c.bloomLen > 0 {
			t.i64(14, c.bloomAt)
			t.i32(15, c.bloomLen)
		}
	})
	t.i64(4, c.offsetAt)
	t.i32(5, c.offsetLen)
	if c.columnLen > 0 {
		t.i64(6, c.columnAt)
		t.i32(7, c.columnLen)
	}
	t.end()
}

// Orders of the bounds of pages (parquet.thrift, BoundaryOrder).
const (
	boundsUnordered = iota
	boundsAscending
	boundsDescending
)

// columnIndex has the bounds of the pages of a chunk; nil when some page has none.
func columnIndex(c *writtenChunk, l *leafWriter) []byte {
	for _, p := range c.pages {
		if !p.empty && !p.bounded {
			return nil
		}
	}
	t := &thriftWriter{}
	t.begin()
	t.list(1, thriftTrue, len(c.pages))
	for _, p := range c.pages {
		b := byte(thriftFalse)
		if p.empty {
			b = thriftTrue
		}
		t.b = append(t.b, b)
	}
	t.list(2, thriftBinary, len(c.pages))
	for _, p := range c.pages {
		t.element(p.lo)
	}
	t.list(3, thriftBinary, len(c.pages))
	for _, p := range c.pages {
		t.element(p.hi)
	}
	t.i32(4, boundaryOrder(c.pages, &l.stored))
	t.list(5, thriftI64, len(c.pages))
	for _, p := range c.pages {
		t.b = binary.AppendVarint(t.b, p.nulls)
	}
	t.end()
	return t.b
}

func boundaryOrder(pages []writtenPage, s *stored) int {
	up, down := true, true
	var last *writtenPage
	for i := range pages {
		p := &pages[i]
		if p.empty {
			continue
		}
		if last != nil {
			lo, hi := s.compare(last.lo, p.lo), s.compare(last.hi, p.hi)
			up, down = up && lo <= 0 && hi <= 0, down && lo >= 0 && hi >= 0
		}
		last = p
	}
	switch {
	case up:
		return boundsAscending
	case down:
		return boundsDescending
	}
	return boundsUnordered
}

// compare compares two bounds as they are stored.
func (s *stored) compare(a, b []byte) int {
	switch {
	case s.order == bytewise:
		return bytes.Compare(a, b)
	case s.order == wide:
		return compareStored(wide, a, b)
	}
	var x, y extent
	for _, e := range []struct {
		to *extent
		b  []byte
	}{{&x, a}, {&y, b}} {
		if s.physical == guard.Boolean {
			e.to.lo = int64(e.b[0])
		} else {
			e.to.addFixed(s, slices.Clone(e.b), 1)
		}
	}
	switch {
	case x.lo < y.lo:
		return -1
	case x.lo > y.lo:
		return 1
	}
	return 0
}

// offsetIndex says where the pages of a chunk lie.
func offsetIndex(c *writtenChunk) []byte {
	t := &thriftWriter{}
	t.begin()
	t.list(1, thriftStruct, len(c.pages))
	for _, p := range c.pages {
		t.begin()
		t.i64(1, p.at)
		t.i32(2, p.bytes)
		t.i64(3, p.row)
		t.end()
	}
	t.end()
	return t.b
}

// bloomHead is the header of a bloom filter of size bytes: split blocks, xxHash64, uncompressed (parquet.thrift,
// BloomFilterHeader).
func bloomHead(size int) []byte {
	t := &thriftWriter{}
	t.begin()
	t.i32(1, size)
	for id := int16(2); id <= 4; id++ {
		t.structure(id, func() { t.structure(1, func() {}) })
	}
	t.end()
	return t.b
}
