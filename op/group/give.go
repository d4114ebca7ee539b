package group

import (
	"encoding/binary"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// each gives groups, at most outRows, packed, in batches of about limits.stateBytes that live until put returns. A state
// that has more comes as several of its group, as far as it can be divided: a table is given when memory is short.
func (t *table) each(gid []uint32, put func(*chunk.Batch) error) error {
	if len(t.sizers) == 0 {
		return put(t.give(gid))
	}
	for len(gid) > 0 {
		n, sum := 0, int64(0)
		for n < len(gid) && (n == 0 || sum < limits.stateBytes) {
			size := t.extras(gid[n])
			if sum += size; size > limits.stateBytes {
				break
			}
			n++
		}
		if n > 0 {
			if err := put(t.give(gid[:n])); err != nil {
				return err
			}
			gid = gid[n:]
			continue
		}
		if err := t.divide(gid[:1], put); err != nil {
			return err
		}
		gid = gid[1:]
	}
	return nil
}

// extras is about how many bytes the extras of a group have that may be large.
func (t *table) extras(g uint32) (sum int64) {
	for _, p := range t.sizers {
		sum += p.size(g)
	}
	return sum
}

// divide gives the state of a group as several: one without what can be divided, and such that have nothing but a piece of
// that.
func (t *table) divide(gid []uint32, put func(*chunk.Batch) error) error {
	var without []int
	for i, p := range t.parts {
		if _, ok := p.(*collectPart); ok {
			without = append(without, i)
		}
	}
	rest := t.packState(gid[0], t.row[:0], without)
	none, ok := t.packNone(rest)
	if !ok || len(without) == 0 {
		return put(t.give(gid))
	}
	if err := put(t.state(gid, rest)); err != nil {
		return err
	}
	b := rest[:0]
	for _, i := range without {
		b = appendExtraHead(append(b[:0], none...), i, 0)
		head, err := len(b), error(nil)
		b, err = t.parts[i].(*collectPart).divided(gid[0], b, int(limits.stateBytes), func(b []byte) error {
			binary.LittleEndian.PutUint32(b[head-4:], uint32(len(b)-head))
			return put(t.state(gid, b))
		})
		if err != nil {
			return err
		}
	}
	t.row = b
	return nil
}

// packNone is the packed state of a group of no rows, but for the flags of arguments that had values, which are those of like.
// False means that memory was refused.
func (t *table) packNone(like []byte) ([]byte, bool) {
	x := newTable(t.pl, t.task)
	x.mem = mem.Heap // for the most
	defer x.free()
	b := make([]byte, t.pl.stateSize)
	o := copy(b, like[:1+t.pl.seenBytes])
	if !x.grow(1) {
		return nil, false
	}
	for _, p := range x.parts {
		p.pack(0, b[o:])
		o += p.packed()
	}
	return b, true
}

// state is a batch of one packed state.
func (t *table) state(gid []uint32, b []byte) *chunk.Batch {
	t.layKeys(gid)
	t.bat.Cols[len(t.bat.Cols)-1] = chunk.Vec{Type: dtype.Of(dtype.Binary), N: 1, Off: []int32{0, int32(len(b))}, Str: b}
	return &t.bat
}

// give returns the keys and packed states of groups, at most outRows, as a batch
// that lives until the next call.
func (t *table) give(gid []uint32) *chunk.Batch {
	t.layKeys(gid)
	if !t.pl.bare {
		o := &t.src[len(t.src)-1]
		o.begin(dtype.Of(dtype.Binary), len(gid))
		t.packStates(gid, o)
		t.bat.Cols[len(t.bat.Cols)-1] = o.vec()
	}
	return &t.bat
}

// layKeys makes the batch of t one of the keys of groups, whose states are still to be set.
func (t *table) layKeys(gid []uint32) {
	k := len(t.keys.cols)
	if t.src == nil {
		t.src = make([]outVec, k+1)
	}
	t.keys.emit(gid, t.src[:k])
	t.pl.lay(&t.bat, len(gid))
	for i := range k {
		t.bat.Cols[t.pl.keyAt(i)] = t.src[i].vec()
	}
}

// packStates writes the packed states of groups, column by column unless some
// have extras.
func (t *table) packStates(gid []uint32, o *outVec) {
	plain := true
	for _, p := range t.parts {
		plain = plain && p.plain()
	}
	if !plain {
		for _, g := range gid {
			o.str = t.packState(g, o.str, nil)
			o.off = append(o.off, int32(len(o.str)))
		}
		return
	}
	size := t.pl.stateSize
	if n := size * len(gid); cap(o.str) < n+64 {
		o.str = make([]byte, 0, size*outRows+64)
	}
	o.str = o.str[:size*len(gid)]
	head := make([]byte, 1+t.pl.seenBytes)
	head[0] = tagState
	for a := range t.seen {
		if !t.seen[a].on {
			head[1+a/8] |= 1 << (a & 7)
		}
	}
	for i := range gid {
		copy(o.str[i*size:], head)
		o.off = append(o.off, int32((i+1)*size))
	}
	for a := range t.seen {
		for i, g := range gid {
			if t.seen[a].on && t.had(a, g) {
				o.str[i*size+1+a/8] |= 1 << (a & 7)
			}
		}
	}
	at := len(head)
	for _, p := range t.parts {
		p.packAll(gid, o.str, at, size)
		at += p.packed()
	}
}

// packState appends the packed state of one group, without the extras of some parts.
func (t *table) packState(g uint32, dst []byte, without []int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, t.pl.stateSize)...)
	b := dst[at:]
	b[0] = tagState
	for a := range t.seen {
		if t.had(a, g) {
			b[1+a/8] |= 1 << (a & 7)
		}
	}
	o := 1 + t.pl.seenBytes
	for _, p := range t.parts {
		p.pack(g, b[o:])
		o += p.packed()
	}
	for i, p := range t.parts {
		if slices.Contains(without, i) {
			continue
		}
		head := len(dst)
		dst = p.extra(g, appendExtraHead(dst, i, 0))
		if n := len(dst) - head - extraHead; n > 0 {
			binary.LittleEndian.PutUint32(dst[head+1:], uint32(n))
		} else {
			dst = dst[:head]
		}
	}
	return dst
}

// extraHead is the bytes before an extra: the number of its part and its length.
const extraHead = 5

func appendExtraHead(dst []byte, part, n int) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, byte(part)), uint32(n))
}
