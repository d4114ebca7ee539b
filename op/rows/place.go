package rows

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// PlaceParams are the parameters of rows.place. The place of a row is its number
// in the table, from 0 on.
type PlaceParams struct {
	// From and N choose the rows From … From+N-1. A negative From counts from the
	// end of the table; places before the first row are left out. A negative N
	// means all rows from there on.
	From, N int64
	// Index, if set, is a column of int64 that is added in front: the place.
	Index string
	// Draw, if set, is a column of uint64 that is added in front: a random number
	// made of Seed and the place.
	Draw string
	Seed uint64
	// Below > 0 keeps the rows whose random number is less.
	Below uint64
}

// Place chooses rows by where they stand in the table, numbers them, and samples
// them. Random numbers are those of a counter, the place, under a key, the seed
// (Steele, Lea and Flood 2014, SplitMix64): blocks and threads do not change which
// rows are drawn.
//
// Memory: the table is stored once, in blocks that spill; rows pass in morsels.
var Place op.Op[PlaceParams]

// hold stores the rows, which are first counted and then read.
var hold = op.Register(op.Spec[struct{}]{
	Name: "rows.hold", Version: 1, Class: op.RowWise,
	Doc:   "stores its input for several readers",
	Infer: func(_ struct{}, in []op.Meta) (op.Meta, error) { return in[0], nil },
	Pipe:  func(struct{}, op.Meta) (op.Pipe, error) { return pipe(func() op.Local { return passing{} }), nil },
	Rules: op.Rules[struct{}]{Once: true},
})

// countSchema is what rows.count gives: the rows of every run.
var countSchema = dtype.Schema{{Name: "rows", Type: dtype.Of(dtype.Int64)}}

var countOp = op.Register(op.Spec[struct{}]{
	Name: "rows.count", Version: 1, Class: op.Opaque,
	Doc: "counts the rows of every run of a block",
	Infer: func(struct{}, []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: countSchema, Rows: 1, Bytes: 8}, nil
	},
	Block: func(struct{}) (op.Block, error) { return counting{}, nil },
	Rules: op.Rules[struct{}]{Pure: true},
})

var placeOp = op.Register(op.Spec[PlaceParams]{
	Name: "rows.placed", Version: 1, Class: op.Gathering,
	Doc:    "gives the rows of a block that stand at the chosen places of the table",
	Infer:  func(p PlaceParams, in []op.Meta) (op.Meta, error) { return p.infer(in[0]) },
	Text:   PlaceParams.text,
	Source: func(p PlaceParams) (op.Source, error) { return placing{p}, nil },
})

func init() {
	Place = op.Register(op.Spec[PlaceParams]{
		Name: "rows.place", Version: 1, Class: op.Logical,
		Doc:   "chooses rows by their places in the table, numbers them, or draws a sample of them",
		Infer: func(p PlaceParams, in []op.Meta) (op.Meta, error) { return p.infer(in[0]) },
		Text:  PlaceParams.text,
		Lower: lowerPlace,
		Rules: op.Rules[PlaceParams]{
			Uses: func(p PlaceParams, in []op.Meta, cols []string) [][]string {
				var need []string
				for _, c := range cols {
					if (p.Index == "" || c != p.Index) && (p.Draw == "" || c != p.Draw) {
						need = append(need, c)
					}
				}
				return [][]string{need}
			},
			LimitThrough: func(p PlaceParams) bool { return p.From == 0 && p.N < 0 && p.Below == 0 },
		},
	})
}

func (p PlaceParams) infer(in op.Meta) (op.Meta, error) {
	m := in
	m.Schema = nil
	if p.Index != "" {
		m.Schema = append(m.Schema, dtype.Field{Name: p.Index, Type: dtype.Of(dtype.Int64)})
	}
	if p.Draw != "" {
		m.Schema = append(m.Schema, dtype.Field{Name: p.Draw, Type: dtype.Of(dtype.Uint64)})
	}
	m.Schema = append(m.Schema, in.Schema...)
	if err := m.Schema.Unique(); err != nil {
		return m, err
	}
	part := 1.0
	if p.N >= 0 && in.Rows > 0 {
		part = min(1, float64(p.N)/in.Rows)
	}
	if p.Below > 0 {
		part *= float64(p.Below) / math.MaxUint64
	}
	if m.Rows > 0 {
		m.Rows *= part
	}
	if m.Bytes > 0 {
		m.Bytes *= part
	}
	return m, nil
}

func (p PlaceParams) text() string {
	s := ""
	if p.From != 0 || p.N >= 0 {
		s = fmt.Sprintf("rows from %d", p.From)
		if p.N >= 0 {
			s += fmt.Sprintf(", %d of them", p.N)
		}
	}
	if p.Below > 0 {
		s += fmt.Sprintf(" each with chance %.4g, seed %d", float64(p.Below)/math.MaxUint64, p.Seed)
	}
	if p.Index != "" {
		s += " numbered as " + p.Index
	}
	if p.Draw != "" {
		s += fmt.Sprintf(" drawn as %s, seed %d", p.Draw, p.Seed)
	}
	return s
}

func lowerPlace(p PlaceParams, f *op.Fragment) error {
	held := f.Step(hold.With(struct{}{}), op.Input(0), f.In[0])
	counts := f.Step(countOp.With(struct{}{}), held, op.Meta{Schema: countSchema, Rows: 1, Bytes: 8})
	f.Add(op.Node{Call: placeOp.With(p), Meta: f.Out, In: []op.Part{{From: held, Wiring: op.OneToOne}, {From: counts, Wiring: op.AllToAll}}})
	return nil
}

// counting is the block operator rows.count.
type counting struct{}

// Run implements op.Block.
func (counting) Run(t op.Task, in []op.In, out op.Out) error {
	b := chunk.Batch{N: in[0].Runs()}
	rows := make([]int64, b.N)
	for r := range rows {
		err := chunk.Each(in[0].Value, r, func(m *chunk.Batch) error {
			rows[r] += int64(m.N)
			return t.Context().Err()
		})
		if err != nil {
			return err
		}
	}
	b.Cols = []chunk.Vec{{Type: countSchema[0].Type, N: b.N, Data: chunk.Bytes(rows)}}
	return out.Put(0, &b)
}

type placing struct{ p PlaceParams }

// Open implements op.Source: input 0 is the block, input 1 the counts of all.
func (s placing) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &placeFeed{p: s.p, t: t}
	var total int64
	for b, x := range in[1:] {
		for run := range x.Runs() {
			err := chunk.Each(x.Value, run, func(m *chunk.Batch) error {
				for r, n := range chunk.Values[int64](&m.Cols[0]) {
					if b == t.Block() {
						f.runs = append(f.runs, placedRun{in[0].Value, r, total, total + n})
					}
					total += n
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	f.lo, f.hi = s.p.span(total)
	f.keepWanted()
	return f, nil
}

// span returns the places [lo, hi) in a table of so many rows.
func (p PlaceParams) span(total int64) (lo, hi int64) {
	lo = p.From
	if lo < 0 {
		lo += total
	}
	hi = total
	if p.N >= 0 && lo < total-p.N {
		hi = lo + p.N
	}
	return max(lo, 0), hi
}

// A placeFeed reads the rows at places lo … hi-1 of some runs, each a split.
type placeFeed struct {
	p      PlaceParams
	t      op.Task
	runs   []placedRun
	lo, hi int64
}

// A placedRun is a run with the places of its rows.
type placedRun struct {
	v        chunk.Value
	run      int
	from, to int64
}

// keepWanted drops the runs that have none of the wanted rows.
func (f *placeFeed) keepWanted() {
	f.runs = slices.DeleteFunc(f.runs, func(r placedRun) bool { return r.from >= f.hi || r.to <= f.lo })
}

func (f *placeFeed) Splits() int                { return len(f.runs) }
func (f *placeFeed) Reader() (op.Reader, error) { return &placeReader{f: f}, nil }
func (f *placeFeed) Close() error               { return nil }

type placeReader struct {
	f     *placeFeed
	mask  []uint64
	keep  chunk.Compactor
	index []int64
	draw  []uint64
	out   chunk.Batch
}

func (r *placeReader) Close() error { return nil }

// Read implements op.Reader.
func (r *placeReader) Read(split int, out op.Sink) error {
	f := r.f
	at := f.runs[split].from
	seq := uint64(f.t.Block())<<48 | uint64(split)<<32
	err := chunk.Each(f.runs[split].v, f.runs[split].run, func(b *chunk.Batch) error {
		if err := f.t.Context().Err(); err != nil {
			return err
		}
		if at >= f.hi {
			return errPast
		}
		for lo := 0; lo < b.N; lo += morsel {
			m := b
			if b.N > morsel {
				m = b.Slice(lo, min(b.N, lo+morsel))
			}
			if err := r.push(m, at+int64(lo), seq, out); err != nil {
				return err
			}
			seq++
		}
		at += int64(b.N)
		return nil
	})
	if errors.Is(err, errPast) {
		return nil
	}
	return err
}

// errPast ends the reading of a run whose further rows are not wanted.
var errPast = errors.New("past the last row wanted")

// push gives those rows of m that are wanted; its first row stands at place at.
func (r *placeReader) push(m *chunk.Batch, at int64, seq uint64, out op.Sink) error {
	p, n := &r.f.p, m.N
	if cap(r.index) < n {
		r.index, r.draw, r.mask = make([]int64, n), make([]uint64, n), make([]uint64, chunk.Words(n)+8)
	}
	r.out.Cols = r.out.Cols[:0]
	r.out.N, r.out.Seq, r.out.Sub = n, seq, 0
	if p.Index != "" {
		for i := range n {
			r.index[i] = at + int64(i)
		}
		r.out.Cols = append(r.out.Cols, chunk.Vec{Type: dtype.Of(dtype.Int64), N: n, Data: chunk.Bytes(r.index[:n])})
	}
	if p.Draw != "" || p.Below > 0 {
		for i := range n {
			r.draw[i] = draw(p.Seed, uint64(at)+uint64(i))
		}
	}
	if p.Draw != "" {
		r.out.Cols = append(r.out.Cols, chunk.Vec{Type: dtype.Of(dtype.Uint64), N: n, Data: chunk.Bytes(r.draw[:n])})
	}
	r.out.Cols = append(r.out.Cols, m.Cols...)
	if k := r.choose(at, n); k > 0 {
		return out.Push(r.keep.Keep(&r.out, r.mask, k))
	}
	return nil
}

// choose marks the wanted ones of n rows from place at on, and counts them.
func (r *placeReader) choose(at int64, n int) (k int) {
	lo, hi := max(0, r.f.lo-at), min(int64(n), r.f.hi-at)
	below := r.f.p.Below
	for w := range chunk.Words(n) {
		word := uint64(0)
		for i := max(int64(w)*64, lo); i < min(int64(w)*64+64, hi); i++ {
			if below == 0 || r.draw[i] < below {
				word |= 1 << (uint(i) & 63)
			}
		}
		r.mask[w] = word
		k += bits.OnesCount64(word)
	}
	return k
}

// draw is the random number of a place under a seed: two rounds of the finaliser
// of SplitMix64, the first of which scatters the seeds.
func draw(seed, place uint64) uint64 { return scatter(scatter(seed+golden) + (place+1)*golden) }

const golden = 0x9e3779b97f4a7c15

func scatter(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
