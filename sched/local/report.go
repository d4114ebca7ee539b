package local

import (
	"time"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
)

// watch calls the request's progress function a few times a second.
func (j *job) watch() {
	if j.req.Progress == nil {
		return
	}
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-j.quit:
				j.req.Progress(j.progress())
				return
			case <-tick.C:
				j.req.Progress(j.progress())
			}
		}
	}()
}

// progress sums up how far the job is. A layer counts by its blocks, a block that
// is being computed by the splits of its input that are done; layers that are not
// decided yet count as one block.
func (j *job) progress() graph.Progress {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	p := graph.Progress{Done: j.done.Load(), Spilled: j.r.node.Spilled() - j.spill0}
	part := 0.0
	for i := range j.plan.Graph.Layers {
		l := &j.plan.Graph.Layers[i]
		if l.Spare {
			continue
		}
		part += j.prog.Part(graph.LayerID(i))
		p.Total += int64(max(l.N, 1))
		ms := j.prog.Meters(graph.LayerID(i))
		if op.Of(firstOf(l.Call)).Class == op.Scanning {
			p.Rows += ms[0].Read().Rows
		}
		if p.Phase == "" && !j.sh.IsMade(sched.LayerID(i)) {
			p.Phase = ms[len(ms)-1].Name
		}
	}
	if p.Total > 0 {
		p.Fraction = min((float64(p.Done)+part)/float64(p.Total), 1)
	}
	return p
}

// again counts the attempts after a failure; the runner is locked.
func (j *job) again(a sched.Action) {
	if len(j.errs) == 0 {
		return
	}
	for b := a.First; b < a.First+a.N; b++ {
		if j.errs[sched.Block{Layer: a.Layer, Block: b}] != nil {
			j.repeats[a.Layer]++
		}
	}
}

func firstOf(c op.Call) op.Call {
	parts, err := op.Parts(c, op.Meta{}, 0)
	if err != nil {
		return c
	}
	return parts[0].Call
}

// Report implements graph.Job.
func (j *job) Report() graph.Report {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	rep := graph.Report{
		Schema: j.plan.Graph.Layers[j.plan.Want].Out.Schema,
		Wall:   j.wall, Spilled: j.r.node.Spilled() - j.spill0,
		Peak: j.r.node.Pool().Peak(), Budget: j.r.budget,
	}
	if j.prog != nil {
		rep.Layers = j.layerReports()
	}
	optimize.Describe(&rep, j.before, j.req.Want, j.plan)
	return rep
}

// layerReports reads the meters: one entry per operator, in the order of the
// plan.
func (j *job) layerReports() (out []graph.LayerReport) {
	for i := range j.plan.Graph.Layers {
		l := &j.plan.Graph.Layers[i]
		ms := j.prog.Meters(graph.LayerID(i))
		for k := range ms {
			f := ms[k].Read()
			r := graph.LayerReport{Name: ms[k].Name, Tasks: int64(l.N), Rows: f.Rows, Bytes: f.Bytes, Time: f.Time,
				Spilled: f.Spilled, Counts: f.Counts, PeakTaskBytes: f.Peak, EstRows: -1}
			if k == len(ms)-1 {
				r.EstRows, r.Retries = l.Out.Rows, j.repeats[i]
				sum := j.sh.Sum(sched.LayerID(i))
				r.Rows, r.Bytes = max(r.Rows, sum.Rows), max(r.Bytes, sum.Bytes)
				if j.plan.Need != nil {
					r.Floor, r.Want = j.plan.Need[i].Floor, j.plan.Need[i].Want
				}
			}
			out = append(out, r)
		}
	}
	return out
}
