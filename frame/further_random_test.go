package frame_test

import (
	"math"
	"slices"
	"strings"
)

// furtherVerbs is the number of cases of weaver.further.
const furtherVerbs = 9

// further adds one of the other verbs.
func (w *weaver) further(n int) {
	switch n {
	case 0:
		w.place()
	case 1:
		w.sample()
	case 2, 3:
		w.sets()
	case 4:
		w.dropNull()
	case 5:
		w.fillNull()
	case 6:
		w.distinctBy()
	case 7:
		w.unpivot()
	case 8:
		w.outer()
	}
}

// place is slice, tail or index, where the order is certain.
func (w *weaver) place() {
	if !w.t.ordered {
		return
	}
	n := w.rnd.IntN(12)
	total := len(w.t.rows)
	lo, hi := 0, total
	switch w.rnd.IntN(3) {
	case 0:
		w.line("tail %d", n)
		lo = max(0, total-n)
	case 1:
		from := w.rnd.IntN(16) - 8
		w.line("slice %d %d", from, n)
		if lo = from; from < 0 {
			lo += total
		}
		hi = max(0, min(total, lo+n))
		lo = min(max(lo, 0), hi)
	case 2:
		name := w.fresh()
		w.line("index %s", name)
		out := &otable{cols: append([]ocol{{name, kInt}}, w.t.cols...), ordered: true}
		for i, r := range w.t.rows {
			out.rows = append(out.rows, append([]any{int64(i)}, r...))
		}
		w.t = out
		return
	}
	w.t = &otable{w.t.cols, w.t.rows[lo:hi], true}
}

// drawn is the random number of a row: two rounds of SplitMix64.
func drawn(seed, place uint64) uint64 {
	mix := func(x uint64) uint64 {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	const step = 0x9e3779b97f4a7c15
	return mix(mix(seed+step) + (place+1)*step)
}

func (w *weaver) sample() {
	if !w.t.ordered {
		return
	}
	seed := uint64(w.rnd.IntN(100))
	out := &otable{cols: w.t.cols, ordered: true}
	if w.rnd.IntN(2) == 0 {
		p := float64(1+w.rnd.IntN(8)) / 10
		w.line("sample %v %d", p, seed)
		for i, r := range w.t.rows {
			if float64(drawn(seed, uint64(i))) < math.Ldexp(p, 64) {
				out.rows = append(out.rows, r)
			}
		}
		w.t = out
		return
	}
	n := w.rnd.IntN(8)
	w.line("samplerows %d %d", n, seed)
	at := make([]int, len(w.t.rows))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int {
		if drawn(seed, uint64(a)) < drawn(seed, uint64(b)) {
			return -1
		}
		return 1
	})
	at = at[:min(n, len(at))]
	slices.Sort(at)
	for _, i := range at {
		out.rows = append(out.rows, w.t.rows[i])
	}
	w.t = out
}

// sets is concat and the set verbs, with a table that has the same columns.
func (w *weaver) sets() {
	u := w.base["tb"]
	if !slices.Equal(u.cols, w.t.cols) {
		return
	}
	switch w.rnd.IntN(4) {
	case 0:
		w.line("concat tb")
		w.t = &otable{u.cols, slices.Concat(w.t.rows, u.rows), w.t.ordered}
		return
	case 1:
		w.line("union tb")
		w.t = (&otable{u.cols, slices.Concat(w.t.rows, u.rows), false}).different(nil)
	case 2:
		w.line("intersect tb")
		w.t = w.t.different(func(id string) bool { return u.has()[id] })
	case 3:
		w.line("except tb")
		w.t = w.t.different(func(id string) bool { return !u.has()[id] })
	}
}

func (t *otable) has() map[string]bool {
	out := map[string]bool{}
	for _, r := range t.rows {
		out[key(r...)] = true
	}
	return out
}

// different gives each row once that passes.
func (t *otable) different(pass func(id string) bool) *otable {
	out := &otable{cols: t.cols}
	seen := map[string]bool{}
	for _, r := range t.rows {
		if id := key(r...); !seen[id] && (pass == nil || pass(id)) {
			seen[id] = true
			out.rows = append(out.rows, r)
		}
	}
	return out
}

func (w *weaver) dropNull() {
	at := w.some(1 + w.rnd.IntN(2))
	w.line("dropnull %s", strings.Join(w.words(at), " "))
	w.t = w.t.filter(func(r []any) any {
		return !slices.ContainsFunc(at, func(i int) bool { return r[i] == nil })
	})
}

func (w *weaver) fillNull() {
	i := w.rnd.IntN(len(w.t.cols))
	e := w.t.expression(w.rnd, w.t.cols[i].k, 1)
	w.line("fillnull %s; %s", e.text, w.t.cols[i].name)
	out := &otable{cols: w.t.cols, ordered: w.t.ordered}
	for _, r := range w.t.rows {
		row := slices.Clone(r)
		if row[i] == nil {
			row[i] = e.f(r)
		}
		out.rows = append(out.rows, row)
	}
	w.t = out
}

func (w *weaver) distinctBy() {
	if !w.t.ordered {
		return
	}
	at := w.some(1 + w.rnd.IntN(2))
	how := []string{"first", "last", "none"}[w.rnd.IntN(3)]
	w.line("distinctby %s %s", how, strings.Join(w.words(at), " "))
	groups := map[string][][]any{}
	for _, r := range w.t.rows {
		var vals []any
		for _, i := range at {
			vals = append(vals, r[i])
		}
		groups[key(vals...)] = append(groups[key(vals...)], r)
	}
	out := &otable{cols: w.t.cols}
	for _, g := range groups {
		switch {
		case how == "first":
			out.rows = append(out.rows, g[0])
		case how == "last":
			out.rows = append(out.rows, g[len(g)-1])
		case len(g) == 1:
			out.rows = append(out.rows, g[0])
		}
	}
	w.t = out
}

func (w *weaver) unpivot() {
	k := kind(w.rnd.IntN(4))
	var of, keep []int
	for i, c := range w.t.cols {
		switch {
		case c.k == k && len(of) < 3:
			of = append(of, i)
		case w.rnd.IntN(2) == 0:
			keep = append(keep, i)
		}
	}
	if len(of) == 0 || len(keep) == 0 {
		return
	}
	name, value := w.fresh(), w.fresh()
	w.line("unpivot %s keep=%s name=%s value=%s", strings.Join(w.words(of), ","), strings.Join(w.words(keep), ","), name, value)
	out := &otable{ordered: w.t.ordered}
	for _, i := range keep {
		out.cols = append(out.cols, w.t.cols[i])
	}
	out.cols = append(out.cols, ocol{name, kText}, ocol{value, k})
	for _, r := range w.t.rows {
		for _, i := range of {
			var row []any
			for _, j := range keep {
				row = append(row, r[j])
			}
			out.rows = append(out.rows, append(row, w.t.cols[i].name, r[i]))
		}
	}
	w.t = out
}

// outer is a right or full join on one pair of keys of different names.
func (w *weaver) outer() {
	u := w.base["tb"]
	i, j := w.rnd.IntN(len(w.t.cols)), w.rnd.IntN(len(u.cols))
	if w.t.cols[i].k != u.cols[j].k || w.t.cols[i].name == u.cols[j].name {
		return
	}
	how := []string{"right", "full"}[w.rnd.IntN(2)]
	suffix := "_" + w.fresh()
	w.line("join %s tb left=%s right=%s suffix=%s", how, w.t.cols[i].name, u.cols[j].name, suffix)
	out := w.t.join(u, "left", []int{i}, []int{j}, suffix)
	if how == "right" {
		out = w.t.join(u, "inner", []int{i}, []int{j}, suffix)
	}
	for _, r := range u.join(w.t, "anti", []int{j}, []int{i}, "").rows {
		out.rows = append(out.rows, append(make([]any, len(w.t.cols)), r...))
	}
	w.t = out
}
