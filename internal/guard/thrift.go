package guard

import "encoding/binary"

// Compact-protocol types (Thrift specification, "thrift-compact-protocol"). In a field header a bool carries
// its value in the type.
const (
	tStop   = 0
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
	tUUID   = 13
)

// maxThriftDepth is above what any Parquet structure nests (six levels) and far below a stack overflow.
const maxThriftDepth = 32

// thriftReader reads the compact protocol from b. The first fault sticks in err, later reads give zeros,
// so that callers check once.
type thriftReader struct {
	b     []byte
	pos   int
	depth int
	err   error
}

func (r *thriftReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = corrupt(format, args...)
		r.pos = len(r.b)
	}
}

func (r *thriftReader) byte() byte {
	if r.pos >= len(r.b) {
		r.fail("thrift ends after %d bytes", len(r.b))
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

func (r *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.pos:])
	if n <= 0 {
		r.fail("bad thrift varint at byte %d", r.pos)
		return 0
	}
	r.pos += n
	return v
}

func (r *thriftReader) int() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *thriftReader) binary() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.pos) {
		r.fail("thrift string of %d bytes, %d left", n, len(r.b)-r.pos)
		return nil
	}
	r.pos += int(n)
	return r.b[r.pos-int(n) : r.pos]
}

// list reads a list header. Every element takes at least one byte, so a longer list than the bytes left is
// refused before anybody makes room for it.
func (r *thriftReader) list() (typ byte, n int) {
	h := r.byte()
	typ, size := h&15, uint64(h>>4)
	if size == 15 {
		size = r.uvarint()
	}
	if size > uint64(len(r.b)-r.pos) {
		r.fail("thrift list of %d elements, %d bytes left", size, len(r.b)-r.pos)
		return typ, 0
	}
	return typ, int(size)
}

// fields calls f for every field of the struct at the reader's position. f must read the value and report
// true, or leave it and report false.
func (r *thriftReader) fields(f func(id int16, typ byte) bool) {
	if r.depth++; r.depth > maxThriftDepth {
		r.fail("thrift structures nest deeper than %d", maxThriftDepth)
	}
	id := int16(0)
	for r.err == nil {
		h := r.byte()
		if h == tStop {
			break
		}
		if d := h >> 4; d != 0 {
			id += int16(d)
		} else {
			id = int16(r.int())
		}
		if !f(id, h&15) {
			r.skip(h & 15)
		}
	}
	r.depth--
}

// each calls f for every element of the list of structs at the reader's position.
func (r *thriftReader) each(f func(i, n int)) {
	typ, n := r.list()
	if n > 0 && typ != tStruct {
		r.fail("thrift list of type %d where structures belong", typ)
	}
	for i := 0; i < n && r.err == nil; i++ {
		f(i, n)
	}
}

func (r *thriftReader) skip(typ byte) {
	switch typ {
	case tTrue, tFalse:
	case tByte:
		r.byte()
	case tI16, tI32, tI64:
		r.uvarint()
	case tDouble:
		r.skipBytes(8)
	case tUUID:
		r.skipBytes(16)
	case tBinary:
		r.binary()
	case tList, tSet:
		r.skipList()
	case tMap:
		r.skipMap()
	case tStruct:
		r.fields(func(int16, byte) bool { return false })
	default:
		r.fail("unknown thrift type %d", typ)
	}
}

func (r *thriftReader) skipBytes(n int) {
	if n > len(r.b)-r.pos {
		r.fail("thrift ends inside a value")
		return
	}
	r.pos += n
}

func (r *thriftReader) skipList() {
	if r.depth++; r.depth > maxThriftDepth {
		r.fail("thrift lists nest deeper than %d", maxThriftDepth)
	}
	typ, n := r.list()
	for i := 0; i < n && r.err == nil; i++ {
		r.skipElem(typ)
	}
	r.depth--
}

// skipElem skips a value inside a container, where a bool takes a byte.
func (r *thriftReader) skipElem(typ byte) {
	if typ == tTrue || typ == tFalse {
		r.byte()
		return
	}
	r.skip(typ)
}

func (r *thriftReader) skipMap() {
	n := r.uvarint()
	if n == 0 || r.err != nil {
		return
	}
	if n > uint64(len(r.b)-r.pos) {
		r.fail("thrift map of %d entries, %d bytes left", n, len(r.b)-r.pos)
		return
	}
	if r.depth++; r.depth > maxThriftDepth {
		r.fail("thrift maps nest deeper than %d", maxThriftDepth)
	}
	kv := r.byte()
	for i := uint64(0); i < n && r.err == nil; i++ {
		r.skipElem(kv >> 4)
		r.skipElem(kv & 15)
	}
	r.depth--
}
