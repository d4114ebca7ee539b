package guard

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Page types and encodings of Parquet (parquet.thrift, enums PageType and Encoding).
const (
	pageData   = 0
	pageIndex  = 1
	pageDict   = 2
	pageDataV2 = 3

	encPlain       = 0
	encPlainDict   = 2
	encRLE         = 3
	encBitPacked   = 4
	encDelta       = 5
	encDeltaLength = 6
	encDeltaBytes  = 7
	encRLEDict     = 8
	encSplit       = 9
)

var encodingNames = [...]string{"PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED",
	"DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"}

func encodingName(e int64) string {
	if e >= 0 && e < int64(len(encodingNames)) {
		return encodingNames[e]
	}
	return fmt.Sprintf("ENCODING(%d)", e)
}

// page is one page header, and where its body lies in the chunk.
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
	sorted                   bool
	body                     []byte
}

func isDictEncoding(e int64) bool { return e == encPlainDict || e == encRLEDict }

// readPage parses the page header at the reader's position.
func readPage(r *thriftReader) page {
	p := page{typ: -1, compressed: -1, uncompressed: -1, values: -1, encoding: -1, defEnc: encRLE, repEnc: encRLE}
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
		case kind == 7 && id == 3:
			p.sorted = typ == tTrue
		case kind == 8 && id == 7:
			p.plainBody = typ == tFalse
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
	case p.compressed > lim.Page || p.uncompressed > lim.Page:
		return overLimit("a page has %d bytes (%d compressed), the limit is %d", p.uncompressed, p.compressed, lim.Page)
	case p.typ == pageData || p.typ == pageDict || p.typ == pageDataV2:
	default:
		return nil // an index or a type of the future: skipped
	}
	switch {
	case p.values < 0:
		return corrupt("a page header says %d values", p.values)
	case p.values > lim.PageValues:
		return overLimit("a page says %d values, the limit is %d", p.values, lim.PageValues)
	case p.typ == pageDict && p.encoding != encPlain && p.encoding != encPlainDict:
		return unsupported("dictionary page in encoding %s", encodingName(p.encoding))
	case p.typ == pageDict:
		return nil
	}
	if err := checkEncoding(p.encoding, l); err != nil {
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
func checkEncoding(e int64, l *leaf) error {
	ok := false
	switch e {
	case encPlain:
		ok = true
	case encPlainDict, encRLEDict:
		ok = l.typ != physBool
	case encRLE:
		ok = l.typ == physBool
	case encDelta:
		ok = l.typ == physInt32 || l.typ == physInt64
	case encDeltaLength:
		ok = l.typ == physBytes
	case encDeltaBytes:
		ok = l.typ == physBytes || l.typ == physFixed
	case encSplit:
		ok = l.typ == physInt32 || l.typ == physInt64 || l.typ == physFloat || l.typ == physDouble || l.typ == physFixed
	default:
		return unsupported("a page in encoding %s", encodingName(e))
	}
	if !ok {
		return corrupt("a page in encoding %s, which does not hold %s", encodingName(e), l.Physical)
	}
	return nil
}

// chunkPages walks the headers of a chunk (b is the chunk and, for old writers that did not count the
// dictionary header, up to slack bytes after it) until its values are complete.
func chunkPages(b []byte, c *chunkMeta, l *leaf, lim *Limits) ([]page, error) {
	var pages []page
	var seen int64
	for pos := 0; seen < c.values; {
		if pos >= len(b) {
			return nil, corrupt("the chunk ends after %d of %d values", seen, c.values)
		}
		r := thriftReader{b: b[pos:min(len(b), pos+int(lim.Footer))]}
		p := readPage(&r)
		if r.err != nil {
			return nil, fmt.Errorf("page header at byte %d of the chunk: %w", pos, r.err)
		}
		if err := p.check(l, lim); err != nil {
			return nil, fmt.Errorf("page %d at byte %d of the chunk: %w", len(pages), pos, err)
		}
		pos += r.pos
		if p.compressed > int64(len(b)-pos) {
			return nil, corrupt("page %d has %d bytes, the chunk %d more", len(pages), p.compressed, len(b)-pos)
		}
		p.body = b[pos : pos+int(p.compressed)]
		pos += int(p.compressed)
		switch p.typ {
		case pageDict:
			if len(pages) > 0 {
				return nil, corrupt("page %d is a dictionary; only the first page may be", len(pages))
			}
		case pageData, pageDataV2:
			if seen += p.values; p.values == 0 {
				continue // says nothing, and Arrow's readers may wait for it to
			}
		default:
			continue
		}
		pages = append(pages, p)
	}
	if seen != c.values {
		return nil, corrupt("the pages have %d values, the chunk says %d", seen, c.values)
	}
	return pages, checkDictionaryUse(pages)
}

func checkDictionaryUse(pages []page) error {
	for i := range pages {
		if pages[i].typ != pageDict && isDictEncoding(pages[i].encoding) && pages[0].typ != pageDict {
			return corrupt("page %d refers to a dictionary, the chunk has none", i)
		}
	}
	return nil
}

// allDict says whether every data page holds dictionary codes.
func allDict(pages []page) bool {
	for i := range pages {
		if pages[i].typ != pageDict && !isDictEncoding(pages[i].encoding) {
			return false
		}
	}
	return len(pages) > 1
}

// pageStream gives Arrow a chunk as it can read it without harm: page after page, decompressed, checked, in
// encodings that v17 decodes right, with new headers. One page is in memory at a time.
type pageStream struct {
	leaf   *leaf
	codec  int64
	pages  []page
	lim    *Limits
	crc    bool
	next   int   // page to make
	pos    int64 // stream position of buf[0]
	buf    []byte
	off    int   // consumed part of buf
	past   int64 // zeros served beyond the last page
	dict   int   // entries of the dictionary
	rows   int64
	err    error
	unpack []byte // decompression buffer
	w      thriftWriter
}

// ReadAt serves Arrow's buffered reader, which reads forward only. A fault of the data sticks in s.err,
// because Arrow ignores read errors inside version 2 pages.
func (s *pageStream) ReadAt(p []byte, off int64) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if at := s.pos + int64(s.off) + s.past; off != at || s.past > 1<<20 {
		s.err = fmt.Errorf("page stream read at byte %d, it is at %d, %d beyond its end", off, at, s.past)
		return 0, s.err
	}
	n := 0
	for n < len(p) {
		if s.off == len(s.buf) {
			if s.next == len(s.pages) {
				// Never an end: Arrow's buffered reader slices beyond its buffer when it meets one while
				// peeking for a header. It stops by the number of values, which chunkPages has counted.
				clear(p[n:])
				s.past += int64(len(p) - n)
				return len(p), nil
			}
			s.pos += int64(len(s.buf))
			if s.buf, s.err = s.make(s.next); s.err != nil {
				return n, s.err
			}
			s.off, s.next = 0, s.next+1
		}
		k := copy(p[n:], s.buf[s.off:])
		n, s.off = n+k, s.off+k
	}
	return n, nil
}

// make gives page i with its new header. The result is valid until the next call.
func (s *pageStream) make(i int) ([]byte, error) {
	p := &s.pages[i]
	if p.hasCRC && s.crc && crc32.ChecksumIEEE(p.body) != p.crc {
		return nil, corrupt("page %d: its checksum is %08x, the header says %08x", i, crc32.ChecksumIEEE(p.body), p.crc)
	}
	out, err := s.body(p)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", i, err)
	}
	return out, nil
}

func (s *pageStream) body(p *page) ([]byte, error) {
	raw, err := s.expand(p)
	if err != nil {
		return nil, err
	}
	if p.typ == pageDict {
		if err := checkPlain(raw, int(p.values), s.leaf); err != nil {
			return nil, fmt.Errorf("dictionary: %w", err)
		}
		s.dict = int(p.values)
		return s.wrap(p, encPlain, nil, raw), nil
	}
	levels, values, err := splitLevels(raw, p, s.leaf)
	if err != nil {
		return nil, err
	}
	present, rows, err := countLevels(raw, p, s.leaf)
	if err != nil {
		return nil, err
	}
	if s.rows == 0 && s.leaf.MaxRep > 0 && !levelsStartRow(raw, p, s.leaf) {
		return nil, corrupt("the first value does not start a row")
	}
	s.rows += int64(rows)
	enc := p.encoding
	values, enc, err = s.plainValues(values, enc, present)
	if err != nil {
		return nil, err
	}
	return s.wrap(p, enc, levels, values), nil
}

// expand decompresses a page: all of a version 1 page, the values of a version 2 page.
func (s *pageStream) expand(p *page) ([]byte, error) {
	if p.typ != pageDataV2 {
		out, err := decompress(s.codec, s.unpack, p.body, int(p.uncompressed))
		s.keep(out)
		return out, err
	}
	if p.plainBody || s.codec == codecNone {
		if p.compressed != p.uncompressed {
			return nil, corrupt("an uncompressed page of %d bytes says %d", p.compressed, p.uncompressed)
		}
		return p.body, nil
	}
	lv := int(p.defLen + p.repLen)
	want := int(p.uncompressed) - lv
	var vals []byte
	if len(p.body) > lv { // a page of nulls only may leave the values out
		var err error
		if vals, err = decompress(s.codec, s.unpack, p.body[lv:], want); err != nil {
			return nil, err
		}
		s.keep(vals)
	} else if want != 0 {
		return nil, corrupt("a page of levels only says it has %d bytes of values", want)
	}
	return append(p.body[:lv:lv], vals...), nil
}

func (s *pageStream) keep(b []byte) {
	if s.codec != codecNone && cap(b) > cap(s.unpack) {
		s.unpack = b
	}
}

// wrap puts a header before the page. Its compressed size is its size: the virtual file has no codec.
func (s *pageStream) wrap(p *page, enc int64, levels, values []byte) []byte {
	n := int64(len(levels) + len(values))
	w := &s.w
	w.b, w.last = w.b[:0], 0
	w.i32(1, p.typ)
	w.i32(2, n)
	w.i32(3, n)
	switch p.typ {
	case pageDict:
		w.structure(7, func() { w.i32(1, p.values); w.i32(2, enc); w.bool(3, p.sorted) })
	case pageData:
		w.structure(5, func() { w.i32(1, p.values); w.i32(2, enc); w.i32(3, p.defEnc); w.i32(4, p.repEnc) })
	case pageDataV2:
		w.structure(8, func() {
			w.i32(1, p.values)
			w.i32(2, p.nulls)
			w.i32(3, p.rows)
			w.i32(4, enc)
			w.i32(5, p.defLen)
			w.i32(6, p.repLen)
			w.bool(7, false)
		})
	}
	w.b = append(w.b, tStop)
	w.b = append(append(w.b, levels...), values...)
	return w.b
}

// splitLevels cuts a page into levels and values.
func splitLevels(raw []byte, p *page, l *leaf) (levels, values []byte, err error) {
	n := 0
	if p.typ == pageDataV2 {
		n = int(p.defLen + p.repLen)
		return raw[:n], raw[n:], nil
	}
	for _, lv := range [2]struct {
		max int
		enc int64
	}{{l.MaxRep, p.repEnc}, {l.MaxDef, p.defEnc}} {
		k, err := levelBytes(raw[n:], lv.max, lv.enc, int(p.values))
		if err != nil {
			return nil, nil, err
		}
		n += k
	}
	return raw[:n], raw[n:], nil
}

// levelBytes is the number of bytes that the levels at the start of b take in a version 1 page.
func levelBytes(b []byte, maxLevel int, enc int64, values int) (int, error) {
	if maxLevel == 0 {
		return 0, nil
	}
	switch enc {
	case encRLE:
		if len(b) < 4 {
			return 0, corrupt("the page ends before its levels")
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return 0, corrupt("levels of %d bytes, the page has %d", n, len(b)-4)
		}
		return int(n) + 4, nil
	case encBitPacked:
		n := (values*bitsFor(maxLevel) + 7) / 8
		if n > len(b) {
			return 0, corrupt("levels of %d bytes, the page has %d", n, len(b))
		}
		return n, nil
	}
	return 0, unsupported("levels in encoding %s", encodingName(enc))
}
