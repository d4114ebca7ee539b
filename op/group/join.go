package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
)

// absorb writes to out, for every code of src, the code its value has in c. False
// means that memory was refused.
func (c *column) absorb(src *column, out []uint32) bool {
	null := src.null()
	for lo := 0; lo < src.len(); {
		hi := min(lo+lapRows, src.len())
		if null != 0 && int(null-1) >= lo && int(null-1) < hi {
			if hi = int(null - 1); hi == lo { // null itself
				if !c.codeNulls(out[lo : lo+1]) {
					return false
				}
				lo++
				continue
			}
		}
		if !c.absorbRange(src, lo, hi, out[lo:hi]) {
			return false
		}
		lo = hi
	}
	return true
}

// absorbRange codes values of src that are not null.
func (c *column) absorbRange(src *column, lo, hi int, out []uint32) bool {
	if !c.text {
		return codeWords(&c.words, src.words.keys.s[lo:hi], out)
	}
	t, s := &c.texts, &src.texts
	keys := s.keys.s[lo:hi]
	if s.long.s == nil {
		t.scratch(len(keys))
		h := t.h[:len(keys)]
		kernel.Hash128(keys, h)
		return t.probe(keys, h, out)
	}
	for i, k := range keys {
		var body []byte
		if isLong(k) {
			r := s.long.s[lo+i]
			body = s.arena.s[r.at : r.at+r.n]
			k = longKey(body)
		}
		x, ok := t.findKey(k, kernel.HashKey128(k), body)
		if !ok {
			return false
		}
		out[i] = x
	}
	return true
}

// A joiner merges tables into one, state by state.
type joiner struct {
	into  *table
	from  *table
	codes []buf[uint32] // by column: code in from → code in into
	keys  []outVec      // when the keys of one are rows: those of a lap
	vecs  []chunk.Vec
	gid   []uint32
	src   []uint32
	done  int
}

// open maps the columns of from to those of into. False means that memory was
// refused; from is unchanged.
func (j *joiner) open() bool {
	into, from := j.into, j.from
	j.gid, j.src = make([]uint32, lapRows+1), make([]uint32, lapRows)
	j.keys, j.vecs = make([]outVec, len(from.keys.cols)), make([]chunk.Vec, len(from.keys.cols))
	if j.byRows() {
		return true
	}
	j.codes = make([]buf[uint32], len(from.keys.cols))
	for i, c := range from.keys.cols {
		if !j.codes[i].grow(into.mem, 0, c.len()+1) || !into.keys.cols[i].absorb(c, j.codes[i].s) {
			return false
		}
	}
	return true
}

// byRows reports that the keys of one of the tables are rows.
func (j *joiner) byRows() bool { return j.into.keys.rows != nil || j.from.keys.rows != nil }

func (j *joiner) close() {
	for i := range j.codes {
		j.codes[i].free(j.into.mem)
	}
}

// all merges every group of from. False means that memory was refused after the
// first j.done groups, which are merged.
func (j *joiner) all() (bool, error) {
	if !j.open() {
		return false, nil
	}
	for j.done < j.from.live {
		n := min(lapRows, j.from.live-j.done)
		for i := range n {
			j.src[i] = uint32(j.done + i)
		}
		if ok, err := j.lap(j.src[:n]); !ok || err != nil {
			return false, err
		}
		j.done += n
	}
	return true, nil
}

// lap merges the listed groups of from, at most lapRows.
func (j *joiner) lap(src []uint32) (bool, error) {
	n := len(src)
	k, f := j.into.keys, j.from.keys
	switch {
	case len(k.cols) == 0:
		clear(j.gid[:n])
	case len(k.cols) == 1:
		kernel.Gather(j.gid[:n], j.codes[0].s, src)
	case !j.byRows():
		f.columnsOf(src)
		for i := range k.codes {
			kernel.Gather(k.codes[i][:n], j.codes[i].s, f.codes[i][:n])
		}
		if !k.fit() {
			return false, nil
		}
		if k.rows == nil {
			if !k.number(n, j.gid) {
				return false, nil
			}
			break
		}
		fallthrough // the codes did not fit: keys have become rows
	default:
		f.emit(src, j.keys)
		for i := range j.keys {
			j.vecs[i] = j.keys[i].vec()
		}
		if !k.code(j.vecs, n, j.gid) {
			return false, nil
		}
	}
	return j.into.joinStates(j.gid[:n], j.from, src)
}

// joinStates adds the states of groups src of another table to the groups gid.
// False means that memory was refused and nothing was added.
func (t *table) joinStates(gid []uint32, from *table, src []uint32) (bool, error) {
	if !t.grow(t.keys.len()) {
		return false, nil
	}
	for i, p := range t.parts {
		if !t.roomToJoin(p, from.parts[i], gid, src) {
			return false, nil
		}
	}
	for a := range t.seen {
		if !t.joinSeen(a, gid, from, src) {
			return false, nil
		}
	}
	for i, p := range t.parts {
		if err := joinPart(p, from.parts[i], gid, src); err != nil {
			return false, err
		}
	}
	t.live = t.keys.len()
	t.taken += int64(len(src))
	return true, nil
}

// roomToJoin makes room for the extras of src.
func (t *table) roomToJoin(p, from part, gid, src []uint32) bool {
	switch p.(type) {
	case *lenPart, *intSumPart, *extremePart, *floatSumPart, *decSumPart:
		return true
	case *medianPart:
		return p.(*medianPart).roomFor(from.(*medianPart).n)
	case *topPart:
		q := from.(*topPart)
		rows, n := 0, 0
		for _, g := range src {
			for _, e := range q.list(g) {
				rows, n = rows+1, n+e.n
			}
		}
		return p.(*topPart).space(gid, rows, n)
	case *collectPart:
		for i, g := range src {
			if !p.(*collectPart).roomFor(gid[i], from.(*collectPart), g) {
				return false
			}
		}
		return true
	}
	n := 0
	var b []byte
	q, each := p.(preparer)
	for i, g := range src {
		b = from.extra(g, b[:0])
		n += len(b)
		if each && !q.prepare(gid[i], b) {
			return false
		}
	}
	return n == 0 || p.need(gid, n)
}

func (t *table) joinSeen(a int, gid []uint32, from *table, src []uint32) bool {
	s := &t.seen[a]
	if !s.on {
		if !from.seen[a].on && !t.whole {
			return true
		}
		if !t.watch(a) {
			return false
		}
	}
	for i, g := range gid {
		if from.had(a, src[i]) {
			s.flag.s[g] = 1
		}
	}
	return true
}

// joinPart adds the states of groups src of q to groups gid of p.
func joinPart(p, q part, gid, src []uint32) error {
	switch p := p.(type) {
	case *lenPart:
		b, s := p.base()
		qb, qs := q.(*lenPart).base()
		for i, g := range gid {
			*int64At(b, s, g, 0) += *int64At(qb, qs, src[i], 0)
		}
		return nil
	case *intSumPart:
		q := q.(*intSumPart)
		qb, qs := q.base()
		for i, g := range gid {
			p.add(g, *int64At(qb, qs, src[i], 0), q.carry[src[i]])
		}
		return nil
	case *floatSumPart:
		q := q.(*floatSumPart)
		p.sums.Merge(p.accs(), gid, &q.sums, q.accs(), src)
		return nil
	case *extremePart:
		b, s := p.base()
		qb, qs := q.(*extremePart).base()
		for i, g := range gid {
			d, x := int64At(b, s, g, 0), *int64At(qb, qs, src[i], 0)
			if p.max {
				*d = max(*d, x)
			} else {
				*d = min(*d, x)
			}
		}
		return nil
	case *medianPart:
		p.join(q.(*medianPart), gid)
		return nil
	case *topPart:
		q := q.(*topPart)
		for i, g := range gid {
			for _, e := range q.list(src[i]) {
				p.keep(g, e, q.bytes.b.s[e.at:e.at+e.n])
			}
		}
		return nil
	case *collectPart:
		q, b, err := q.(*collectPart), []byte(nil), error(nil)
		for i, g := range gid {
			b, err = q.divided(src[i], b[:0], int(limits.stateBytes), func(x []byte) error { return p.mergeExtra(g, nil, x) })
			if err != nil {
				return err
			}
		}
		return nil
	}
	return joinPacked(p, q, gid, src)
}

// joinPacked is joinPart by way of packed states.
func joinPacked(p, q part, gid, src []uint32) error {
	size := q.packed()
	state := make([]byte, size*len(src))
	off := make([]int32, len(src))
	for i, g := range src {
		off[i] = int32(i * size)
		q.pack(g, state[i*size:])
	}
	if err := p.merge(gid, state, off, 0); err != nil {
		return err
	}
	var b []byte
	for i, g := range src {
		if b = q.extra(g, b[:0]); len(b) > 0 {
			if err := p.mergeExtra(gid[i], state[i*size:(i+1)*size], b); err != nil {
				return err
			}
		}
	}
	return nil
}
