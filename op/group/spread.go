package group

import (
	"github.com/weft-data/weft/chunk"
)

// A spreader divides the groups of a table into runs.
type spreader struct {
	gid   []uint32 // of a lap, then of a batch
	order []uint16 // groups of a block by run, counted from its first
	hash  []uint64
	run   []uint8
}

// spreadRows is how many groups are divided at a time: enough that the share of a
// run is worth a batch, few enough that the scratch is small when memory is short.
const spreadRows = 1 << 16

// runOf returns the run of a hash at a level: level 0 are the top six bits, each
// further level divides a run by the next six.
func runOf(h uint64, level int) uint8 { return uint8(h >> (58 - 6*level) & (hashRuns - 1)) }

// maxLevel is the last level for which the hash has bits.
const maxLevel = 9

// groups gives all groups of t, packed, to put, run by run within blocks of
// spreadRows. The batch lives until put returns.
func (s *spreader) groups(t *table, level int, put func(run int, b *chunk.Batch) error) error {
	if t.live == 0 {
		return nil
	}
	n := min(t.live, spreadRows)
	if cap(s.run) < n {
		s.gid, s.order, s.hash, s.run = make([]uint32, max(lapRows, outRows)), make([]uint16, n), make([]uint64, lapRows), make([]uint8, n)
	}
	for lo := 0; lo < t.live; lo += spreadRows {
		if err := s.block(t, lo, min(t.live, lo+spreadRows), level, put); err != nil {
			return err
		}
	}
	return nil
}

func (s *spreader) block(t *table, lo, hi, level int, put func(run int, b *chunk.Batch) error) error {
	n := hi - lo
	run := s.run[:n]
	var start [hashRuns + 1]int
	for at := 0; at < n; at += lapRows {
		end := min(n, at+lapRows)
		gid := s.gid[:end-at]
		for i := range gid {
			gid[i] = uint32(lo + at + i)
		}
		t.keys.hash(gid, s.hash)
		for i, h := range s.hash[:end-at] {
			r := runOf(h, level)
			if t.whole {
				r = 0
			}
			run[at+i] = r
			start[r+1]++
		}
	}
	for r := range hashRuns {
		start[r+1] += start[r]
	}
	next := start
	for i, r := range run {
		s.order[next[r]] = uint16(i)
		next[r]++
	}
	for r := range hashRuns {
		for at := start[r]; at < start[r+1]; at += outRows {
			some := s.order[at:min(start[r+1], at+outRows)]
			gid := s.gid[:len(some)]
			for i, g := range some {
				gid[i] = uint32(lo) + uint32(g)
			}
			if err := t.each(gid, func(b *chunk.Batch) error { return put(r, b) }); err != nil {
				return err
			}
		}
	}
	return nil
}
