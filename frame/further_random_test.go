package frame_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// furtherVerbs is the number of cases of weaver.further.
const furtherVerbs = 16

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
	case 9, 10, 11:
		w.window()
	case 12, 13:
		w.asOf()
	case 14, 15:
		w.wholes()
	}
}

// place is slice, tail or index, where the order is certain.
func (w *weaver) place() {
	if !w.t.ordered {
		return
	}
	if w.rnd.IntN(4) == 0 {
		w.line("repartition %d", 1+w.rnd.IntN(5))
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

// window draws a partition, an order and functions.
func (w *weaver) window() {
	by := w.some(w.rnd.IntN(3))
	keys, words := w.keys()
	order := slices.DeleteFunc(slices.Clone(keys), func(k okey) bool { return slices.Contains(by, k.at) })
	all := keys
	for i := len(by) - 1; i >= 0; i-- {
		all = slices.Insert(slices.Clone(all), 0, okey{at: by[i]})
	}
	sorted := w.t.sort(all)
	out := &otable{cols: slices.Clone(w.t.cols), ordered: true}
	var parts [][][]any
	for i, r := range sorted.rows {
		if i == 0 || slices.ContainsFunc(by, func(c int) bool { return key(r[c]) != key(sorted.rows[i-1][c]) }) {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], r)
	}
	var texts []string
	var fs []func(rows [][]any, i int) any
	for range 1 + w.rnd.IntN(3) {
		name := w.fresh()
		text, k, f := w.windowFunc(order)
		texts, fs = append(texts, name+" = "+text), append(fs, f)
		out.cols = append(out.cols, ocol{name, k})
	}
	w.line("window %s | %s | %s", strings.Join(w.words(by), " "), words, strings.Join(texts, "; "))
	for _, rows := range parts {
		for i, r := range rows {
			row := slices.Clone(r)
			for _, f := range fs {
				row = append(row, f(rows, i))
			}
			out.rows = append(out.rows, row)
		}
	}
	w.t = out
}

// wholes draws aggregates of whole partitions without an order.
func (w *weaver) wholes() {
	by := w.some(1 + w.rnd.IntN(2))
	parts := map[string][][]any{}
	id := func(r []any) (s string) {
		for _, c := range by {
			s += fmt.Sprintf("%q", fmt.Sprint(key(r[c])))
		}
		return s
	}
	for _, r := range w.t.rows {
		parts[id(r)] = append(parts[id(r)], r)
	}
	out := &otable{cols: slices.Clone(w.t.cols)} // in the order of a join, which is none where it spills
	var texts []string
	var aggs []oagg
	for range 1 + w.rnd.IntN(3) {
		name := w.fresh()
		a, c := w.agg()
		texts, aggs = append(texts, fmt.Sprintf("%s = %s %s whole", name, a.fn, c.name)), append(aggs, a)
		out.cols = append(out.cols, ocol{name, a.kind(w.t)})
	}
	w.line("window %s | | %s", strings.Join(w.words(by), " "), strings.Join(texts, "; "))
	for _, r := range w.t.rows {
		row := slices.Clone(r)
		for _, a := range aggs {
			row = append(row, a.of(parts[id(r)]))
		}
		out.rows = append(out.rows, row)
	}
	w.t = out
}

// agg draws an aggregate of a column that windows have.
func (w *weaver) agg() (oagg, ocol) {
	c := w.rnd.IntN(len(w.t.cols))
	col := w.t.cols[c]
	fns := map[kind][]string{
		kBool:  {"count", "min", "max", "any", "all"},
		kInt:   {"sum", "mean", "min", "max", "count", "var", "median", "quantile_30"},
		kFloat: {"sum", "mean", "min", "max", "count", "var", "median", "quantile_30"},
		kText:  {"min", "max", "count"},
		kBig:   {"min", "max", "count"},
	}[col.k]
	return oagg{fn: fns[w.rnd.IntN(len(fns))], at: c}, col
}

// windowFunc draws a function of row i of a partition.
func (w *weaver) windowFunc(order []okey) (text string, k kind, f func(rows [][]any, i int) any) {
	peers := func(a, b []any) bool {
		return !slices.ContainsFunc(order, func(k okey) bool { return key(a[k.at]) != key(b[k.at]) })
	}
	c := w.rnd.IntN(len(w.t.cols))
	col := w.t.cols[c]
	n := w.rnd.IntN(4)
	at := func(rows [][]any, i int) any {
		if i < 0 || i >= len(rows) {
			return nil
		}
		return rows[i][c]
	}
	switch x := w.rnd.IntN(12); {
	case x == 0:
		return "row_number", kInt, func(_ [][]any, i int) any { return int64(i + 1) }
	case x == 1 && len(order) > 0:
		return "rank", kInt, func(rows [][]any, i int) any {
			for i > 0 && peers(rows[i], rows[i-1]) {
				i--
			}
			return int64(i + 1)
		}
	case x == 2 && len(order) > 0:
		return "dense_rank", kInt, func(rows [][]any, i int) any {
			d := int64(1)
			for ; i > 0; i-- {
				if !peers(rows[i], rows[i-1]) {
					d++
				}
			}
			return d
		}
	case x == 3:
		return fmt.Sprintf("lag %s %d", col.name, n), col.k, func(rows [][]any, i int) any { return at(rows, i-n) }
	case x == 4:
		return fmt.Sprintf("lead %s %d", col.name, n), col.k, func(rows [][]any, i int) any { return at(rows, i+n) }
	case x == 5:
		return "fill_forward " + col.name, col.k, func(rows [][]any, i int) any {
			for i > 0 && rows[i][c] == nil {
				i--
			}
			return rows[i][c]
		}
	case x == 6:
		return "fill_backward " + col.name, col.k, func(rows [][]any, i int) any {
			for i < len(rows)-1 && rows[i][c] == nil {
				i++
			}
			return rows[i][c]
		}
	case x == 7:
		return "last " + col.name + " whole", col.k, func(rows [][]any, _ int) any { return at(rows, len(rows)-1) }
	}
	a, col := w.agg()
	if w.rnd.IntN(6) == 0 {
		a.fn = []string{"first", "last"}[w.rnd.IntN(2)]
	}
	frame, span := w.frameOf(order, peers)
	text, k = a.fn+" "+col.name+" "+frame, a.kind(w.t)
	if a.fn == "mean" {
		a.fn = movingMean
	}
	return text, k, func(rows [][]any, i int) any {
		lo, hi := span(rows, i)
		lo, hi = max(lo, 0), max(0, min(hi+1, len(rows)))
		return a.of(rows[min(lo, hi):hi])
	}
}

// frameOf draws a frame: from its first to its last row.
func (w *weaver) frameOf(order []okey, peers func(a, b []any) bool) (string, func(rows [][]any, i int) (lo, hi int)) {
	first := func(rows [][]any, i int) int {
		for i > 0 && peers(rows[i], rows[i-1]) {
			i--
		}
		return i
	}
	last := func(rows [][]any, i int) int {
		for i < len(rows)-1 && peers(rows[i], rows[i+1]) {
			i++
		}
		return i
	}
	n := w.rnd.IntN(6)
	if n > 2 && len(order) == 0 {
		n -= 3
	}
	switch n {
	case 0:
		return "whole", func(rows [][]any, _ int) (int, int) { return 0, len(rows) - 1 }
	case 1:
		return "running", func(_ [][]any, i int) (int, int) { return 0, i }
	case 2:
		lo := w.rnd.IntN(7) - 3
		hi := lo + w.rnd.IntN(4)
		return fmt.Sprintf("rows %d %d", lo, hi), func(_ [][]any, i int) (int, int) { return i + lo, i + hi }
	case 3:
		return "range open 0", func(rows [][]any, i int) (int, int) { return 0, last(rows, i) }
	case 4:
		return "range 0 open", func(rows [][]any, i int) (int, int) { return first(rows, i), len(rows) - 1 }
	}
	return "range 0 0", func(rows [][]any, i int) (int, int) { return first(rows, i), last(rows, i) }
}

// asOf joins with tb by a number, now and then within a key.
func (w *weaver) asOf() {
	u := w.base["tb"]
	i, j := w.rnd.IntN(len(w.t.cols)), w.rnd.IntN(len(u.cols))
	if k := w.t.cols[i].k; k != u.cols[j].k || k != kInt && k != kFloat {
		return
	}
	l, r := w.rnd.IntN(len(w.t.cols)), w.rnd.IntN(len(u.cols))
	by := w.t.cols[l].k == u.cols[r].k && l != i && r != j && w.t.cols[l].name != u.cols[r].name
	if !w.t.ordered { // rows that are equal in time have no order
		return
	}
	dir := []string{"backward", "forward", "nearest"}[w.rnd.IntN(3)]
	strict := dir != "nearest" && w.rnd.IntN(3) == 0
	limit := math.Inf(1)
	suffix := "_" + w.fresh()
	text := fmt.Sprintf("asof tb left=%s right=%s %s suffix=%s", w.t.cols[i].name, u.cols[j].name, dir, suffix)
	if by {
		text += fmt.Sprintf(" leftby=%s rightby=%s", w.t.cols[l].name, u.cols[r].name)
	}
	if strict {
		text += " strict"
	}
	if w.rnd.IntN(3) == 0 {
		limit = float64(w.rnd.IntN(3))
		text += fmt.Sprintf(" tolerance=%v", limit)
	}
	w.line("%s", text)
	keys, others := []okey{{at: i}}, []okey{{at: j}}
	if by {
		keys, others = []okey{{at: l}, {at: i}}, []okey{{at: r}, {at: j}}
	}
	out := &otable{cols: slices.Clone(w.t.cols), ordered: true}
	for _, c := range u.cols {
		if slices.ContainsFunc(w.t.cols, func(x ocol) bool { return x.name == c.name }) {
			c.name += suffix
		}
		out.cols = append(out.cols, c)
	}
	times := u.sort(others).rows
	for _, a := range w.t.sort(keys).rows {
		var best []any
		for _, b := range times {
			if a[i] == nil || b[j] == nil || by && (a[l] == nil || b[r] == nil || key(a[l]) != key(b[r])) {
				continue
			}
			d := number64(b[j]) - number64(a[i]) // below 0: before
			if d != d || math.Abs(d) > limit || strict && d == 0 || dir == "backward" && d > 0 || dir == "forward" && d < 0 {
				continue
			}
			if best == nil {
				best = b
				continue
			}
			e := number64(best[j]) - number64(a[i])
			if math.Abs(d) < math.Abs(e) || d == e && (dir == "backward" || dir == "nearest" && d <= 0) {
				best = b
			}
		}
		if best == nil {
			best = make([]any, len(u.cols))
		}
		out.rows = append(out.rows, append(slices.Clone(a), best...))
	}
	w.t = out
}
