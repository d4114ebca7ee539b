package group

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/quantile"
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
	var medians []*medianPart
	for _, p := range m.tab.parts {
		switch p := p.(type) {
		case *medianPart:
			medians = append(medians, p)
		case *distinctPart:
			if err := m.countSlices(in, p); err != nil {
				return err
			}
		}
	}
	if err := m.selectMedians(in, medians); err != nil {
		return err
	}
	return m.fin.give(m.tab, put)
}

// again reads the rows of a run whose groups are all known.
func (m *merger) again(in []piece, f func(l *lap) error) error {
	m.task.Count("passes over a run", 1)
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

// A selection looks for the middle values of one aggregate in all groups.
type selection struct {
	p           *medianPart
	counts      buf[int64] // of the values by their next byte, 256 for each group
	prefix      []uint64   // the bytes that are known
	rank, equal []int64
}

// selectMedians finds the middle values, those of several aggregates in the same passes: a pass reads all columns. Their
// counts together get an eighth of the budget, those of one what they need.
func (m *merger) selectMedians(in []piece, parts []*medianPart) error {
	n := max(m.tab.live, 1)
	for len(parts) > 0 {
		var some []*selection
		for _, p := range parts[:min(len(parts), 1+int(m.task.Budget()/8/int64(256*8*n)))] {
			s := &selection{p: p, prefix: make([]uint64, n), rank: make([]int64, n), equal: make([]int64, n)}
			if !s.counts.grow(m.task, 0, 256*n) {
				break
			}
			p.counts, p.picked = make([]int64, n), make([][2]int64, n)
			some = append(some, s)
		}
		if len(some) == 0 {
			return m.tab.errMemory()
		}
		err := m.selectSome(in, some)
		for _, s := range some {
			s.counts.free(m.task)
		}
		if err != nil {
			return err
		}
		parts = parts[len(some):]
	}
	return nil
}

func (m *merger) selectSome(in []piece, some []*selection) error {
	for shift := 56; shift >= 0; shift -= 8 {
		for _, s := range some {
			clear(s.counts.s)
		}
		if err := m.again(in, func(l *lap) error {
			for _, s := range some {
				s.count(l, shift)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, s := range some {
			s.narrow(shift)
		}
	}
	for _, s := range some {
		s.pick()
	}
	return m.again(in, func(l *lap) error {
		for _, s := range some {
			s.after(l)
		}
		return nil
	})
}

// count counts the values that begin with what is known by the byte at shift.
func (s *selection) count(l *lap, shift int) {
	a := &l.lanes[s.p.arg]
	for i, k := range a.keys() {
		x, g := uint64(k)^1<<63, a.g[i]
		if shift == 56 || x>>(shift+8) == s.prefix[g] {
			s.counts.s[int(g)*256+int(x>>shift&255)]++
		}
	}
}

// narrow finds the byte at shift of every group's value.
func (s *selection) narrow(shift int) {
	for g := range s.prefix {
		row := s.counts.s[g*256 : g*256+256]
		if shift == 56 {
			for _, c := range row {
				s.p.counts[g] += c
			}
			s.rank[g], _ = quantile.RankOf(s.p.q, max(s.p.counts[g], 1))
		}
		s.prefix[g], s.rank[g], s.equal[g] = step(row, s.prefix[g], s.rank[g])
	}
}

// pick notes the values, and whether the next larger one is asked for.
func (s *selection) pick() {
	for g := range s.prefix {
		k := int64(s.prefix[g] ^ 1<<63)
		s.p.picked[g] = [2]int64{k, k}
		if _, part := quantile.RankOf(s.p.q, s.p.counts[g]); part > 0 && s.rank[g]+1 >= s.equal[g] {
			s.p.picked[g][1] = math.MaxInt64
		}
	}
}

// after finds the next larger values.
func (s *selection) after(l *lap) {
	a := &l.lanes[s.p.arg]
	for i, k := range a.keys() {
		if v := &s.p.picked[a.g[i]]; v[1] != v[0] && k > v[0] {
			v[1] = min(v[1], k)
		}
	}
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
