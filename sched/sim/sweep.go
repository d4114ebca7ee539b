package sim

import (
	"math/rand/v2"

	"github.com/weft-data/weft/sched"
)

// Sweep returns the plans and the configuration of a seed: random graphs under random trouble. The seed alone decides, so
// a failing one can be run again.
func Sweep(seed uint64) ([]Plan, Config) {
	plans, cfg := Draw(rand.New(rand.NewPCG(seed, 2)))
	cfg.Seed = seed
	return plans, cfg
}

// Draw draws plans and trouble.
func Draw(r *rand.Rand) ([]Plan, Config) {
	plans := make([]Plan, 1+r.IntN(3))
	for i := range plans {
		plans[i] = random(r, plans[:i])
	}
	cfg := Config{
		Workers: 1 + r.IntN(5), Slots: 1 + r.Int32N(3), Queue: r.Int32N(4), Net: 1 + r.Int64N(30), Work: 1 + r.Int64N(100),
		Kills: r.IntN(5), Breaks: r.IntN(4), Losses: r.IntN(4), Slow: r.IntN(3), Options: sched.Options{Poison: 8, Fetches: 1000},
	}
	if r.IntN(3) == 0 {
		cfg.Memory, cfg.Full = 100+r.Int64N(400), r.IntN(3)
	}
	for _, c := range []struct {
		one  int // of so many runs have it
		into *float64
		p    float64
	}{{2, &cfg.Dup, 0.2}, {3, &cfg.Flaky, 0.2}, {6, &cfg.Over, 0.1}, {4, &cfg.Corrupt, 0.1}} {
		if r.IntN(c.one) == 0 {
			*c.into = c.p
		}
	}
	for _, f := range []struct {
		one, most int
		into      *int
	}{{10, 1, &cfg.Blackouts}, {3, 4, &cfg.Stalls}, {3, 3, &cfg.Rifts}, {3, 3, &cfg.Retires}, {6, 2, &cfg.Cancels}, {4, 2, &cfg.Crashes}} {
		if r.IntN(f.one) == 0 {
			*f.into = 1 + r.IntN(f.most)
		}
	}
	cfg.Apart = r.IntN(2) == 0
	if r.IntN(3) == 0 {
		cfg.Batch = 1 + r.Int64N(cfg.Net)
	}
	if r.IntN(4) == 0 {
		cfg.Narrow = 1 + r.Int64N(50)
	}
	if r.IntN(3) == 0 {
		cfg.Withdraws = 1 + r.IntN(4)
	}
	if r.IntN(4) == 0 {
		cfg.Swells = 1 + r.IntN(3)
	}
	if r.IntN(3) == 0 {
		cfg.Waits = []float64{0.1, 0.5, 1}[r.IntN(3)]
	}
	return plans, cfg
}
