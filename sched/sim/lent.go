package sim

import (
	"slices"

	"github.com/weft-data/weft/sched"
)

// lenders returns the jobs that a job borrows of.
func (j *jobRun) lenders() (out []sched.JobID) {
	for i := range j.plan.Spec.Layers {
		if from := j.plan.Spec.Layers[i].Lent; from != nil {
			out = append(out, from.Job)
		}
	}
	return out
}

// origin names a block in the job that has it.
func (j *jobRun) origin(t sched.Block) key {
	if from := j.layers[t.Layer].Lent; from != nil {
		return key{from.Job, sched.Block{Layer: from.Layer, Block: from.Blocks[t.Block]}}
	}
	return key{j.id, t}
}

// lends says that somebody may still read what the job keeps.
func (s *sim) lends(j *jobRun) bool {
	return slices.ContainsFunc(s.jobs, func(x *jobRun) bool { return !x.closed && slices.Contains(x.lenders(), j.id) })
}

// bereaved says that a job borrows of one that was stopped: then it may fail.
func (s *sim) bereaved(j *jobRun) bool {
	return slices.ContainsFunc(j.lenders(), func(id sched.JobID) bool { return s.jobs[id].stopped })
}
