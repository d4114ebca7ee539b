package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weft-data/weft/sched"
)

// Scenario is a cluster, its trouble and its jobs as text, one line each:
//
//	workers 4 slots=2 queue=1 mem=4000 net=20 work=100 batch=5 narrow=10
//	faults kills=3 blackouts=1 breaks=2 stalls=2 rifts=1 losses=2 full=1 slow=2 retires=1 cancels=0 crashes=1 withdraws=1 swells=1 waits=0.1 dup=0.1 flaky=0.05 over=0.01 corrupt=0.02
//	options poison=3 fetches=16
//	poison 0:0[3]                                a task that takes its worker along: job, layer, block
//	broken 0:0[4]                                a task that fails and must not be tried again
//	job prio=1
//	0 n=64                                       a layer: its number, then what it is
//	1 n=64 in=0:one
//	2 n=16 in=1:span(0,4,4) keep=pin
//	3 late=8 after=2 in=2:all keep=ordered window=2      set to 8 blocks when layer 2 is done
//	4 lent=0:2(1,3)                              blocks 1 and 3 of layer 2 of job 0, which keeps them
type Scenario struct {
	Config Config
	Plans  []Plan
}

// ParseScenario reads a scenario. Errors name the line.
func ParseScenario(text string) (*Scenario, error) {
	sc := &Scenario{Config: Config{Workers: 1, Slots: 1, Net: 10, Work: 100, Check: true}}
	for i, line := range strings.Split(text, "\n") {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			if err := sc.line(f); err != nil {
				return nil, fmt.Errorf("sim: line %d, %q: %w", i+1, line, err)
			}
		}
	}
	return sc, nil
}

func (sc *Scenario) line(f []string) error {
	c := &sc.Config
	switch f[0] {
	case "workers":
		n, err := strconv.Atoi(f[1])
		c.Workers = n
		if err != nil {
			return err
		}
		return options(f[2:], map[string]any{"slots": &c.Slots, "queue": &c.Queue, "mem": &c.Memory, "net": &c.Net, "work": &c.Work, "batch": &c.Batch, "narrow": &c.Narrow})
	case "faults":
		return options(f[1:], map[string]any{"kills": &c.Kills, "blackouts": &c.Blackouts, "breaks": &c.Breaks, "stalls": &c.Stalls, "rifts": &c.Rifts,
			"losses": &c.Losses, "full": &c.Full, "slow": &c.Slow, "retires": &c.Retires, "cancels": &c.Cancels, "crashes": &c.Crashes, "withdraws": &c.Withdraws, "swells": &c.Swells, "waits": &c.Waits,
			"dup": &c.Dup, "flaky": &c.Flaky, "over": &c.Over, "corrupt": &c.Corrupt})
	case "options":
		return options(f[1:], map[string]any{"poison": &c.Options.Poison, "fetches": &c.Options.Fetches})
	case "poison", "broken":
		var j sched.JobID
		var t sched.Block
		if _, err := fmt.Sscanf(f[1], "%d:%d[%d]", &j, &t.Layer, &t.Block); err != nil {
			return err
		}
		what := &c.Poison
		if f[0] == "broken" {
			what = &c.Broken
		}
		old := *what
		*what = func(k sched.JobID, u sched.Block) bool { return k == j && u == t || old != nil && old(k, u) }
		c.MayFail = true
		return nil
	case "job":
		sc.Plans = append(sc.Plans, Plan{})
		return options(f[1:], map[string]any{"prio": &sc.Plans[len(sc.Plans)-1].Spec.Priority})
	}
	if len(sc.Plans) == 0 {
		return fmt.Errorf("a layer stands after a job line")
	}
	return sc.Plans[len(sc.Plans)-1].layer(f)
}

func options(f []string, into map[string]any) error {
	for _, o := range f {
		k, v, _ := strings.Cut(o, "=")
		var err error
		switch p := into[k].(type) {
		case *int:
			*p, err = strconv.Atoi(v)
		case *int32:
			var n int64
			n, err = strconv.ParseInt(v, 10, 32)
			*p = int32(n)
		case *int64:
			*p, err = strconv.ParseInt(v, 10, 64)
		case *float64:
			*p, err = strconv.ParseFloat(v, 64)
		default:
			return fmt.Errorf("%q is not known here", k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// layer reads a line of a layer.
func (p *Plan) layer(f []string) error {
	if f[0] != strconv.Itoa(len(p.Spec.Layers)) {
		return fmt.Errorf("the next layer is %d", len(p.Spec.Layers))
	}
	l, late, after := sched.Layer{Retry: sched.Retry{Max: 20, Delay: 20}}, int32(0), []sched.LayerID(nil)
	for _, o := range f[1:] {
		k, v, _ := strings.Cut(o, "=")
		var err error
		switch k {
		case "keep":
			l.Keep, err = ParseKeep(v)
		case "in":
			l.In, err = ParseEdges(v)
		case "lent":
			if l.Lent, err = parseLent(v); err == nil {
				l.N = int32(len(l.Lent.Blocks))
			}
		case "after":
			for _, a := range strings.Split(v, ",") {
				n, e := strconv.Atoi(a)
				after, err = append(after, sched.LayerID(n)), e
			}
		default:
			err = options([]string{o}, map[string]any{"n": &l.N, "late": &late, "rank": &l.Rank, "window": &l.Window, "floor": &l.Floor,
				"retries": &l.Retry.Max, "delay": &l.Retry.Delay, "cap": &l.Retry.Cap})
		}
		if err != nil {
			return err
		}
	}
	id := sched.LayerID(len(p.Spec.Layers))
	if len(after) > 0 {
		l.Late = true
		p.Stages = append(p.Stages, Stage{After: after, Make: func(int64) *sched.Extension {
			return &sched.Extension{Set: []sched.Late{{Layer: id, N: late}}}
		}})
	}
	p.Spec.Layers = append(p.Spec.Layers, l)
	return nil
}

// parseLent reads JOB:LAYER(BLOCK,BLOCK…).
func parseLent(s string) (*sched.Lent, error) {
	l := &sched.Lent{}
	at, list, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	if _, err := fmt.Sscanf(at, "%d:%d", &l.Job, &l.Layer); err != nil {
		return nil, fmt.Errorf("lent is job:layer(blocks): %w", err)
	}
	for _, x := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		v, err := strconv.ParseInt(x, 10, 32)
		if err != nil {
			return nil, err
		}
		l.Blocks = append(l.Blocks, int32(v))
	}
	return l, nil
}

// ParseKeep reads drop, pin, stream or ordered.
func ParseKeep(s string) (sched.Keep, error) {
	for k := sched.Drop; k <= sched.Ordered; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("keep is drop, pin, stream or ordered, not %q", s)
}

// ParseEdges reads edges such as 0:one+1:span(first,n,stride)+2:all+3:table(0,1;2;;3): lists of a table are separated by
// semicolons. A reader of 2:all/part reads its part of each block.
func ParseEdges(s string) ([]sched.Edge, error) {
	var in []sched.Edge
	for _, e := range strings.Split(s, "+") {
		from, w, _ := strings.Cut(e, ":")
		n, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		w, parted := strings.CutSuffix(w, "/part")
		kind, args, _ := strings.Cut(strings.TrimSuffix(w, ")"), "(")
		edge := sched.Edge{From: sched.LayerID(n), Part: parted}
		switch kind {
		case "one":
			edge.Wiring = sched.OneToOne()
		case "all":
			edge.Wiring = sched.Everything()
		case "span":
			w := sched.Wiring{Kind: sched.Span}
			if _, err := fmt.Sscanf(args, "%d,%d,%d", &w.First, &w.N, &w.Stride); err != nil {
				return nil, fmt.Errorf("span(first,n,stride): %w", err)
			}
			edge.Wiring = w
		case "table":
			at, list := []int32{0}, []int32{}
			for _, row := range strings.Split(args, ";") {
				for _, x := range strings.FieldsFunc(row, func(r rune) bool { return r == ',' }) {
					v, err := strconv.ParseInt(x, 10, 32)
					if err != nil {
						return nil, err
					}
					list = append(list, int32(v))
				}
				at = append(at, int32(len(list)))
			}
			edge.Wiring = sched.Lists(at, list)
		default:
			return nil, fmt.Errorf("wiring is one, span(first,n,stride), all or table(lists), not %q", w)
		}
		in = append(in, edge)
	}
	return in, nil
}
