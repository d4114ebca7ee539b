package group

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
)

// hotLevel is the last level at which a run of holistic aggregates is divided. A
// run that is too large even then has few keys with very many rows, which no
// division of keys makes smaller.
const hotLevel = 3

// passes finishes a run of few keys in memory that does not depend on its rows:
// the rows are read again and again. Distinct values are counted slice by slice
// of their hashes; the middle value is found byte by byte from counts of the
// bytes that follow what is known of it (a radix selection), in eight passes and
// a ninth for the value after it.
func (m *merger) passes(in []piece, put func(*chunk.Batch) error) error {
	m.task.Count("runs read in passes", 1)
	m.tab.free()
	for _, p := range m.tab.parts {
		switch p := p.(type) {
		case *medianPart:
			p.off = true
		case *distinctPart:
			p.off = true
		}
	}
	if _, err := m.fill(in, maxLevel); err != nil {
		if err == errDoesNotFit {
			return fmt.Errorf("group-by: %d groups do not fit the memory budget of %d bytes: %w", m.tab.live, m.task.Budget(), mem.ErrBudget)
		}
		return err
	}
	for _, p := range m.tab.parts {
		var err error
		switch p := p.(type) {
		case *medianPart:
			err = m.selectMedian(in, p)
		case *distinctPart:
			err = m.countSlices(in, p)
		}
		if err != nil {
			return err
		}
	}
	_, err := m.fin.all(m.tab, put)
	return err
}

// again reads the rows of a run whose groups are all known.
func (m *merger) again(in []piece, f func(l *lap) error) error {
	l := m.tab.lap
	return m.read(in, func(b *chunk.Batch, from, to int) error {
		v := &b.Cols[len(b.Cols)-1]
		for i := range l.keys {
			l.keys[i] = cut(&b.Cols[i], from, to)
		}
		if err := m.tab.rowsOf().read(l, v.Str, v.Off[from:to+1]); err != nil {
			return err
		}
		if !m.tab.keys.code(l.keys, l.n, l.gid) {
			return m.tab.errMemory()
		}
		l.prepare()
		return f(l)
	})
}

// maxSlices bounds the passes over the values of one aggregate.
const maxSlices = 1 << 16

func (m *merger) countSlices(in []piece, p *distinctPart) error {
	p.off = false
	for p.slices = 4; ; p.slices *= 4 {
		if p.slices > maxSlices {
			return m.tab.errMemory()
		}
		for g := range m.tab.live {
			base, s := p.base()
			*int64At(base, s, uint32(g), 0) = 0
		}
		err := error(nil)
		for p.slice = 0; p.slice < p.slices && err == nil; p.slice++ {
			p.forget()
			err = m.again(in, func(l *lap) error {
				if !p.room(l) {
					return errDoesNotFit
				}
				p.update(l)
				return nil
			})
		}
		p.forget()
		p.col.free()
		p.pairs.free()
		if err != errDoesNotFit {
			return err
		}
	}
}

// selectMedian finds the middle values of every group.
func (m *merger) selectMedian(in []piece, p *medianPart) error {
	n := max(m.tab.live, 1)
	var hist buf[int64]
	if !hist.grow(m.task, 0, 256*n) {
		return m.tab.errMemory()
	}
	defer hist.free(m.task)
	p.counts, p.picked = make([]int64, n), make([][2]int64, n)
	prefix, rank, equal := make([]uint64, n), make([]int64, n), make([]int64, n)
	for shift := 56; shift >= 0; shift -= 8 {
		h := hist.s[:256*n]
		clear(h)
		err := m.again(in, func(l *lap) error {
			a := &l.lanes[p.arg]
			for i, k := range a.keys() {
				x, g := uint64(k)^1<<63, a.g[i]
				if shift == 56 || x>>(shift+8) == prefix[g] {
					h[int(g)*256+int(x>>shift&255)]++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for g := range n {
			row := h[g*256 : g*256+256]
			if shift == 56 {
				for _, c := range row {
					p.counts[g] += c
				}
				rank[g], _ = rankOf(p.q, max(p.counts[g], 1))
			}
			prefix[g], rank[g], equal[g] = step(row, prefix[g], rank[g])
		}
	}
	for g := range n {
		k := int64(prefix[g] ^ 1<<63)
		p.picked[g] = [2]int64{k, k}
		if _, part := rankOf(p.q, p.counts[g]); part > 0 && rank[g]+1 >= equal[g] {
			p.picked[g][1] = math.MaxInt64
		}
	}
	return m.again(in, func(l *lap) error {
		a := &l.lanes[p.arg]
		for i, k := range a.keys() {
			if v := &p.picked[a.g[i]]; v[1] != v[0] && k > v[0] {
				v[1] = min(v[1], k)
			}
		}
		return nil
	})
}

// step chooses the next byte of the value of the given rank: it returns the
// longer prefix, the rank among the values that have it, and their number.
func step(counts []int64, prefix uint64, rank int64) (uint64, int64, int64) {
	for b, c := range counts {
		if rank < c {
			return prefix<<8 | uint64(b), rank, c
		}
		rank -= c
	}
	return prefix << 8, 0, 0
}
