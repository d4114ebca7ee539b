package sched_test

import (
	"slices"
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
	{rule: "resources", seeds: 20, tweak: scarce},
	{rule: "pairs", seeds: 20, tweak: lopsided, alien: crowded},
	{rule: "reach", seeds: 100, tweak: withdrawn},
	{rule: "halt", seeds: 100, tweak: withdrawn},
	{rule: "lent", seeds: 100, tweak: borrowed},
	{rule: "given", seeds: 100, tweak: given},
	{rule: "kept", seeds: 300, tweak: borrowed},
	{rule: "away", seeds: 20, tweak: nested},
}

func repeated(c *sim.Config, _ []sim.Plan) { c.Dup = 0.5 }

func tight(c *sim.Config, _ []sim.Plan) { c.Memory, c.Dup = 150, 0.5 }

// with replaces the plan of job 0, and those that borrow of others.
func with(plans []sim.Plan, p sim.Plan) {
	plans[0] = p
	for i := range plans[1:] {
		if slices.ContainsFunc(plans[1+i].Spec.Layers, func(l sched.Layer) bool { return l.Lent != nil }) {
			plans[1+i] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 1, Keep: sched.Pin}}}}
		}
	}
}

// poisoned lets a task of job 0 take its worker along.
func poisoned(c *sim.Config, plans []sim.Plan) {
	with(plans, sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 12, Keep: sched.Pin}}}})
	*c = sim.Config{Seed: c.Seed, Workers: 2, Slots: 4, Net: 10, Work: 50, MayFail: true, Steps: 20_000,
		Poison: func(j sched.JobID, t sched.Block) bool { return j == 0 && t.Block == 3 }}
}

// queued is the same among many tasks that wait at their workers.
func queued(c *sim.Config, plans []sim.Plan) {
	poisoned(c, plans)
	plans[0].Spec.Layers[0].N = 60
	c.Workers, c.Slots, c.Queue = 3, 1, 6
}

func withdrawn(c *sim.Config, _ []sim.Plan) { c.Withdraws = 5 }

// borrowed has all jobs but the first read for long what that keeps, while blocks vanish, and now and then a job is cancelled.
func borrowed(c *sim.Config, plans []sim.Plan) {
	plans[0] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 4, Keep: sched.Pin}}}}
	for i := range plans[1:] {
		plans[1+i] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{
			{N: 2, Lent: &sched.Lent{Job: 0, Blocks: []int32{3, 1}}},
			{N: 40, Keep: sched.Stream, In: []sched.Edge{{From: 0, Wiring: sched.Spans(0, 2, 0)}}}}}}
	}
	*c = sim.Config{Seed: c.Seed, Workers: 3, Slots: 1, Net: 5, Work: 30, Losses: 6, Kills: 1, Retires: 1, Cancels: int(c.Seed % 2), Steps: 50_000}
}

// given has tasks that only wait, for longer than workers live.
func given(c *sim.Config, plans []sim.Plan) {
	with(plans, sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 4, Keep: sched.Pin, Given: true}}}})
	*c = sim.Config{Seed: c.Seed, Workers: 2, Slots: 2, Net: 5, Work: 300, Kills: 12, Options: sched.Options{Poison: 2}, Steps: 50_000}
	for i := range plans[1:] {
		plans[1+i] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 1, Keep: sched.Pin, Given: true}}}}
	}
}

// nested has the tasks of job 0 wait for other jobs, more of them than all workers have places for.
func nested(c *sim.Config, plans []sim.Plan) {
	with(plans, sim.Plan{Spec: sched.Spec{Priority: 1, Layers: []sched.Layer{{N: 60, Keep: sched.Pin}}}})
	*c = sim.Config{Seed: c.Seed, Workers: 2, Slots: 1, Queue: 3, Net: 5, Work: 30, Waits: 1, Steps: 50_000}
}

// scarce has tasks ask for what workers have less of than slots.
func scarce(c *sim.Config, plans []sim.Plan) {
	c.Resources = sched.Resources{3, 1}
	for i := range plans {
		plans[i].Spec.Resources = sched.Resources{1 + int32(i)%2, int32(i) % 2}
	}
}

// lopsided has each task read two blocks, and bytes take long from one worker to another.
func lopsided(c *sim.Config, plans []sim.Plan) {
	const n, deep = 12, 40
	at, list := []int32{0}, []int32{}
	for b := range int32(n) {
		list = append(list, b*7%n, (b*11+5)%n)
		at = append(at, int32(len(list)))
	}
	spec := sched.Spec{Layers: []sched.Layer{{N: n}}}
	for l := range sched.LayerID(deep) {
		spec.Layers = append(spec.Layers, sched.Layer{N: n, In: []sched.Edge{{From: l, Wiring: sched.Lists(at, list)}}})
	}
	spec.Layers[deep].Keep = sched.Pin
	plans[0] = sim.Plan{Spec: spec}
	for i := range plans[1:] {
		plans[1+i] = sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 1, Keep: sched.Pin}}}}
	}
	*c = sim.Config{Seed: c.Seed, Workers: 3, Slots: 1, Queue: 3, Net: 5, Work: 1000, Narrow: 1000, Steps: 50_000}
}

// crowded says that more came the slow way than before it was known to be slow.
func crowded(r sim.Result) bool { return r.Slow > 15 }

// hopeless makes every task fail.
func hopeless(c *sim.Config, plans []sim.Plan) {
	with(plans, sim.Plan{Spec: sched.Spec{Layers: []sched.Layer{{N: 3, Keep: sched.Pin, Retry: sched.Retry{Max: 3, Delay: 5}}}}})
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
