package join

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// When a table is too large for rows to be looked up in all of it.
const (
	// outgrown is how many times more rows than are looked up it has: then it is cheaper to
	// divide these, too, and to make tables of them.
	outgrown = 4
	// leastRows is from how many rows on a table may be too large.
	leastRows = 1 << 18
	// sentBytes is how large it may be where every worker is sent it whole, however much
	// memory they have.
	sentBytes = 256 << 20
	// divideBytes is how much a block of join.match reads.
	divideBytes = 64 << 20
)

// divide is the rule of join.probe: its rows can be divided as those of its table are, and
// joined with these run by run.
func divide(p probeParams, in, _ op.Meta, memory float64) (op.Division, bool) {
	d, err := p.division(in)
	if err != nil || p.InPlace || d.Meta.Schema.Unique() != nil {
		return op.Division{}, false
	}
	d.Rows, d.Bytes = math.MaxInt64, math.MaxInt64
	if in.Rows >= 0 {
		d.Rows = int64(min(max(leastRows, outgrown*in.Rows), math.MaxInt64/2))
	}
	if !math.IsInf(memory, 1) {
		d.Bytes = int64(min(sentBytes, float64(tableShare(int64(memory)))))
	}
	return d, true
}

// division says how rows that would be looked up are divided, and joined with those of the table.
func (p probeParams) division(in op.Meta) (op.Division, error) {
	bp := buildParams{Keys: p.Keys, Nulls: p.Kind == Left || p.Kind == Anti || p.Kind == Full}
	for _, c := range p.Cols {
		if !c.Build {
			bp.add(c.In)
		}
	}
	for _, b := range p.Within {
		bp.add(b.Left)
	}
	front, meta, err := buildOp.Call(bp, in)
	return op.Division{Front: front, Meta: meta, Back: matchOp.With(matchParams{Join: p, Probe: meta.Schema}),
		Size: op.Size{Runs: nullRun + 1, TargetBytes: divideBytes}}, err
}

// matchParams are the parameters of join.match.
type matchParams struct {
	Join  probeParams  // the step that it stands for
	Probe dtype.Schema // of the rows that were to be looked up: keys first
}

// matchOp is join.match. Its input 0 are the rows that join.probe would have looked up and
// its input 1 those of the table, both divided by join.build. Run by run it makes a table of
// the side that is smaller there. Rows of a left, semi or anti join are kept or left out when
// all rows of the other side have been seen: for those kinds the table is always of them. Of a full
// join rows of both sides are.
//
// A run whose rows are many more than those of other runs is read by several threads, each
// with a table of its own: see matchFeed.
var matchOp = op.Register(op.Spec[matchParams]{
	Name: "join.match", Version: 3, Class: op.Gathering,
	Doc: "Joins two divided tables run by run.",
	Text: func(p matchParams) string {
		t := p.Join.text()
		if p.Join.BuildRows >= 0 {
			t += fmt.Sprintf("; planned as a table of %.0f rows", p.Join.BuildRows)
		}
		return t
	},
	Infer:  func(p matchParams, _ []op.Meta) (op.Meta, error) { return p.Join.infer(op.Meta{Schema: p.Probe}) },
	Mem:    func(p matchParams, in op.Meta) op.Need { return need(in.Bytes) },
	Source: func(p matchParams) (op.Source, error) { return newMatching(p) },
})

// The sides of join.match, by its inputs.
const (
	looked = 0 // rows that were to be looked up
	tabled = 1 // rows of the table
)

// matching is the source.
type matching struct {
	kind Kind
	ways [2]*probing // with a table of this side
}

func newMatching(p matchParams) (*matching, error) {
	cols, keys, err := p.Join.bind(op.Meta{Schema: p.Probe})
	if err != nil {
		return nil, err
	}
	as := newProbing(p.Join, p.Probe, cols, keys)
	n := len(keys)
	back := &probing{in: p.Join.Build, keys: seq(n), p: probeParams{Kind: Inner, Keys: p.Join.Build[:n].Names(), Build: p.Probe, Within: turned(p.Join.Within)},
		lone: as.rest, rest: as.lone}
	if as.chains() { // else it gives no pairs
		for _, c := range cols {
			c.build = !c.build
			back.cols = append(back.cols, c)
		}
	}
	return &matching{p.Join.Kind, [2]*probing{looked: back, tabled: as}}, nil
}

func (m *matching) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &matchFeed{m: m, t: t}
	f.ration.init(t)
	lo, hi := math.MaxInt, 0
	for _, x := range in {
		f.in[x.Edge] = append(f.in[x.Edge], x)
		lo, hi = min(lo, x.Lo), max(hi, x.Hi)
	}
	f.plan(lo, min(hi, nullRun+1))
	return f, nil
}

// A matchFeed has splits of about the same size: a run, or a share of a run that is larger
// than others.
type matchFeed struct {
	m      *matching
	t      op.Task
	in     [2][]op.In
	ration ration
	parts  []matchPart
}

// A matchPart is one split.
type matchPart struct {
	run, table int
	share, of  int
	bytes      int64 // read
}

// How runs are shared out: a share reads at least shareBytes and sharesTable times the bytes of
// the table, which every share makes for itself; there are at most maxShares of a run.
const (
	shareBytes  = 8 << 20
	sharesTable = 4
	maxShares   = 16
)

// plan makes the splits, the largest first. Shares depend on what there is alone, not on
// threads or memory.
func (f *matchFeed) plan(lo, hi int) {
	tables := [2]int64{}
	for run := lo; run < hi; run++ {
		size := [2]int64{runBytes(f.in[looked], run), runBytes(f.in[tabled], run)}
		p := matchPart{run: run, table: looked}
		if (f.m.kind == Inner || f.m.kind == Full) && size[tabled] <= size[looked] {
			p.table = tabled
		}
		tables[p.table]++
		streamed := size[1-p.table]
		// Of an inner join what is looked up can be shared out, of others the rows that are kept.
		shared, whole := streamed, size[p.table]
		if f.m.kind != Inner {
			shared, whole = whole, shared
		}
		if p.of = int(min(maxShares, max(1, shared/max(shareBytes, sharesTable*whole)))); f.m.kind == Full {
			p.of = 1 // rows of either side are kept for want of all of the other
		}
		p.bytes = whole + shared/int64(p.of)
		for p.share = range p.of {
			f.parts = append(f.parts, p)
		}
	}
	slices.SortStableFunc(f.parts, func(a, b matchPart) int { return cmp.Compare(b.bytes, a.bytes) })
	f.t.Count("tables of the side planned", tables[tabled])
	f.t.Count("tables of the other side", tables[looked])
	f.t.Count("shares of large runs", int64(len(f.parts))-tables[0]-tables[1])
}

func (f *matchFeed) Splits() int                { return len(f.parts) }
func (f *matchFeed) Reader() (op.Reader, error) { return matchReader{f}, nil }
func (f *matchFeed) Close() error               { return nil }

type matchReader struct{ f *matchFeed }

func (r matchReader) Close() error { return nil }

// Read implements op.Reader.
func (r matchReader) Read(split int, out op.Sink) error {
	f, p := r.f, r.f.parts[split]
	d := &nested{t: f.t, p: f.m.ways[p.table], kind: f.m.kind, turned: f.m.kind != Inner, build: f.in[p.table], probe: f.in[1-p.table], ration: &f.ration,
		run: p.run, share: p.share, of: p.of, out: out, places: &places{seq: uint64(f.t.Block())<<48 | uint64(split)<<32, sub: ^uint32(0), begun: true}}
	defer d.close()
	if p.run < nullRun {
		return d.join()
	}
	d.turned = false // what has a null key is read as it is, in shares
	err := d.without(f.in[looked], f.m.ways[tabled].lone)
	if err == nil && f.m.kind == Full {
		err = d.without(f.in[tabled], f.m.ways[tabled].rest)
	}
	return err
}

// turn looks the probe rows up in a table of the rows that a left, semi or anti join keeps or
// leaves out, and emits what is known of these when all have been looked up. Of a full join the
// probe rows without a match are known when there has been a table of all.
func (d *nested) turn(t *table) error {
	x := d.pairs(t)
	if err := d.eachProbe(func(m *chunk.Batch, at int) (err error) {
		if d.kind == Left || d.kind == Full {
			err = x.match(m, nil, d.out)
		} else {
			x.probe.lookup(m)
		}
		t.meet(x.probe.heads[:m.N])
		if d.kind != Full || err != nil {
			return err
		}
		if err = d.marks(at + m.N); err == nil {
			d.markAll(at, x.probe.heads)
		}
		return err
	}); err != nil {
		return err
	}
	if err := t.spread(serially); err != nil {
		return err
	}
	return t.lonely(0, len(t.rows.segs), d.kind == Semi, newLoner(d.p.rest, d.places), d.out)
}
