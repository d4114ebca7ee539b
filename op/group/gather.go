package group

import (
	"encoding/binary"

	"github.com/weft-data/weft/chunk"
)

// Medians of few groups: each thread gathers the values in its table, where one takes 12 bytes, and the tables become
// one. Where groups are many, whose values would lie far apart, or memory is refused, the values become rows
// again and are passed on, as those of other aggregates that need all rows of their groups are from the first one on.

// gathers reports that tables take rows although these are passed on when need be.
func (s *stage) gathers() bool { return s.complete && s.pl.gathers }

// unload puts the groups of a table, or the rows it gathered, where they lie on disk if they must.
func (s *stage) unload(t *table, sp *spreader) (err error) {
	if s.gathers() {
		err = s.scatter(t)
	} else {
		err = s.write(t, sp)
	}
	if err == nil {
		t.free()
	}
	return err
}

// scatter passes on what a table has gathered.
func (s *stage) scatter(t *table) error {
	l := &local{s: s, tab: t}
	err := l.scatter()
	switch {
	case l.route == nil:
	case err != nil:
		l.route.drop()
	default:
		err = l.route.flushAll(false)
	}
	return err
}

// scatter passes on what the table of a thread has gathered, and all that follows.
func (l *local) scatter() error {
	l.passing = true
	l.s.task.Count("tables that became rows", 1)
	err := l.tab.unGather(l.send)
	l.tab.free()
	return err
}

// unGather gives the values back as laps of rows: a row of every group without a value of any argument, for those that have
// none, and one for each value, with those of other arguments null. No aggregate sees the difference.
func (t *table) unGather(f func(*lap) error) error {
	l, n := newLap(t.pl), min(lapRows, outRows)
	keys := make([]outVec, len(t.pl.keys))
	zero, none := make([]uint64, n), make([]uint64, chunk.Words(n))
	give := func(gid []uint32, arg int, data []byte) error {
		t.keys.emit(gid, keys)
		l.n = len(gid)
		for k := range keys {
			l.keys[k] = keys[k].vec()
		}
		for a, x := range t.pl.args {
			l.args[a] = chunk.Vec{Type: x.t, N: l.n, Data: chunk.Bytes(zero)[:l.n*x.t.Width()], Valid: none}
			if a == arg {
				l.args[a].Data, l.args[a].Valid = data, nil
			}
		}
		return f(l)
	}
	gid := make([]uint32, n)
	for lo := 0; lo < t.live; lo += n {
		part := gid[:min(n, t.live-lo)]
		for i := range part {
			part[i] = uint32(lo + i)
		}
		if err := give(part, -1, nil); err != nil {
			return err
		}
	}
	word := make([]byte, 8*n+8)
	done := make([]bool, len(t.pl.args)) // several quantiles of one argument have the same values
	for _, p := range t.parts {
		p := p.(*medianPart)
		x := t.pl.args[p.arg].t
		for lo := 0; lo < p.n && !done[p.arg]; lo += n {
			hi := min(p.n, lo+n)
			for i, v := range p.vals.s[lo:hi] {
				binary.LittleEndian.PutUint64(word[i*x.Width():], fromOrder(x.Kind, v))
			}
			if err := give(p.gids.s[lo:hi], p.arg, word[:(hi-lo)*x.Width()]); err != nil {
				return err
			}
		}
		done[p.arg] = true
	}
	return nil
}

// join takes the values of q, when all groups of it are known; gid are those that come next.
func (p *medianPart) join(q *medianPart, gid []uint32) {
	if q.moved = append(q.moved, gid...); len(q.moved) < q.t.live {
		return
	}
	to := p.gids.s[p.n : p.n+q.n]
	for i, g := range q.gids.s[:q.n] {
		to[i] = q.moved[g]
	}
	copy(p.vals.s[p.n:], q.vals.s[:q.n])
	p.n += q.n
}
