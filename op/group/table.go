package group

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A table has groups and their states. It belongs to one goroutine at a time.
type table struct {
	pl   *plan
	mem  mem.Allocator
	task op.Task
	keys *keyset

	rows   buf[byte] // states, stride bytes per group
	stride int
	blank  []byte // the state of no rows; nil when it is zeros
	made   int    // groups whose states exist
	live   int    // groups that rows have gone to; those made later are leftovers of a refused lap
	taken  int64  // rows taken since the last reset
	whole  bool   // no keys: the table is one group

	parts []part
	seen  []seenFlags // by argument

	sizers []sizer // of the parts
	row    []byte  // scratch for a packed state

	src []outVec // for keys and states given out
	rd  *rowReader
	lap *lap
	bat chunk.Batch
}

// seenFlags says for an argument which groups had a valid value. As long as no
// null was met, all of them had.
type seenFlags struct {
	on   bool
	flag buf[uint8]
	n    int
}

func newTable(pl *plan, t op.Task) *table {
	x := &table{pl: pl, mem: t, task: t, keys: newKeyset(pl.types, t), whole: len(pl.keys) == 0,
		seen: make([]seenFlags, len(pl.args)), lap: newLap(pl)}
	for _, s := range pl.parts {
		p := x.newPart(s)
		x.parts = append(x.parts, p)
		if s, ok := p.(sizer); ok {
			x.sizers = append(x.sizers, s)
		}
		x.stride += p.width()
	}
	x.blank = make([]byte, x.stride)
	off := 0
	for _, p := range x.parts {
		p.start(x.blank[off : off+p.width()])
		off += p.width()
	}
	if len(bytes.Trim(x.blank, "\x00")) == 0 {
		x.blank = nil
	}
	return x
}

// newPart makes the state s at the end of the row.
func (t *table) newPart(s partSpec) part {
	row := func(w int) rowPart { return rowPart{t: t, off: t.stride, w: w} }
	var kind dtype.Kind
	if s.a >= 0 {
		kind = t.pl.args[s.a].t.Kind
	}
	text := func(w int) textPart {
		return textPart{rowPart: row(w), arg: s.a, lead: uintptr(w/8 - 2)}
	}
	switch s.kind {
	case partLen:
		return &lenPart{countPart{row(8)}, -1}
	case partCount:
		return &lenPart{countPart{row(8)}, s.a}
	case partIntSum:
		return &intSumPart{rowPart: row(8), arg: s.a, unsigned: kind == dtype.Uint64}
	case partFloatSum:
		return &floatSumPart{rowPart: row(accBytes), arg: s.a}
	case partDecSum:
		return &decSumPart{rowPart: row(16), arg: s.a}
	case partMin, partMax:
		return &extremePart{row(8), s.a, s.kind == partMax}
	case partTextMin, partTextMax:
		return &textExtremePart{text(16), s.kind == partTextMax}
	case partFirst, partLast:
		return &pickPart{textPart: text(32), last: s.kind == partLast, text: isText(kind), by: -1}
	case partArgMin, partArgMax:
		return &pickPart{textPart: text(40), text: isText(kind), by: s.b, key: 1, max: s.kind == partArgMax}
	case partPower:
		return &powerPart{floatSumPart: floatSumPart{rowPart: row(accBytes), arg: s.a}, term: exact.Terms[s.b]}
	case partCollect:
		return newCollect(slabPart{rowPart: row(chainWidth), arg: s.a}, t.pl.args[s.a].t.Kind)
	case partSketch:
		return &sketchPart{regionPart: regionPart{slabPart{rowPart: row(regionWidth), arg: s.a}}}
	case partTally, partBuckets:
		p := &tallyPart{regionPart: regionPart{slabPart{rowPart: row(regionWidth), arg: s.a}}, buckets: s.kind == partBuckets}
		if isText(kind) {
			p.col = newColumn(t.pl.args[s.a].t, t.mem)
		}
		return p
	case partMoments:
		return newMoments(row, s.a, -1)
	case partComoments:
		return newMoments(row, s.a, s.b)
	case partMedian:
		return &medianPart{rowPart: row(0), arg: s.a, q: s.q}
	case partFound:
		return &foundPart{countPart{row(8)}}
	case partBest:
		return newBest(row, t.pl.in[s.b].Type.Kind)
	case partDistinct:
		p := &distinctPart{rowPart: row(8), arg: s.a, col: newColumn(t.pl.args[s.a].t, t.mem)}
		p.pairs = words{a: t.mem, spread: true}
		return p
	}
	return &topPart{rowPart: row(24), pl: t.pl, arg: s.a, n: t.pl.p.Top.N, smallest: t.pl.p.Top.Smallest}
}

func (t *table) reserve(n int64) bool { return t.task.Reserve(n) }

func (t *table) release(n int64) {
	if n > 0 {
		t.task.Release(n)
	}
}

// bytes returns what the table holds of the budget, without the parts.
func (t *table) bytes() int64 { return t.keys.bytes() + t.rows.bytes() }

// reset forgets all groups but keeps the memory.
func (t *table) reset() {
	t.keys.reset()
	for _, p := range t.parts {
		p.reset()
	}
	for i := range t.seen {
		t.seen[i].on, t.seen[i].n = false, 0
	}
	t.made, t.live, t.taken = 0, 0, 0
}

// free gives all memory back; the table may be used again.
func (t *table) free() {
	t.reset()
	t.keys.free()
	t.rows.free(t.mem)
	for _, p := range t.parts {
		p.free()
	}
	for i := range t.seen {
		t.seen[i].flag.free(t.mem)
	}
}

// grow makes the states of groups up to n.
func (t *table) grow(n int) bool {
	if n <= t.made {
		return true
	}
	if !t.rows.grow(t.mem, t.made*t.stride, n*t.stride+8) {
		return false
	}
	for _, p := range t.parts {
		if !p.grow(n) {
			return false
		}
	}
	for i := range t.seen {
		if s := &t.seen[i]; s.on && !s.cover(t.mem, n) {
			return false
		}
	}
	fresh := t.rows.s[t.made*t.stride : n*t.stride]
	if t.blank == nil {
		clear(fresh)
	} else {
		for at := 0; at < len(fresh); at += t.stride {
			copy(fresh[at:], t.blank)
		}
	}
	t.made = n
	return true
}

// cover extends the flags to n groups.
func (s *seenFlags) cover(a mem.Allocator, n int) bool {
	if n <= s.n {
		return true
	}
	if !s.flag.grow(a, s.n, n) {
		return false
	}
	clear(s.flag.s[s.n:n])
	s.n = n
	return true
}

// saw records the groups of a lane.
func (t *table) saw(a int, l *lane) bool {
	s := &t.seen[a]
	if !s.on {
		if l.full && !t.whole {
			return true
		}
		if !t.watch(a) {
			return false
		}
	}
	if t.made == 1 && len(l.g) > 0 { // they are all of the one group
		s.flag.s[0] = 1
		return true
	}
	for _, g := range l.g {
		s.flag.s[g] = 1
	}
	return true
}

// watch begins to keep flags: all groups with rows had a value so far.
func (t *table) watch(a int) bool {
	s := &t.seen[a]
	s.n = 0
	if !s.cover(t.mem, t.made) {
		return false
	}
	s.on = true
	if t.taken > 0 {
		for g := range t.live {
			s.flag.s[g] = 1
		}
	}
	return true
}

// had reports whether group g had a valid value of argument a.
func (t *table) had(a int, g uint32) bool {
	s := &t.seen[a]
	if !s.on {
		return t.taken > 0
	}
	return s.flag.s[g] != 0
}

// take adds the rows of the lap, whose columns are set. False means that memory
// was refused and nothing was added.
func (t *table) take(l *lap) bool {
	if l.n == 0 {
		return true
	}
	return t.keys.code(l.keys, l.n, l.gid) && t.takeCoded(l)
}

// takeWords is take for records: words are the packed keys of the lap's rows.
func (t *table) takeWords(l *lap, words []uint64) bool {
	return codeWords(&t.keys.packed, words, l.gid) && t.takeCoded(l)
}

// takeCoded adds the rows of the lap, whose groups are known.
func (t *table) takeCoded(l *lap) bool {
	if !t.grow(t.keys.len()) {
		return false
	}
	l.prepare()
	for _, p := range t.parts {
		if !p.room(l) {
			return false
		}
	}
	for a := range l.lanes {
		if !t.saw(a, &l.lanes[a]) {
			return false
		}
	}
	for _, p := range t.parts {
		p.update(l)
	}
	t.live = t.keys.len()
	t.taken += int64(l.n)
	return true
}

// takePacked adds rows [from, to), at most lapRows, of a batch of keys and packed
// rows or states. done is how many of them were added: all, or none of the rest
// when memory was refused.
func (t *table) takePacked(m *chunk.Batch, from, to int) (done int, err error) {
	l := t.lap
	if t.pl.bare {
		l.n, l.straight = to-from, false
		for i := range l.keys {
			l.keys[i] = cut(&m.Cols[t.pl.keyAt(i)], from, to)
		}
		if !t.take(l) {
			return 0, nil
		}
		return l.n, nil
	}
	v := &m.Cols[len(m.Cols)-1]
	off := v.Off[from : to+1]
	for at := 0; at < to-from; {
		tag, end := v.Str[off[at]], at+1
		for end < to-from && v.Str[off[end]] == tag {
			end++
		}
		l.n = end - at
		for i := range l.keys {
			l.keys[i] = cut(&m.Cols[t.pl.keyAt(i)], from+at, from+end)
		}
		var ok bool
		if tag == tagRow {
			err = t.rowsOf().read(l, v.Str, off[at:end+1])
			ok = err == nil && t.take(l)
		} else {
			ok, err = t.takeStates(l, v.Str, off[at:end+1])
		}
		if !ok || err != nil {
			return at, err
		}
		at = end
	}
	return to - from, nil
}

func (t *table) rowsOf() *rowReader {
	if t.rd == nil {
		t.rd = newRowReader(t.pl)
	}
	return t.rd
}

// cut returns values [lo, hi) of v. Bitmaps that do not begin at a word are
// copied.
func cut(v *chunk.Vec, lo, hi int) chunk.Vec {
	if lo&63 == 0 {
		return v.Slice(lo, hi)
	}
	w := *v
	bits := func(words []uint64) []uint64 {
		d := make([]uint64, chunk.Words(hi-lo))
		kernel.CopyBits(d, 0, words, lo, hi-lo)
		return d
	}
	w.Valid = nil
	var out chunk.Vec
	if v.Type.Kind == dtype.Bool {
		out = chunk.Vec{Type: v.Type, N: hi - lo, Data: chunk.Bytes(bits(v.Bits()))}
	} else {
		out = w.Slice(lo, hi)
	}
	if v.Valid != nil {
		out.Valid = bits(v.Valid)
	}
	return out
}

// takeStates merges packed states into the groups of the lap's keys.
func (t *table) takeStates(l *lap, b []byte, off []int32) (bool, error) {
	n := len(off) - 1
	size := t.pl.stateSize
	extras := false
	for i := range n {
		if int(off[i+1]-off[i]) < size {
			return false, errCorrupt
		}
		extras = extras || int(off[i+1]-off[i]) > size
	}
	if !t.keys.code(l.keys, n, l.gid) || !t.grow(t.keys.len()) {
		return false, nil
	}
	gid := l.gid[:n]
	if extras {
		bytes := make([]int, len(t.parts))
		err := t.eachExtra(b, off, func(_, p int, x []byte) error { bytes[p] += len(x); return nil })
		if err != nil {
			return false, err
		}
		for p, k := range bytes {
			if k > 0 && !t.parts[p].need(gid, k) {
				return false, nil
			}
		}
		refused := false
		err = t.eachExtra(b, off, func(i, p int, x []byte) error {
			q, ok := t.parts[p].(preparer)
			refused = refused || ok && !q.prepare(gid[i], x)
			return nil
		})
		if err != nil || refused {
			return false, err
		}
	}
	if ok := t.sawStates(gid, b, off); !ok {
		return false, nil
	}
	at := 1 + t.pl.seenBytes
	for _, p := range t.parts {
		if err := p.merge(gid, b, off, at); err != nil {
			return false, err
		}
		at += p.packed()
	}
	t.live = t.keys.len()
	t.taken += int64(n)
	if !extras {
		return true, nil
	}
	return true, t.eachExtra(b, off, func(i, p int, x []byte) error {
		return t.parts[p].mergeExtra(gid[i], b[int(off[i])+t.packedAt(p):], x)
	})
}

// packedAt returns where part p begins within a packed state.
func (t *table) packedAt(p int) int {
	at := 1 + t.pl.seenBytes
	for _, q := range t.parts[:p] {
		at += q.packed()
	}
	return at
}

// eachExtra calls f for every extra: row, part, bytes.
func (t *table) eachExtra(b []byte, off []int32, f func(i, p int, x []byte) error) error {
	for i := range len(off) - 1 {
		for x := b[int(off[i])+t.pl.stateSize : off[i+1]]; len(x) > 0; {
			if len(x) < extraHead || int(x[0]) >= len(t.parts) {
				return errCorrupt
			}
			n := int(binary.LittleEndian.Uint32(x[1:]))
			if len(x)-extraHead < n {
				return errCorrupt
			}
			if err := f(i, int(x[0]), x[extraHead:extraHead+n]); err != nil {
				return err
			}
			x = x[extraHead+n:]
		}
	}
	return nil
}

// sawStates merges the seen bits of packed states.
func (t *table) sawStates(gid []uint32, b []byte, off []int32) bool {
	for a := range t.seen {
		at, bit := 1+a/8, byte(1)<<(a&7)
		s := &t.seen[a]
		if !s.on {
			all := !t.whole
			for i := range gid {
				all = all && b[int(off[i])+at]&bit != 0
			}
			if all {
				continue
			}
			if !t.watch(a) {
				return false
			}
		}
		for i, g := range gid {
			if b[int(off[i])+at]&bit != 0 {
				s.flag.s[g] = 1
			}
		}
	}
	return true
}

// errMemory says that one lap of rows does not fit the budget even alone.
func (t *table) errMemory() error {
	return fmt.Errorf("group-by: %d rows and their groups do not fit the memory budget of %d bytes: %w", lapRows, t.task.Budget(), mem.ErrBudget)
}
