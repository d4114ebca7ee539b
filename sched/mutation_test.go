package sched_test

import (
	"testing"

	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/sim"
)

// mutant is a rule switched off, and the trouble under which the loss of it must show.
type mutant struct {
	rule  string
	seeds uint64 // enough to find it
	tweak func(*sim.Config, []sim.Plan)
	alien func(sim.Result) bool // a result that only the broken machine gives
}

var mutants = [sched.Rules]mutant{
	{rule: "attempt", seeds: 300, tweak: repeated},
	{rule: "session", seeds: 300, tweak: repeated},
	{rule: "duplicate", seeds: 100, tweak: repeated},
	{rule: "rebuild", seeds: 100},
	{rule: "slots", seeds: 100},
	{rule: "readers", seeds: 100},
	{rule: "poison", seeds: 20, tweak: poisoned, alien: notFailed},
	{rule: "suspect", seeds: 100, tweak: queued, alien: spared},
	{rule: "alone", seeds: 100, tweak: poisoned, alien: innocent},
	{rule: "late", seeds: 100},
	{rule: "made", seeds: 300},
	{rule: "window", seeds: 100},
	{rule: "turn", seeds: 100},
	{rule: "reissue", seeds: 300},
	{rule: "retries", seeds: 20, tweak: hopeless, alien: notFailed},
	{rule: "fetch", seeds: 100},
	{rule: "adopt", seeds: 100},
	{rule: "copy", seeds: 2000},
	{rule: "measured", seeds: 4000, tweak: tight},
	{rule: "over", seeds: 100},
	{rule: "missing", seeds: 100},
	{rule: "claim", seeds: 300},
	{rule: "closed", seeds: 300},
}

func repeated(c *sim.Config, _ []sim.Plan) { c.Dup = 0.5 }

func tight(c *sim.Config, _ []sim.Plan) { c.Memory, c.Dup = 150, 0.5 }

// poisoned lets a task of job 0 take its worker along.
func poisoned(c *sim.Config, plans []sim.Plan) {
	plans[0] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 12, Keep: sched.Pin}}}}
	*c = sim.Config{Seed: c.Seed, Workers: 2, Slots: 4, Net: 10, Work: 50, MayFail: true, Steps: 20_000,
		Poison: func(j sched.JobID, t sched.Block) bool { return j == 0 && t.Block == 3 }}
}

// queued is the same among many tasks that wait at their workers.
func queued(c *sim.Config, plans []sim.Plan) {
	poisoned(c, plans)
	plans[0].Spec.Layers[0].N = 60
	c.Workers, c.Slots, c.Queue = 3, 1, 6
}

// hopeless makes every task fail.
func hopeless(c *sim.Config, plans []sim.Plan) {
	plans[0] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 3, Keep: sched.Pin, Retry: sched.Retry{Max: 3, Delay: 5}}}}}
	*c = sim.Config{Seed: c.Seed, Workers: 2, Slots: 2, Net: 5, Work: 5, MayFail: true, Steps: 20_000, Flaky: 1.1}
}

func notFailed(r sim.Result) bool { return r.Failed[0] == nil }

func innocent(r sim.Result) bool { return r.Failed[0] == nil || r.Failed[0].Task.Block != 3 }

// spared says that the task took more workers along than it may: one while it was not certain that it ran, and three.
func spared(r sim.Result) bool { return innocent(r) || r.Kills > sched.DefaultPoison+1 }

// TestMutants switches the rules off one by one: the sweep must find each within its number of seeds, and find nothing while
// the rules are in force.
func TestMutants(t *testing.T) {
	for i, m := range mutants {
		t.Run(m.rule, func(t *testing.T) {
			if found, seed := m.hunt(i, m.seeds); !found {
				t.Errorf("switched off, and %d seeds found nothing", m.seeds)
			} else {
				t.Log("found by seed", seed)
			}
			if found, seed := m.hunt(-1, min(m.seeds, 60)); found {
				t.Errorf("in force, and seed %d found something", seed)
			}
		})
	}
}

func (m *mutant) hunt(off int, seeds uint64) (found bool, seed uint64) {
	for seed := range seeds {
		plans, cfg := sim.Sweep(seed)
		cfg.Check, cfg.Steps = true, 50_000
		if m.tweak != nil {
			m.tweak(&cfg, plans)
		}
		if off >= 0 {
			cfg.Prepare = func(s *sched.State) { sched.SwitchOff(s, off) }
		}
		r, err := sim.Run(plans, cfg)
		if err != nil || m.alien != nil && m.alien(r) {
			return true, seed
		}
	}
	return false, 0
}
