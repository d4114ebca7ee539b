package guard

import "encoding/binary"

// flat reads a FlatBuffers buffer (flatbuffers.dev, "internals") with every offset checked. Arrow uses the
// generated code, which indexes wherever the bytes point and recurses as deep as they say. The first fault
// sticks in err; later reads give zeros.
type flat struct {
	b     []byte
	err   error
	spend int // tables still allowed: tables may be shared, and sharing can be exponential
}

// flatTable is one table: pos is its start, vt its vtable of vtLen bytes, size its inline size.
type flatTable struct {
	f              *flat
	pos, vt, vtLen int
	size           int
}

func newFlat(b []byte) *flat { return &flat{b: b, spend: len(b)} }

func (f *flat) fail(format string, args ...any) {
	if f.err == nil {
		f.err = corrupt("flatbuffer: "+format, args...)
	}
}

func (f *flat) has(pos, n int) bool {
	if f.err == nil && (pos < 0 || n < 0 || pos > len(f.b)-n) {
		f.fail("%d bytes at %d of %d", n, pos, len(f.b))
	}
	return f.err == nil
}

// root gives the table that the buffer starts with.
func (f *flat) root() flatTable {
	if !f.has(0, 4) {
		return flatTable{f: f}
	}
	return f.table(int(binary.LittleEndian.Uint32(f.b)))
}

func (f *flat) table(pos int) flatTable {
	none := flatTable{f: f}
	if f.spend--; f.spend < 0 {
		f.fail("more tables than bytes")
	}
	if !f.has(pos, 4) {
		return none
	}
	vt := pos - int(int32(binary.LittleEndian.Uint32(f.b[pos:])))
	if !f.has(vt, 4) {
		return none
	}
	n, size := int(binary.LittleEndian.Uint16(f.b[vt:])), int(binary.LittleEndian.Uint16(f.b[vt+2:]))
	if n < 4 || size < 4 || !f.has(vt, n) || !f.has(pos, size) {
		f.fail("a table of %d bytes with %d bytes of fields", size, n)
		return none
	}
	return flatTable{f: f, pos: pos, vt: vt, vtLen: n, size: size}
}

// at gives where field i of n bytes lies, -1 when it is absent.
func (t flatTable) at(i, n int) int {
	slot := 4 + 2*i
	if t.f.err != nil || slot+2 > t.vtLen {
		return -1
	}
	o := int(binary.LittleEndian.Uint16(t.f.b[t.vt+slot:]))
	if o == 0 {
		return -1
	}
	if o < 4 || o+n > t.size {
		t.f.fail("field %d at %d of a table of %d bytes", i, o, t.size)
		return -1
	}
	return t.pos + o
}

func (t flatTable) byte(i int) byte {
	if p := t.at(i, 1); p >= 0 {
		return t.f.b[p]
	}
	return 0
}

func (t flatTable) bool(i int) bool { return t.byte(i) != 0 }

func (t flatTable) i16(i int, def int16) int16 {
	if p := t.at(i, 2); p >= 0 {
		return int16(binary.LittleEndian.Uint16(t.f.b[p:]))
	}
	return def
}

func (t flatTable) i32(i int, def int32) int32 {
	if p := t.at(i, 4); p >= 0 {
		return int32(binary.LittleEndian.Uint32(t.f.b[p:]))
	}
	return def
}

func (t flatTable) i64(i int, def int64) int64 {
	if p := t.at(i, 8); p >= 0 {
		return int64(binary.LittleEndian.Uint64(t.f.b[p:]))
	}
	return def
}

// ref follows the offset in field i, -1 when it is absent.
func (t flatTable) ref(i int) int {
	p := t.at(i, 4)
	if p < 0 {
		return -1
	}
	to := p + int(binary.LittleEndian.Uint32(t.f.b[p:]))
	if !t.f.has(to, 4) {
		return -1
	}
	return to
}

// sub gives the table in field i; ok is false when it is absent.
func (t flatTable) sub(i int) (flatTable, bool) {
	p := t.ref(i)
	if p < 0 {
		return flatTable{f: t.f}, false
	}
	s := t.f.table(p)
	return s, t.f.err == nil
}

// vec gives the bytes of the vector in field i, whose elements have size bytes each.
func (t flatTable) vec(i, size int) []byte {
	p := t.ref(i)
	if p < 0 {
		return nil
	}
	n := int(binary.LittleEndian.Uint32(t.f.b[p:]))
	if n > len(t.f.b)/size || !t.f.has(p+4, n*size) {
		t.f.fail("a vector of %d elements of %d bytes", n, size)
		return nil
	}
	return t.f.b[p+4 : p+4+n*size]
}

func (t flatTable) string(i int) string { return string(t.vec(i, 1)) }

// tables calls f for every table of the vector in field i.
func (t flatTable) tables(i int, f func(flatTable)) {
	v := t.vec(i, 4)
	if len(v) == 0 {
		return
	}
	start := t.ref(i) + 4
	for k := 0; k < len(v)/4 && t.f.err == nil; k++ {
		p := start + 4*k
		if sub := t.f.table(p + int(binary.LittleEndian.Uint32(t.f.b[p:]))); t.f.err == nil {
			f(sub)
		}
	}
}
