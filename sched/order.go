package sched

import (
	"fmt"
	"slices"
)

// Order returns an order in which a graph of tasks can run one after the other with few results alive: depth-first from the
// sinks, of the inputs of a task first the one whose making needs most results at the same time (Sethi and Ullman 1970,
// as if the graph were a tree), and a reader as soon as it is ready if running it gives back at least one result.
// Task t reads deps[at[t]:at[t+1]]; the numbering need not be topological. O(tasks + edges), but for the sorting of
// inputs. An error names a task that waits for itself.
func Order(at, deps []int32) ([]int32, error) {
	g, err := newDAG(at, deps)
	if err != nil {
		return nil, err
	}
	o := &orderer{dag: g, missing: make([]int32, g.n), left: make([]int32, g.n), done: make([]bool, g.n), open: make([]bool, g.n)}
	for t := range g.n {
		o.missing[t] = int32(len(g.in(t)))
		o.left[t] = int32(len(g.out(t)))
	}
	weight := g.weights()
	for t := range g.n {
		slices.SortStableFunc(g.in(t), func(a, b int32) int { return int(weight[b] - weight[a]) })
	}
	for t := range g.n {
		if len(g.out(t)) == 0 {
			o.visit(t)
		}
	}
	return o.order, nil
}

// Peak returns how many results are alive at most when tasks run in the given order, one after the other: a result lives
// from the run of its task to the end of the run of its last reader, a result nobody reads for ever.
func Peak(at, deps, order []int32) int {
	left := make([]int32, len(at)-1)
	for _, d := range deps {
		left[d]++
	}
	live, peak := 0, 0
	for _, t := range order {
		live++
		peak = max(peak, live)
		for _, d := range deps[at[t]:at[t+1]] {
			if left[d]--; left[d] == 0 {
				live--
			}
		}
	}
	return peak
}

// dag is a graph in compressed rows, both ways.
type dag struct {
	n           int32
	at, deps    []int32
	outAt, outs []int32
	topo        []int32
}

func (g *dag) in(t int32) []int32  { return g.deps[g.at[t]:g.at[t+1]] }
func (g *dag) out(t int32) []int32 { return g.outs[g.outAt[t]:g.outAt[t+1]] }

func newDAG(at, deps []int32) (*dag, error) {
	if len(at) == 0 {
		return nil, fmt.Errorf("sched: order: at is empty, must have one entry more than there are tasks")
	}
	n := int32(len(at) - 1)
	if at[0] != 0 || int(at[n]) != len(deps) {
		return nil, fmt.Errorf("sched: order: at covers [%d, %d), must cover the %d entries of deps", at[0], at[n], len(deps))
	}
	for t := range n {
		if at[t] > at[t+1] {
			return nil, fmt.Errorf("sched: order: row %d ends before it begins", t)
		}
	}
	for _, d := range deps {
		if d < 0 || d >= n {
			return nil, fmt.Errorf("sched: order: task %d is read, must be in [0, %d)", d, n)
		}
	}
	w := Wiring{Kind: Table, At: at, List: deps}
	g := &dag{n: n, at: at, deps: slices.Clone(deps)}
	g.outAt, g.outs = w.reverse(n, &stock{})
	missing := make([]int32, n)
	for t := range n {
		if missing[t] = int32(len(g.in(t))); missing[t] == 0 {
			g.topo = append(g.topo, t)
		}
	}
	for i := 0; i < len(g.topo); i++ {
		for _, u := range g.out(g.topo[i]) {
			if missing[u]--; missing[u] == 0 {
				g.topo = append(g.topo, u)
			}
		}
	}
	if len(g.topo) < int(n) {
		return nil, fmt.Errorf("sched: order: tasks wait for each other in a circle: %v", g.circle(missing))
	}
	return g, nil
}

// circle returns the tasks of one circle, given that tasks with missing > 0 are on one or behind one.
func (g *dag) circle(missing []int32) []int32 {
	t := int32(slices.IndexFunc(missing, func(m int32) bool { return m > 0 }))
	seen := map[int32]int{}
	var path []int32
	for {
		if i, ok := seen[t]; ok {
			return path[i:]
		}
		seen[t] = len(path)
		path = append(path, t)
		in := g.in(t)
		t = in[slices.IndexFunc(in, func(d int32) bool { return missing[d] > 0 })]
	}
}

// weights returns how many results are alive at most while a task and all it needs run, as if nothing were shared.
func (g *dag) weights() []int32 {
	weight := make([]int32, g.n)
	var row []int32
	for _, t := range g.topo {
		row = row[:0]
		for _, d := range g.in(t) {
			row = append(row, weight[d])
		}
		slices.Sort(row)
		need := int32(len(row)) + 1
		for i := range row {
			need = max(need, row[len(row)-1-i]+int32(i))
		}
		weight[t] = need
	}
	return weight
}

type orderer struct {
	*dag
	missing, left []int32 // inputs not run, readers not run
	done, open    []bool
	order         []int32
	stack, eager  []int32
}

// visit runs what t needs and t.
func (o *orderer) visit(t int32) {
	o.stack = append(o.stack[:0], t)
	for len(o.stack) > 0 {
		t := o.stack[len(o.stack)-1]
		if o.done[t] {
			o.stack = o.stack[:len(o.stack)-1]
			continue
		}
		if o.open[t] {
			o.stack = o.stack[:len(o.stack)-1]
			o.run(t)
			continue
		}
		o.open[t] = true
		in := o.in(t)
		for i := len(in) - 1; i >= 0; i-- {
			if !o.done[in[i]] {
				o.stack = append(o.stack, in[i])
			}
		}
	}
}

// run runs t and then every reader that is ready and whose run gives a result back.
func (o *orderer) run(t int32) {
	o.eager = append(o.eager[:0], t)
	for len(o.eager) > 0 {
		t := o.eager[len(o.eager)-1]
		o.eager = o.eager[:len(o.eager)-1]
		if o.done[t] {
			continue
		}
		o.done[t] = true
		o.order = append(o.order, t)
		for _, d := range o.in(t) {
			o.left[d]--
			o.offer(d)
		}
		for _, u := range o.out(t) {
			o.missing[u]--
		}
		o.offer(t)
	}
}

// offer lets the only reader left of d run, if it is ready.
func (o *orderer) offer(d int32) {
	if o.left[d] != 1 || !o.done[d] {
		return
	}
	for _, u := range o.out(d) {
		if !o.done[u] && o.missing[u] == 0 {
			o.eager = append(o.eager, u)
		}
	}
}
