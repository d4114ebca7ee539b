package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/sched"
)

// What workers have and jobs ask for is named by people; the machine knows numbers:
// labels are bits, resources places in a table.

// A naming numbers names, from 0.
type naming struct {
	what   string
	most   int
	number map[string]int
}

// of returns the number of a name. When all are taken those that nobody uses any more are
// forgotten.
func (n *naming) of(name string, used func() map[string]bool) (int, error) {
	if k, ok := n.number[name]; ok {
		return k, nil
	}
	if len(n.number) == n.most {
		keep := used()
		maps.DeleteFunc(n.number, func(name string, _ int) bool { return !keep[name] })
	}
	taken := make([]bool, n.most)
	for _, k := range n.number {
		taken[k] = true
	}
	k := slices.Index(taken, false)
	if k < 0 {
		return 0, fmt.Errorf("cluster: %s %q is one more than the %d that a cluster can have", n.what, name, n.most)
	}
	n.number[name] = k
	return k, nil
}

// used are the labels and resources, by name, that workers have or jobs ask for, and
// some that are being numbered; s is locked.
func (s *Scheduler) used(more []string) map[string]bool {
	out := map[string]bool{}
	note := func(lists ...[]string) {
		for _, list := range lists {
			for _, x := range list {
				name, _, _ := strings.Cut(x, "=")
				out[x], out[name] = true, true
			}
		}
	}
	note(more)
	for _, w := range s.workers {
		if w != nil {
			note(w.hi.Labels, w.hi.Resources)
		}
	}
	for _, j := range s.jobs {
		note(j.plan.Labels, j.plan.Asks)
	}
	for _, c := range s.clients {
		for j := range c.coming {
			note(j.plan.Labels, j.plan.Asks)
		}
	}
	return out
}

// labelBits numbers labels; s is locked.
func (s *Scheduler) labelBits(labels []string) (out uint64, err error) {
	for _, l := range labels {
		k, err := s.labels.of(l, func() map[string]bool { return s.used(labels) })
		if err != nil {
			return 0, err
		}
		out |= 1 << k
	}
	return out, nil
}

// amounts numbers resources; s is locked.
func (s *Scheduler) amounts(list []string) (out sched.Resources, err error) {
	for _, r := range list {
		name, n, err := parseResource(r)
		if err != nil {
			return out, err
		}
		k, err := s.kinds.of(name, func() map[string]bool { return s.used(list) })
		if err != nil {
			return out, err
		}
		if out[k] += n; out[k] > maxAmount {
			return out, fmt.Errorf("cluster: resource %q: %d in all, at most %d are allowed", name, out[k], maxAmount)
		}
	}
	return out, nil
}

// maxAmount is how many there may be of a resource.
const maxAmount = 1 << 20

// parseResource reads NAME=N.
func parseResource(text string) (name string, n int32, err error) {
	name, num, _ := strings.Cut(text, "=")
	k, err := strconv.ParseInt(num, 10, 32)
	if name == "" || err != nil || k < 1 || k > maxAmount {
		return "", 0, fmt.Errorf("cluster: resource %q: want NAME=N with N from 1 to %d, for example gpu=2", text, maxAmount)
	}
	return name, int32(k), nil
}

func checkResources(list []string) error {
	for _, r := range list {
		if _, _, err := parseResource(r); err != nil {
			return err
		}
	}
	return nil
}

// choice numbers what the job asks of workers; the scheduler is locked.
func (j *job) choice() (err error) {
	if j.labels, err = j.s.labelBits(j.plan.Labels); err == nil {
		j.asks, err = j.s.amounts(j.plan.Asks)
	}
	return err
}

// spec words the job for the machine.
func (j *job) spec() *sched.Spec {
	x := j.sh.Spec()
	x.Labels, x.Resources = j.labels, j.asks
	return x
}

// unfit fails jobs for whose tasks no worker has had all labels and resources for a long
// time; s is locked.
func (s *Scheduler) unfit(now time.Time) {
	for _, j := range s.jobs {
		fits := j.labels == 0 && j.asks == sched.Resources{}
		for _, w := range s.workers {
			fits = fits || w != nil && j.labels&^w.labels == 0 && j.asks.Within(&w.stock)
		}
		switch {
		case fits || j.fit.IsZero():
			j.fit = now
		case now.Sub(j.fit) > s.opt.Grace:
			asked := "all of the labels " + strings.Join(j.plan.Labels, ", ")
			if len(j.plan.Asks) > 0 {
				asked = strings.Join(append(slices.Clone(j.plan.Labels), j.plan.Asks...), ", ")
			}
			j.fail(0, fmt.Sprintf("no worker has had %s for %v: start one with 'weft worker --labels' or '--resources'", asked, now.Sub(j.fit).Round(time.Second)))
			s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
		}
	}
}
