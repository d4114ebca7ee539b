package sched

import "fmt"

// Lent says that the blocks of a layer are blocks that another job keeps: no task makes them, and they are held where that
// job holds them. A block that the other job has lost is waited for, while that makes it again; when the other job is over,
// or has given the block up, the job that still needs it fails. The statistics of a lent layer have its bytes and no rows.
type Lent struct {
	Job    JobID
	Layer  LayerID // one with Keep Pin
	Blocks []int32 // of that layer, by block of the one that borrows; the State keeps the slice and never writes it
	Spread bool    // other workers have copies, or get them once: a task is not kept for where the blocks are
}

// checkLent says what is wrong with the layers of a job that borrow.
func (s *State) checkLent(j *job) string {
	j.borrows = false
	for _, l := range j.layers {
		from := l.spec.Lent
		if from == nil {
			continue
		}
		j.borrows = true
		if !l.known || len(l.in) > 0 || l.spec.Keep != Drop || len(from.Blocks) != int(l.n) {
			return fmt.Sprintf("layer %d: borrows %d blocks for %d; it must be known, dropped and read nothing", l.id, len(from.Blocks), l.n)
		}
		k := s.job(from.Job)
		if k == nil || k.state == dead {
			return fmt.Sprintf("layer %d: job %d, which lends to it, is over", l.id, from.Job)
		}
		for _, d := range from.Blocks {
			if _, f, ok := s.at(from.Job, from.Layer, d); !ok || f.spec.Keep != Pin {
				return fmt.Sprintf("layer %d: block %d of layer %d of job %d is none that is kept", l.id, d, from.Layer, from.Job)
			}
		}
	}
	return ""
}

// lender returns the job and the layer that lend to a layer, nil when there is nothing to be had from them any more.
func (s *State) lender(l *layer) (*job, *layer) {
	k := s.job(l.spec.Lent.Job)
	if k == nil || k.state == dead {
		return nil, nil
	}
	return k, k.layers[l.spec.Lent.Layer]
}

// borrow has what a job needs of others count as held where they hold it.
func (s *State) borrow(j *job) {
	for _, l := range j.layers {
		if l.spec.Lent == nil || l.need == 0 || j.state == dead {
			continue
		}
		_, f := s.lender(l)
		for b, d := range l.spec.Lent.Blocks {
			switch {
			case l.st[b]&fNeed == 0:
			case f == nil || f.st[d]&fWithdrawn != 0:
				if s.breaks(ruleKept) {
					continue
				}
				s.fail(j, &JobError{Class: LostInput, Task: Block{l.id, int32(b)}, Text: fmt.Sprintf("job %d does not keep it any more", l.spec.Lent.Job)})
				return
			case f.st[d]&fHeld != 0:
				l.st[b] |= fHeld
				l.who[b], l.size[b] = f.who[d], f.size[d]
				if l.spec.Lent.Spread {
					l.size[b] = units(0)
				}
				l.held++
				j.held++
				l.make(&Event{Bytes: int64(f.size[d]) * 64}, int32(b), false)
				j.dirty = true
			}
		}
	}
	if j.dirty {
		s.rebuild(j)
	}
}

// recall takes the word of a reader that a lent block is not where its lender is believed to hold it.
func (s *State) recall(l *layer, b int32, at WorkerID) {
	k, f := s.lender(l)
	d := l.spec.Lent.Blocks[b]
	if f == nil || f.st[d]&fHeld == 0 || WorkerID(f.who[d]) != at || s.breaks(ruleLent) {
		return
	}
	s.actFree(k.id, f.id, d, at)
	s.lose(k, f, d)
}
