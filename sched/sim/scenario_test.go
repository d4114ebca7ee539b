package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/script"
)

// TestScenarios runs testdata: "run seeds=A..B" with a scenario as input. The output says what all seeds have in common and
// the trace of the first, so that a change of the protocol shows.
func TestScenarios(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T, d *script.Stanza) string {
		if d.Cmd != "run" {
			return "the command is run\n"
		}
		from, to := uint64(d.Int(t, "from", 1)), uint64(d.Int(t, "to", 20))
		sc, err := ParseScenario(d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		return runScenario(sc, from, to)
	})
}

func runScenario(sc *Scenario, from, to uint64) string {
	var out strings.Builder
	failed := map[string]int{}
	most := 0.0
	for seed := from; seed <= to; seed++ {
		sc.Config.Seed = seed
		r, err := Run(sc.Plans, sc.Config)
		if err != nil {
			return err.Error() + "\n"
		}
		if seed == from {
			fmt.Fprintf(&out, "seed %d: %d tasks, %d ran, %d workers died, %d retired, %d schedulers died, %d events, end %d, trace %016x\n", seed, r.Tasks, r.Ran, r.Kills, r.Retired, r.Crashes, r.Steps, r.End, r.Trace)
		}
		most = max(most, float64(r.Ran)/float64(r.Tasks))
		for j, e := range r.Failed {
			failed[fmt.Sprintf("job %d: %v %v after %d causes", j, e.Class, e.Task, len(e.Causes))]++
		}
	}
	fmt.Fprintf(&out, "%d seeds: values are right, at most %.2f runs per task\n", to-from+1, most)
	for _, k := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(&out, "%s: %d times\n", k, failed[k])
	}
	return out.String()
}
