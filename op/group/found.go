package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

var foundOp = op.Register(op.Spec[finalParams]{
	Name: "group.found", Version: 1, Class: op.Gathering,
	Doc: "merges what group.apart has found, and gives states of groups for group.final",
	Infer: func(p finalParams, in []op.Meta) (op.Meta, error) {
		a, err := mustApart(p.By, p.In)
		if err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: a.pl.partialSchema(), Rows: -1, Bytes: -1}, nil
	},
	Mem: func(p finalParams, in op.Meta) op.Need { return need(in) },
	Text: func(p finalParams) string {
		a, err := mustApart(p.By, p.In)
		if err != nil {
			return p.By.text()
		}
		return a.text()
	},
	Block: func(p finalParams) (op.Block, error) {
		a, err := mustApart(p.By, p.In)
		return foundBlock{a}, err
	},
})

// foundBlock is group.found, ready to run.
type foundBlock struct{ a *apart }

// Run implements op.Block.
func (b foundBlock) Run(t op.Task, in []op.In, out op.Out) error {
	type job struct {
		set  int
		runs [][]piece
	}
	var jobs []job
	lo, hi := bounds(in, hashRuns*(1+len(b.a.sets)))
	for set := range 1 + len(b.a.sets) {
		for _, runs := range splitRuns(in, lo, hi, set, 1+len(b.a.sets)) {
			jobs = append(jobs, job{set, runs})
		}
	}
	free := make(chan *finder, len(jobs)+1)
	err := t.Fork(len(jobs), func(i int) error {
		var f *finder
		select {
		case f = <-free:
		default:
			f = newFinder(b.a, t, out)
		}
		err := f.run(jobs[i].set, jobs[i].runs)
		free <- f
		return err
	})
	close(free)
	for f := range free {
		if err == nil {
			err = f.give()
		}
		f.close()
	}
	return err
}

// A finder is group.found on one thread.
type finder struct {
	a       *apart
	task    op.Task
	out     op.Out
	tab     *table // of the groups
	mergers []*merger
	last    int // the set whose runs were taken last
	sp      spreader

	gid  []uint32 // of pairs
	cols []outVec
	keys []chunk.Vec
	into []uint32
	ord  []int64
}

func newFinder(a *apart, t op.Task, out op.Out) *finder {
	f := &finder{a: a, task: t, out: out, tab: newTable(a.pl, t), gid: make([]uint32, lapRows), into: make([]uint32, lapRows+1)}
	f.cols, f.keys = make([]outVec, len(a.pl.keys)+1), make([]chunk.Vec, len(a.pl.keys))
	for i, set := range a.sets {
		m := newMerger(set, t)
		m.took = func(t *table) error { return f.pairs(i, t) }
		f.mergers = append(f.mergers, m)
	}
	return f
}

func (f *finder) close() {
	f.tab.free()
	for _, m := range f.mergers {
		m.close()
	}
}

// give puts the states of the groups to their runs, and begins anew.
func (f *finder) give() error {
	err := f.sp.groups(f.tab, 0, f.out.Put)
	f.tab.free()
	return err
}

// run takes the runs of a set.
func (f *finder) run(set int, runs [][]piece) error {
	if set == 0 {
		for _, p := range runs {
			if err := f.states(p); err != nil {
				return err
			}
		}
		return nil
	}
	if f.last != set && f.last > 0 {
		f.mergers[f.last-1].tab.free() // one table of pairs is enough
	}
	f.last = set
	return f.mergers[set-1].runAll(runs, nil)
}

// states takes states of groups.
func (f *finder) states(in []piece) error {
	return f.mergers[0].read(in, func(b *chunk.Batch, from, to int) error {
		return f.again(func() (bool, error) {
			done, err := f.tab.takePacked(b, from, to)
			from += done
			return from == to, err
		})
	})
}

// again calls take until it has taken all, after a refusal with no group in the table.
func (f *finder) again(take func() (bool, error)) error {
	for empty := false; ; {
		ok, err := take()
		if ok || err != nil {
			return err
		}
		if empty {
			return f.tab.errMemory()
		}
		if err := f.give(); err != nil {
			return err
		}
		empty = true
	}
}

// pairs takes what was found of set i: all pairs of t.
func (f *finder) pairs(i int, t *table) error {
	for lo := 0; lo < t.live; lo += lapRows {
		gid := f.gid[:min(lapRows, t.live-lo)]
		for j := range gid {
			gid[j] = uint32(lo + j)
		}
		if f.a.found[i].best >= 0 {
			t.keys.emit(gid, f.cols)
		} else {
			t.keys.emitPairs(gid, f.cols)
		}
		for k := range f.keys {
			f.keys[k] = f.cols[k].vec()
		}
		v := f.cols[len(f.keys)].vec()
		if err := f.again(func() (bool, error) { return f.lap(f.a.found[i], t, gid, &v), nil }); err != nil {
			return err
		}
	}
	return nil
}

// lap takes a lap of pairs, whose values are v. False means that memory was refused and nothing was added.
func (f *finder) lap(x found, t *table, gid []uint32, v *chunk.Vec) bool {
	tab := f.tab
	for a := range tab.seen { // a value found is none that an argument had
		if !tab.seen[a].on && !tab.watch(a) {
			return false
		}
	}
	if !tab.keys.code(f.keys, len(gid), f.into) || !tab.grow(tab.keys.len()) {
		return false
	}
	if x.best >= 0 {
		if p := tab.parts[x.best].(*bestPart); p.isText && !p.need(nil, byteCount(v, len(gid))) {
			return false
		}
	}
	if x.count >= 0 {
		b, s := tab.parts[x.count].(*foundPart).base()
		for i, g := range f.into[:len(gid)] {
			if !v.IsNull(i) {
				*int64At(b, s, g, 0)++
			}
		}
	}
	if x.best >= 0 {
		f.offer(tab.parts[x.best].(*bestPart), t.parts[0].(*lenPart), gid, v)
	}
	tab.live = tab.keys.len()
	tab.taken += int64(len(gid))
	return true
}

// offer offers the values of pairs, which occur as often as n says.
func (f *finder) offer(p *bestPart, n *lenPart, gid []uint32, v *chunk.Vec) {
	if p.isText {
		var short [16]byte
		for i, g := range f.into[:len(gid)] {
			if !v.IsNull(i) {
				p.offerText(g, n.word(gid[i], 0), bytesOf(v, i, &short))
			}
		}
		return
	}
	if f.ord == nil {
		f.ord = make([]int64, lapRows)
	}
	orderKeys(v, f.ord[:len(gid)])
	for i, g := range f.into[:len(gid)] {
		if !v.IsNull(i) {
			p.offer(g, n.word(gid[i], 0), f.ord[i])
		}
	}
}
