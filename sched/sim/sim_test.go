package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/sched"
)

var (
	oneSeed = flag.Int64("seed", -1, "sim: run this seed alone, with its story")
	seeds   = flag.Int("seeds", 0, "sim: seeds of the sweep, instead of 2000 (300 with -short)")
)

// runSeed runs a seed twice: with Check after every step, and without; both must be the same to the last event.
func runSeed(seed uint64, log func(string)) (Result, error) {
	plans, cfg := Sweep(seed)
	cfg.Check, cfg.Log = true, log
	if log != nil {
		for i, p := range plans {
			for l, k := range p.Spec.Layers {
				log(fmt.Sprintf("job %d layer %d: %+v", i, l, k))
			}
		}
	}
	one, err := Run(plans, cfg)
	if err != nil {
		return one, err
	}
	cfg.Check, cfg.Log = false, nil
	two, err := Run(plans, cfg)
	if err != nil || one.Trace != two.Trace {
		return one, fmt.Errorf("seed %d: a second run is different: %x and %x (%v)", seed, one.Trace, two.Trace, err)
	}
	return one, nil
}

func TestSweep(t *testing.T) {
	if *oneSeed >= 0 {
		r, err := runSeed(uint64(*oneSeed), func(line string) { t.Log(line) })
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		return
	}
	n := 2000
	if testing.Short() {
		n = 300
	}
	if *seeds > 0 {
		n = *seeds
	}
	var mu sync.Mutex
	var sum Result
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < int64(n) && !t.Failed(); seed = next.Add(1) - 1 {
				r, err := runSeed(uint64(seed), nil)
				if err != nil {
					t.Errorf("%v\nagain, with all events: go test ./sched/sim -run TestSweep -v -seed %d", err, seed)
				}
				mu.Lock()
				sum.Steps += r.Steps
				sum.Tasks += r.Tasks
				sum.Ran += r.Ran
				sum.Kills += r.Kills
				sum.Retired += r.Retired
				sum.Crashes += r.Crashes
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds: %d tasks, %d runs of tasks, %d kills, %d retired, %d schedulers died, %d events", n, sum.Tasks, sum.Ran, sum.Kills, sum.Retired, sum.Crashes, sum.Steps)
	if !t.Failed() && (sum.Kills < n || sum.Ran < sum.Tasks/2 || sum.Retired < n/10 || sum.Crashes < n/10) {
		t.Fatal("the sweep hardly tests anything")
	}
}

// TestShuffle runs n map tasks, n reduce tasks that each read all of them, and what a late decision adds behind, while
// workers die.
func TestShuffle(t *testing.T) {
	n := int32(10_000)
	if testing.Short() {
		n = 1_000
	}
	p := Plan{Spec: sched.Spec{Layers: []sched.Layer{
		{N: n},
		{N: n, In: []sched.Edge{{From: 0, Wiring: sched.Everything()}}},
		{Late: true, In: []sched.Edge{{From: 1, Wiring: sched.OneToOne()}}},
	}}}
	p.Stages = []Stage{{After: []sched.LayerID{1}, Make: func(rows int64) *sched.Extension {
		return &sched.Extension{
			Set: []sched.Late{{Layer: 2, N: n}},
			Add: []sched.Layer{{N: 1, Keep: sched.Ordered, In: []sched.Edge{{From: 2, Wiring: sched.Everything()}}}},
		}
	}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Run([]Plan{p}, Config{Seed: 1, Workers: 16, Slots: 4, Queue: 4, Net: 200, Work: 10_000, Kills: 8, Breaks: 1, Options: sched.Options{Poison: 100, Fetches: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d tasks, %d ran, %d workers died, %d events, %d MB allocated in all", r.Tasks, r.Ran, r.Kills, r.Steps, (after.TotalAlloc-before.TotalAlloc)>>20)
	if r.Kills < 4 || r.Ran > 3*r.Tasks {
		t.Fatalf("%d workers died, %d of %d tasks ran", r.Kills, r.Ran, r.Tasks)
	}
}

func TestRandomPlansDiffer(t *testing.T) {
	kinds := map[sched.WiringKind]int{}
	late, self := 0, 0
	for seed := range uint64(300) {
		p := Random(rand.New(rand.NewPCG(seed, 0)))
		for id, l := range p.Spec.Layers {
			if l.Late {
				late++
			}
			for _, e := range l.In {
				kinds[e.Wiring.Kind]++
				if int(e.From) == id {
					self++
				}
			}
		}
	}
	if len(kinds) != 4 || late < 30 || self < 10 {
		t.Fatalf("wirings %v, %d late layers, %d that read themselves", kinds, late, self)
	}
}
