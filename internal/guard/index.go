package guard

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// A PageIndex is what a file says about the data pages of one chunk (parquet.thrift, OffsetIndex and ColumnIndex).
type PageIndex struct {
	// Rows is the first row of every page, Offsets is where its header lies.
	Rows, Offsets []int64
	// Stats has the bounds of every page; nil when there is no column index. A page of nulls only has
	// NullCount of at least 1 and no bounds, and AllNull set.
	Stats   []Stats
	AllNull []bool
}

// PageIndex reads the page index of a chunk; nil when it has none. Old files have none, and what is in it is used
// to leave pages out, so it must be consistent: what is not, is an error.
func (f *File) PageIndex(rg, leaf int) (*PageIndex, error) {
	m, l := &f.foot.groups[rg].chunks[leaf], &f.foot.leaves[leaf]
	if m.offsets.Len <= 0 || l.MaxRep > 0 {
		return nil, nil
	}
	x := &PageIndex{}
	raw, err := f.span(m.offsets)
	if err == nil {
		err = x.readOffsets(raw, f.groups[rg].Rows, m)
	}
	if err == nil && m.columns.Len > 0 {
		if raw, err = f.span(m.columns); err == nil {
			ordered := leaf < len(f.foot.typeOrder) && f.foot.typeOrder[leaf]
			err = x.readColumns(raw, l, ordered)
		}
	}
	if err != nil {
		return nil, f.fail(rg, l.Path, fmt.Errorf("page index: %w", err))
	}
	return x, nil
}

// span reads a part of the file.
func (f *File) span(s Span) ([]byte, error) {
	if s.At < 0 || s.Len < 0 || s.At > f.size || s.Len > f.size-s.At {
		return nil, corrupt("%d bytes at %d of a file of %d", s.Len, s.At, f.size)
	}
	if s.Len > f.opt.Limits.Footer {
		return nil, overLimit("%d bytes, the limit is %d", s.Len, f.opt.Limits.Footer)
	}
	b := make([]byte, s.Len)
	if n, err := f.src.ReadAt(b, s.At); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading %d bytes at %d: %w", s.Len, s.At, err)
	}
	return b, nil
}

func (x *PageIndex) readOffsets(raw []byte, rows int64, m *chunkMeta) error {
	r := &thriftReader{b: raw}
	r.fields(func(id int16, typ byte) bool {
		if id != 1 || typ != tList {
			return false
		}
		r.each(func(_, _ int) {
			at, row := int64(-1), int64(-1)
			r.fields(func(id int16, typ byte) bool {
				switch {
				case id == 1 && typ == tI64:
					at = r.int()
				case id == 3 && typ == tI64:
					row = r.int()
				default:
					return false
				}
				return true
			})
			x.Offsets, x.Rows = append(x.Offsets, at), append(x.Rows, row)
		})
		return true
	})
	if r.err != nil {
		return r.err
	}
	last := int64(-1)
	for i, row := range x.Rows {
		if i == 0 && row != 0 || row <= last || row >= max(rows, 1) {
			return corrupt("page %d begins at row %d of %d, the one before at %d", i, row, rows, last)
		}
		if last = row; x.Offsets[i] < m.start() || x.Offsets[i] >= m.start()+m.compressed {
			return corrupt("page %d at byte %d lies outside of its chunk", i, x.Offsets[i])
		}
	}
	if len(x.Rows) == 0 && rows > 0 {
		return corrupt("no pages for %d rows", rows)
	}
	return nil
}

func (x *PageIndex) readColumns(raw []byte, l *leaf, ordered bool) error {
	var empty []bool
	var lo, hi [][]byte
	var nulls []int64
	r := &thriftReader{b: raw}
	texts := func() (out [][]byte) {
		typ, n := r.list()
		for i := 0; i < n && typ == tBinary && r.err == nil; i++ {
			out = append(out, r.binary())
		}
		return out
	}
	r.fields(func(id int16, typ byte) bool {
		if typ != tList || id == 4 || id > 5 {
			return false
		}
		switch id {
		case 1:
			_, n := r.list()
			for i := 0; i < n && r.err == nil; i++ {
				empty = append(empty, r.byte() == tTrue)
			}
		case 2:
			lo = texts()
		case 3:
			hi = texts()
		case 5:
			typ, n := r.list()
			for i := 0; i < n && typ == tI64 && r.err == nil; i++ {
				nulls = append(nulls, r.int())
			}
		}
		return true
	})
	n := len(x.Rows)
	switch {
	case r.err != nil:
		return r.err
	case len(empty) != n || len(lo) != n || len(hi) != n || nulls != nil && len(nulls) != n:
		return corrupt("bounds of %d, %d and %d pages, the chunk has %d", len(empty), len(lo), len(hi), n)
	}
	x.AllNull, x.Stats = empty, make([]Stats, n)
	for i := range x.Stats {
		s := &x.Stats[i]
		if s.NullCount = -1; l.MaxDef == 0 {
			s.NullCount = 0
		} else if nulls != nil && nulls[i] >= 0 {
			s.NullCount = nulls[i]
		}
		if empty[i] || !ordered {
			continue
		}
		if a, b, ok := decodeBounds(lo[i], hi[i], l); ok {
			s.Min, s.Max = a, b
		}
	}
	return nil
}

// A Bloom is a split-block bloom filter over the values of one chunk (Parquet format, BloomFilter.md).
type Bloom struct{ words []byte }

// maxBloom is the largest bloom filter that is read; the format's writers stop at a tenth of it.
const maxBloom = 128 << 20

// Bloom reads the bloom filter of a chunk; nil when it has none, or one in a form this build does not know.
func (f *File) Bloom(rg, leaf int) (*Bloom, error) {
	m, l := &f.foot.groups[rg].chunks[leaf], &f.foot.leaves[leaf]
	if m.bloom.At <= 0 {
		return nil, nil
	}
	b, err := f.bloom(m.bloom)
	if err != nil {
		return nil, f.fail(rg, l.Path, fmt.Errorf("bloom filter: %w", err))
	}
	return b, nil
}

func (f *File) bloom(s Span) (*Bloom, error) {
	head, err := f.span(Span{s.At, min(64, max(0, f.size-s.At))})
	if err != nil {
		return nil, err
	}
	size, known := int64(-1), true
	r := &thriftReader{b: head}
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			size = r.int()
			return true
		case id >= 2 && id <= 4 && typ == tStruct: // unions: block algorithm, xxhash, uncompressed are member 1
			first := false
			r.fields(func(member int16, _ byte) bool {
				first = member == 1
				return false
			})
			known = known && first
			return true
		}
		return false
	})
	switch {
	case r.err != nil:
		return nil, r.err
	case !known:
		return nil, nil
	case size < 32 || size%32 != 0:
		return nil, corrupt("a filter of %d bytes", size)
	case size > maxBloom:
		return nil, overLimit("a filter of %d bytes, the limit is %d", size, maxBloom)
	}
	b, err := f.span(Span{s.At + int64(r.pos), size})
	return &Bloom{b}, err
}

// bloomSalt are the constants of the format.
var bloomSalt = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

// MayHold reports whether a value with this hash (xxHash64 with seed 0 of its PLAIN bytes) may be in the chunk.
func (b *Bloom) MayHold(hash uint64) bool {
	block, _ := bits.Mul64(hash>>32<<32, uint64(len(b.words)/32))
	w := b.words[block*32:]
	for i, salt := range bloomSalt {
		if binary.LittleEndian.Uint32(w[4*i:])>>(uint32(hash)*salt>>27)&1 == 0 {
			return false
		}
	}
	return true
}
