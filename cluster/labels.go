package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/weft-data/weft/sched"
)

// maxLabels bounds the labels of a cluster: the machine knows them as bits.
const maxLabels = 64

// labelBits numbers labels; s is locked.
func (s *Scheduler) labelBits(labels []string) (out uint64, err error) {
	for _, l := range labels {
		b, ok := s.labels[l]
		if !ok {
			if len(s.labels) == maxLabels {
				return 0, fmt.Errorf("cluster: label %q is one more than the %d that a cluster can have", l, maxLabels)
			}
			b = 1 << len(s.labels)
			s.labels[l] = b
		}
		out |= b
	}
	return out, nil
}

// spec words the job for the machine.
func (j *job) spec() *sched.Spec {
	x := j.sh.Spec()
	x.Labels = j.labels
	return x
}

// unfit fails jobs whose labels no worker has had for a long time; s is locked.
func (s *Scheduler) unfit(now time.Time) {
	for _, j := range s.jobs {
		fits := j.labels == 0
		for _, w := range s.workers {
			fits = fits || w != nil && j.labels&^w.labels == 0
		}
		switch {
		case fits || j.fit.IsZero():
			j.fit = now
		case now.Sub(j.fit) > s.opt.Grace:
			j.fail(0, fmt.Sprintf("no worker has had all of the labels %s for %v: start one with 'weft worker --labels'", strings.Join(j.plan.Labels, ", "), now.Sub(j.fit).Round(time.Second)))
			s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
		}
	}
}
