package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/weft-data/weft/internal/mem"
)

// Page types of Parquet (parquet.thrift, enum PageType).
const (
	pageData   = 0
	pageIndex  = 1
	pageDict   = 2
	pageDataV2 = 3
)

// An Encoding says how the values of a page are stored (parquet.thrift, enum Encoding).
type Encoding int64

// The encodings.
const (
	Plain           Encoding = 0
	PlainDict       Encoding = 2
	RLE             Encoding = 3
	BitPacked       Encoding = 4
	Delta           Encoding = 5
	DeltaLength     Encoding = 6
	DeltaBytes      Encoding = 7
	RLEDict         Encoding = 8
	ByteStreamSplit Encoding = 9
)

var encodingNames = [...]string{"PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED",
	"DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"}

func (e Encoding) String() string {
	if e >= 0 && int(e) < len(encodingNames) {
		return encodingNames[e]
	}
	return fmt.Sprintf("ENCODING(%d)", int64(e))
}

// IsDict reports whether values are codes of a dictionary.
func (e Encoding) IsDict() bool { return e == PlainDict || e == RLEDict }

// page is one page header.
type page struct {
	typ                      int64
	compressed, uncompressed int64
	crc                      uint32
	hasCRC                   bool
	values, encoding         int64
	defEnc, repEnc           int64 // of a version 1 page
	nulls, rows              int64 // of a version 2 page
	defLen, repLen           int64
	plainBody                bool // version 2: the values are not compressed
}

// readPage parses the page header at the reader's position.
func readPage(r *thriftReader) page {
	p := page{typ: -1, compressed: -1, uncompressed: -1, values: -1, encoding: -1, defEnc: int64(RLE), repEnc: int64(RLE)}
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			p.typ = r.int()
		case id == 2 && typ == tI32:
			p.uncompressed = r.int()
		case id == 3 && typ == tI32:
			p.compressed = r.int()
		case id == 4 && typ == tI32:
			p.crc, p.hasCRC = uint32(r.int()), true
		case (id == 5 || id == 7 || id == 8) && typ == tStruct:
			readPageDetail(r, &p, id)
		default:
			return false
		}
		return true
	})
	return p
}

func readPageDetail(r *thriftReader, p *page, kind int16) {
	num := map[int16][]*int64{
		5: {&p.values, &p.encoding, &p.defEnc, &p.repEnc},
		7: {&p.values, &p.encoding},
		8: {&p.values, &p.nulls, &p.rows, &p.encoding, &p.defLen, &p.repLen},
	}[kind]
	r.fields(func(id int16, typ byte) bool {
		switch {
		case typ == tI32 && id >= 1 && int(id) <= len(num):
			*num[id-1] = r.int()
		case kind == 8 && id == 7:
			p.plainBody = typ == tFalse
			return false
		default:
			return false
		}
		return true
	})
}

// check holds the numbers of a page against the chunk, the limits and each other.
func (p *page) check(l *leaf, lim *Limits) error {
	switch {
	case p.typ < 0 || p.compressed < 0 || p.uncompressed < 0:
		return corrupt("a page header misses its type or has a negative size (%d, %d uncompressed)", p.compressed, p.uncompressed)
	case p.typ == pageData || p.typ == pageDict || p.typ == pageDataV2:
	default:
		return nil // an index or a type of the future: skipped
	}
	switch {
	case p.values < 0:
		return corrupt("a page header says %d values", p.values)
	case p.values > lim.PageValues:
		return overLimit("a page says %d values, the limit is %d", p.values, lim.PageValues)
	case p.typ == pageDict && p.encoding != int64(Plain) && p.encoding != int64(PlainDict):
		return unsupported("dictionary page in encoding %s", Encoding(p.encoding))
	case p.typ == pageDict:
		return nil
	}
	if err := checkEncoding(Encoding(p.encoding), l); err != nil {
		return err
	}
	if p.typ == pageData {
		return nil
	}
	if p.defLen < 0 || p.repLen < 0 || p.defLen+p.repLen > p.uncompressed || p.defLen+p.repLen > p.compressed {
		return corrupt("levels of %d and %d bytes in a page of %d", p.defLen, p.repLen, p.uncompressed)
	}
	if p.nulls < 0 || p.nulls > p.values || p.rows < 0 || p.rows > p.values {
		return corrupt("a page says %d nulls and %d rows of %d values", p.nulls, p.rows, p.values)
	}
	return nil
}

// checkEncoding says whether an encoding may hold values of the column.
func checkEncoding(e Encoding, l *leaf) error {
	ok := false
	switch e {
	case Plain:
		ok = true
	case PlainDict, RLEDict:
		ok = l.Physical != Boolean
	case RLE:
		ok = l.Physical == Boolean
	case Delta:
		ok = l.Physical == Int32 || l.Physical == Int64
	case DeltaLength:
		ok = l.Physical == ByteArray
	case DeltaBytes:
		ok = l.Physical == ByteArray || l.Physical == FixedLenByteArray
	case ByteStreamSplit:
		ok = l.Physical.Width(l.Length) > 0 && l.Physical != Int96
	default:
		return unsupported("a page in encoding %s", e)
	}
	if !ok {
		return corrupt("a page in encoding %s, which does not hold %s", e, l.Physical)
	}
	return nil
}

// chunkSlack is how far the pages of a chunk may reach beyond its stated size: parquet-mr up to 1.2.8 did not
// count the header of the dictionary page.
const chunkSlack = 100

// window is how many bytes are read from a file at once, unless a page is longer: it stays in the second-level
// cache until its pages are decompressed.
const window = 256 << 10

// A Header says what the page is that Pages.Next moved to.
type Header struct {
	Dict     bool // the dictionary: the first page of a chunk or none
	Values   int  // with nulls
	Encoding Encoding
	// Bytes and Stored are those of the page without and with its compression, as its header says.
	Bytes, Stored int
}

// A Body is a page without compression. It is valid until the next call of Pages.Next or Load.
type Body struct {
	Values []byte
	// Def and Rep are the levels, without length prefixes; nil where the largest level is 0.
	Def, Rep []byte
	// OldDef and OldRep say that levels are in the deprecated encoding BIT_PACKED, most significant bit first.
	OldDef, OldRep bool
}

// Pages reads the pages of one column chunk. A Pages is for one goroutine; its buffers come from an allocator, and
// Close gives them back.
type Pages struct {
	f     *File
	m     *chunkMeta
	l     *leaf
	rg    int
	alloc mem.Allocator

	raw    []byte // bytes [at, at+len(raw)) of the file
	buf    []byte // backs raw
	at     int64  // in the file, of raw[0]
	end    int64  // of the chunk, with slack
	unpack []byte
	page   page
	number int   // of the page, from 0
	rest   int64 // bytes of the page's body that are not passed yet
	seen   int64 // values in data pages so far, those jumped over included
}

// Pages opens the chunk of a leaf in row group rg.
func (f *File) Pages(rg, leaf int, alloc mem.Allocator) (*Pages, error) {
	m, l := &f.foot.groups[rg].chunks[leaf], &f.foot.leaves[leaf]
	p := &Pages{f: f, m: m, l: l, rg: rg, alloc: alloc, at: m.start(), number: -1}
	if !knownCodec(m.codec) {
		return nil, p.fail(unsupported("codec %s", codecName(m.codec)))
	}
	p.end = min(m.start()+m.compressed+chunkSlack, f.size)
	return p, nil
}

func (p *Pages) fail(err error) error { return p.f.fail(p.rg, p.l.Path, err) }

// Fail gives an error of decoding its place: file, row group, column and page.
func (p *Pages) Fail(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	if p.number >= 0 {
		err = fmt.Errorf("page %d: %w", p.number, err)
	}
	return p.fail(err)
}

// Close gives the buffers back.
func (p *Pages) Close() {
	p.alloc.Free(p.buf)
	p.alloc.Free(p.unpack)
	p.buf, p.unpack, p.raw = nil, nil, nil
}

// Next moves to the next page that holds values. io.EOF is the end of the chunk, whose values are complete then.
func (p *Pages) Next() (Header, error) {
	for {
		if err := p.pass(); err != nil {
			return Header{}, p.fail(err)
		}
		if p.seen >= p.m.values {
			if p.seen > p.m.values {
				return Header{}, p.fail(corrupt("the pages have %d values, the chunk says %d", p.seen, p.m.values))
			}
			return Header{}, io.EOF
		}
		if err := p.header(); err != nil {
			return Header{}, p.fail(err)
		}
		switch p.page.typ {
		case pageDict:
			if p.number > 0 {
				return Header{}, p.fail(corrupt("page %d is a dictionary; only the first page may be", p.number))
			}
		case pageData, pageDataV2:
			if p.seen += p.page.values; p.page.values == 0 {
				continue
			}
		default:
			continue
		}
		return Header{p.page.typ == pageDict, int(p.page.values), Encoding(p.page.encoding), int(p.page.uncompressed), int(p.page.compressed)}, nil
	}
}

// pass leaves the body of the page behind.
func (p *Pages) pass() error {
	n := p.rest
	p.rest = 0
	if n <= int64(len(p.raw)) {
		p.raw, p.at = p.raw[n:], p.at+n
		return nil
	}
	p.raw, p.at = nil, p.at+n
	return nil
}

// header parses the header at the position.
func (p *Pages) header() error {
	p.number++
	left := p.end - p.at
	if left <= 0 {
		return corrupt("the chunk ends after %d of %d values", p.seen, p.m.values)
	}
	for n := min(left, 512); ; n = min(left, n*16, p.f.opt.Limits.Footer) {
		if err := p.fetch(n); err != nil {
			return err
		}
		r := thriftReader{b: p.raw}
		p.page = readPage(&r)
		if r.err != nil && int64(len(p.raw)) < min(left, p.f.opt.Limits.Footer) {
			n = max(n, int64(len(p.raw)))
			continue
		}
		if r.err != nil {
			return fmt.Errorf("the header of page %d at byte %d: %w", p.number, p.at, r.err)
		}
		if err := p.page.check(p.l, &p.f.opt.Limits); err != nil {
			return fmt.Errorf("page %d at byte %d: %w", p.number, p.at, err)
		}
		p.raw, p.at = p.raw[r.pos:], p.at+int64(r.pos)
		if p.rest = p.page.compressed; p.rest > p.end-p.at {
			return corrupt("page %d has %d bytes, the chunk %d more", p.number, p.rest, p.end-p.at)
		}
		return nil
	}
}

// fetch makes raw at least n bytes long; the chunk has that many.
func (p *Pages) fetch(n int64) error {
	if n <= int64(len(p.raw)) {
		return nil
	}
	want := min(max(n, window), p.end-p.at)
	have := len(p.raw)
	if int64(len(p.buf)) < want {
		b := p.alloc.Alloc(int(want))
		if b == nil {
			return fmt.Errorf("no memory for %d bytes of the file: %w", want, mem.ErrBudget)
		}
		copy(b, p.raw)
		p.alloc.Free(p.buf)
		p.buf = b
	} else {
		copy(p.buf, p.raw)
	}
	p.raw = p.buf[:want]
	if k, err := p.f.src.ReadAt(p.raw[have:], p.at+int64(have)); k < len(p.raw)-have {
		p.raw = p.raw[:have]
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading %d bytes at %d: %w", want, p.at, err)
	}
	return nil
}

// Jump moves to the data page that the offset index says is at byte at of the file, behind seen rows: Next reads
// its header.
func (p *Pages) Jump(at, seen int64) error {
	if at < p.m.start() || at >= p.end || seen < 0 || seen > p.m.values {
		return p.fail(corrupt("the offset index has a page at byte %d behind %d values, the chunk ends at byte %d with %d values", at, seen, p.end, p.m.values))
	}
	if k := at - p.at; k >= 0 && k <= int64(len(p.raw)) {
		p.raw = p.raw[k:]
	} else {
		p.raw = nil
	}
	p.at, p.rest, p.seen = at, 0, seen
	return nil
}

// Load reads and checks the page that Next moved to.
func (p *Pages) Load() (Body, error) {
	b, err := p.load()
	if err != nil {
		return b, p.Fail(err)
	}
	return b, nil
}

func (p *Pages) load() (b Body, err error) {
	if err := p.fetch(p.rest); err != nil {
		return b, err
	}
	raw := p.raw[:p.rest:p.rest]
	if p.page.hasCRC && !p.f.opt.SkipChecksums && crc32.ChecksumIEEE(raw) != p.page.crc {
		return b, corrupt("its checksum is %08x, the header says %08x", crc32.ChecksumIEEE(raw), p.page.crc)
	}
	if p.page.typ == pageDataV2 {
		return p.loadV2(raw)
	}
	if raw, err = p.expand(raw, int(p.page.uncompressed)); err != nil {
		return b, err
	}
	if p.page.typ == pageDict {
		return Body{Values: raw}, nil
	}
	b.OldRep, b.OldDef = p.page.repEnc == int64(BitPacked), p.page.defEnc == int64(BitPacked)
	if b.Rep, raw, err = cutLevels(raw, p.l.MaxRep, Encoding(p.page.repEnc), int(p.page.values)); err != nil {
		return b, err
	}
	b.Def, b.Values, err = cutLevels(raw, p.l.MaxDef, Encoding(p.page.defEnc), int(p.page.values))
	return b, err
}

// loadV2 reads a version 2 page, whose levels are never compressed.
func (p *Pages) loadV2(raw []byte) (b Body, err error) {
	h := &p.page
	lv := int(h.defLen + h.repLen)
	b.Rep, b.Def = raw[:h.repLen], raw[h.repLen:lv]
	want := int(h.uncompressed) - lv
	switch {
	case h.plainBody || p.m.codec == codecNone:
		if h.compressed != h.uncompressed {
			return b, corrupt("an uncompressed page of %d bytes says %d", h.compressed, h.uncompressed)
		}
		b.Values = raw[lv:]
	case len(raw) > lv: // a page of nulls only may leave the values out
		b.Values, err = p.expand(raw[lv:], want)
	case want != 0:
		err = corrupt("a page of levels only says it has %d bytes of values", want)
	}
	return b, err
}

// expand decompresses into the page buffer.
func (p *Pages) expand(src []byte, n int) ([]byte, error) {
	if p.m.codec == codecNone {
		if len(src) != n {
			return nil, corrupt("an uncompressed page of %d bytes says %d", len(src), n)
		}
		return src, nil
	}
	if err := plausible(p.m.codec, src, n); err != nil {
		return nil, err
	}
	if len(p.unpack) < n {
		b := p.alloc.Alloc(n + n/8)
		if b == nil {
			return nil, fmt.Errorf("no memory for a page of %d bytes: %w", n, mem.ErrBudget)
		}
		p.alloc.Free(p.unpack)
		p.unpack = b
	}
	return decompress(p.m.codec, p.unpack, src, n)
}

// cutLevels takes the levels at the start of a version 1 page off.
func cutLevels(b []byte, maxLevel int, enc Encoding, values int) (levels, rest []byte, err error) {
	if maxLevel == 0 {
		return nil, b, nil
	}
	switch enc {
	case RLE:
		if len(b) < 4 {
			return nil, nil, corrupt("the page ends before its levels")
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return nil, nil, corrupt("levels of %d bytes, the page has %d", n, len(b)-4)
		}
		return b[4 : 4+n], b[4+n:], nil
	case BitPacked:
		n := (values*bitsFor(maxLevel) + 7) / 8
		if n > len(b) {
			return nil, nil, corrupt("levels of %d bytes, the page has %d", n, len(b))
		}
		return b[:n], b[n:], nil
	}
	return nil, nil, unsupported("levels in encoding %s", enc)
}
