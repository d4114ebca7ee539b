package sched

import (
	"cmp"
	"slices"
)

// Link is what was measured of the way of blocks to a worker from another.
type Link struct {
	From WorkerID
	Rate float64 // bytes a second
}

// link is a Link as a worker has it, in the order of From.
type link struct {
	from WorkerID
	rate int64 // whole, so that the sum of all is exact
	at   int64 // Now of the last Moved
}

const (
	linkWeight = 4    // a Moved counts for one part in so many of the mean
	linkFresh  = 60e9 // nanoseconds a mean is believed after the last Moved: a way that is avoided is not measured
	leastRate  = 1    // bytes a second
	mostRate   = 1e12
)

// onMoved takes the time that bytes took from one worker to another into the mean of the pair.
func (s *State) onMoved(ev *Event) {
	w := s.worker(ev)
	if w == nil || ev.Bytes <= 0 || ev.Nanos <= 0 || ev.DepWorker == ev.Worker ||
		ev.DepWorker < 0 || int(ev.DepWorker) >= len(s.workers) || !s.workers[ev.DepWorker].up {
		return
	}
	rate := int64(min(max(float64(ev.Bytes)/float64(ev.Nanos)*1e9, leastRate), mostRate))
	i, known := w.linkFrom(ev.DepWorker)
	if !known {
		w.links = slices.Insert(w.links, i, link{from: ev.DepWorker, rate: rate})
		s.pairs++
		s.rates += rate
	}
	l := &w.links[i]
	was := l.rate
	l.rate += (rate - l.rate) / linkWeight
	l.at = max(l.at, ev.Now)
	s.rates += l.rate - was
}

// linkFrom returns the place of a pair in the list of its reader, and whether it is there.
func (w *worker) linkFrom(from WorkerID) (int, bool) {
	return slices.BinarySearchFunc(w.links, from, func(l link, id WorkerID) int { return cmp.Compare(l.from, id) })
}

// pace returns how many bytes a second come to a worker from another, if that was measured of late.
func (s *State) pace(w *worker, from WorkerID) (float64, bool) {
	i, known := w.linkFrom(from)
	if !known || w.measured-w.links[i].at > linkFresh || s.breaks(rulePairs) {
		return 0, false
	}
	return float64(w.links[i].rate), true
}

// usual returns how many bytes a second come to a worker from one it was not measured with: what its driver said, else the
// mean of all pairs.
func (s *State) usual(w *worker) float64 {
	switch {
	case w.band > 0:
		return w.band
	case s.pairs > 0 && !s.breaks(rulePairs):
		return float64(s.rates) / float64(s.pairs)
	}
	return DefaultBandwidth
}

// unlink forgets what was measured of the ways to and from a worker: the next one with its number may be anywhere.
func (s *State) unlink(id WorkerID) {
	for i := range s.workers {
		w := &s.workers[i]
		switch k, known := w.linkFrom(id); {
		case w.id == id:
			for _, l := range w.links {
				s.drop(l)
			}
			w.links = w.links[:0]
		case known:
			s.drop(w.links[k])
			w.links = slices.Delete(w.links, k, k+1)
		}
	}
}

// drop takes a pair out of the mean of all.
func (s *State) drop(l link) {
	s.rates -= l.rate
	s.pairs--
}

// Links appends what was measured of the ways of blocks to a worker to out, in the order of the workers they come from.
func (s *State) Links(w WorkerID, out []Link) []Link {
	if w < 0 || int(w) >= len(s.workers) {
		return out
	}
	for _, l := range s.workers[w].links {
		out = append(out, Link{l.from, float64(l.rate)})
	}
	return out
}
