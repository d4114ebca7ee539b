package cluster

import (
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched/shell"
)

// An advance is how far a job is, as the scheduler tells its client: when a layer
// is complete, with every sign of life, and at the end.
type advance struct {
	Done, Total int64 // tasks
	At          string
	Layers      []layerSum
	Cuts        []shell.Cut
}

// A layerSum is what the blocks of a layer amount to.
type layerSum struct {
	N           int32
	Rows, Bytes int64
}

// advanced tells the client how far its job is; the scheduler is locked.
func (j *job) advanced() {
	a := advance{Cuts: j.sh.Cuts()}
	for i, p := range j.s.st.Progress(j.id) {
		if j.plan.Layers[i].Spare {
			a.Layers = append(a.Layers, layerSum{})
			continue
		}
		a.Done += int64(p.Made)
		a.Total += int64(max(p.N, 1))
		if a.At == "" && (p.Pending || p.Made < p.N) {
			a.At = opName(j.plan.Layers[i].Call)
		}
		a.Layers = append(a.Layers, layerSum{p.N, p.Rows, p.Bytes})
	}
	wire.Parts(wire.Record{Kind: wire.Progress}, wire.Encode(a), func(r *wire.Record) { j.tell(*r) })
}

// advanced takes what the scheduler said; the client is locked.
func (j *clientJob) advanced(r *wire.Record) error {
	b, err := j.whole.Add(r)
	if err != nil || b == nil {
		return err
	}
	var a advance
	if err := wire.Decode(b, &a); err != nil {
		return err
	}
	j.far = a
	if j.moved != nil {
		select {
		case j.moved <- struct{}{}:
		default:
		}
	}
	return nil
}

// watch calls the request's progress function when something has changed, until
// the job is over.
func (j *clientJob) watch() {
	for {
		select {
		case <-j.moved:
		case <-j.quit:
		}
		j.c.mu.Lock()
		a, over := j.far, j.over
		j.c.mu.Unlock()
		p := graph.Progress{Done: a.Done, Total: a.Total, Phase: a.At}
		if a.Total > 0 {
			p.Fraction = min(float64(a.Done)/float64(a.Total), 1)
		}
		j.req.Progress(p)
		if over {
			return
		}
	}
}

// ran is the plan as it runs: with what was cut.
func (j *clientJob) ran() *optimize.Plan {
	out := *j.plan
	out.Graph = out.Graph.Clone()
	p := shell.Plan{Layers: out.Graph.Layers}
	for _, c := range j.far.Cuts {
		if _, _, err := p.Cut(c.Layer, c.At); err != nil {
			return j.plan
		}
	}
	return &out
}

// layerReports words the sums of the layers, operator by operator; what single
// operators within a task did is known on the workers only.
func (j *clientJob) layerReports(plan *optimize.Plan) (out []graph.LayerReport) {
	if len(j.far.Layers) != len(plan.Graph.Layers) {
		return nil
	}
	for i := range plan.Graph.Layers {
		l := &plan.Graph.Layers[i]
		if l.Spare {
			continue
		}
		parts, err := op.Parts(l.Call, op.Meta{}, 0)
		if err != nil {
			return nil
		}
		sum := j.far.Layers[i]
		for k, part := range parts {
			r := graph.LayerReport{Name: part.Call.Op, Tasks: int64(sum.N), EstRows: -1}
			if k == len(parts)-1 {
				r.Rows, r.Bytes, r.EstRows = sum.Rows, sum.Bytes, l.Out.Rows
				if plan.Need != nil {
					r.Floor, r.Want = plan.Need[i].Floor, plan.Need[i].Want
				}
			}
			out = append(out, r)
		}
	}
	return out
}
