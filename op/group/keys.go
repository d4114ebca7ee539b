package group

import (
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A keyset numbers distinct keys of any columns. One column's codes are the
// group numbers themselves. Codes of several are packed into one word, with as
// many bits for each as its distinct values need; when they need more than 64 in
// all, keys are whole rows.
type keyset struct {
	types []dtype.Type
	a     mem.Allocator
	cols  []*column
	codes [][]uint32 // of the lap, by column
	word  []uint64   // of the lap

	wide     [][]uint32 // codes of an output batch, by column
	wideWord []uint64

	packed words
	width  []uint8 // bits of each column within the word; nil: not chosen yet
	shift  []uint8

	view *codedView // set: the words of packed are records' keys

	rows *keyRows // set: keys are whole rows, and columns have no codes
}

func newKeyset(types []dtype.Type, a mem.Allocator) *keyset {
	k := &keyset{types: types, a: a, cols: make([]*column, len(types)), codes: make([][]uint32, len(types))}
	for i, t := range types {
		k.cols[i] = newColumn(t, a)
		k.codes[i] = make([]uint32, lapRows+1)
	}
	k.packed.a = a
	if len(types) > 1 {
		k.word = make([]uint64, lapRows)
		k.width, k.shift = make([]uint8, 0, len(types)), make([]uint8, len(types))
	}
	return k
}

// len returns the number of groups.
func (k *keyset) len() int {
	switch {
	case k.view != nil:
		return k.packed.n
	case len(k.cols) == 0:
		return 1
	case len(k.cols) == 1:
		return k.cols[0].len()
	case k.rows != nil:
		return k.rows.n
	}
	return k.packed.n
}

func (k *keyset) bytes() int64 {
	n := k.packed.bytes()
	for _, c := range k.cols {
		n += c.bytes()
	}
	if k.rows != nil {
		n += k.rows.bytes()
	}
	return n
}

// reset forgets every key. The widths stay, or that keys are rows: what comes next is mostly more
// of the same, another run, and would only be packed again until they are as they were.
func (k *keyset) reset() {
	for _, c := range k.cols {
		c.reset()
	}
	k.packed.reset()
	if k.rows != nil {
		k.rows.reset()
	}
}

func (k *keyset) free() {
	for _, c := range k.cols {
		c.free()
	}
	k.packed.free()
	if k.rows != nil {
		k.rows.free()
	}
	k.width = k.width[:0]
}

// code writes the group of each of the n rows, at most lapRows, to gid, which has
// room for one more. False means that memory was refused: keys given so far may
// stay as groups without rows.
func (k *keyset) code(keys []chunk.Vec, n int, gid []uint32) bool {
	switch len(k.cols) {
	case 0:
		clear(gid[:n])
		return true
	case 1:
		return k.cols[0].code(&keys[0], n, gid[:n+1])
	}
	if k.rows == nil {
		for i, c := range k.cols {
			if !c.code(&keys[i], n, k.codes[i][:n+1]) {
				return false
			}
		}
		if !k.fit() {
			return false
		}
	}
	if k.rows != nil {
		return k.rows.code(keys, n, gid)
	}
	return k.number(n, gid)
}

// number gives the group of each row of codes.
func (k *keyset) number(n int, gid []uint32) bool {
	w := k.word[:n]
	for i, c := range k.codes {
		pack(w, c, k.shift[i], i == 0)
	}
	return codeWords(&k.packed, w, gid)
}

func pack(w []uint64, codes []uint32, shift uint8, first bool) {
	codes = codes[:len(w)]
	if first {
		for i, c := range codes {
			w[i] = uint64(c)
		}
		return
	}
	for i, c := range codes {
		w[i] |= uint64(c) << (shift & 63)
	}
}

// fit makes the bit widths as large as the codes need, or keys rows. False means that memory
// was refused.
func (k *keyset) fit() bool {
	ok := len(k.width) > 0
	for i := 0; ok && i < len(k.cols); i++ {
		ok = uint64(k.cols[i].len()) <= 1<<k.width[i]
	}
	if ok {
		return true
	}
	old := append([]uint8(nil), k.shift...)
	width := append([]uint8(nil), k.width...)
	if !k.choose() {
		return k.toRows(width, old)
	}
	if k.packed.n == 0 {
		return true
	}
	return k.repack(width, old)
}

// choose sets widths for the present codes, with room to grow while there are
// bits left. False means that 64 bits are too few.
func (k *keyset) choose() bool {
	k.width = k.width[:0]
	sum := 0
	for _, c := range k.cols {
		w := bits.Len(uint(max(c.len()-1, 0)))
		k.width = append(k.width, uint8(w))
		sum += w
	}
	if sum > 64 {
		return false
	}
	// A column that has grown is likely to grow on; a small one is left small, so
	// that the whole word may index an array.
	for again := true; again; {
		again = false
		for i, c := range k.cols {
			if want := bits.Len(uint(c.len())) + 1; sum < 64 && int(k.width[i]) < want && (c.len() > 1<<10 || c.len() > 1<<k.width[i]) {
				k.width[i]++
				sum++
				again = true
			}
		}
	}
	at := uint8(0)
	for i, w := range k.width {
		k.shift[i] = at
		at += w
	}
	return true
}

// repack numbers the groups again under new widths; their numbers stay. When
// memory is refused everything is as before, so that the groups can be given out.
func (k *keyset) repack(width, shift []uint8) bool {
	old := k.packed
	k.packed = words{a: k.a}
	if k.again(&old, width, shift) {
		old.free()
		return true
	}
	k.packed.free()
	k.packed = old
	k.restore(width, shift)
	return false
}

func (k *keyset) restore(width, shift []uint8) {
	k.width = append(k.width[:0], width...)
	copy(k.shift, shift)
}

// toRows makes keys rows, which have the numbers of the packed words, or leaves everything as
// before.
func (k *keyset) toRows(width, shift []uint8) bool {
	to := newKeyRows(k.types, k.a)
	codes := make([]uint32, lapRows)
	out, lap := make([]outVec, len(k.cols)), make([]chunk.Vec, len(k.cols))
	for lo := 0; lo < k.packed.n; lo += lapRows {
		n := min(lapRows, k.packed.n-lo)
		for i, c := range k.cols {
			unpack(k.packed.keys.s[lo:lo+n], codes, width[i], shift[i])
			c.emit(codes[:n], &out[i])
			lap[i] = out[i].vec()
		}
		if !to.add(lap, n) {
			to.free()
			k.restore(width, shift)
			return false
		}
	}
	for _, c := range k.cols {
		c.free()
	}
	k.packed.free()
	k.rows = to
	return true
}

// again numbers the keys of old, whose columns had the given widths and shifts.
// The codes of the lap are kept.
func (k *keyset) again(old *words, width, shift []uint8) bool {
	if old.n == 0 {
		return true
	}
	keep := k.codes
	defer func() { k.codes = keep }()
	k.codes = make([][]uint32, len(keep))
	for i := range k.codes {
		k.codes[i] = make([]uint32, lapRows)
	}
	gid := make([]uint32, lapRows)
	for lo := 0; lo < old.n; lo += lapRows {
		n := min(lapRows, old.n-lo)
		for i, c := range k.codes {
			unpack(old.keys.s[lo:lo+n], c, width[i], shift[i])
		}
		if !k.number(n, gid) {
			return false
		}
	}
	return true
}

func unpack(w []uint64, out []uint32, width, shift uint8) {
	out = out[:len(w)]
	m := uint64(1)<<width - 1
	for i, x := range w {
		out[i] = uint32(x >> (shift & 63) & m)
	}
}

// columnsOf fills codes with the column codes of at most lapRows groups.
func (k *keyset) columnsOf(gid []uint32) { k.columnsInto(gid, k.word, k.codes) }

// columnsInto is columnsOf with scratch of the caller's.
func (k *keyset) columnsInto(gid []uint32, word []uint64, codes [][]uint32) {
	n := len(gid)
	switch {
	case len(k.cols) == 1:
		copy(codes[0], gid)
	case len(k.cols) > 1:
		kernel.Gather(word[:n], k.packed.keys.s[:k.packed.n], gid)
		for i, c := range codes {
			unpack(word[:n], c[:n], k.width[i], k.shift[i])
		}
	}
}

// hash writes the canonical hash of each group to out.
func (k *keyset) hash(gid []uint32, out []uint64) {
	if len(k.cols) == 0 {
		clear(out[:len(gid)])
		return
	}
	if k.rows != nil {
		k.rows.hashes(gid, out)
		return
	}
	if k.view != nil {
		w := make([]uint64, len(gid))
		kernel.Gather(w, k.packed.keys.s[:k.packed.n], gid)
		k.view.hash(w, out)
		return
	}
	for lo := 0; lo < len(gid); lo += lapRows {
		part := gid[lo:min(len(gid), lo+lapRows)]
		o := out[lo:]
		k.columnsOf(part)
		for i, c := range k.cols {
			for j, x := range k.codes[i][:len(part)] {
				h := c.hash(x)
				if i > 0 {
					h = combine(o[j], h)
				}
				o[j] = h
			}
		}
	}
}

// combine is kernel.HashCombine of one pair.
func combine(h, next uint64) uint64 {
	a, b := [1]uint64{h}, [1]uint64{next}
	kernel.HashCombine(a[:], b[:])
	return a[0]
}

// emit writes the keys of groups, at most outRows, to one outVec per column.
func (k *keyset) emit(gid []uint32, o []outVec) {
	if k.rows != nil {
		k.rows.emit(gid, o)
		return
	}
	if k.view != nil {
		k.emitView(gid, o)
		return
	}
	if len(k.cols) == 1 {
		k.cols[0].emit(gid, &o[0])
		return
	}
	// emit needs the codes of all groups at once: an outVec is begun once.
	for len(k.wide) < len(k.cols) {
		k.wide = append(k.wide, make([]uint32, outRows))
	}
	codes := k.wide
	for lo := 0; lo < len(gid); lo += lapRows {
		part := gid[lo:min(len(gid), lo+lapRows)]
		k.columnsOf(part)
		for i := range codes {
			copy(codes[i][lo:], k.codes[i][:len(part)])
		}
	}
	for i, c := range k.cols {
		c.emit(codes[i][:len(gid)], &o[i])
	}
}

// emitPairs is emit for at most lapRows groups of whose last column no more is asked than which values are null.
func (k *keyset) emitPairs(gid []uint32, o []outVec) {
	if k.rows != nil {
		k.rows.emit(gid, o)
		return
	}
	k.columnsOf(gid)
	last := len(k.cols) - 1
	for i, c := range k.cols[:last] {
		c.emit(k.codes[i][:len(gid)], &o[i])
	}
	o[last].begin(dtype.Of(dtype.Bool), len(gid))
	null := k.cols[last].null()
	for j, x := range k.codes[last][:len(gid)] {
		if null != 0 && x+1 == null {
			o[last].setNull(j)
		}
	}
}

// emitView is emit for the keys of records.
func (k *keyset) emitView(gid []uint32, o []outVec) {
	if k.wideWord == nil {
		k.wide, k.wideWord = [][]uint32{make([]uint32, outRows)}, make([]uint64, outRows)
	}
	w := k.wideWord[:len(gid)]
	kernel.Gather(w, k.packed.keys.s[:k.packed.n], gid)
	k.view.emit(w, o, k.wide[0])
}
