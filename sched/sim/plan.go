package sim

import (
	"math/rand/v2"

	"github.com/weft-data/weft/sched"
)

// Plan is a job with the decisions that its late layers wait for.
type Plan struct {
	Spec   sched.Spec
	Stages []Stage // each is taken once, when its layers are done
}

// Stage extends a job when layers are done.
type Stage struct {
	After []sched.LayerID
	Make  func(rows int64) *sched.Extension // rows of all layers of After together
}

// Value is what a task yields: a function of its place and its inputs, in the order of the edges; an All edge counts as one.
func Value(l sched.LayerID, b int32, in []uint64) uint64 {
	h := (uint64(l)+1)*0x9e3779b97f4a7c15 ^ (uint64(b)+1)*0xd6e8feb86659fd93
	for _, v := range in {
		h = (h ^ v) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	return h
}

// fold is what a task reads by an All edge: one number for the whole layer, so that a shuffle of 10^4 by 10^4 tasks does not
// take 10^8 steps.
func fold(values []uint64) uint64 {
	h := uint64(len(values))
	for _, v := range values {
		h = (h ^ v) * 0x100000001b3
		h ^= h >> 31
	}
	return h
}

func bytesOf(v uint64) int64 { return int64(v%97) + 1 }
func rowsOf(v uint64) int64  { return int64(v>>8) % 50 }

// Evaluate computes every block of a plan one after the other, with no scheduler: what a run is compared with.
func Evaluate(p *Plan) [][]uint64 { return evaluate(p, nil) }

// evaluate is Evaluate of a plan that may borrow of jobs whose blocks are known.
func evaluate(p *Plan, jobs []*jobRun) [][]uint64 {
	layers := append([]sched.Layer(nil), p.Spec.Layers...)
	values := make([][]uint64, len(layers))
	finished := make([]bool, len(layers))
	taken := make([]bool, len(p.Stages))
	for progress := true; progress; {
		progress = false
		for l := range layers {
			if !finished[l] && !layers[l].Late && inputsFinished(&layers[l], sched.LayerID(l), finished) {
				if from := layers[l].Lent; from != nil {
					for _, d := range from.Blocks {
						values[l] = append(values[l], jobs[from.Job].want[from.Layer][d])
					}
				} else {
					values[l] = evaluateLayer(layers, values, sched.LayerID(l))
				}
				finished[l], progress = true, true
			}
		}
		for i, st := range p.Stages {
			rows, ok := int64(0), !taken[i]
			for _, l := range st.After {
				ok = ok && int(l) < len(finished) && finished[l]
				if ok {
					for _, v := range values[l] {
						rows += rowsOf(v)
					}
				}
			}
			if !ok {
				continue
			}
			taken[i], progress = true, true
			x := st.Make(rows)
			for _, s := range x.Set {
				layers[s.Layer].Late, layers[s.Layer].N = false, s.N
				if s.In != nil {
					layers[s.Layer].In = s.In
				}
			}
			layers = append(layers, x.Add...)
			for len(values) < len(layers) {
				values, finished = append(values, nil), append(finished, false)
			}
		}
	}
	return values
}

func inputsFinished(l *sched.Layer, self sched.LayerID, finished []bool) bool {
	for i := range l.In {
		if f := l.In[i].From; f != self && !finished[f] {
			return false
		}
	}
	return true
}

func evaluateLayer(layers []sched.Layer, values [][]uint64, l sched.LayerID) []uint64 {
	values[l] = make([]uint64, layers[l].N)
	var in []uint64
	for b := range layers[l].N {
		in = in[:0]
		for i := range layers[l].In {
			e := &layers[l].In[i]
			if e.Wiring.Kind == sched.All {
				in = append(in, fold(values[e.From]))
				continue
			}
			lo, hi, list := e.Wiring.Needs(b, int32(len(values[e.From])))
			for d := lo; d < hi; d++ {
				in = append(in, values[e.From][d])
			}
			for _, d := range list {
				in = append(in, values[e.From][d])
			}
		}
		values[l][b] = Value(l, b, in)
	}
	return values[l]
}

// Random returns a small plan with all kinds of wirings, late layers among them.
func Random(r *rand.Rand) Plan { return random(r, nil) }

// random is Random of a plan that may borrow of those before it.
func random(r *rand.Rand, before []Plan) Plan {
	var p Plan
	p.Spec.Priority = r.Int32N(3)
	n := 1 + r.IntN(6)
	for range n {
		p.Spec.Layers = append(p.Spec.Layers, randomLayer(r, p.Spec.Layers))
	}
	n = p.borrow(r, before)
	last := &p.Spec.Layers[n-1]
	if last.Keep == sched.Drop {
		last.Keep = sched.Pin + sched.Keep(r.IntN(3))
	}
	if r.IntN(3) == 0 {
		p.addStage(r)
	}
	return p
}

func randomLayer(r *rand.Rand, before []sched.Layer) sched.Layer {
	l := sched.Layer{N: r.Int32N(9), Rank: r.Int32N(3), Retry: sched.Retry{Max: 30, Delay: r.Int64N(2) * 40, Cap: 200}}
	if r.IntN(4) == 0 {
		l.Keep = sched.Keep(r.IntN(4))
	}
	l.Window = r.Int32N(5)
	if len(before) == 0 {
		l.Given = l.Keep == sched.Pin && r.IntN(2) == 0
		return l
	}
	for range r.IntN(3) {
		from := sched.LayerID(r.IntN(len(before)))
		w := randomWiring(r, &l, before[from].N, before[from].Late)
		l.In = append(l.In, sched.Edge{From: from, Wiring: w})
		if w.Kind == sched.One {
			return l // its N is settled
		}
	}
	if r.IntN(6) == 0 && len(l.In) == 0 {
		l.In = append(l.In, sched.Edge{From: sched.LayerID(len(before)), Wiring: randomTable(r, l.N, l.N, true)})
	}
	return l
}

func randomWiring(r *rand.Rand, l *sched.Layer, m int32, late bool) sched.Wiring {
	switch k := r.IntN(5); {
	case k == 0 && len(l.In) == 0 && !late:
		l.N = m
		return sched.OneToOne()
	case k == 1 && !late:
		return randomTable(r, l.N, m, false)
	case k == 2:
		return sched.Everything()
	}
	return sched.Spans(r.Int32N(7)-3, r.Int32N(5), r.Int32N(7)-3)
}

// borrow appends a layer lent by a plan before, if one keeps something, and one that reads it. It returns how many layers there are.
func (p *Plan) borrow(r *rand.Rand, before []Plan) int {
	for k := range before {
		for l, f := range before[k].Spec.Layers {
			if f.Keep != sched.Pin || f.Late || f.N == 0 || r.IntN(2) == 0 {
				continue
			}
			from := &sched.Lent{Job: sched.JobID(k), Layer: sched.LayerID(l)}
			for range 1 + r.IntN(4) {
				from.Blocks = append(from.Blocks, r.Int32N(f.N))
			}
			m := int32(len(from.Blocks))
			p.Spec.Layers = append(p.Spec.Layers, sched.Layer{N: m, Lent: from})
			reader := randomLayer(r, nil)
			for i := len(p.Spec.Layers) - 1; i >= max(0, len(p.Spec.Layers)-2) && (len(reader.In) == 0 || reader.In[0].Wiring.Kind != sched.One); i-- {
				x := &p.Spec.Layers[i]
				reader.In = append(reader.In, sched.Edge{From: sched.LayerID(i), Wiring: randomWiring(r, &reader, x.N, x.Late)})
			}
			p.Spec.Layers = append(p.Spec.Layers, reader)
			return len(p.Spec.Layers)
		}
	}
	return len(p.Spec.Layers)
}

// randomTable draws lists for n blocks over m, over lower-numbered ones if self is set.
func randomTable(r *rand.Rand, n, m int32, self bool) sched.Wiring {
	at, list := []int32{0}, []int32{}
	for b := range n {
		top := m
		if self {
			top = b
		}
		for range r.IntN(4) {
			if top > 0 {
				list = append(list, r.Int32N(top))
			}
		}
		at = append(at, int32(len(list)))
	}
	return sched.Lists(at, list)
}

// addStage appends a late layer that reads one or two layers of the plan, and what follows once it is set.
func (p *Plan) addStage(r *rand.Rand) {
	id := sched.LayerID(len(p.Spec.Layers))
	counted := func() sched.LayerID { // rows are not counted of what is lent
		l := r.IntN(int(id))
		if p.Spec.Layers[l].Lent != nil {
			l = 0
		}
		return sched.LayerID(l)
	}
	after := []sched.LayerID{counted()}
	late := sched.Layer{Late: true, Keep: sched.Keep(r.IntN(4)), Window: r.Int32N(4), Retry: sched.Retry{Max: 30},
		In: []sched.Edge{{From: after[0], Wiring: sched.Everything()}}}
	if r.IntN(2) == 0 {
		after = append(after, counted())
		late.In = append(late.In, sched.Edge{From: after[1], Wiring: sched.Spans(0, 2, 1)})
	}
	p.Spec.Layers = append(p.Spec.Layers, late)
	if r.IntN(2) == 0 { // a reader that is known before what it reads
		p.Spec.Layers = append(p.Spec.Layers, sched.Layer{N: 3, Keep: sched.Stream, Retry: sched.Retry{Max: 30},
			In: []sched.Edge{{From: id, Wiring: sched.Spans(0, 3, 1)}, {From: after[0], Wiring: sched.Spans(1, 1, 1)}}})
	}
	next := sched.LayerID(len(p.Spec.Layers))
	more, replace := r.IntN(2) == 0, r.IntN(2) == 0
	p.Stages = append(p.Stages, Stage{After: after, Make: func(rows int64) *sched.Extension {
		n := int32(rows % 6)
		x := &sched.Extension{Set: []sched.Late{{Layer: id, N: n}}}
		if replace { // the stage knows better how to read
			x.Set[0].In = []sched.Edge{{From: after[0], Wiring: sched.Spans(0, 3, 1)}}
		}
		if more {
			x.Add = []sched.Layer{
				{N: n, Retry: sched.Retry{Max: 30}, In: []sched.Edge{{From: id, Wiring: sched.OneToOne()}}},
				{N: 2, Keep: sched.Ordered, Window: 1, Retry: sched.Retry{Max: 30}, In: []sched.Edge{{From: next, Wiring: sched.Everything()}, {From: after[0], Wiring: sched.Spans(0, 1, 1)}}},
			}
		}
		return x
	}})
}
